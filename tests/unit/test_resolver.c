/* The resolver at work: what the payload gets, when, and what the upstreams see of it. */
#include "dns_fixture.h"
#include "init/resolver/cache.h"

static struct play *serving(const char *const *rules, bool boot)
{
	struct play *p = play_new();

	for (; *rules; rules++)
		allow(p, *rules);
	play_start(p, boot);
	if (boot)
		play_booted(p);
	return p;
}
#define SERVING(boot, ...) serving((const char *const[]){__VA_ARGS__, NULL}, boot)

static void test_pinned_name_is_answered_from_the_cache(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = shared->count;
	uint8_t expected[4];
	struct reply r;

	(void)state;
	address_for("good.test", expected);
	for (int i = 0; i < 3; i++) {
		r = ask_for(p, "good.test", DNS_A, false);
		assert_int_equal(r.outcome, OUTCOME_ADDRESSES);
		assert_memory_equal(r.answer.addresses[0], expected, 4);
		assert_true(r.answer.ttl > 290 && r.answer.ttl <= 300);
	}
	r = ask_for(p, "good.test", DNS_AAAA, true);
	assert_int_equal(r.answer.count, 1);
	assert_int_equal(shared->count, before);
	play_end(p);
}

static void test_refused_name_never_reaches_upstream(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = shared->count;
	static const char *const names[] = {"secret.attacker.test", "sub.good.test",
		"good.test.attacker", "a.b.c.d.e", "test"};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (int type = 1; type < 300; type += 13) {
			struct reply r = ask_for(p, names[i], (uint16_t)type, type & 1);

			assert_int_equal(r.rcode, RCODE_NXDOMAIN);
			assert_int_equal(r.count, 0);
		}
	assert_int_equal(shared->count, before);
	play_end(p);
}

static void test_refusal_explains_itself(void **state)
{
	struct play *p = SERVING(true, "good.test");
	struct reply r = ask_for(p, "example.com", DNS_A, true);
	static const uint8_t ede[] = {0, 15, 0, 53, 0, 15}; /* option, length, code */
	const struct resolver_message *m;

	(void)state;
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_true(has_text(&r, "example.com is not allowed; add --allow example.com"));
	assert_non_null(memmem(r.packet, r.len, ede, sizeof(ede)));
	assert_int_equal(r.packet[11], 1);
	assert_int_equal(r.packet[3] & 0x20, 0); /* AD */
	/* Without EDNS there is no place for it. */
	r = ask_for(p, "example.com", DNS_A, false);
	assert_int_equal(r.packet[11], 0);
	assert_int_equal(r.len, 12 + 13 + 4);
	drain(p, 50);
	m = play_find(p, RESOLVER_REFUSED, "example.com");
	assert_non_null(m);
	assert_int_equal(m->count, 1);
	play_end(p);
}

static void test_denied_name_says_so(void **state)
{
	struct play *p = play_new();
	struct rule_error e;
	struct reply r;

	(void)state;
	allow(p, "*.good.test");
	assert_int_equal(policy_add(&p->policy, "bad.good.test", RULE_DENY, ORIGIN_OPTION, NULL,
				 NULL, &e),
		0);
	play_start(p, false);
	r = ask_for(p, "bad.good.test", DNS_A, true);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_true(has_text(&r, "bad.good.test is denied by a rule"));
	assert_int_equal(shared->count, 0);
	play_end(p);
}

static void say(struct play *p, const char *rule, enum rule_effect effect)
{
	struct policy_change change;
	struct rule_error e;

	assert_int_equal(policy_say(&p->policy, rule, effect, NULL, NULL, &change, &e), 0);
	assert_true(change.widened || change.narrowed);
}

static void undo(struct play *p, const char *rule)
{
	struct policy_change change;
	struct rule_error e;

	assert_int_equal(policy_undo(&p->policy, rule, NULL, NULL, &change, &e), 0);
	assert_true(change.widened || change.narrowed);
}

/* What PID 1 says while it runs counts from that moment on, both ways, and nothing that was
 * allowed once is asked for when it isn't any more. */
