/*
 * What a config compiles to, without a kernel: the elements of the sets, especially where
 * networks nest, touch or reach the end of the address space.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/lib/netfilter.h"

#include "../../init/nft/ruleset.h"

static struct policy policy;
static struct wall_config config;
static struct ruleset ruleset;

static void compile(const char *const *allow, const char *const *deny)
{
	struct rule_error e;

	policy_init(&policy);
	for (; allow && *allow; allow++)
		if (policy_add(&policy, *allow, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e) < 0)
			fail_msg("%s: %s", *allow, e.reason);
	for (; deny && *deny; deny++)
		if (policy_add(&policy, *deny, RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e) < 0)
			fail_msg("%s: %s", *deny, e.reason);
	assert_int_equal(policy_compile(&policy), 0);
	config.policy = &policy;
	config.resolver_uid = UID_RESOLVER;
	config.resolver_port = 5300;
	assert_int_equal(ruleset_compile(&ruleset, &config), 0);
}

static int begin(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	return 0;
}

static int end(void **state)
{
	(void)state;
	ruleset_free(&ruleset);
	policy_free(&policy);
	return 0;
}

struct text {
	char at[8192];
};

static int write_element(struct nftnl_set_elem *e, void *context)
{
	struct text *t = context;
	uint32_t len, end_len = 0;
	const uint8_t *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &len), *last = NULL;
	size_t used = strlen(t->at);

	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_KEY_END))
		last = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY_END, &end_len);
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_FLAGS))
		used += (size_t)snprintf(t->at + used, sizeof(t->at) - used, "<");
	for (uint32_t i = 0; i < len; i++)
		used += (size_t)snprintf(t->at + used, sizeof(t->at) - used, "%02x", key[i]);
	if (last)
		used += (size_t)snprintf(t->at + used, sizeof(t->at) - used, "-");
	for (uint32_t i = 0; i < end_len; i++)
		used += (size_t)snprintf(t->at + used, sizeof(t->at) - used, "%02x", last[i]);
	snprintf(t->at + used, sizeof(t->at) - used, " ");
	return 0;
}

/* The elements in order: key, or first-last, in hex; an interval's end is marked by '<'. */
static const char *elements(enum set_kind kind, unsigned family)
{
	static struct text t;

	t.at[0] = '\0';
	nftnl_set_elem_foreach(ruleset.sets[2 * kind + (family == 6)].set, write_element, &t);
	return t.at;
}

static void networks_inside_others_are_left_out(void **state)
{
	static const char *const allow[] = {"20.1.2.0/24:443", "20.1.0.0/16:443",
		"20.1.3.0/24:443,80", "20.1.0.0/16:443", NULL};

	(void)state;
	compile(allow, NULL);
	assert_string_equal(elements(SET_NETS, 4), "1401030000500000-140103ff00500000 "
						   "1401000001bb0000-1401ffff01bb0000 ");
	/* By NAT64 the same. */
	assert_string_equal(elements(SET_NETS, 6), "0064ff9b00000000000000001401030000500000-"
						   "0064ff9b0000000000000000140103ff00500000 "
						   "0064ff9b00000000000000001401000001bb0000-"
						   "0064ff9b00000000000000001401ffff01bb0000 ");
}

static void a_host_is_a_network_of_one(void **state)
{
	static const char *const allow[] = {"20.1.2.3/32:443", "[2600::7/128]:443", NULL};

	(void)state;
	compile(allow, NULL);
	assert_string_equal(elements(SET_NETS, 4), "1401020301bb0000-1401020301bb0000 ");
	assert_string_equal(elements(SET_NETS, 6), "0064ff9b00000000000000001401020301bb0000-"
						   "0064ff9b00000000000000001401020301bb0000 "
						   "2600000000000000000000000000000701bb0000-"
						   "2600000000000000000000000000000701bb0000 ");
}

static void neighbours_become_one_interval(void **state)
{
	static const char *const deny[] = {
		"20.1.0.0/24", "20.1.1.0/24", "20.1.3.0/24", "20.1.3.128/25", NULL};

	(void)state;
	compile(NULL, deny);
	assert_string_equal(elements(SET_DENIED, 4), "14010000 <14010200 14010300 <14010400 ");
}

static void the_end_of_the_address_space(void **state)
{
	static const char *const deny[] = {"0.0.0.0/1", "128.0.0.0/1", "[8000::/1]", NULL};

	(void)state;
	compile(NULL, deny);
	assert_string_equal(elements(SET_DENIED, 4), "00000000 ");
	assert_string_equal(elements(SET_DENIED, 6),
		"0064ff9b000000000000000000000000 <0064ff9b000000000000000100000000 "
		"80000000000000000000000000000000 ");
}

static void rules_find_their_sets(void **state)
{
	static const char *const allow[] = {
		"10.9.0.0/16:5432+private", "20.1.0.0/16:443", "name.example:443", NULL};
	static const char *const deny[] = {
		"20.7.0.0/16", "20.8.0.0/16:25", "*.bad.example", NULL};

	(void)state;
	compile(allow, deny);
	assert_string_equal(
		elements(SET_PRIVATE_NETS, 4), "0a09000015380000-0a09ffff15380000 ");
	assert_string_equal(elements(SET_NETS, 4), "1401000001bb0000-1401ffff01bb0000 ");
	assert_string_equal(elements(SET_DENIED, 4), "14070000 <14080000 ");
	assert_string_equal(
		elements(SET_DENIED_PORTS, 4), "1408000000190000-1408ffff00190000 ");
	assert_string_equal(elements(SET_PINS, 4), "");
	assert_string_equal(elements(SET_PRIVATE, 4), "");
}

