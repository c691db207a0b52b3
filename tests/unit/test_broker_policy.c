/* The name that is left to the broker: what the command, the broker and the wall get of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "init/policy/policy.h"

#define NAME "api.openai.com"

static struct policy p;

static void add(const char *rule, enum rule_effect effect)
{
	struct rule_error e;

	assert_int_equal(policy_add(&p, rule, effect, ORIGIN_OPTION, NULL, NULL, &e), 0);
}

static int begin(void **state)
{
	(void)state;
	policy_init(&p);
	return policy_add_defaults(&p);
}

static int end(void **state)
{
	(void)state;
	policy_free(&p);
	return 0;
}

static struct policy_overlay overlay;

static void with_broker(void)
{
	memset(&overlay, 0, sizeof(overlay));
	p.overlay = &overlay;
	policy_set_broker(&p, NAME);
	assert_int_equal(policy_compile(&p), 0);
}

static size_t names_of(const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < p.names_count; i++)
		count += strcmp(p.names[i].name, name) == 0;
	return count;
}

static void only_the_broker_reaches_it(void **state)
{
	(void)state;
	with_broker();
	assert_false(policy_check_name(&p, NAME).allowed);
	assert_false(policy_check_name(&p, "chatgpt.com").allowed);
	assert_false(policy_check_name(&p, "auth.openai.com").allowed);
	assert_true(policy_check_broker(&p, NAME, 443).allowed);
	assert_false(policy_check_broker(&p, NAME, 80).allowed);
	assert_false(policy_check_broker(&p, "chatgpt.com", 443).allowed);
	assert_false(policy_check_broker(&p, "", 443).allowed);
	assert_true(policy_only_broker(&p, NAME));
	assert_true(policy_check_pin(&p, NAME).allowed);
	assert_int_equal(policy_check_pin(&p, NAME).ports.count, 1);
	assert_int_equal(p.names_count, 1);
}

static void without_one_it_is_the_commands(void **state)
{
	(void)state;
	assert_int_equal(policy_compile(&p), 0);
	assert_true(policy_check_name(&p, NAME).allowed);
	assert_true(policy_check_name(&p, "chatgpt.com").allowed);
	assert_false(policy_check_broker(&p, NAME, 443).allowed);
	assert_false(policy_check_broker(&p, "", 443).allowed);
	assert_false(policy_only_broker(&p, NAME));
}

static void nobody_is_asked_about_openais_names(void **state)
{
	(void)state;
	with_broker();
	policy_watch(&p, true);
	assert_false(policy_asks(&p, NAME, 443));
	assert_false(policy_asks(&p, "chatgpt.com", 0));
	assert_false(policy_asks(&p, "eu.api.openai.com", 443));
	assert_false(policy_asks(&p, "ws.chatgpt.com", 8443));
	assert_true(policy_asks(&p, "api.openai.com.example.com", 443));
	assert_true(policy_asks(&p, "notchatgpt.com", 443));
	assert_true(policy_asks(&p, "cdn.openai.com", 443));
	assert_true(policy_asks(&p, "example.com", 0));
}

static void without_the_broker_it_is_as_for_other_names(void **state)
{
	(void)state;
	memset(&overlay, 0, sizeof(overlay));
	p.overlay = &overlay;
	assert_int_equal(policy_compile(&p), 0);
	policy_watch(&p, true);
	assert_true(policy_asks(&p, "eu.api.openai.com", 443));
}

static void what_a_rule_opens_is_known(void **state)
{
	struct policy_change change;
	struct rule_error e;
	const char *name;
	unsigned before;

	(void)state;
	with_broker();
	assert_int_equal(policy_opened(&p, 0, &name), 0);
	assert_null(name);
	assert_int_equal(policy_say(&p, "chatgpt.com", RULE_ALLOW, NULL, NULL, &change, &e), 0);
	before = policy_opened(&p, 0, &name);
	assert_string_equal(name, "chatgpt.com");
	assert_int_equal(policy_opened(&p, before, &name), before);
	assert_null(name);
	assert_int_equal(policy_say(&p, NAME, RULE_ALLOW, NULL, NULL, &change, &e), 0);
	assert_int_not_equal(policy_opened(&p, before, &name), before);
	assert_string_equal(name, NAME);
	policy_free(&p);
	begin(NULL); /* without one all are open, and that is as it should be */
	assert_int_equal(policy_compile(&p), 0);
	assert_int_equal(policy_opened(&p, 0, &name), 0);
	assert_null(name);
}

static void a_rule_of_the_users_stays(void **state)
{
	(void)state;
	add(NAME ":443", RULE_ALLOW);
	add("chatgpt.com", RULE_ALLOW);
	with_broker();
	assert_true(policy_check_name(&p, NAME).allowed);
	assert_true(policy_check_name(&p, "chatgpt.com").allowed);
	assert_true(policy_check_broker(&p, NAME, 443).allowed);
	assert_false(policy_only_broker(&p, NAME));
	assert_int_equal(names_of(NAME), 1);
}

static void a_denial_holds_for_it(void **state)
{
	(void)state;
	add("*.openai.com", RULE_DENY);
	with_broker();
	assert_false(policy_check_broker(&p, NAME, 443).allowed);
	assert_int_equal(policy_check_broker(&p, NAME, 443).rule->effect, RULE_DENY);
	assert_false(policy_check_pin(&p, NAME).allowed);
	assert_int_equal(names_of(NAME), 0);
}

static void a_denial_of_another_port_does_not(void **state)
{
	(void)state;
	add(NAME ":80", RULE_DENY);
	with_broker();
	assert_true(policy_check_broker(&p, NAME, 443).allowed);
}

static void beside_a_proxy(void **state)
{
	(void)state;
	policy_set_proxy(&p, "proxy.test", 3128, NULL);
	with_broker();
	assert_int_equal(names_of(NAME), 1);
	assert_int_equal(names_of("proxy.test"), 1);
	assert_int_equal(p.names_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_the_broker_reaches_it, begin, end),
		cmocka_unit_test_setup_teardown(without_one_it_is_the_commands, begin, end),
		cmocka_unit_test_setup_teardown(
			nobody_is_asked_about_openais_names, begin, end),
		cmocka_unit_test_setup_teardown(
			without_the_broker_it_is_as_for_other_names, begin, end),
		cmocka_unit_test_setup_teardown(what_a_rule_opens_is_known, begin, end),
		cmocka_unit_test_setup_teardown(a_rule_of_the_users_stays, begin, end),
		cmocka_unit_test_setup_teardown(a_denial_holds_for_it, begin, end),
		cmocka_unit_test_setup_teardown(a_denial_of_another_port_does_not, begin, end),
		cmocka_unit_test_setup_teardown(beside_a_proxy, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
