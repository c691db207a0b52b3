/*
 * PID 1's checks on the gate's messages, the proxy's URL, and how a refusal appears in the
 * summary: pure, except for a log file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "init/lib/proxy_url.h"
#include "init/monitor/gate_messages.h"

static struct events *events;

static int begin(void **state)
{
	struct failure f;

	(void)state;
	return events_open(&events, NULL, &f);
}

static int end(void **state)
{
	(void)state;
	events_close(events);
	return 0;
}

static struct gate_message refusal(enum gate_reason reason, const char *name)
{
	struct gate_message m = {.type = GATE_REFUSED_TLS,
		.reason = reason,
		.count = 1,
		.port = 443,
		.family = 4,
		.address = {20, 1, 2, 3}};

	snprintf(m.name, sizeof(m.name), "%s", name);
	return m;
}

static int take(const struct gate_message *m)
{
	bool ready = false;

	return gate_messages_take(events, m, sizeof(*m), &ready);
}

static const char *summary(void)
{
	static char text[8192];
	FILE *f = fmemopen(text, sizeof(text), "w");

	memset(text, 0, sizeof(text));
	events_summary(events, f);
	fclose(f);
	return text;
}

static void says(const struct gate_message *m, const char *wanted)
{
	assert_int_equal(take(m), 0);
	if (!strstr(summary(), wanted))
		fail_msg("not '%s' in: %s", wanted, summary());
}

static void what_breaks_the_protocol_is_refused(void **state)
{
	const struct gate_message good = refusal(GATE_NOT_ALLOWED, "evil.example");
	struct gate_message m;
	bool ready = false;

	(void)state;
#define BREAKS(change)                                                                         \
	do {                                                                                   \
		m = good;                                                                      \
		change;                                                                        \
		if (take(&m) == 0)                                                             \
			fail_msg("taken: %s", #change);                                        \
	} while (0)
	BREAKS(m.type = 0);
	BREAKS(m.type = GATE_UNREACHED + 1);
	BREAKS(m.type = UINT32_MAX);
	BREAKS(m.reason = GATE_FINE);
	BREAKS(m.reason = GATE_REASON_LAST + 1);
	BREAKS(m.count = 0);
	BREAKS(m.family = 5);
	BREAKS(memset(m.name, 'a', sizeof(m.name)));
	BREAKS(m.name[0] = '\033');
	BREAKS(m.name[0] = ' ');
	/* A proxy's reply: only with GATE_PROXY, printable, and terminated. */
	BREAKS(strcpy(m.said, "407"));
	BREAKS(m.reason = GATE_PROXY; strcpy(m.said, "407 \033[2J"));
	BREAKS(m.reason = GATE_PROXY; strcpy(m.said, "407\r\n"));
	BREAKS(m.reason = GATE_PROXY; strcpy(m.said, "407 \x7f"));
	BREAKS(m.reason = GATE_PROXY; strcpy(m.said, "407 \xc3\xbc"));
	BREAKS(m.reason = GATE_PROXY; memset(m.said, 'a', sizeof(m.said)));
	assert_int_equal(gate_messages_take(events, &good, sizeof(good) - 1, &ready), -1);
	assert_int_equal(gate_messages_take(events, &good, sizeof(good) + 1, &ready), -1);
	assert_false(ready);
	assert_int_equal(events_refused(events), 0);
	assert_int_equal(take(&good), 0);
	assert_int_equal(events_refused(events), 1);
}

static void it_says_when_it_serves(void **state)
{
	const struct gate_message m = {.type = GATE_READY};
	bool ready = false;

	(void)state;
	assert_int_equal(gate_messages_take(events, &m, sizeof(m), &ready), 0);
	assert_true(ready);
	assert_int_equal(events_refused(events), 0);
}

