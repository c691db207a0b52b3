#include "rules.h"

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
