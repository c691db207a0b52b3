/* The cell's hosts file: whatever the engine's says, the policy's names have their own
 * addresses in it and no others; and resolv.conf leads to us, and back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/cell/hosts.h"
#include "../../init/lib/fake_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy *allowed(void)
{
	static struct policy policy;
	struct rule_error e;

	if (!policy.compiled) {
		policy_init(&policy);
		if (policy_add_list(&policy, "a.test b", RULE_ALLOW, ORIGIN_OPTION, NULL, NULL,
			    &e) < 0 ||
			policy_compile(&policy) < 0)
			abort();
	}
	return &policy;
}

static void check_hosts(const char *data, size_t size)
{
	static struct hosts_entry entries[LIMIT_HOSTS];
	char *text = NULL;
	size_t len = 0, n, index;
	FILE *to = open_memstream(&text, &len);

	hosts_write(allowed(), data, size, to);
	fclose(to);
	n = resolvconf_parse_hosts(text, len, entries, LIMIT_HOSTS);
	for (size_t i = 0; i < n; i++)
		if ((strcmp(entries[i].name, "a.test") == 0 ||
			    strcmp(entries[i].name, "b") == 0) &&
			!fake_ip_index(FAKE_IP_CELL, &entries[i].address, &index))
			abort();
	if (n < LIMIT_HOSTS && !hosts_complete(allowed(), entries, n))
		abort();
	free(text);
}

static void check_resolv(const char *data, size_t size)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct resolvconf c;

	hosts_resolv_write(data, size, to);
	fclose(to);
	if (!hosts_resolv_leads(text, len))
		abort();
	resolvconf_parse(text, len, &c);
	if (c.upstreams_count == 0 || c.upstreams[0].address.bytes[0] != 127)
		abort();
	hosts_resolv_undo(text, len);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Without a NUL: fprintf(3) ends a word there, and no hosts file has one. */
	if (memchr(data, 0, size))
		return 0;
	check_hosts((const char *)data, size);
	check_resolv((const char *)data, size);
	return 0;
}