static void each_refusal_has_its_advice(void **state)
{
	struct gate_message m = refusal(GATE_NOT_ALLOWED, "evil.example");

	(void)state;
	says(&m, "evil.example     1x   allow with: --allow evil.example\n");
	m.port = 80;
	says(&m, "2x   allow with: --allow evil.example\n");
	m.port = 8443;
	says(&m, "allow with: --allow evil.example:8443\n");
	m = refusal(GATE_ECH, "hidden.example");
	says(&m, "allow with: --allow hidden.example+ech\n");
	m = refusal(GATE_DENIED, "denied.example");
	says(&m, "denied.example");
	assert_null(strstr(summary(), "--allow denied.example"));
	m = refusal(GATE_MALFORMED, "odd.example");
	says(&m, "odd.example");
	assert_null(strstr(summary(), "--allow odd.example"));
}

/* A suggested rule would open a front end with all its sites. */
static void ssh_is_reported_without_a_rule_to_paste(void **state)
{
	struct gate_message m = refusal(GATE_SSH, "");

	(void)state;
	says(&m, "20.1.2.3:443     1x   ssh names no host: use port 22\n");
	assert_null(strstr(summary(), "--allow"));
}

/* A rule for an address opens everything at that address, and the payload chooses the
 * address: so none is suggested for what the gate has refused, whatever the reason and name. */
static void no_rule_for_an_address_is_advised(void **state)
{
	static const char *const names[] = {"", "20.1.2.3", "a?b", "[20::1]", "www.example"};
	struct failure f;

	(void)state;
	for (uint32_t reason = GATE_FINE + 1; reason <= GATE_REASON_LAST; reason++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct gate_message m = refusal((enum gate_reason)reason, names[i]);
			bool helps = strcmp(names[i], "www.example") == 0 &&
				     (reason == GATE_NOT_ALLOWED || reason == GATE_ECH);

			events_close(events);
			assert_int_equal(events_open(&events, NULL, &f), 0);
			assert_int_equal(take(&m), 0);
			if (names[i][0] == '\0' && reason == GATE_NOT_ALLOWED)
				continue; /* the gate never sends this: it is GATE_NO_NAME */
			assert_int_equal(events_refused(events), 1);
			if ((strstr(summary(), "--allow") != NULL) != helps)
				fail_msg("reason %u: %s", reason, summary());
			if (reason != GATE_NOT_ALLOWED &&
				!strstr(summary(), gate_ipc_reason_text(reason)))
				fail_msg("reason %u: %s", reason, summary());
			if (names[i][0] == '\0' && !strstr(summary(), "  20.1.2.3:443  "))
				fail_msg("reason %u: %s", reason, summary());
		}
	}
}

static void a_server_that_is_down_was_not_refused(void **state)
{
	struct gate_message m = refusal(GATE_UNREACHABLE, "down.example");

	(void)state;
	m.type = GATE_UNREACHED;
	assert_int_equal(take(&m), 0);
	assert_int_equal(events_refused(events), 0);
	assert_string_equal(summary(), "");
}

static void what_failed_at_the_proxy_is_summed_up(void **state)
{
	struct gate_message m = refusal(GATE_PROXY, "a.example");

	(void)state;
	m.type = GATE_UNREACHED;
	strcpy(m.said, "407 Proxy Authentication Required");
	says(&m, "codex-init: 1 connection to 1 place failed at the proxy:\n"
		 "  a.example     1x   the proxy answered 407 Proxy Authentication Required: "
		 "it needs a user and a password in its URL\n");
	m = refusal(GATE_PROXY, "b.example");
	m.type = GATE_UNREACHED;
	m.port = 22;
	m.count = 3;
	strcpy(m.said, "403 Forbidden");
	says(&m, "codex-init: 4 connections to 2 places failed at the proxy:\n");
	assert_non_null(strstr(
		summary(), "  b.example:22     3x   the proxy answered 403 Forbidden\n"));
	m = refusal(GATE_PROXY, "c.example");
	m.type = GATE_UNREACHED;
	says(&m, "  c.example        1x   the proxy refused or could not be reached\n");
	/* Nothing was refused here. */
	assert_int_equal(events_refused(events), 0);
	assert_null(strstr(summary(), "codex-init: refused"));
	assert_null(strstr(summary(), "--allow"));
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	assert_null(gate_ipc_reason_text(GATE_FINE));
	assert_null(gate_ipc_reason_text(GATE_REASON_LAST + 1));
	for (uint32_t i = 1; i <= GATE_REASON_LAST; i++)
		assert_non_null(gate_ipc_reason_text(i));
}

