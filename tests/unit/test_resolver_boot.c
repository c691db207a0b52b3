/* The resolver's boot: all exact names at once, checked by what the DNS servers saw. */
#include "dns_fixture.h"

static void allow_many(struct play *p, int n)
{
	for (int i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.example.test", i);
		allow(p, name);
	}
}

/* All 200 queries are sent before the first answer arrives: one round trip, however many. */
static void test_hundred_names_in_one_round_trip(void **state)
{
	struct play *p = play_new();
	int64_t first;

	(void)state;
	allow_many(p, 100);
	shared->delay_ms = 100; /* less than a name's first answer waits for its second */
	play_start(p, true);
	assert_int_equal(play_booted(p), 100);
	assert_int_equal(shared->count, 200);
	first = shared->log[0].ms;
	for (unsigned i = 0; i < shared->count; i++)
		assert_true(shared->log[i].ms < first + shared->delay_ms);
	/* Both families of a name were in one request. */
	const struct resolver_message *m = play_find(p, RESOLVER_PIN, "n42.example.test");
	uint8_t expected[4];

	assert_non_null(m);
	assert_int_equal(m->count, 2);
	address_for("n42.example.test", expected);
	assert_int_equal(m->addresses[0].family, 4);
	assert_memory_equal(m->addresses[0].bytes, expected, 4);
	assert_int_equal(m->addresses[0].ttl, 300);
	assert_int_equal(m->addresses[1].family, 6);
	play_end(p);
}

/* With more names than may be outstanding, all are queried eventually. */
static void test_more_names_than_places(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow_many(p, 700);
	play_start(p, true);
	assert_int_equal(play_booted(p), 700);
	play_end(p);
}

/* What a forger has to guess: ids and ports are spread, and unrelated between queries. */
/* Names of many lengths: however they are batched, each query arrives once. */
static void ask_for_all_lengths(void)
{
	struct play *p = play_new();
	char name[64];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "n%d%.*s.example.test", i, i % 7, "abcdefg");
		allow(p, name);
	}
	play_start(p, true);
	assert_int_equal(play_booted(p), 60);
	assert_int_equal(shared->count, 120);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "n%d%.*s.example.test", i, i % 7, "abcdefg");
		assert_int_equal(seen(name, DNS_A), 1);
		assert_int_equal(seen(name, DNS_AAAA), 1);
	}
	play_end(p);
}

static void test_questions_of_all_lengths(void **state)
{
	(void)state;
	ask_for_all_lengths();
}

static void set_mtu(int octets)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_mtu = octets};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(s, SIOCSIFMTU, &r), 0);
	close(s);
}

/* The kernel accepts no segments there that would each have to be fragmented. */
static void test_a_path_that_takes_no_segments(void **state)
{
	(void)state;
	set_mtu(68);
	ask_for_all_lengths();
	set_mtu(65536);
}

static void test_ids_and_ports_are_spread(void **state)
{
	struct play *p = play_new();
	static bool port_seen[65536], id_seen[65536];
	unsigned ports = 0, ids = 0, in_order = 0;

	(void)state;
	allow_many(p, 100);
	play_start(p, true);
	play_booted(p);
	for (unsigned i = 0; i < shared->count; i++) {
		const struct log_line *l = &shared->log[i];

		assert_true(l->port >= 61000); /* above the payload's */
		ports += !port_seen[l->port];
		ids += !id_seen[l->id];
		port_seen[l->port] = id_seen[l->id] = true;
		in_order += i > 0 && (uint16_t)(l->id - shared->log[i - 1].id) < 16;
	}
	/* Those sent together share one, at most sixteen. */
	assert_true(ports > 200 / 16 / 2);
	assert_true(ids > 190);
	assert_true(in_order < 10);
	play_end(p);
}

/* No two queries outstanding on one port have the same id: one of the answers would be lost. */
static void test_ids_differ_on_each_port(void **state)
{
	struct play *p = play_new();
	unsigned count;

	(void)state;
	allow_many(p, 440);
	shared->delay_ms = 350;
	play_start(p, true);
	drain(p, 300);
	count = shared->count;
	assert_true(count > 200);
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++) {
			const struct log_line *a = &shared->log[i], *b = &shared->log[j];

			/* A retransmission has the same id. */
			if (a->type != b->type || strcmp(a->name, b->name) != 0)
				assert_false(a->id == b->id && a->port == b->port);
		}
	play_booted(p);
	play_end(p);
}

