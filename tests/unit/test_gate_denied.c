/* The gate ends what is denied while it runs. */
#include "gate_process_fixture.h"

static bool is_over(int s)
{
	char c;

	return recv(s, &c, 1, 0) <= 0;
}

/* Notifies the gate; returns how many connections it reports as ended, and the last one's
 * name. */
static uint32_t ring(char name[256])
{
	uint32_t count = 0;

	assert_int_equal(send(channel, "", 1, MSG_NOSIGNAL), 1);
	for (;;) {
		struct gate_message m = told(WAIT_MS);

		if (m.type == GATE_READY)
			return count;
		assert_true(m.type == GATE_REFUSED_TLS || m.type == GATE_REFUSED_HTTP);
		assert_int_equal(m.reason, GATE_REVOKED);
		memcpy(name, m.name, sizeof(m.name));
		count += m.count;
	}
}

static void what_is_denied_ends(void **state)
{
	static const char request[] = "GET /1 HTTP/1.1\r\nHost: answers.lab.test\r\n\r\n";
	int bad = greeted("45.0.0.1", "echo.lab.test"),
	    good = greeted("45.0.0.1", "echo-more.lab.test");
	int silent = client("45.0.0.1", 443), half = client("45.0.0.1", 443);
	int kept = client("45.0.0.4", 80);
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);
	struct policy_change change;
	struct rule_error e;
	char name[256] = "", c;

	(void)state;
	tell(kept, request, sizeof(request) - 1);
	assert_int_equal(recv(kept, &c, 1, MSG_PEEK), 1);
	tell(half, bytes, 20);
	echoes(bad, "bad");
	/* Nothing is denied: nothing ends. */
	assert_int_equal(ring(name), 0);
	echoes(bad, "still");
	assert_int_equal(
		policy_say(&policy, "echo.lab.test", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 1);
	assert_string_equal(name, "echo.lab.test");
	assert_true(is_over(bad));
	echoes(good, "good");
	/* A client with an incomplete hello gets the same. */
	tell(half, bytes + 20, len - 20);
	assert_true(alerted(half));
	assert_int_equal(told(WAIT_MS).reason, GATE_DENIED);
	/* Requests end, too, also because of a denied address. */
	assert_int_equal(
		policy_say(&policy, "45.0.0.4:80", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 1);
	assert_string_equal(name, "answers.lab.test");
	while (recv(kept, bytes, sizeof(bytes), 0) > 0)
		;
	assert_true(is_over(kept));
	echoes(good, "good");
	close(silent);
	close(half);
	close(bad);
	close(good);
	close(kept);
}

/* The number of ports from which the gate has tried the server that never answers. */
static int attempts(void)
{
	FILE *p = popen("nft list set ip t tried | sed -n '/elements/,$p' | grep -oE "
			"'[0-9]{5}' | wc -l",
		"r");
	int count = -1;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &count), 1);
	pclose(p);
	return count;
}

/* An attempt that began before the wall had the rule wasn't checked by the wall. */
static void attempts_begin_anew_when_something_is_denied(void **state)
{
	uint8_t bytes[512];
	char name[256] = "";
	struct policy_change change;
	struct rule_error e;
	int s = client("45.0.0.8", 443);

	(void)state;
	tell(s, bytes, hello(bytes, "hangs.lab.test", false));
	for (int i = 0; i < 100 && attempts() < 1; i++)
		usleep(50000);
	usleep(1200000); /* the SYN has been sent again by now, from the same port */
	assert_int_equal(attempts(), 1);
	assert_int_equal(
		policy_say(&policy, "evil.example", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 0);
	for (int i = 0; i < 100 && attempts() < 2; i++)
		usleep(50000);
	assert_int_equal(attempts(), 2);
	close(s);
}

/* The same pages as the parent's, at the same address. */
static void the_gate_can_only_read_what_is_denied(void **state)
{
	char path[32], line[256], mine[32], mode[8] = "";
	FILE *maps;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)gate);
	snprintf(mine, sizeof(mine), "%lx-", (unsigned long)(uintptr_t)overlay);
	maps = fopen(path, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strncmp(line, mine, strlen(mine)) == 0)
			sscanf(line, "%*s %7s", mode);
	fclose(maps);
	assert_string_equal(mode, "r--s");
}

static void audit_ends_nothing(void **state)
{
	int s = greeted("45.0.0.1", "echo.lab.test");
	struct policy_change change;
	struct rule_error e;
	char name[256];

	(void)state;
	assert_int_equal(
		policy_say(&policy, "echo.lab.test", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 0);
	echoes(s, "through");
	close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(what_is_denied_ends),
		T(attempts_begin_anew_when_something_is_denied),
		T(the_gate_can_only_read_what_is_denied),
		cmocka_unit_test_setup_teardown(audit_ends_nothing, begin_audit, end),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