static void proxies_that_can_be_read(void **state)
{
	static const struct {
		const char *url, *name, *address, *authorization;
		uint16_t port;
	} good[] = {
		{"http://proxy.corp.example:3128", "proxy.corp.example", NULL, "", 3128},
		{"http://Proxy.Corp.Example/", "proxy.corp.example", NULL, "", 80},
		{"HTTP://10.1.2.3:8080", "", "10.1.2.3", "", 8080},
		{"http://[fd00::5]:3128/", "", "fd00::5", "", 3128},
		{"http://[fd00::5]", "", "fd00::5", "", 80},
		{"http://me:secret@proxy.example:3128", "proxy.example", NULL,
			"Basic bWU6c2VjcmV0", 3128},
		{"http://me:p%40ss%3aw@proxy.example", "proxy.example", NULL,
			"Basic bWU6cEBzczp3", 80},
		{"http://a:b@c@proxy.example", "proxy.example", NULL, "Basic YTpiQGM=", 80},
		{"http://u@proxy.example", "proxy.example", NULL, "Basic dQ==", 80},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct gate_proxy p;
		const char *why = NULL;
		char text[ADDRESS_TEXT];

		if (!proxy_url_read(good[i].url, &p, &why))
			fail_msg("%s: %s", good[i].url, why);
		assert_string_equal(p.name, good[i].name);
		assert_int_equal(p.port, good[i].port);
		assert_string_equal(p.authorization, good[i].authorization);
		if (good[i].address)
			assert_string_equal(address_text(&p.address, text), good[i].address);
		else
			assert_int_equal(p.address.family, 0);
	}
}

static void proxies_that_cannot(void **state)
{
	static const char *const bad[] = {"", "proxy.example:3128", "https://proxy.example",
		"socks5://proxy.example", "http://", "http://:3128",
		"http://proxy.example:", "http://proxy.example:0", "http://proxy.example:65536",
		"http://proxy.example:8o", "http://proxy.example:-1",
		"http://proxy.example/path", "http://proxy.example?q", "http://[fd00::5",
		"http://[10.1.2.3]", "http://pro xy.example", "http://u%0d%0aX:y@proxy.example",
		"http://u%@proxy.example", "http://u%4@proxy.example",
		"http://u%zz@proxy.example",
		/* The container's own addresses, and those that nothing outside can have. */
		"http://127.0.0.1:3128", "http://127.9.9.9:3128", "http://[::1]:3128",
		"http://localhost:3128", "http://a.LocalHost.:3128", "http://0.0.0.0:3128",
		"http://[::]:3128", "http://169.254.169.254", "http://[fe80::1]:3128",
		"http://224.0.0.1:3128", "http://[::ffff:127.0.0.1]:3128"};
	char lengthy[2048] = "http://";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gate_proxy p;
		const char *why = NULL;

		if (proxy_url_read(bad[i], &p, &why))
			fail_msg("taken: %s", bad[i]);
		assert_non_null(why);
	}
	memset(lengthy + 7, 'x', 1000);
	strcpy(lengthy + 1007, "@proxy.example");
	assert_false(proxy_url_read(lengthy, &(struct gate_proxy){0}, &(const char *){0}));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(what_breaks_the_protocol_is_refused),
		T(it_says_when_it_serves),
		T(each_refusal_has_its_advice),
		T(no_rule_for_an_address_is_advised),
		T(ssh_is_reported_without_a_rule_to_paste),
		T(a_server_that_is_down_was_not_refused),
		T(what_failed_at_the_proxy_is_summed_up),
		cmocka_unit_test(every_reason_has_a_text),
		cmocka_unit_test(proxies_that_can_be_read),
		cmocka_unit_test(proxies_that_cannot),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