static void test_lost_packets_are_sent_again(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "lost.test");
	allow(p, "good.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 2);
	assert_int_equal(seen("lost.test", DNS_A), 2);
	assert_int_equal(seen("good.test", DNS_A), 1);
	play_end(p);
}

static void test_truncated_is_queried_by_tcp(void **state)
{
	struct play *p = play_new();
	bool tcp = false;

	(void)state;
	allow(p, "trunc.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	for (unsigned i = 0; i < shared->count; i++)
		tcp |= shared->log[i].tcp && shared->log[i].type == DNS_A;
	assert_true(tcp);
	assert_int_equal(play_find(p, RESOLVER_PIN, "trunc.test")->count, 2);
	play_end(p);
}

static void test_second_upstream_takes_over(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "good.test");
	allow(p, "half.test"); /* the first server answers SERVFAIL for it */
	p->config.conf.upstreams_count = 2;
	shared->down[0] = true;
	play_start(p, true);
	assert_int_equal(play_booted(p), 2);
	play_end(p);
}

/* A closed port on an upstream causes an ICMP error: no time is lost. */
static void test_dead_port_beside_a_good_one(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "good.test");
	p->config.conf.upstreams_count = 2;
	p->config.conf.upstreams[0].port = 54;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(seen("good.test", DNS_A), 1);
	play_end(p);
}

static void test_all_dead_ends_in_time(void **state)
{
	struct play *p = play_new();
	int64_t start = clock_ms();

	(void)state;
	allow(p, "a.test");
	allow(p, "b.test");
	p->config.conf.upstreams_count = 2;
	shared->down[0] = shared->down[1] = true;
	play_start(p, true);
	assert_int_equal(play_booted(p), 0);
	/* The only guaranteed time limit. */
	assert_true(clock_ms() - start <= RESOLVER_BOOT_MS);
	assert_int_equal(play_find(p, RESOLVER_UNRESOLVED, "a.test")->reason, REASON_TIMEOUT);
	assert_int_equal(play_find(p, RESOLVER_UNRESOLVED, "b.test")->reason, REASON_TIMEOUT);
	assert_null(play_find(p, RESOLVER_PIN, "a.test"));
	play_end(p);
}

/* The payload doesn't wait long for servers that don't answer at all, unless it depends on
 * their names. What is answered later opens nevertheless. */
static void test_silent_servers_end_the_boot_early(void **state)
{
	(void)state;
	for (int patient = 0; patient < 2; patient++) {
		struct play *p = play_new();
		int64_t start = clock_ms();
		struct reply r;

		allow(p, "slow.test");
		p->config.patient = patient;
		shared->slow_ms = 3500;
		play_start(p, true);
		assert_int_equal(play_booted(p), patient);
		if (patient) {
			assert_true(clock_ms() - start >= 3500);
		} else {
			assert_true(clock_ms() - start < 3500);
			assert_int_equal(play_find(p, RESOLVER_UNRESOLVED, "slow.test")->reason,
				REASON_TIMEOUT);
		}
		r = ask_for(p, "slow.test", DNS_A, false);
		assert_int_equal(r.answer.count, 1);
		assert_non_null(play_find(p, RESOLVER_PIN, "slow.test"));
		play_end(p);
	}
}

/* Some of these are never queried; they are reported nevertheless. */
static void test_more_names_than_places_all_dead(void **state)
{
	struct play *p = play_new();
	unsigned reports = 0;

	(void)state;
	allow_many(p, 700);
	shared->down[0] = true;
	play_start(p, true);
	assert_int_equal(play_booted(p), 0);
	for (unsigned i = 0; i < p->count; i++)
		reports += p->got[i].type == RESOLVER_UNRESOLVED;
	assert_int_equal(reports, 700);
	play_end(p);
}

/* A zone whose servers never answer AAAA doesn't delay the boot to its deadline. */
static void test_silence_about_one_family(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "lame.test");
	allow(p, "good.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 2);
	assert_int_equal(play_find(p, RESOLVER_PIN, "lame.test")->count, 1);
	/* By the log: the query was sent fewer times than up to the deadline. */
	assert_in_range(seen("lame.test", DNS_AAAA), 2, 3);
	play_end(p);
}

static void test_no_upstream_at_all(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "a.test");
	p->config.conf.upstreams_count = 0;
	play_start(p, true);
	assert_int_equal(play_booted(p), 0);
	assert_int_equal(play_find(p, RESOLVER_UNRESOLVED, "a.test")->reason, REASON_TIMEOUT);
	play_end(p);
}

