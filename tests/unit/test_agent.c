/* The description of the sandbox for the agent, and the file that contains it. */
#include "home_fixture.h"

#include "../../init/home/agent.h"
#include "../../init/lib/limits.h"

#define OURS "# codex-sandbox: x\na = 1\n"

static char told[LIMIT_AGENT_FILE];

static void add(struct policy *p, const char *rules, enum rule_effect effect)
{
	struct rule_error e;

	if (policy_add_list(p, rules, effect, ORIGIN_OPTION, NULL, NULL, &e) < 0)
		fail_msg("%s: %s", e.rule, e.reason);
}

static struct policy policy_of(const char *allow, const char *deny)
{
	struct policy p;

	policy_init(&p);
	assert_int_equal(policy_add_defaults(&p), 0);
	add(&p, allow, RULE_ALLOW);
	add(&p, deny, RULE_DENY);
	assert_int_equal(policy_compile(&p), 0);
	return p;
}

static void tell(const char *allow, const char *deny, bool audit)
{
	struct policy p = policy_of(allow, deny);
	FILE *to = fmemopen(told, sizeof(told), "w");

	assert_non_null(to);
	agent_describe(&p, audit, to);
	assert_int_equal(fclose(to), 0);
	policy_free(&p);
}

#define assert_not_in(text, part)                                                              \
	do {                                                                                   \
		if (strstr((text), (part)))                                                    \
			fail_msg("\"%s\" has \"%s\"", (text), (part));                         \
	} while (0)

static void places_are_those_of_the_policy(void **state)
{
	(void)state;
	tell("b.example *.a.example:443,8443 10.0.0.0/8:5432+private c.example+ech", "", false);
	assert_in(told, "these are allowed: b.example, c.example, *.a.example:443,8443, "
			"10.0.0.0/8:5432.\n");
	assert_in(told, "--allow NAME");
	assert_in(told, "refused at once");
	assert_in(told, "/etc/codex/allowed_domains.txt");
	assert_not_in(told, "openai.com");
}

static void denied_names_are_not_among_them(void **state)
{
	(void)state;
	tell("a.example b.example", "a.example c.example", false);
	assert_in(told, "these are allowed: b.example.\n");
	assert_not_in(told, "c.example");
}

static void no_places(void **state)
{
	(void)state;
	tell("", "a.example", false);
	assert_in(told, "Nothing is allowed besides OpenAI's own names.\n");
	assert_not_in(told, "a.example");
}

static void audit_refuses_nothing(void **state)
{
	(void)state;
	tell("a.example", "", true);
	assert_in(told, "let through as well");
	assert_not_in(told, "refused at once");
}

/* It remains readable however many rules there are, and no rule can terminate the string. */
static void it_is_bounded(void **state)
{
	char rules[LIMIT_AGENT_FILE] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		n += (size_t)snprintf(
			rules + n, sizeof(rules) - n, "name-%03d.a-zone.example ", i);
	tell(rules, "", false);
	assert_in(told, "name-000.a-zone.example, name-001");
	assert_in(told, " and 414 more.\n");
	assert_true(strlen(told) < LIMIT_AGENT_LIST + 2000);
	assert_not_in(told, "'''");
}

/* ---- The file ------------------------------------------------------------------------ */

static struct failure why;

static int write_to(const struct tree *t, const char *allow)
{
	struct policy p = policy_of(allow, "");
	int done = agent_write(at(t, "etc"), &p, false, &why);

	policy_free(&p);
	return done;
}

static int etc_make(void **state)
{
	tree_make(state);
	make_dir(at(*state, "etc"), 0755, 0);
	return 0;
}

#define HELD  "etc/requirements.toml"
#define START "etc/config.toml"

static void it_is_added_and_replaced(void **state)
{
	const struct tree *t = *state;
	const char *first =
		OURS "\nadditional_developer_instructions = '''\nYou work in codex-";
	const char *text;

	put(at(t, HELD), OURS, 0644, 0);
	put(at(t, START), OURS, 0644, 0);
	assert_int_equal(write_to(t, "a.example"), 0);
	assert_int_equal(write_to(t, "b.example"), 0);
	text = text_of(at(t, HELD));
	assert_int_equal(strncmp(text, first, strlen(first)), 0);
	assert_in(text, "b.example");
	assert_not_in(text, "a.example");
	assert_string_equal(text + strlen(text) - 5, "\n'''\n");
	assert_owned(at(t, HELD), 0, 0644);
	assert_string_equal(text_of(at(t, START)), OURS);
	assert_int_equal(entries(at(t, "etc")), 2);
}

static void another_s_file_stays(void **state)
{
	const struct tree *t = *state;
	const char *text;

	assert_int_equal(write_to(t, "a.example"), 0);
	assert_int_equal(entries(at(t, "etc")), 0);
	put(at(t, HELD), "b = 1\n", 0644, 0);
	assert_int_equal(write_to(t, "a.example"), 0);
	put(at(t, START), OURS, 0644, 0);
	assert_int_equal(write_to(t, "a.example"), 0);
	assert_string_equal(text_of(at(t, HELD)), "b = 1\n");
	text = text_of(at(t, START));
	assert_int_equal(strncmp(text, OURS, strlen(OURS)), 0);
	assert_in(text, "\ndeveloper_instructions = '''\n");
	assert_in(text, "a.example");
}

static void what_cannot_be_written_is_reported(void **state)
{
	const struct tree *t = *state;
	char large[LIMIT_AGENT_FILE + 1];

	memset(large, '#', sizeof(large));
	memcpy(large, OURS, strlen(OURS));
	large[sizeof(large) - 1] = '\0';
	put(at(t, HELD), large, 0644, 0);
	assert_int_equal(write_to(t, ""), -1);
	assert_in(why.reason, "larger");
	put(at(t, HELD), OURS, 0644, 0);
	make_dir(at(t, "etc/requirements.toml.new"), 0755, 0);
	assert_int_equal(write_to(t, ""), -1);
	assert_string_equal(text_of(at(t, HELD)), OURS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, etc_make, tree_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_those_of_the_policy),
		cmocka_unit_test(denied_names_are_not_among_them),
		cmocka_unit_test(no_places),
		cmocka_unit_test(audit_refuses_nothing),
		cmocka_unit_test(it_is_bounded),
		T(it_is_added_and_replaced),
		T(another_s_file_stays),
		T(what_cannot_be_written_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
