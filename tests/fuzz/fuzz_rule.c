/*
 * Arbitrary bytes as rules, a list of them or a preset's file: what is accepted can be
 * printed, and what is printed parses as the same rule again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

struct input {
	const uint8_t *data;
	size_t size;
};

static long preset(void *context, const char *name, char *text, size_t size)
{
	const struct input *in = context;

	check(name[0] && !strchr(name, '/') && !strchr(name, '.'));
	if (in->size > size)
		return (long)size;
	memcpy(text, in->data, in->size);
	return (long)in->size;
}

static void print_and_read(const struct policy *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct policy again;
		struct rule_error e;
		char text[LIMIT_RULE_TEXT];

		policy_init(&again);
		rule_text(&p->rules[i], text, sizeof(text));
		check(policy_add(&again, text, p->rules[i].effect, ORIGIN_OPTION, NULL, NULL,
			      &e) == 0);
		check(again.count == 1 && again.rules[0].kind == p->rules[i].kind);
		check(strcmp(again.rules[0].name, p->rules[i].name) == 0);
		check(memcmp(&again.rules[0].ports, &p->rules[i].ports,
			      sizeof(again.rules[0].ports)) == 0);
		check(again.rules[0].private == p->rules[i].private);
		policy_free(&again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	enum rule_effect effect = size && data[0] & 1 ? RULE_DENY : RULE_ALLOW;
	char *text = malloc(size + 1);
	struct rule_error e;
	struct policy p;

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	policy_init(&p);
	if (policy_add(&p, text, effect, ORIGIN_OPTION, preset, &in, &e) < 0)
		check(e.reason[0] && e.position <= LIMIT_RULE_TEXT && p.count == 0);
	if (policy_add_list(&p, text, effect, ORIGIN_ENVIRONMENT, preset, &in, &e) < 0)
		check(e.reason[0] && e.position <= LIMIT_RULE_TEXT);
	if (policy_add(&p, "@x", effect, ORIGIN_OPTION, preset, &in, &e) < 0)
		check(e.reason[0]);
	check(policy_compile(&p) == 0);
	print_and_read(&p);
	for (size_t i = 0; i < p.names_count; i++)
		check(policy_check_name(&p, p.names[i].name).allowed);
	policy_free(&p);
	free(text);
	return 0;
}
