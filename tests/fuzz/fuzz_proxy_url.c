/*
 * The proxy's URL and the list of names to be reached without it, both arbitrary text, as
 * PID 1 gets them from the environment. An accepted URL has a destination outside and a
 * clean header; exceptions are names in normal form and everything below them.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/lib/proxy_url.h"
#include "init/policy/exceptions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void url(const char *text)
{
	struct gate_proxy p;
	const char *why = NULL;

	if (!proxy_url_read(text, &p, &why)) {
		assert(why);
		return;
	}
	assert(p.port > 0);
	assert((p.name[0] != '\0') != (p.address.family != 0));
	assert(!p.address.family || address_classify(&p.address) != ADDRESS_LOOPBACK);
	assert(strlen(p.authorization) < PROXY_AUTHORIZATION);
	for (const char *c = p.authorization; *c; c++)
		assert(*c >= ' ' && *c <= '~');
}

static void list(const char *text)
{
	static struct exceptions e;
	const char *bad = NULL;
	char name[NAME_TEXT], below[2 * NAME_TEXT];
	int status;

	memset(&e, 0, sizeof(e));
	status = exceptions_add(&e, text, &bad);
	assert(status == 0 || (bad >= text && bad < text + strlen(text)));
	assert(e.used <= sizeof(e.names));
	for (size_t i = 0; i < e.used; i += strlen(e.names + i) + 1) {
		assert(name_of_host(e.names + i, strlen(e.names + i), name));
		assert(strcmp(name, e.names + i) == 0);
		snprintf(below, sizeof(below), "x.%s", name);
		assert(exceptions_have(&e, name) && exceptions_have(&e, below));
	}
	assert(e.all || e.used > 0 || !exceptions_have(&e, "a.example"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	url(text);
	list(text);
	free(text);
	return 0;
}
