/* The policy in words: its effective rules, and why an address is of no use. */
#include "policy.h"

#include <stdio.h>

#include "rule.h"

void policy_explain_address(const struct verdict *v, const char *name, const struct address *a,
	char out[POLICY_WHY])
{
	const enum address_class class = address_classify(a);
	const char *range = address_range_name(a);
	char text[ADDRESS_TEXT];

	address_text(a, text);
	if (class == ADDRESS_PRIVATE && !v->private)
		snprintf(out, POLICY_WHY, "its address %s is %s: --allow %s+private allows it",
			text, range, name);
	else if (class == ADDRESS_PRIVATE || class == ADDRESS_PUBLIC)
		snprintf(out, POLICY_WHY, "its address %s is in a network that a rule denies",
			text);
	else
		snprintf(out, POLICY_WHY, "its address %s is %s: no rule can allow it", text,
			range);
}

static const char *origin_text(const struct rule *r)
{
	switch (r->origin) {
	case ORIGIN_DEFAULT:
		return "default";
	case ORIGIN_OPTION:
		return "option";
	case ORIGIN_ENVIRONMENT:
		return "environment";
	case ORIGIN_RUNTIME:
		return "codex-egress";
	}
	return "";
}

bool policy_print_rule(const struct policy *p, size_t number, FILE *f)
{
	const struct rule *r = policy_rule(p, number);
	char text[LIMIT_RULE_TEXT];

	if (!r)
		return false;
	/* Effective rules: an allow that a deny takes away whole is none. */
	if (r->kind == RULE_NAME && r->effect == RULE_ALLOW &&
		!policy_check_name(p, r->name).allowed)
		return false;
	rule_text(r, text, sizeof(text));
	fprintf(f, "%s%-*s # %s%s%s%s%s\n", r->effect == RULE_DENY ? "deny " : "",
		r->effect == RULE_DENY ? 35 : 40, text, origin_text(r),
		r->preset[0] ? " @" : "", r->preset, r->reason ? ": " : "",
		r->reason ? r->reason : "");
	return true;
}

int policy_print(const struct policy *p, FILE *f)
{
	if (policy_check_broker(p, p->broker, BROKER_PORT).allowed)
		fprintf(f, "# by the broker: %s:%d\n", p->broker, BROKER_PORT);
	for (size_t i = 0, end = policy_rules(p); i < end; i++)
		policy_print_rule(p, i, f);
	return ferror(f) ? -1 : 0;
}
