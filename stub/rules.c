#include "rules.h"

#include <string.h>

/* The image's presets aren't known here. */
static long no_preset(void *context, const char *preset, char *text, size_t size)
{
	(void)context, (void)preset, (void)text, (void)size;
	return 0;
}

int rules_check(const char *rule, enum rule_effect effect, const char *operation,
	const char *subject, struct error *t)
{
	struct rule_error e;
	struct policy p;
	int result;

	policy_init(&p);
	result = policy_add(&p, rule, effect, ORIGIN_OPTION, no_preset, NULL, &e);
	policy_free(&p);
	if (result == 0)
		return 0;
	return refuse(t, operation, subject, "%s: at character %zu: %s", e.rule, e.position + 1,
		e.reason);
}

/* As the policy writes it, without suffixes: as a deny rule, which any rule can be but for
 * these. A preset, or what is no rule, stays as it is. */
static void normal_form(const char *rule, char out[LIMIT_RULE_TEXT + 1])
{
	struct rule_error unused;
	struct policy p;

	snprintf(out, LIMIT_RULE_TEXT + 1, "%.*s", (int)strcspn(rule, "+"), rule);
	policy_init(&p);
	if (policy_add(&p, out, RULE_DENY, ORIGIN_OPTION, no_preset, NULL, &unused) == 0 &&
		p.count == 1)
		rule_text(&p.rules[0], out, LIMIT_RULE_TEXT);
	policy_free(&p);
}

bool rules_alike(const char *rule, const char *other)
{
	char one[LIMIT_RULE_TEXT + 1], two[LIMIT_RULE_TEXT + 1];

	normal_form(rule, one);
	normal_form(other, two);
	return strcmp(one, two) == 0;
}

bool rules_suffixes_alike(const char *rule, const char *other)
{
	return strcmp(rule + strcspn(rule, "+"), other + strcspn(other, "+")) == 0;
}
