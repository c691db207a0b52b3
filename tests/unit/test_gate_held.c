/* What the gate holds while somebody is asked, and how it ends. */
#include "gate_process_fixture.h"

#include "../../init/lib/clock.h"

static int ask_for(unsigned seconds, void **state)
{
	config.ask = seconds;
	begin(state);
	policy_watch(&policy, true);
	return 0;
}

static int begin_asking(void **state)
{
	return ask_for(2, state);
}

/* Whatever happens in these tests happens for another reason than that the time is over. */
static int begin_patiently(void **state)
{
	return ask_for(LIMIT_ASK_SECONDS, state);
}

static int end_asking(void **state)
{
	config.ask = 0;
	return end(state);
}

/* A connection whose hello names that host. */
static int saying(const char *name, bool ech)
{
	uint8_t bytes[512];
	int s = client("45.0.0.1", 443);

	tell(s, bytes, hello(bytes, name, ech));
	return s;
}

static void assert_told(enum gate_message_type type, const char *name, uint16_t port)
{
	struct gate_message m = told(WAIT_MS);

	assert_int_equal(m.type, type);
	assert_string_equal(m.name, name);
	assert_int_equal(m.port, port);
	assert_int_equal(m.count, 1);
	assert_int_equal(m.reason, GATE_FINE);
	assert_int_equal(m.family, 0);
	/* Whose socket it is, for the question alone. */
	assert_int_equal(m.client != 0, type == GATE_ASK);
	assert_int_equal(m.client_to, type == GATE_ASK ? port : 0);
}

static bool silent(int s)
{
	char c;

	return recv(s, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void say_rule(const char *rule, enum rule_effect effect)
{
	struct policy_change change;
	struct rule_error e;
	const uint8_t look = GATE_NOTICE_LOOK;

	assert_int_equal(policy_say(&policy, rule, effect, NULL, NULL, &change, &e), 0);
	assert_int_equal(send(channel, &look, 1, MSG_NOSIGNAL), 1);
}

static void it_goes_on_when_it_is_allowed(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: answers.new.example\r\n\r\n";
	uint8_t bytes[64];
	int tls = saying("echo.new.example", false), twin, http;

	(void)state;
	assert_told(GATE_ASK, "echo.new.example", 443);
	/* One question, and one for another name. */
	twin = saying("echo.new.example", false);
	http = client("45.0.0.1", 80);
	tell(http, request, sizeof(request) - 1);
	assert_told(GATE_ASK, "answers.new.example", 80);
	assert_int_equal(told(300).type, 0);
	assert_true(silent(tls) && silent(twin) && silent(http));
	assert_int_equal(shared->to[ECHO].connections, 0);
	say_rule("*.new.example", RULE_ALLOW);
	assert_int_equal(take(tls, bytes, 60), 60);
	assert_int_equal(take(twin, bytes, 60), 60);
	assert_int_equal(take(http, bytes, 15), 15);
	assert_memory_equal(bytes, "HTTP/1.1 200 OK", 15);
	echoes(tls, "on");
	assert_int_equal(told(300).type, 0);
	close(tls);
	close(twin);
	close(http);
}

static void it_ends_when_it_is_denied_or_too_late(void **state)
{
	int denied = saying("echo.bad.example", false), late;

	(void)state;
	assert_told(GATE_ASK, "echo.bad.example", 443);
	say_rule("echo.bad.example", RULE_DENY);
	assert_true(alerted(denied));
	assert_int_equal(told(WAIT_MS).reason, GATE_DENIED);
	late = saying("echo.late.example", false);
	assert_told(GATE_ASK, "echo.late.example", 443);
	assert_int_equal(told(1500).type, 0);
	assert_true(silent(late));
	assert_true(alerted(late));
	assert_int_equal(told(WAIT_MS).reason, GATE_NOT_ALLOWED);
	assert_told(GATE_ASK_LATE, "echo.late.example", 443);
	assert_int_equal(shared->to[ECHO].connections, 0);
	close(denied);
	close(late);
}

static void clients_that_give_up(void **state)
{
	int s = saying("echo.new.example", false), again;

	(void)state;
	assert_told(GATE_ASK, "echo.new.example", 443);
	close(s);
	assert_told(GATE_ASK_GONE, "echo.new.example", 443);
	again = saying("echo.new.example", false);
	assert_told(GATE_ASK, "echo.new.example", 443);
	/* Nobody watches any more. */
	policy_watch(&policy, false);
	assert_int_equal(send(channel, "\1", 1, MSG_NOSIGNAL), 1);
	assert_true(alerted(again));
	assert_int_equal(told(WAIT_MS).reason, GATE_NOT_ALLOWED);
	s = saying("echo.new.example", false);
	assert_true(alerted(s));
	close(s);
	close(again);
}

static void a_denial_is_not_waited_for(void **state)
{
	int s = saying("echo.bad.example", false);

	(void)state;
	assert_told(GATE_ASK, "echo.bad.example", 443);
	say_rule("echo.bad.example", RULE_DENY);
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_DENIED);
	close(s);
}

/* Who only closes its half has given up, if it speaks TLS: it could say nothing more. */
static void a_client_that_closes_its_half(void **state)
{
	int s = saying("echo.new.example", false);

	(void)state;
	assert_told(GATE_ASK, "echo.new.example", 443);
	shutdown(s, SHUT_WR);
	assert_told(GATE_ASK_GONE, "echo.new.example", 443);
	close(s);
}

/* A question keeps its place until its time is over: no more than these are asked meanwhile. */
static void a_place_is_kept_when_nobody_waits(void **state)
{
	unsigned asked = 0;
	int s;

	(void)state;
	for (unsigned i = 0; asked < LIMIT_ASKED; i++) {
		char name[32];
		struct gate_message m;

		snprintf(name, sizeof(name), "n%u.new.example", i);
		s = saying(name, false);
		/* Not asked about: there were too many in that second. */
		while ((m = told(WAIT_MS)).type != GATE_ASK && m.type != GATE_REFUSED_TLS &&
			m.type)
			;
		close(s);
		asked += m.type == GATE_ASK;
	}
	s = saying("one.more.example", false);
	assert_true(alerted(s));
	close(s);
}

static void what_is_not_asked_about(void **state)
{
	int s = saying("denied.lab.test", false);

	(void)state;
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_DENIED);
	close(s);
	/* A yes to the outer name would not let it through. */
	s = saying("echo.new.example", true);
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_NOT_ALLOWED);
	close(s);
	s = saying("ab.chatgpt.com", false);
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_NOT_ALLOWED);
	close(s);
	s = saying("1.2.3.4", false);
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_BAD_NAME);
	close(s);
}