static void test_reasons(void **state)
{
	static const struct {
		const char *name;
		uint32_t reason;
	} cases[] = {
		{"nx.test", REASON_NXDOMAIN},
		{"servfail.test", REASON_SERVER},
		{"private-a.test", 0}, /* has a public AAAA */
		{"loop.test", REASON_MALFORMED},
		{"counts.test", REASON_MALFORMED},
		{"other.test", REASON_NO_ADDRESS},
		{"silent.test", REASON_TIMEOUT},
	};
	struct play *p = play_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		allow(p, cases[i].name);
	allow(p, "good.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct resolver_message *m =
			play_find(p, RESOLVER_UNRESOLVED, cases[i].name);

		if (!cases[i].reason) {
			assert_null(m);
			continue;
		}
		if (!m)
			fail_msg("no report for %s", cases[i].name);
		assert_int_equal(m->reason, cases[i].reason);
		assert_null(play_find(p, RESOLVER_PIN, cases[i].name));
	}
	/* The private address was dropped, which was reported; the other family was pinned. */
	assert_int_equal(
		play_find(p, RESOLVER_DROPPED, "private-a.test")->reason, REASON_NOT_PUBLIC);
	assert_int_equal(play_find(p, RESOLVER_DROPPED, "private-a.test")->count, 1);
	assert_int_equal(play_find(p, RESOLVER_PIN, "private-a.test")->count, 1);
	assert_int_equal(play_find(p, RESOLVER_PIN, "private-a.test")->addresses[0].family, 6);
	assert_non_null(play_find(p, RESOLVER_DROPPED, "loop.test"));
	play_end(p);
}

static void test_private_is_pinned_where_the_rule_says_so(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "private.test+private");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(play_find(p, RESOLVER_PIN, "private.test")->count, 2);
	play_end(p);
}

static void test_forged_ids_are_ignored(void **state)
{
	struct play *p = play_new();
	uint8_t expected[4];

	(void)state;
	allow(p, "wrongid.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	address_for("wrongid.test", expected);
	assert_memory_equal(
		play_find(p, RESOLVER_PIN, "wrongid.test")->addresses[0].bytes, expected, 4);
	play_end(p);
}

static void test_upstream_without_edns(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "good.test");
	shared->no_edns = true;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	play_end(p);
}

static void test_hosts_entries_are_pinned_at_boot(void **state)
{
	static const struct hosts_entry hosts[] = {
		{{4, {93, 1, 2, 3}}, "good.test"},
		{{4, {10, 1, 2, 3}}, "inside.test"},
		{{4, {172, 17, 0, 2}}, "a1b2c3"},
	};
	struct play *p = play_new();
	struct reply r;

	(void)state;
	allow(p, "good.test");
	allow(p, "inside.test");
	p->config.hosts = hosts;
	p->config.hosts_count = 3;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_non_null(play_find(p, RESOLVER_PIN, "good.test"));
	assert_null(play_find(p, RESOLVER_PIN, "inside.test"));
	assert_non_null(play_find(p, RESOLVER_DROPPED, "inside.test"));
	r = ask_for(p, "a1b2c3", DNS_A, false);
	assert_int_equal(r.answer.count, 1);
	assert_int_equal(r.answer.addresses[0][0], 172);
	r = ask_for(p, "good.test", DNS_AAAA, false);
	assert_int_equal(r.outcome, OUTCOME_EMPTY);
	assert_int_equal(shared->count, 0);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hundred_names_in_one_round_trip),
		cmocka_unit_test(test_more_names_than_places),
		cmocka_unit_test(test_questions_of_all_lengths),
		cmocka_unit_test(test_ids_and_ports_are_spread),
		cmocka_unit_test(test_ids_differ_on_each_port),
		cmocka_unit_test(test_lost_packets_are_sent_again),
		cmocka_unit_test(test_truncated_is_queried_by_tcp),
		cmocka_unit_test(test_second_upstream_takes_over),
		cmocka_unit_test(test_dead_port_beside_a_good_one),
		cmocka_unit_test(test_all_dead_ends_in_time),
		cmocka_unit_test(test_silent_servers_end_the_boot_early),
		cmocka_unit_test(test_more_names_than_places_all_dead),
		cmocka_unit_test(test_silence_about_one_family),
		cmocka_unit_test(test_no_upstream_at_all),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_private_is_pinned_where_the_rule_says_so),
		cmocka_unit_test(test_forged_ids_are_ignored),
		cmocka_unit_test(test_upstream_without_edns),
		cmocka_unit_test(test_hosts_entries_are_pinned_at_boot),
		/* Last, since lo has no IPv6 afterwards. */
		cmocka_unit_test(test_a_path_that_takes_no_segments),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
