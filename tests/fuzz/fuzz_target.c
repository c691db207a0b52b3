/*
 * Arbitrary bytes as HOST[:PORT]: what is accepted prints and parses as the same target,
 * reaches PID 1 unchanged, and is explained. And arbitrary bytes as a request: PID 1 accepts
 * only what codex-egress would send.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/policy/explain.h"
#include "init/egress/control_ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static const struct policy *policy(void)
{
	static struct policy p;
	struct rule_error e;

	if (!p.compiled) {
		check(policy_add_list(&p, "*.a.example:22,443 20.0.0.0/8:1 [::/1]:2",
			      RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e) == 0);
		check(policy_add_list(&p, "b.a.example 20.1.0.0/16", RULE_DENY, ORIGIN_OPTION,
			      NULL, NULL, &e) == 0);
		check(policy_compile(&p) == 0);
	}
	return &p;
}

static void the_same(const struct target *a, const struct target *b)
{
	check(strcmp(a->name, b->name) == 0 && a->port == b->port);
	check(address_compare(&a->address, &b->address) == 0);
}

static void use(const struct target *t)
{
	char text[TARGET_TEXT], answer[EXPLAIN_TEXT];
	struct control_request request;
	const char *reason;
	struct target again;
	bool allowed;
	FILE *to;

	check(t->name[0] ? t->address.family == 0 : t->address.family != 0);
	check(target_parse(target_text(t, text), &again, &reason));
	the_same(t, &again);
	control_ipc_make(&request, CONTROL_EXPLAIN, t, NULL, NULL);
	check(control_ipc_check(&request, sizeof(request), &again));
	the_same(t, &again);
	to = fmemopen(answer, sizeof(answer), "w");
	check(to != NULL);
	allowed = explain(policy(), t, EGRESS_STRICT, NULL, to);
	check(fclose(to) == 0 && strlen(answer) < sizeof(answer) - 1);
	check((strstr(answer, ": allowed\n") != NULL) == allowed);
	for (const char *c = answer; *c; c++)
		check(*c == '\n' || (*c >= ' ' && *c <= '~'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request = {0}, made;
	char *text = malloc(size + 1);
	struct target t;
	const char *reason = NULL;

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (target_parse(text, &t, &reason))
		use(&t);
	else
		check(reason != NULL);
	free(text);
	memcpy(&request, data, size < sizeof(request) ? size : sizeof(request));
	if (size && data[0] & 1)
		request.magic = CONTROL_MAGIC;
	if (control_ipc_check(&request, sizeof(request), &t)) {
		if (request.type == CONTROL_ANSWER)
			control_ipc_make_answer(
				&made, request.question, request.allows, request.by);
		else
			control_ipc_make(&made, request.type,
				request.type == CONTROL_EXPLAIN ? &t : NULL, request.text,
				request.by);
		check(memcmp(&made, &request, sizeof(made)) == 0);
		if (request.type == CONTROL_EXPLAIN)
			use(&t);
	}
	return 0;
}
