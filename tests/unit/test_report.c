/* What status shows about a wall in its own namespace; and that each of its lists is
 * bounded. */
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../init/monitor/report.h"
#include "../../init/gate/gate.h"
#include "../../init/egress/control_ipc.h"
#include "../../init/lib/limits.h"

static struct wall *wall;
static struct policy policy;
static struct events *events;
static struct gate_counters *gate;
static struct status status = {.version = "1.2",
	.egress = "strict",
	.wall = "nft",
	.stages = {{"config", 450}, {"wall", 12345}},
	.stages_count = 2,
	.names = 8,
	.pinned = 7,
	.uid = 501,
	.gid = 20};

static struct wall_config config = {
	.policy = &policy, .resolver_uid = 65311, .resolver_port = 1};

static int begin(void **state)
{
	struct failure f;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0 ||
		system("ip link set lo up && ip link add d0 type veth peer name d1 && "
		       "ip addr add 172.30.0.2/24 dev d0 && ip link set d0 up && "
		       "ip link set d1 up && ip route add default via 172.30.0.1") != 0)
		return -1;
	policy_init(&policy);
	if (policy_compile(&policy) < 0 || events_open(&events, NULL, &f) < 0 ||
		wall_open(&wall, &f) < 0)
		return -1;
	return wall_build(wall, &config, &f);
}

static int end(void **state)
{
	(void)state;
	wall_close(wall);
	events_close(events);
	policy_free(&policy);
	return 0;
}

static char *reported(long long uptime, pid_t pid)
{
	struct report r = {.status = &status,
		.policy = &policy,
		.events = events,
		.wall = wall,
		.config = &config,
		.gate = gate,
		.uptime = uptime,
		.workers = {{"resolver", pid, pid ? 0 : 8}},
		.workers_count = 1};
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	report_status(&r, to);
	assert_int_equal(fclose(to), 0);
	assert_true(size < CONTROL_TEXT);
	return text;
}

static void pin(unsigned number, uint32_t seconds)
{
	struct pin p = {{4, {20, 0, (uint8_t)(number >> 8), (uint8_t)number}}, 443, number == 0,
		seconds};
	struct failure f;

	assert_int_equal(wall_pin(wall, &p, 1, &f), 0);
}

static void knock(const char *address, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct address a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(address_parse(address, strlen(address), &a));
	memcpy(&to.sin_addr, a.bytes, 4);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	close(fd);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

static void nothing_happened_yet(void **state)
{
	char *text = reported(59, 7);

	(void)state;
	assert_string_equal(text, "version    1.2\n"
				  "egress     strict\n"
				  "wall       nft\n"
				  "up         59 s\n"
				  "user       501:20\n"
				  "names      7 of 8 resolved at the start\n"
				  "boot       config 0.4 ms, wall 12.3 ms\n"
				  "resolver   pid 7, started again 0 times\n"
				  "refused    0\n"
				  "pins       0\n");
	free(text);
	gate = gate_counters_new();
	assert_non_null(gate);
	atomic_store(&gate->flows, 2);
	atomic_store(&gate->connections, 30);
	atomic_store(&gate->refused, 4);
	atomic_store(&gate->bytes_down, UINT64_C(1) << 40);
	text = reported(59, 7);
	assert_non_null(
		strstr(text, "flows      2 under way; 30 connections so far, 4 refused; "
			     "0 bytes up, 1099511627776 down\n"));
	free(text);
	gate = NULL;
	text = reported(90061, 0);
	assert_non_null(strstr(text, "up         1 d 1 h 1 min 1 s\n"));
	assert_non_null(strstr(text, "resolver   down, started again 8 times\n"));
	free(text);
}

static void what_is_open_and_what_was_refused(void **state)
{
	char *text;

	(void)state;
	pin(300, 600);
	pin(0, 0);
	pin(7, 1000);
	knock("9.9.9.9", 5432);
	events_add(events, &(struct event){.kind = EVENT_REFUSED_NAME, .name = "a.b\x1b[2J"});
	events_add(events,
		&(struct event){.kind = EVENT_REFUSED_NAME, .name = "c.example", .count = 5});
	text = reported(1, 7);
	assert_non_null(strstr(text, "refused    7\n"));
	assert_non_null(strstr(text, "  c.example     5x   allow with: --allow c.example\n"));
	assert_non_null(
		strstr(text, "  9.9.9.9:5432     1x   allow with: --allow 9.9.9.9:5432\n"));
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "pins       3\n"));
	/* Sorted by address, whatever the kernel's order. */
	assert_true(strstr(text, "  20.0.0.0  ") < strstr(text, "  20.0.0.7  "));
	assert_true(strstr(text, "  20.0.0.7  ") < strstr(text, "  20.0.1.44  "));
	assert_non_null(strstr(text, "  443  until the end  private\n"));
	assert_int_equal(count(text, "private"), 1);
	free(text);
	/* Printed again, it is the same: reading doesn't count. */
	text = reported(1, 7);
	assert_non_null(strstr(text, "refused    7\n"));
	free(text);
}