static bool in_tree(enum set_kind kind, const struct address *a)
{
	uint32_t len = a->family == 4 ? 4 : 16, key_len;
	struct nftnl_set_elems_iter *i =
		nftnl_set_elems_iter_create(ruleset.sets[2 * kind + (a->family == 6)].set);
	struct nftnl_set_elem *e;
	bool local_dns = false;

	/* Ascending: the last element at or before the address says whether it is inside. */
	while ((e = nftnl_set_elems_iter_next(i))) {
		const void *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &key_len);

		assert_int_equal(key_len, len);
		if (memcmp(key, a->bytes, len) > 0)
			break;
		local_dns = !nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_FLAGS);
	}
	nftnl_set_elems_iter_destroy(i);
	return local_dns;
}

/* The wall and the policy must agree on the addresses at the edges of every range, including
 * the clouds' metadata services within private space. */
static void ranges_are_the_policys(void **state)
{
	static const char *const more[] = {"100.100.100.200", "100.100.100.199",
		"100.100.100.201", "fd00:ec2::254", "fd00:ec2::255", "fd20:ce::254",
		"fd00:c1::a9fe:a9fe", "fd00:c1::a9fe:a9fd", "8.8.8.8", "2600::1",
		"9.255.255.255", "11.0.0.0", "255.255.255.255", "2400:cb00::1", "0.250.250.253",
		"0.250.250.254", "0.250.250.255", "169.254.1.1", "169.254.1.2", "169.254.1.3",
		"169.254.169.254", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "64:ff9b::1:0:0",
		"64:ff9b:1::1", "::2", "1fff:ffff::"};
	struct address edges[512];
	size_t count = 0;

	(void)state;
	compile(NULL, NULL);
	for (size_t i = 0; i < address_ranges_count; i++) {
		struct address first = address_ranges[i].base, last = first;
		unsigned bits = first.family == 4 ? 32 : 128;

		for (unsigned b = address_ranges[i].prefix; b < bits; b++)
			last.bytes[b / 8] |= (uint8_t)(0x80 >> b % 8);
		edges[count++] = first;
		edges[count++] = last;
		/* One before and one after, without carry: the neighbours of the last byte. */
		first.bytes[bits / 8 - 1] ^= 1;
		edges[count++] = first;
	}
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		assert_true(address_parse(more[i], strlen(more[i]), &edges[count++]));
	/* NAT64 addresses are treated the same. */
	for (size_t i = 0, plain = count; i < plain; i++)
		if (edges[i].family == 4)
			edges[count++] = address_nat64(&edges[i]);
	for (size_t i = 0; i < count; i++) {
		enum address_class class = address_classify(&edges[i]);
		bool special = in_tree(SET_SPECIAL, &edges[i]);
		bool local_dns = in_tree(SET_PRIVATE_RANGES, &edges[i]);
		char text[ADDRESS_TEXT];

		if (class == ADDRESS_LOOPBACK)
			continue; /* by its device */
		if (special != (class != ADDRESS_PUBLIC && class != ADDRESS_PRIVATE) ||
			(class == ADDRESS_PRIVATE && !local_dns) ||
			(class == ADDRESS_PUBLIC && local_dns))
			fail_msg("%s: class %d, special %d, inside %d",
				address_text(&edges[i], text), class, special, local_dns);
	}
}

static void the_same_twice_is_there_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		config.upstreams[config.upstreams_count++] =
			(struct endpoint){{4, {9, 9, 9, 9}}, i == 2 ? 54 : 53};
	for (int i = 0; i < 2; i++)
		config.gateways[config.gateways_count++] = (struct address){4, {172, 17, 0, 1}};
	compile(NULL, NULL);
	assert_string_equal(elements(SET_UPSTREAMS, 4), "0909090900350000 0909090900360000 ");
	assert_string_equal(elements(SET_GATEWAYS, 4), "ac110001 ");
}

static void keys_pad_each_field(void **state)
{
	static const uint8_t want4[12] = {1, 2, 3, 4, 17, 0, 0, 0, 0x01, 0xbb};
	struct address a = {4, {1, 2, 3, 4}}, b = {6, {0x26}};
	uint8_t key[KEY_MAX];

	(void)state;
	assert_int_equal(sets_key(key, &a, 17, 443), 12);
	assert_memory_equal(key, want4, 12);
	assert_int_equal(sets_key(key, &a, -1, 443), 8);
	assert_int_equal(sets_key(key, &b, 6, 443), 24);
	assert_int_equal(sets_key(key, &b, -1, 443), 20);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(networks_inside_others_are_left_out),
		T(a_host_is_a_network_of_one),
		T(neighbours_become_one_interval),
		T(the_end_of_the_address_space),
		T(rules_find_their_sets),
		T(ranges_are_the_policys),
		T(the_same_twice_is_there_once),
		T(keys_pad_each_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