static void test_names_are_allowed_and_undone(void **state)
{
	struct play *p = play_new();
	unsigned count;

	(void)state;
	allow(p, "good.test");
	p->policy.overlay = mmap(NULL, sizeof(struct policy_overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(p->policy.overlay != MAP_FAILED);
	play_start(p, true);
	play_booted(p);
	count = shared->count;
	assert_int_equal(ask_for(p, "later.good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, count);
	for (int i = 0; i < 2; i++) {
		const char *rule = i ? "*.good.test" : "later.good.test";

		say(p, rule, RULE_ALLOW);
		assert_int_equal(ask_for(p, "later.good.test", DNS_A, false).count, 1);
		assert_non_null(play_find(p, RESOLVER_PIN, "later.good.test"));
		count = shared->count;
		assert_true(count > 0);
		say(p, "later.good.test", RULE_DENY);
		assert_int_equal(
			ask_for(p, "later.good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
		assert_int_equal(shared->count, count);
		undo(p, "later.good.test");
		if (i) {
			assert_int_equal(ask_for(p, "later.good.test", DNS_A, false).count, 1);
			undo(p, rule);
		}
		count = shared->count;
		assert_int_equal(
			ask_for(p, "later.good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
		assert_int_equal(shared->count, count);
	}
	/* One of the start's, and what it had is known no longer: its ports may be others. */
	say(p, "good.test", RULE_DENY);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	undo(p, "good.test");
	count = p->count;
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).count, 1);
	assert_true(p->count > count);
	play_end(p);
}

/* Who is allowed a name again has no new ration of questions. */
static void test_a_rule_that_is_given_again_has_its_old_ration(void **state)
{
	struct play *p = play_new();
	unsigned answered = 0;
	char name[40];

	(void)state;
	p->policy.overlay = mmap(NULL, sizeof(struct policy_overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(p->policy.overlay != MAP_FAILED);
	play_start(p, true);
	play_booted(p);
	for (int i = 0; i < 300; i++) {
		if (i % 100 == 0)
			say(p, "*.good.test", RULE_ALLOW);
		snprintf(name, sizeof(name), "n%d.good.test", i);
		answered += ask_for(p, name, DNS_A, false).rcode == RCODE_NOERROR;
		if (i % 100 == 99)
			undo(p, "*.good.test");
	}
	assert_int_equal(answered, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

/* A flood of refusals is counted rather than reported one by one, and no count is lost. */
static void test_refusals_are_counted(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned total = 0, messages = 0, before = p->count;

	(void)state;
	for (int i = 0; i < 600; i++) {
		char name[40];

		snprintf(name, sizeof(name), "x%d.attacker.test", i % 300);
		ask_for(p, name, DNS_A, false);
	}
	drain(p, 3500);
	for (unsigned i = before; i < p->count; i++)
		if (p->got[i].type == RESOLVER_REFUSED) {
			total += p->got[i].count;
			messages++;
		}
	assert_int_equal(total, 600);
	assert_true(messages < 500);
	play_end(p);
}

/* A tool that retries makes two lines: the first query, and the rest. */
static void test_repeated_refusals_are_one_report(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = p->count;

	(void)state;
	for (int i = 0; i < 50; i++)
		ask_for(p, "attacker.test", DNS_A, false);
	drain(p, 1500);
	assert_int_equal(p->count, before + 2);
	assert_int_equal(p->got[before].count, 1);
	assert_int_equal(p->got[before + 1].count, 49);
	play_end(p);
}

static void test_other_types_are_empty_and_stay_here(void **state)
{
	struct play *p = SERVING(true, "good.test", "*.wild.test");
	unsigned before = shared->count;
	static const uint16_t types[] = {2, 5, 10, 15, 16, 33, 64, 65, 255, 257};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct reply r = ask_for(p, "good.test", types[i], true);

		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, 0);
		r = ask_for(p, "secret.wild.test", types[i], true);
		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, 0);
	}
	assert_int_equal(shared->count, before);
	play_end(p);
}

/* musl fails completely on NXDOMAIN for AAAA, and waits half a minute on SERVFAIL. */
static void test_absent_aaaa_is_empty(void **state)
{
	static const char *const names[] = {"v4only.test", "nx6.test", "lame.test"};
	struct play *p = SERVING(false, "v4only.test", "nx6.test", "lame.test");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct reply r = ask_for(p, names[i], DNS_A, false);

		assert_int_equal(r.answer.count, 1);
		r = ask_for(p, names[i], DNS_AAAA, false);
		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, 0);
	}
	play_end(p);
}

static void test_absent_name(void **state)
{
	struct play *p = SERVING(true, "nx.test");
	unsigned before = shared->count;
	struct reply r = ask_for(p, "nx.test", DNS_A, true);

	(void)state;
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_false(has_text(&r, "allow")); /* it is allowed; it does not exist */
	r = ask_for(p, "nx.test", DNS_AAAA, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(shared->count, before); /* both kept, RFC 2308 */
	play_end(p);
}

/* The order that everything depends on: no answer before PID 1 has acknowledged the pin. */
static void test_pin_comes_before_the_answer(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	int fd = client_socket(p, SOCK_DGRAM);
	const struct resolver_message *m;
	struct reply r;

	(void)state;
	p->hold = true;
	client_send(fd, 7, "a.wild.test", DNS_A, false);
	client_take(p, fd, 7, "a.wild.test", DNS_A, 400, &r);
	assert_int_equal(r.len, 0);
	m = play_find(p, RESOLVER_PIN, "a.wild.test");
	assert_non_null(m);
	/* Nobody else gets it either meanwhile. */
	client_send(fd, 8, "a.wild.test", DNS_A, false);
	client_take(p, fd, 8, "a.wild.test", DNS_A, 200, &r);
	assert_int_equal(r.len, 0);
	play_acknowledge(p, m);
	for (int i = 0; i < 2; i++) {
		client_take(p, fd, 0, "a.wild.test", DNS_A, 1000, &r);
		assert_true(r.len > 0);
		assert_int_equal(r.count, 1);
	}
	assert_int_equal(seen("a.wild.test", 0), 1);
	close(fd);
	play_end(p);
}

static void test_what_pid1_does_not_open_is_not_answered(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	struct reply r;

	(void)state;
	p->accept = 0;
	r = ask_for(p, "a.wild.test", DNS_A, false);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	play_end(p);
}

static void test_private_answers_are_dropped(void **state)
{
	struct play *p = SERVING(false, "private.test", "mixed.test");
	struct reply r = ask_for(p, "private.test", DNS_A, true);

	(void)state;
	assert_int_equal(r.count, 0);
	assert_true(has_text(&r, "+private"));
	assert_null(play_find(p, RESOLVER_PIN, "private.test"));
	r = ask_for(p, "mixed.test", DNS_A, true);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.answer.addresses[0][0], 93);
	assert_non_null(play_find(p, RESOLVER_DROPPED, "mixed.test"));
	play_end(p);
}

static void test_aliases_are_flattened(void **state)
{
	struct play *p = SERVING(false, "alias.test");
	struct reply r = ask_for(p, "alias.test", DNS_A, false);

	(void)state;
	assert_int_equal(r.count, 1);
	assert_int_equal(r.outcome, OUTCOME_ADDRESSES);
	assert_true(r.answer.ttl <= 77); /* the lowest TTL of the chain */
	assert_null(play_find(p, RESOLVER_PIN, "end.test"));
	play_end(p);
}

/* One upstream query for many clients at the same time. */
static void test_single_flight(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	int fd[50];

	(void)state;
	shared->delay_ms = 200;
	for (int i = 0; i < 50; i++) {
		fd[i] = client_socket(p, SOCK_DGRAM);
		client_send(fd[i], (uint16_t)(500 + i), "a.wild.test", DNS_A, false);
	}
	for (int i = 0; i < 50; i++) {
		struct reply r;

		client_take(p, fd[i], (uint16_t)(500 + i), "a.wild.test", DNS_A, 3000, &r);
		assert_int_equal(r.answer.count, 1);
		close(fd[i]);
	}
	assert_int_equal(seen("a.wild.test", 0), 1);
	play_end(p);
}

static void test_short_ttl_expires(void **state)
{
	struct play *p = SERVING(false, "rotate.test");
	struct reply a = ask_for(p, "rotate.test", DNS_A, false), b;

	(void)state;
	assert_true(a.answer.ttl >= 1 && a.answer.ttl <= CACHE_TTL_FLOOR);
	b = ask_for(p, "rotate.test", DNS_A, false);
	assert_memory_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	/* In use: refreshed before it expires, so nobody ever waits. */
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	assert_int_equal(seen("rotate.test", DNS_A), 2);
	b = ask_for(p, "rotate.test", DNS_A, false);
	assert_memory_not_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	play_end(p);
}

/* RFC 8767: the upstreams are down; the old answer is served after it was pinned again. */
static void test_stale_answer_when_upstream_is_down(void **state)
{
	struct play *p = SERVING(false, "rotate.test");
	struct reply a = ask_for(p, "rotate.test", DNS_A, false), b;
	unsigned pins = 0;

	(void)state;
	shared->down[0] = true;
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	b = ask_for(p, "rotate.test", DNS_A, true);
	assert_int_equal(b.answer.count, 1);
	assert_memory_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	assert_in_range(b.answer.ttl, 1, CACHE_STALE_TTL);
	for (unsigned i = 0; i < p->count; i++)
		pins += p->got[i].type == RESOLVER_PIN;
	assert_int_equal(pins, 2);
	/* The upstream was queried before without success, more than once. */
	assert_true(seen("rotate.test", DNS_A) >= 3);
	play_end(p);
}

static void test_wildcard_is_bounded(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	unsigned refused = 0;
	struct reply r;

	(void)state;
	r = ask_for(p, "0123456789012345678901234567890123456789f.wild.test", DNS_A, true);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_true(has_text(&r, "longer than a wildcard allows"));
	r = ask_for(p,
		"0123456789.0123456789.0123456789.0123456789.0123456789.0123456789."
		"0123456789.0123456789.wild.test",
		DNS_A, true);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, 0);
	for (int i = 0; i < 200; i++) {
		char name[40];

		snprintf(name, sizeof(name), "x%d.wild.test", i);
		refused += ask_for(p, name, DNS_A, false).rcode == RCODE_NXDOMAIN;
	}
	assert_int_equal(refused, 200 - LIMIT_WILDCARD_QUESTIONS);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	drain(p, 50);
	assert_int_equal(p->got[0].reason, REASON_LONG);
	assert_int_equal(
		play_find(p, RESOLVER_REFUSED, "x199.wild.test")->reason, REASON_LIMIT);
	/* A known name continues to work. */
	assert_int_equal(ask_for(p, "x0.wild.test", DNS_A, false).count, 1);
	/* Its other family would need one more query: empty, as if there were none. */
	r = ask_for(p, "x0.wild.test", DNS_AAAA, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

/* Queries names n-0, n-1, ... under the wildcard until its limit is reached. */
static struct reply use_up(struct play *p, const char *n, uint16_t type)
{
	struct reply r = {0};
	char name[64];

	for (int i = 0; i <= LIMIT_WILDCARD_QUESTIONS && !has_text(&r, "questions for"); i++) {
		snprintf(name, sizeof(name), "%s-%d.wild.test", n, i);
		r = ask_for(p, name, type, true);
	}
	return r;
}

/* Whatever the answer, every query is counted: a failing one is sent twice. */
static void test_queries_are_limited_whatever_is_answered(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
	} cases[] = {{"good", DNS_A}, {"nx", DNS_A}, {"servfail", DNS_A}, {"other", DNS_A},
		{"loop", DNS_A}, {"trunc", DNS_A}, {"v4only", DNS_AAAA}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct play *p = SERVING(false, "*.wild.test", "good.test");
		struct reply r = use_up(p, cases[i].name, cases[i].type);

		assert_int_equal(r.rcode, RCODE_NXDOMAIN);
		assert_true(
			has_text(&r, "more than 120 questions for names under *.wild.test"));
		assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
		/* Other rules aren't affected. */
		assert_int_equal(ask_for(p, "good.test", DNS_A, false).count, 1);
		play_end(p);
	}
}

/* Killing the resolver doesn't help: the new one continues with what was left. */
static void test_a_new_worker_has_no_new_ration(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");

	(void)state;
	use_up(p, "good", DNS_A);
	close(p->channel);
	assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
	p->pid = resolver_start(&p->config, false, &p->channel, &(struct failure){0});
	assert_int_equal(ask_for(p, "new.wild.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

/* A known name with an expired record is answered from it if it may not be queried. */
static void test_known_names_outlive_the_ration(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	static const uint8_t stale[] = {0, 15, 0, 2, 0, DNS_EDE_STALE};
	struct reply a = ask_for(p, "rotate.wild.test", DNS_A, true), b;

	(void)state;
	use_up(p, "good", DNS_A);
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	b = ask_for(p, "rotate.wild.test", DNS_A, true);
	assert_int_equal(b.count, 1);
	assert_memory_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	assert_non_null(memmem(b.packet, b.len, stale, sizeof(stale)));
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

static void say_in_use(struct play *p, const char *name, uint8_t family)
{
	struct resolver_in_use m = {.family = family};

	snprintf(m.name, sizeof(m.name), "%s", name);
	assert_int_equal(send(p->channel, &m, sizeof(m), 0), sizeof(m));
	drain(p, 200);
}

/* PID 1 has noticed that a pin is in use: if the record has expired, the name is looked up
 * again, and the answer is pinned. A fresh record is left alone, and so is the other family. */
static void test_a_name_in_use_is_looked_up_again(void **state)
{
	struct play *p = SERVING(true, "rotate.test", "still.test");
	unsigned pins = 0;

	(void)state;
	drain(p, 200);
	say_in_use(p, "rotate.test", 4);
	assert_int_equal(seen("rotate.test", DNS_A), 1);
	drain(p, CACHE_TTL_FLOOR * 1000);
	assert_int_equal(seen("rotate.test", DNS_A), 1);
	say_in_use(p, "rotate.test", 4);
	say_in_use(p, "rotate.test", 4);
	say_in_use(p, "still.test", 4);
	assert_int_equal(seen("rotate.test", DNS_A), 2);
	assert_int_equal(seen("rotate.test", DNS_AAAA), 1);
	assert_int_equal(seen("still.test", 0), 2);
	for (unsigned i = 0; i < p->count; i++)
		if (p->got[i].type == RESOLVER_PIN &&
			strcmp(p->got[i].name, "rotate.test") == 0)
			pins += p->got[i].addresses[0].family == 4;
	assert_int_equal(pins, 2);
	play_end(p);
}

/* A new resolver process knows no names under wildcards; the rules decide. */
static void test_what_no_rule_allows_is_not_in_use(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");

	(void)state;
	say_in_use(p, "a.wild.test", 6);
	assert_int_equal(seen("a.wild.test", DNS_AAAA), 1);
	assert_non_null(play_find(p, RESOLVER_PIN, "a.wild.test"));
	say_in_use(p, "wild.test", 4);
	say_in_use(p, "a.evil.test", 4);
	assert_int_equal(shared->count, 1);
	play_end(p);
}

/* That query counts towards the limit: beyond it, the known addresses are pinned. */
static void test_a_name_in_use_has_no_ration_of_its_own(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	unsigned pins = 0;

	(void)state;
	assert_int_equal(ask_for(p, "rotate.wild.test", DNS_A, true).count, 1);
	use_up(p, "good", DNS_A);
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	p->count = 0;
	say_in_use(p, "rotate.wild.test", 4);
	say_in_use(p, "new.wild.test", 4);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	assert_null(play_find(p, RESOLVER_PIN, "new.wild.test"));
	for (unsigned i = 0; i < p->count; i++)
		pins += p->got[i].type == RESOLVER_PIN;
	assert_int_equal(pins, 1);
	play_end(p);
}

/* Queries that are never sent evict no known name, however many names they are about. */
static void test_other_types_take_no_place(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	char name[64];

	(void)state;
	assert_int_equal(ask_for(p, "known.wild.test", DNS_A, false).count, 1);
	for (int i = 0; i < LIMIT_DYNAMIC_NAMES + 10; i++) {
		snprintf(name, sizeof(name), "x%d.wild.test", i);
		assert_int_equal(ask_for(p, name, 65, false).rcode, RCODE_NOERROR);
	}
	assert_int_equal(ask_for(p, "known.wild.test", DNS_A, false).count, 1);
	assert_int_equal(shared->count, 1);
	play_end(p);
}

static void test_audit_lets_through_and_reports(void **state)
{
	struct play *p = play_new();
	struct reply r;

	(void)state;
	allow(p, "good.test");
	p->config.audit = true;
	play_start(p, true);
	play_booted(p);
	r = ask_for(p, "unknown.test", DNS_A, false);
	assert_int_equal(r.answer.count, 1);
	drain(p, 50);
	assert_non_null(play_find(p, RESOLVER_REFUSED, "unknown.test"));
	assert_null(play_find(p, RESOLVER_PIN, "unknown.test"));
	r = ask_for(p, "good.test", DNS_A, false);
	assert_null(play_find(p, RESOLVER_REFUSED, "good.test"));
	play_end(p);
}

#define NIBBLES "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2."

/* From our own table, and never from an upstream: a series of PTR queries can carry any
 * secret. */
static void test_names_of_addresses(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = shared->count;
	uint8_t a[4];
	char name[80];
	struct reply r;

	(void)state;
	address_for("good.test", a);
	snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
	r = ask_for(p, name, DNS_PTR, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 1);
	assert_true(has_text(&r, "\4good\4test"));
	r = ask_for(p, NIBBLES "ip6.arpa", DNS_PTR, false); /* 2606:4700::1 */
	assert_int_equal(r.count, 1);
	assert_true(has_text(&r, "\4good\4test"));
	r = ask_for(
		p, NIBBLES "ip6.arpa", DNS_A, false); /* the name is there, the type isn't */
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	r = ask_for(p, "0." NIBBLES "ip6.arpa", DNS_PTR, false); /* a digit too many */
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	r = ask_for(p, "1.2.3.4.in-addr.arpa", DNS_PTR, false);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	r = ask_for(p, "1.2.3.4.5.in-addr.arpa", DNS_PTR, false);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, before);
	play_end(p);
}

/* Only the name and the type of the client's packet are forwarded. */
static void test_letter_case_and_options_stay_here(void **state)
{
	struct play *p = SERVING(false, "good.test");
	int fd = client_socket(p, SOCK_DGRAM);
	uint8_t packet[128] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, *end;
	struct reply r;

	(void)state;
	end = add16(add16(add_name(packet + 12, "GoOd.TeSt"), 1), 1);
	memcpy(end, "hidden secret", 13); /* after the end: ignored */
	assert_true(send(fd, packet, (size_t)(end + 13 - packet), 0) > 0);
	client_take(p, fd, 0x1234, "good.test", DNS_A, 3000, &r);
	assert_int_equal(r.answer.count, 1);
	assert_true(has_text(&r, "\4GoOd\4TeSt")); /* the client's own case is returned */
	assert_false(has_text(&r, "secret"));
	assert_string_equal(shared->log[0].name, "good.test");
	assert_int_not_equal(shared->log[0].id, 0x1234);
	close(fd);
	play_end(p);
}

static void test_tcp(void **state)
{
	struct play *p = SERVING(false, "good.test");
	int fd = client_socket(p, SOCK_STREAM);
	uint8_t packet[300];

	(void)state;
	/* Two queries in one segment, the second octet by octet; two answers in order. */
	for (int i = 0; i < 2; i++) {
		size_t len = dns_write_query((uint16_t)(i + 1), i ? "no.test" : "good.test",
			DNS_A, true, packet + 2, sizeof(packet) - 2);

		packet[0] = (uint8_t)(len >> 8);
		packet[1] = (uint8_t)len;
		if (i == 0)
			assert_int_equal(send(fd, packet, len + 2, 0), len + 2);
		for (size_t j = 0; i == 1 && j < len + 2; j++)
			assert_int_equal(send(fd, packet + j, 1, 0), 1);
	}
	for (int i = 0; i < 2; i++) {
		struct reply r = {0};
		size_t got = 0, want = 2;

		while (got < want) {
			struct pollfd f[2] = {{fd, POLLIN, 0}, {p->channel, POLLIN, 0}};
			ssize_t n;

			assert_true(poll(f, 2, 3000) > 0);
			if (f[1].revents)
				play_take(p, 0);
			if (!f[0].revents)
				continue;
			n = recv(fd, r.packet + got, want - got, 0);
			assert_true(n > 0);
			got += (size_t)n;
			if (got == 2)
				want = 2 + (size_t)(r.packet[0] << 8 | r.packet[1]);
		}
		assert_int_equal(r.packet[3], i + 1); /* the id */
		assert_int_equal(r.packet[5] & 15, i ? RCODE_NXDOMAIN : RCODE_NOERROR);
	}
	/* An impossible length closes the connection. */
	assert_int_equal(send(fd, "\xff\xff", 2, 0), 2);
	assert_int_equal(poll(&(struct pollfd){fd, POLLIN, 0}, 1, LIMIT_CLIENT_TCP_MS / 2), 1);
	assert_int_equal(recv(fd, packet, 1, 0), 0);
	close(fd);
	play_end(p);
}

/* Unlimited connections, kept open: the newest still gets its answer. */
static void test_tcp_flood(void **state)
{
	struct play *p = SERVING(true, "good.test");
	static int fds[3 * LIMIT_CLIENT_TCP];

	(void)state;
	for (int i = 0; i < 3 * LIMIT_CLIENT_TCP; i++)
		fds[i] = client_socket(p, SOCK_STREAM);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	for (int i = 0; i < 3 * LIMIT_CLIENT_TCP; i++)
		close(fds[i]);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	play_end(p);
}

static void test_malformed_questions(void **state)
{
	struct play *p = SERVING(true, "good.test");
	int fd = client_socket(p, SOCK_DGRAM);
	uint8_t packet[300];
	size_t len = dns_write_query(9, "good.test", DNS_A, true, packet, sizeof(packet));
	struct reply r;

	(void)state;
	/* Every truncation of a query: FORMERR, or silence below a header. */
	for (size_t i = 1; i < len; i++) {
		send(fd, packet, i, 0);
		client_take(p, fd, 9, "good.test", DNS_A, i < 12 ? 20 : 1000, &r);
		assert_int_equal(r.len > 0, i >= 12);
		if (i >= 12)
			assert_int_equal(r.rcode, RCODE_FORMERR);
	}
	packet[2] = 0x81; /* a reply: answering could make a loop */
	send(fd, packet, len, 0);
	client_take(p, fd, 9, "good.test", DNS_A, 50, &r);
	assert_int_equal(r.len, 0);
	packet[2] = 0x29; /* opcode UPDATE */
	send(fd, packet, len, 0);
	client_take(p, fd, 9, "good.test", DNS_A, 1000, &r);
	assert_int_equal(r.rcode, RCODE_NOTIMP);
	packet[2] = 1;
	packet[12 + 11 + 3] = 3; /* class CHAOS */
	send(fd, packet, len, 0);
	client_take(p, fd, 9, "good.test", DNS_A, 1000, &r);
	assert_int_equal(r.rcode, RCODE_REFUSED);
	close(fd);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	play_end(p);
}

/* More clients than places to wait: those get SERVFAIL at once, the others their answer. */
static void test_flood_of_waiters(void **state)
{
	struct play *p = SERVING(false, "good.test", "silent.test");
	int fd = client_socket(p, SOCK_DGRAM);
	unsigned failed = 0;
	struct reply r;

	(void)state;
	for (int i = 0; i < LIMIT_WAITERS + 200; i++) {
		client_send(fd, (uint16_t)i, "silent.test", DNS_A, false);
		if (i % 50 == 0)
			assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	}
	for (;;) {
		client_take(p, fd, 0, "silent.test", DNS_A, 200, &r);
		if (!r.len)
			break;
		failed += r.rcode == RCODE_SERVFAIL;
	}
	assert_true(failed > 0);
	close(fd);
	play_end(p);
}

/* A flood that arrives while the resolver isn't scheduled takes no places of others. */
static void test_flood_while_it_does_not_run(void **state)
{
	struct play *p = SERVING(true, "good.test");
	int flood = client_socket(p, SOCK_DGRAM), fd = client_socket(p, SOCK_DGRAM);
	struct reply r;

	(void)state;
	assert_int_equal(kill(p->pid, SIGSTOP), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(send(flood, "x", 1, 0), 1);
	client_send(fd, 7, "good.test", DNS_A, false);
	assert_int_equal(kill(p->pid, SIGCONT), 0);
	client_take(p, fd, 7, "good.test", DNS_A, 3000, &r);
	assert_int_equal(r.answer.count, 1);
	close(flood);
	close(fd);
	play_end(p);
}

static void test_broken_protocol_ends_it(void **state)
{
	struct play *p = SERVING(true, "good.test");
	struct resolver_pinned m = {.sequence = 12345};
	int status;

	(void)state;
	assert_int_equal(send(p->channel, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(p->channel);
	p->pid = resolver_start(&p->config, false, &p->channel, &(struct failure){0});
	assert_int_equal(send(p->channel, &m, sizeof(m) - 1, 0), sizeof(m) - 1);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(p->channel);
	/* Restarted on the same sockets, it serves. */
	p->pid = resolver_start(&p->config, false, &p->channel, &(struct failure){0});
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	play_end(p);
}

static void test_it_has_nothing_left_to_lose(void **state)
{
	struct play *p = SERVING(true, "good.test");
	char path[64], line[256];
	unsigned checked = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned a, b, c;

		if (sscanf(line, "Uid: %u %u %u", &a, &b, &c) == 3) {
			assert_true(a == UID_RESOLVER && b == a && c == a);
			checked++;
		}
		if (strncmp(line, "CapEff:", 7) == 0 || strncmp(line, "CapPrm:", 7) == 0 ||
			strncmp(line, "CapBnd:", 7) == 0) {
			assert_non_null(strstr(line, "\t0000000000000000"));
			checked++;
		}
		if (strncmp(line, "Seccomp:", 8) == 0) {
			assert_non_null(strstr(line, "2"));
			checked++;
		}
	}
	fclose(f);
	assert_int_equal(checked, 5);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pinned_name_is_answered_from_the_cache),
		cmocka_unit_test(test_refused_name_never_reaches_upstream),
		cmocka_unit_test(test_refusal_explains_itself),
		cmocka_unit_test(test_denied_name_says_so),
		cmocka_unit_test(test_names_are_allowed_and_undone),
		cmocka_unit_test(test_a_rule_that_is_given_again_has_its_old_ration),
		cmocka_unit_test(test_refusals_are_counted),
		cmocka_unit_test(test_repeated_refusals_are_one_report),
		cmocka_unit_test(test_other_types_are_empty_and_stay_here),
		cmocka_unit_test(test_absent_aaaa_is_empty),
		cmocka_unit_test(test_absent_name),
		cmocka_unit_test(test_pin_comes_before_the_answer),
		cmocka_unit_test(test_what_pid1_does_not_open_is_not_answered),
		cmocka_unit_test(test_private_answers_are_dropped),
		cmocka_unit_test(test_aliases_are_flattened),
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_short_ttl_expires),
		cmocka_unit_test(test_stale_answer_when_upstream_is_down),
		cmocka_unit_test(test_wildcard_is_bounded),
		cmocka_unit_test(test_queries_are_limited_whatever_is_answered),
		cmocka_unit_test(test_a_new_worker_has_no_new_ration),
		cmocka_unit_test(test_known_names_outlive_the_ration),
		cmocka_unit_test(test_a_name_in_use_is_looked_up_again),
		cmocka_unit_test(test_what_no_rule_allows_is_not_in_use),
		cmocka_unit_test(test_a_name_in_use_has_no_ration_of_its_own),
		cmocka_unit_test(test_other_types_take_no_place),
		cmocka_unit_test(test_audit_lets_through_and_reports),
		cmocka_unit_test(test_letter_case_and_options_stay_here),
		cmocka_unit_test(test_names_of_addresses),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp_flood),
		cmocka_unit_test(test_malformed_questions),
		cmocka_unit_test(test_flood_of_waiters),
		cmocka_unit_test(test_flood_while_it_does_not_run),
		cmocka_unit_test(test_broken_protocol_ends_it),
		cmocka_unit_test(test_it_has_nothing_left_to_lose),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