static void what_was_said_since(void **state)
{
	static struct policy_overlay overlay;
	struct policy_change change;
	struct rule_error e;
	char rule[300], *text;

	(void)state;
	policy.overlay = &overlay;
	text = reported(1, 17);
	assert_null(strstr(text, "\nrules"));
	free(text);
	assert_int_equal(
		policy_say(&policy, "bad.example:22", RULE_DENY, NULL, NULL, &change, &e), 0);
	text = reported(1, 17);
	assert_non_null(
		strstr(text, "\nrules      1 by codex-egress (1 of 256 places are used)\n"
			     "  --deny bad.example:22\n"));
	free(text);
	/* As many and as long as possible. */
	for (unsigned i = 1; i < LIMIT_OVERLAY; i++) {
		snprintf(rule, sizeof(rule), "n%03u.%s%s%s", i,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:60000,"
			"60001");
		assert_int_equal(policy_say(&policy, rule, i % 2 ? RULE_ALLOW : RULE_DENY, NULL,
					 NULL, &change, &e),
			0);
	}
	text = reported(1, 17);
	assert_non_null(strstr(text, "rules      256 by codex-egress (256 of 256 places"));
	assert_non_null(strstr(text, "  --allow n063."));
	assert_non_null(strstr(text, "  and 192 more\n"));
	assert_null(strstr(text, "n064."));
	free(text);
}

/* Those given later come first, and no reply is longer than it may be. */
static void rules_as_many_as_fit(void **state)
{
	char *text = calloc(1, CONTROL_TEXT);
	struct rule_error e;
	char rule[64];
	FILE *f;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(rule, sizeof(rule), "r%u.example", i);
		assert_int_equal(
			policy_add(&policy, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e),
			0);
	}
	assert_int_equal(policy_compile(&policy), 0);
	f = fmemopen(text, CONTROL_TEXT, "w");
	report_rules(&policy, CONTROL_TEXT, f);
	assert_int_equal(fclose(f), 0);
	assert_memory_equal(text, "deny bad.example:22", 19);
	assert_non_null(strstr(text, "# option\n"));
	assert_non_null(strstr(text, " more: /etc/codex/allowed_domains.txt\n"));
	free(text);
}

static void lists_are_bounded(void **state)
{
	char name[300], *text;

	(void)state;
	for (unsigned i = 0; i < LIMIT_REPORT_PINS + 10; i++)
		pin(1000 + i, 600);
	for (unsigned i = 0; i < LIMIT_REPORT_PLACES + 10; i++) {
		char *end = name + snprintf(name, sizeof(name), "n%u", i);

		while (end < name + NAME_TEXT - 12)
			end = stpcpy(end, ".aaaaaaaaa");
		events_add(events,
			&(struct event){.kind = EVENT_REFUSED_NAME, .name = name, .count = 2});
		snprintf(name, sizeof(name), "9.9.8.%u", i);
		knock(name, 443);
	}
	text = reported(1, 7);
	assert_int_equal(count(text, "    443  "), LIMIT_REPORT_PINS);
	assert_non_null(strstr(text, "  and 13 more\n")); /* three are another test's */
	assert_int_equal(count(text, "allow with: "), 2 * LIMIT_REPORT_PLACES - 1);
	assert_int_equal(count(text, "   see the event log\n"), 2);
	free(text);
}

/* The wall's counters don't contain the reason. */
static void what_is_refused_by_address_has_its_reason(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		const char *line;
	} cases[] = {
		{"20.7.7.7", 5432, "allow with: --allow 20.7.7.7:5432\n"},
		{"10.7.7.7", 5432, "allow with: --allow 10.7.7.7:5432+private\n"},
		/* The gateway is refused like a private address, even if its address is
		 * public. */
		{"20.8.8.8", 5432, "allow with: --allow 20.8.8.8:5432+private\n"},
		{"20.9.1.2", 5432, "x   denied by a rule\n"},
		{"20.7.7.7", 853, "x   DNS over TLS would bypass the rules for names\n"},
		/* A rule for it would bypass the gate, and so every other rule. */
		{"10.6.6.6", 3128, "x   the proxy is for the gate only\n"},
		{"169.254.169.254", 80, "x   no rule can allow these: "},
		{"100.100.100.200", 80, "x   no rule can allow these: "},
	};
	struct wall_config plain = config;
	struct pin proxy = {{4, {10, 6, 6, 6}}, 3128, PIN_PROXY, 0};
	struct events *seen;
	struct rule_error e;
	struct failure f;
	size_t size;
	char *text;
	FILE *to;

	(void)state;
	assert_int_equal(
		policy_add(&policy, "20.9.0.0/16", RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e),
		0);
	assert_int_equal(policy_compile(&policy), 0);
	config.gateways[config.gateways_count++] = (struct address){4, {20, 8, 8, 8}};
	config.proxied = true;
	assert_int_equal(wall_build(wall, &config, &f), 0);
	assert_int_equal(wall_pin(wall, &proxy, 1, &f), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		knock(cases[i].address, cases[i].port);
	assert_int_equal(events_open(&seen, NULL, &f), 0);
	assert_int_equal(report_refusals(seen, wall, &config, NULL, &f), 0);
	to = open_memstream(&text, &size);
	events_places(seen, 100, to);
	assert_int_equal(fclose(to), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char place[64], *line;

		snprintf(place, sizeof(place), "  %s:%u  ", cases[i].address, cases[i].port);
		line = strstr(text, place);
		if (!line || !strstr(line, cases[i].line) ||
			strstr(line, cases[i].line) > strchr(line, '\n'))
			fail_msg("%s: %s", place, text);
	}
	free(text);
	events_close(seen);
	config = plain;
	assert_int_equal(wall_build(wall, &config, &f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_happened_yet),
		cmocka_unit_test(what_is_open_and_what_was_refused),
		cmocka_unit_test(what_was_said_since),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(what_is_refused_by_address_has_its_reason),
		cmocka_unit_test(rules_as_many_as_fit),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
