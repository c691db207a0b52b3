/*
 * `codex-egress deny`: denials while the payload runs. The rule is added in memory shared
 * with the workers, and from then on nobody allows what it denies; then established
 * connections are ended, in the wall and in the gate, before codex-egress gets its reply.
 * The resolver notices by itself.
 */
#include "stages.h"
#include "presets.h"

#include <signal.h>
#include <sys/mman.h>

int stage_deny_open(struct boot *b, struct failure *f)
{
	void *pages = mmap(NULL, sizeof(struct policy_denials), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return fail_errno(f, "allocate memory for rules denied later", "");
	b->o->policy.denials = pages;
	return 0;
}

/* A gate that is down or restarting has no connections. */
static int end_at_the_gate(struct boot *b, struct failure *f)
{
	struct supervisor *k = &b->supervisors[WORKER_GATE];
	const bool never = false;

	if (k->channel < 0)
		return 0;
	/* A GATE_READY that a gate sent when it started isn't the reply. */
	supervisor_wait(k, &never, 1);
	b->gate_ready = false;
	supervisor_reply(k, "", 1);
	if (supervisor_wait(k, &b->gate_ready, LIMIT_DENY_MS) || k->channel < 0)
		return 0;
	if (k->pid > 0)
		kill(k->pid, SIGKILL);
	return fail(f, "end what is denied", "", "the gate did not answer and was killed");
}

int stage_deny(struct boot *b, const char *rule, FILE *to)
{
	struct policy *p = &b->o->policy;
	size_t before = policy_denials(p);
	struct failure f = {0};
	struct event event = {.kind = EVENT_DENIED, .name = rule};
	struct rule_error e;
	bool walled, gated;

	if (policy_deny(p, rule, presets_read, NULL, &e) < 0) {
		fprintf(to, "codex-egress: deny: \"%s\": at character %zu: %s\n", e.rule,
			e.position + 1, e.reason);
		return EXIT_OPTIONS;
	}
	if (policy_denials(p) > before)
		events_add(b->events, &event);
	/* The wall first: connections that the gate makes afterwards follow the rule. Both
	 * are done even if one fails. */
	walled = pins_deny(&b->pins, &f) == 0;
	gated = end_at_the_gate(b, &f) == 0;
	fprintf(to, "%s: %s\n", rule,
		policy_denials(p) == before ? "denied already" : "denied");
	if (gated && walled)
		return 0;
	fprintf(to, "but not completely: %s: %s\n", f.operation, f.reason);
	return 1;
}
