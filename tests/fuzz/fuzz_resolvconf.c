/* resolv.conf and hosts: arbitrary text is parsed without harm and within the limits. */
#include <assert.h>

#include "init/lib/resolvconf.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct hosts_entry hosts[8];
	struct resolvconf conf;
	const char *text = (const char *)data;
	size_t n;

	resolvconf_parse(text, size, &conf);
	assert(conf.upstreams_count <= LIMIT_UPSTREAMS && conf.search_count <= LIMIT_SEARCH);
	n = resolvconf_parse_hosts(text, size, hosts, 8);
	assert(n <= 8);
	for (size_t i = 0; i < n; i++)
		assert(hosts[i].name[0] && hosts[i].address.family);
	return 0;
}
