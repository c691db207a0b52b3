/* The closing summary: counts and advice. */
#include "events_fixture.h"

static void the_summary(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "example.com", 1, NULL);
	refuse_address(x->events, "9.9.9.9", 5432, 1, NULL);
	refuse_name(x->events, "example.com", 1, NULL);
	/* None of these is a refusal. */
	events_add(x->events, &(struct event){.kind = EVENT_PIN, .name = "ok.example"});
	events_add(x->events, &(struct event){.kind = EVENT_UNRESOLVED, .name = "no.example"});
	assert_int_equal(events_refused(x->events), 3);
	text = summary(x->events);
	assert_string_equal(text, "codex-init: refused 3 requests to 2 places:\n"
				  "  example.com      2x   allow with: --allow example.com\n"
				  "  9.9.9.9:5432     1x   allow with: --allow 9.9.9.9:5432\n");
	free(text);
}

static void the_summary_of_an_audit_claims_no_refusal(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "example.com", 1, NULL);
	events_audit(x->events);
	text = summary(x->events);
	assert_string_equal(text, "codex-init: would have refused 1 request to 1 place:\n"
				  "  example.com     1x   allow with: --allow example.com\n");
	free(text);
}

static void nothing_refused_nothing_said(void **state)
{
	struct fixture *x = *state;
	char *text = summary(x->events);

	assert_string_equal(text, "");
	free(text);
	events_add(x->events, &(struct event){.kind = EVENT_BOOT, .name = "wall", .count = 5});
	text = summary(x->events);
	assert_string_equal(text, "");
	free(text);
	text = summary(NULL);
	assert_string_equal(text, "");
	free(text);
}

static void one_is_singular(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "a.example", 0, NULL);
	text = summary(x->events);
	assert_non_null(strstr(text, "refused 1 request to 1 place:\n"));
	free(text);
}

/* A name, whatever its port or the reason; no address, and no name that only has a known one in
 * it, or that can't be one. Without a list, or with names alone, nothing is. */
static void what_is_new_is_marked(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "old.example", 0, NULL);
	refuse_name(x->events, "d.example", 0, NULL);
	refuse_name(x->events, "denied.example", 0, "denied by a rule");
	refuse_name(x->events, "no name\n", 0, NULL);
	refuse_address(x->events, "9.9.9.9", 22, 1, NULL);
	text = summary(x->events);
	assert_null(strstr(text, "new"));
	free(text);
	events_known(x->events, strdup("\nold.example\nlast.example\n"));
	text = summary(x->events);
	assert_string_equal(text,
		"codex-init: refused 5 requests to 5 places:\n"
		"  old.example        1x   allow with: --allow old.example\n"
		"  d.example          1x   new, allow with: --allow d.example\n"
		"  denied.example     1x   new, denied by a rule\n"
		"  no?name?           1x   not a valid host name\n"
		"  9.9.9.9:22         1x   allow with: --allow 9.9.9.9:22\n");
	free(text);
	events_known(x->events, NULL);
	text = summary(x->events);
	assert_null(strstr(text, "new"));
	free(text);
}

/* Codex's own requests come last, without advice; those that may be a command's have it. */
static void codexs_own_requests(void **state)
{
	static const char tip[] = "raw.githubusercontent.com";
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "ab.chatgpt.com", 0, NULL);
	refuse_name(x->events, tip, 0, NULL);
	refuse_name(x->events, tip, 0, NULL);
	refuse_name(x->events, "a.example", 0, NULL);
	text = summary(x->events);
	assert_true(strstr(text, "  a.example ") < strstr(text, "  ab.chatgpt.com "));
	assert_non_null(
		strstr(text, "1x   Codex's own request for telemetry: nothing is lost\n"));
	assert_non_null(
		strstr(text, "2x   Codex's own request for its tip of the day: nothing"));
	assert_null(strstr(text, "--allow raw"));
	assert_null(strstr(text, "--allow ab"));
	free(text);
	refuse_name(x->events, tip, 0, NULL);
	events_add(
		x->events, &(struct event){.kind = EVENT_REFUSED_TLS, .name = tip, .port = 22});
	events_add(x->events, &(struct event){.kind = EVENT_REFUSED_NAME,
				      .name = "ab.chatgpt.com",
				      .port = 22,
				      .reason = "a rule denies it"});
	text = summary(x->events);
	assert_non_null(
		strstr(text, "3x\n      allow with: --allow raw.githubusercontent.com\n"));
	assert_non_null(strstr(text, "--allow raw.githubusercontent.com:22\n"));
	assert_non_null(strstr(text, "1x   a rule denies it\n"));
	free(text);
}

