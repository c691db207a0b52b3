/* Runtime denials; see struct policy_denials in policy.h. */
#include <stdatomic.h>
#include <string.h>

#include "rule.h"

size_t policy_denials(const struct policy *p)
{
	return p->denials ? atomic_load_explicit(&p->denials->count, memory_order_acquire) : 0;
}

static bool among(const struct rule *r, const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rule_compare(r, &rules[i]) == 0)
			return true;
	return false;
}

int policy_deny(struct policy *p, const char *text, policy_preset_reader *reader, void *context,
	struct rule_error *e)
{
	size_t count = policy_denials(p), fresh = 0;
	struct policy read;
	int done;

	policy_init(&read);
	done = policy_add(&read, text, RULE_DENY, ORIGIN_RUNTIME, reader, context, e);
	for (size_t i = 0; i < read.count; i++)
		if (!among(&read.rules[i], p->denials->rules, count))
			read.rules[fresh++] = read.rules[i];
	if (done == 0 && fresh > LIMIT_DENIALS - count) {
		e->position = 0;
		snprintf(e->reason, sizeof(e->reason),
			"there is room for %zu more of the %d rules denied at run time",
			LIMIT_DENIALS - count, LIMIT_DENIALS);
		done = -1;
	}
	if (done == 0) {
		memcpy(p->denials->rules + count, read.rules, fresh * sizeof(*read.rules));
		atomic_store_explicit(
			&p->denials->count, (uint32_t)(count + fresh), memory_order_release);
	}
	policy_free(&read);
	return done;
}

void policy_print_denials(const struct policy *p, FILE *f)
{
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0, count = policy_denials(p); i < count; i++) {
		rule_text(&p->denials->rules[i], text, sizeof(text));
		fprintf(f, "  %s\n", text);
	}
}