/* Many names in a second: some are asked about, the others refused at once, and counted. */
static void a_flood_of_names(void **state)
{
	unsigned asked = 0, refused = 0, more = 0;
	const int64_t begun = clock_ms();
	int64_t last = begun;
	int s[200];

	(void)state;
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.new.example", i);
		s[i] = saying(name, false);
	}
	for (struct gate_message m; (m = told(1500)).type;) {
		asked += m.type == GATE_ASK;
		last = m.type == GATE_ASK ? clock_ms() : last;
		refused += m.type == GATE_REFUSED_TLS ? m.count : 0;
		more += m.type == GATE_UNASKED ? m.count : 0;
	}
	assert_true(asked >= LIMIT_ASK_PER_SECOND && asked <= LIMIT_ASKED);
	/* However slow the machine is; the first second and the last may have been begun. */
	assert_true(asked <= LIMIT_ASK_PER_SECOND * ((last - begun) / 1000 + 2));
	assert_true(more >= 200 - LIMIT_ASKED && more <= 200 - LIMIT_ASK_PER_SECOND);
	assert_true(refused >= more);
	/* Who is allowed is served meanwhile, and those that were held are refused in time. */
	close(greeted("45.0.0.1", "echo.lab.test"));
	for (int i = 0; i < 200; i++) {
		assert_true(alerted(s[i]));
		close(s[i]);
	}
}

/* One question that many wait for: more than the gate holds are refused. */
static void a_flood_of_connections(void **state)
{
	int s[LIMIT_ASK_HELD + 50];
	unsigned waiting = 0;

	(void)state;
	for (int i = 0; i < LIMIT_ASK_HELD + 50; i++)
		s[i] = saying("echo.new.example", false);
	assert_told(GATE_ASK, "echo.new.example", 443);
	close(greeted("45.0.0.1", "echo.lab.test"));
	for (int i = 0; i < LIMIT_ASK_HELD + 50; i++)
		waiting += silent(s[i]);
	assert_int_equal(waiting, LIMIT_ASK_HELD);
	for (int i = 0; i < LIMIT_ASK_HELD + 50; i++)
		close(s[i]);
}

#define PATIENTLY(name) cmocka_unit_test_setup_teardown(name, begin_patiently, end_asking)
#define ASK(name)       cmocka_unit_test_setup_teardown(name, begin_asking, end_asking)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ASK(it_goes_on_when_it_is_allowed),
		ASK(it_ends_when_it_is_denied_or_too_late),
		ASK(what_is_not_asked_about),
		PATIENTLY(clients_that_give_up),
		PATIENTLY(a_denial_is_not_waited_for),
		PATIENTLY(a_client_that_closes_its_half),
		PATIENTLY(a_place_is_kept_when_nobody_waits),
		ASK(a_flood_of_names),
		ASK(a_flood_of_connections),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, world_up, world_down);
}
