/* What is written into hosts and resolv.conf, and printed to be passed to an engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/cell/hosts.h"
#include "init/lib/fake_ip.h"

#include <cmocka.h>

static struct policy policy;

static int set_up(void **state)
{
	struct rule_error e;

	(void)state;
	policy_init(&policy);
	return policy_add_list(&policy, "b.test a.test:22 db *.wild.test", RULE_ALLOW,
		       ORIGIN_OPTION, NULL, NULL, &e) < 0 ||
	       policy_compile(&policy) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	policy_free(&policy);
	return 0;
}

static char *written(void (*write)(const char *, size_t, FILE *), const char *old)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	write(old, strlen(old), to);
	fclose(to);
	return text;
}

static void write_hosts(const char *old, size_t len, FILE *to)
{
	hosts_write(&policy, old, len, to);
}

static void expect_hosts(const char *old, const char *others)
{
	char *text = written(write_hosts, old);
	size_t n = strlen(others);

	assert_memory_equal(text, others, n);
	assert_string_equal(text + n, "127.64.0.0 a.test\n127.64.0.1 b.test\n127.64.0.2 db\n");
	free(text);
}

static void exact_names_have_an_entry_and_others_stay(void **state)
{
	(void)state;
	expect_hosts("", "");
	expect_hosts("127.0.0.1\tlocalhost\n172.17.0.2 host",
		"127.0.0.1 localhost\n172.17.0.2 host\n");
	/* Our names are removed from existing lines, however they are written. */
	expect_hosts("10.0.0.1 a.test other A.TEST. # b.test\n", "10.0.0.1 other\n");
	expect_hosts(
		"10.0.0.1 a.test\n# nothing\n\n10.0.0.2\n 10.0.0.3  db x\n", "10.0.0.3 x\n");
	/* Below a wildcard the number of names is unlimited. */
	expect_hosts("10.0.0.1 x.wild.test\n", "10.0.0.1 x.wild.test\n");
}

static void what_was_given_is_known(void **state)
{
	struct hosts_entry entries[8];
	static const char given[] = "127.64.0.0 a.test\n127.64.0.1 b.test\n127.64.0.2 db\n"
				    "127.0.0.1 localhost\n";
	static const char swapped[] = "127.64.0.1 a.test\n127.64.0.0 b.test\n127.64.0.2 db\n";
	size_t n = resolvconf_parse_hosts(given, sizeof(given) - 1, entries, 8);

	(void)state;
	assert_true(hosts_complete(&policy, entries, n));
	assert_false(hosts_complete(&policy, entries + 1, n - 1));
	assert_int_equal(hosts_without_fake_ips(entries, n), 1);
	assert_string_equal(entries[0].name, "localhost");
	n = resolvconf_parse_hosts(swapped, sizeof(swapped) - 1, entries, 8);
	assert_false(hosts_complete(&policy, entries, n));
}

static void resolv_conf_leads_to_us_and_back(void **state)
{
	static const char old[] = "# by an engine\nnameserver 10.0.0.1\n nameserver 10.0.0.2\n"
				  "search corp.test\noptions ndots:0";
	char *text = written(hosts_resolv_write, old), *again;
	struct resolvconf c;

	(void)state;
	assert_true(hosts_resolv_leads(text, strlen(text)));
	assert_false(hosts_resolv_leads(old, strlen(old)));
	assert_non_null(strstr(text, "search corp.test\n"));
	assert_non_null(strstr(text, "options use-vc\n"));
	resolvconf_parse(text, strlen(text), &c);
	assert_int_equal(c.upstreams_count, 1);
	/* A restarted container has the file that we wrote. */
	hosts_resolv_undo(text, strlen(text));
	resolvconf_parse(text, strlen(text), &c);
	assert_int_equal(c.upstreams_count, 2);
	assert_int_equal(c.upstreams[0].address.bytes[3], 1);
	again = written(hosts_resolv_write, text);
	assert_true(hosts_resolv_leads(again, strlen(again)));
	free(text);
	free(again);
}

static void somebody_elses_resolv_conf_stays(void **state)
{
	char own[] = "nameserver 127.0.0.1\noptions use-vc\n", copy[sizeof(own)];
	static const char late[] =
		"nameserver 10.0.0.1\nnameserver 127.0.0.1\noptions use-vc\n";

	(void)state;
	memcpy(copy, own, sizeof(own));
	hosts_resolv_undo(own, strlen(own));
	assert_string_equal(own, copy);
	assert_true(hosts_resolv_leads(own, strlen(own)));
	assert_false(hosts_resolv_leads(late, strlen(late)));
	assert_false(hosts_resolv_leads("nameserver 127.0.0.1\n", 21));
	assert_false(hosts_resolv_leads("", 0));
	hosts_resolv_undo(own, 0);
}

static void print(const char *old, size_t len, FILE *to)
{
	(void)old;
	(void)len;
	hosts_print(&policy, to);
}

static void what_is_printed(void **state)
{
	char *text = written(print, "");

	(void)state;
	assert_string_equal(text, "--dns 127.0.0.1 --dns-option use-vc"
				  " --add-host a.test:127.64.0.0 --add-host b.test:127.64.0.1"
				  " --add-host db:127.64.0.2\n\n"
				  "dnsPolicy: None\n"
				  "dnsConfig:\n"
				  "  nameservers: [127.0.0.1]\n"
				  "  options: [{name: use-vc}]\n"
				  "hostAliases:\n"
				  "- {ip: 127.64.0.0, hostnames: [a.test]}\n"
				  "- {ip: 127.64.0.1, hostnames: [b.test]}\n"
				  "- {ip: 127.64.0.2, hostnames: [db]}\n");
	free(text);
}

static void fake_ips_are_in_their_range(void **state)
{
	static const size_t some[] = {0, 1, 255, 256, 65535, 65536, FAKE_IP_COUNT - 1};
	size_t index;

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct address cell = fake_ip_address(FAKE_IP_CELL, some[i]);
		struct address proxy = fake_ip_address(FAKE_IP_PROXY, some[i]);

		assert_true(fake_ip_index(FAKE_IP_CELL, &cell, &index) && index == some[i]);
		assert_true(fake_ip_index(FAKE_IP_PROXY, &proxy, &index) && index == some[i]);
		assert_false(fake_ip_index(FAKE_IP_PROXY, &cell, &index));
		assert_false(fake_ip_index(FAKE_IP_CELL, &proxy, &index));
		assert_int_equal(address_classify(&cell), ADDRESS_LOOPBACK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_names_have_an_entry_and_others_stay),
		cmocka_unit_test(what_was_given_is_known),
		cmocka_unit_test(resolv_conf_leads_to_us_and_back),
		cmocka_unit_test(somebody_elses_resolv_conf_stays),
		cmocka_unit_test(what_is_printed),
		cmocka_unit_test(fake_ips_are_in_their_range),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
