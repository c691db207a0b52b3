/* Policies for tests: compiled from rules, with presets made up here. */
#ifndef TESTS_UNIT_POLICY_FIXTURE_H
#define TESTS_UNIT_POLICY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "../../init/policy/policy.h"

struct preset {
	const char *name, *text;
};

/* A NULL-terminated list of presets. */
static __attribute__((unused)) long read_preset(
	void *context, const char *name, char *text, size_t size)
{
	for (const struct preset *p = context; p->name; p++) {
		if (strcmp(p->name, name) != 0)
			continue;
		if (!p->text) {
			memset(text, '#', size);
			return (long)size;
		}
		memcpy(text, p->text, strlen(p->text));
		return (long)strlen(p->text);
	}
	errno = ENOENT;
	return -1;
}

static __attribute__((unused)) int add(struct policy *p, const char *rule, struct rule_error *e)
{
	bool deny = rule[0] == '!';

	return policy_add(
		p, rule + deny, deny ? RULE_DENY : RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, e);
}

/* Compiles a policy of the rules; those beginning with '!' deny. */
static __attribute__((unused)) struct policy compile(const char *const *rules)
{
	struct rule_error e;
	struct policy p;

	policy_init(&p);
	for (; *rules; rules++)
		if (add(&p, *rules, &e) < 0)
			fail_msg("%s: at %zu: %s", *rules, e.position, e.reason);
	assert_int_equal(policy_compile(&p), 0);
	return p;
}

#define POLICY(...) compile((const char *const[]){__VA_ARGS__, NULL})

static __attribute__((unused)) struct policy_overlay overlay;
static __attribute__((unused)) struct policy_change change;

static __attribute__((unused)) const struct preset later_presets[] = {
	{"two", "one.example\ntwo.example+ech # comment\n"},
	{"three", "x1.example\nx2.example\nx3.example\n"},
	{NULL, NULL},
};

static __attribute__((unused)) int later(
	struct policy *p, const char *rule, enum rule_effect effect, struct rule_error *e)
{
	if (!p->overlay) {
		memset(&overlay, 0, sizeof(overlay));
		p->overlay = &overlay;
	}
	return policy_say(
		p, rule, effect, read_preset, (void *)(uintptr_t)later_presets, &change, e);
}

/* Each returns what policy_say() and policy_undo() do. */
static __attribute__((unused)) int deny(
	struct policy *p, const char *rule, struct rule_error *e)
{
	return later(p, rule, RULE_DENY, e);
}

#endif
