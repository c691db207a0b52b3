/* The proxy's URL: any text. What is taken has a place to connect to, and a clean header. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "init/gate/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *url = malloc(size + 1);
	struct gate_proxy p;
	const char *why = NULL;

	assert(url);
	memcpy(url, data, size);
	url[size] = '\0';
	if (proxy_read(url, &p, &why)) {
		assert(p.port > 0);
		assert((p.name[0] != '\0') != (p.address.family != 0));
		assert(strlen(p.authorization) < PROXY_AUTHORIZATION);
		for (const char *c = p.authorization; *c; c++)
			assert(*c >= ' ' && *c <= '~');
	} else {
		assert(why);
	}
	free(url);
	return 0;
}