/* --allow is suggested only if it would help. */
static void advice(void **state)
{
	static const struct {
		const char *name, *address;
		uint16_t port;
		const char *reason, *line;
	} cases[] = {
		{"a.example", NULL, 0, NULL, "--allow a.example\n"},
		{"auth.openai.com", NULL, 0, "auth.json is read-only",
			"x   auth.json is read-only\n"},
		{NULL, "9.9.9.9", 22, NULL, "--allow 9.9.9.9:22\n"},
		{NULL, "2600::1", 22, NULL, "--allow [2600::1]:22\n"},
		{NULL, "10.1.2.3", 22, NULL, "--allow 10.1.2.3:22+private\n"},
		{NULL, "fd00::1", 22, NULL, "--allow [fd00::1]:22+private\n"},
		{NULL, "9.9.9.9", 53, "UDP can't be allowed", "x   UDP can't be allowed\n"},
		{NULL, "9.9.9.9", 0, NULL, "x   only TCP can be allowed\n"},
		{NULL, "169.254.169.254", 80, NULL, "no rule can allow these: link-local"},
		{NULL, "100.100.100.200", 80, NULL,
			"no rule can allow these: a cloud's metadata"},
		{NULL, "::ffff:9.9.9.9", 80, NULL, "no rule can allow these: IPv4-mapped"},
		{"a;reboot", NULL, 0, NULL, "not a valid host name"},
		{"$(id).example", NULL, 0, NULL, "not a valid host name"},
		{"1.2.3.4", NULL, 0, NULL, "not a valid host name"},
		{"db", NULL, 5432, NULL, "--allow db:5432+private\n"},
		{"db", NULL, 443, NULL, "--allow db+private\n"},
		{"a.example", NULL, 8443, NULL, "--allow a.example:8443\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct events *e;
		struct failure f;
		char *text;

		assert_int_equal(events_open(&e, NULL, &f), 0);
		if (cases[i].name)
			events_add(e, &(struct event){.kind = EVENT_REFUSED_NAME,
					      .name = cases[i].name,
					      .port = cases[i].port,
					      .reason = cases[i].reason});
		else
			refuse_address(e, cases[i].address, cases[i].port, 1, cases[i].reason);
		text = summary(e);
		if (!strstr(text, cases[i].line))
			fail_msg("%s", text);
		if (!strstr(cases[i].line, "--allow") && strstr(text, "--allow"))
			fail_msg("%s", text);
		free(text);
		events_close(e);
	}
}

/* What the summary suggests for an address, and whether that rule would permit it. */
static void try_advice(const struct address *a, bool *advised, bool *helps)
{
	static const char mark[] = "allow with: --allow ";
	char rules[2][ADDRESS_TEXT + 32], at[ADDRESS_TEXT];
	struct rule_error error;
	struct failure f;
	struct events *e;
	char *text, *found;
	size_t count = 0;

	assert_int_equal(events_open(&e, NULL, &f), 0);
	refuse_address(e, address_text(a, at), 5432, 1, NULL);
	text = summary(e);
	events_close(e);
	found = strstr(text, mark);
	*advised = found != NULL;
	if (found) {
		found += strlen(mark);
		snprintf(rules[count++], sizeof(rules[0]), "%.*s", (int)strcspn(found, "\n"),
			found);
	} else {
		/* Then no suggestion would help. */
		snprintf(rules[count++], sizeof(rules[0]),
			a->family == 4 ? "%s:5432" : "[%s]:5432", at);
		snprintf(rules[count++], sizeof(rules[0]),
			a->family == 4 ? "%s:5432+private" : "[%s]:5432+private", at);
	}
	free(text);
	*helps = false;
	for (size_t i = 0; i < count; i++) {
		struct policy p;

		policy_init(&p);
		if (policy_add(&p, rules[i], RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &error) ==
				0 &&
			policy_compile(&p) == 0)
			*helps |= policy_check_address(&p, a, 5432).allowed;
		policy_free(&p);
	}
}

static void advice_for_every_kind_of_address(void **state)
{
	static const struct address public[] = {{4, {9, 9, 9, 9}}, {6, {0x26, 0x20, 0, 0xfe}}};
	bool advised, helps;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		try_advice(&public[i], &advised, &helps);
		assert_true(advised && helps);
	}
	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *r = &address_ranges[i];
		struct address last = r->base;

		for (unsigned bit = r->prefix; bit < (last.family == 4 ? 32u : 128u); bit++)
			last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		for (int end = 0; end < 2; end++) {
			try_advice(end ? &last : &r->base, &advised, &helps);
			if (advised != helps || advised != (r->class == ADDRESS_PRIVATE))
				fail_msg("%s: %d %d", r->name, advised, helps);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_summary),
		TEST(the_summary_of_an_audit_claims_no_refusal),
		TEST(nothing_refused_nothing_said),
		TEST(one_is_singular),
		TEST(what_is_new_is_marked),
		TEST(codexs_own_requests),
		TEST(advice),
		TEST(advice_for_every_kind_of_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
