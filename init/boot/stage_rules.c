/*
 * `codex-egress allow`, `deny` and `undo`: how PID 1 changes the policy while the payload
 * runs. The rule goes into memory shared with the workers, and takes effect at once; then
 * the wall and the fence are updated, and established connections that are no longer allowed
 * are ended, there and in the gate, before codex-egress gets its reply. The resolver notices
 * by itself.
 */
#include "presets.h"
#include "stages.h"

#include <signal.h>
#include <sys/mman.h>

#include "../cell/cell_rules.h"

/* The words for each: when it is done, when there was nothing to do, and in the events. */
static const struct {
	const char *name, *done, *already;
	enum event_kind event;
} words[] = {
	[CONTROL_ALLOW] = {"allow", "allowed", "allowed already", EVENT_ALLOWED},
	[CONTROL_DENY] = {"deny", "denied", "denied already", EVENT_DENIED},
	[CONTROL_UNDO] = {"undo", "undone", "nothing to undo: codex-egress gave no such rule",
		EVENT_UNDONE},
};

int stage_rules_open(struct boot *b, struct failure *f)
{
	void *pages = mmap(NULL, sizeof(struct policy_overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return fail_errno(f, "allocate memory for runtime rules", "");
	b->o->policy.overlay = pages;
	return stage_ask_open(b, f);
}

/* A gate that is down, or is restarted, has no connections. */
static int end_at_the_gate(struct boot *b, struct failure *f)
{
	struct supervisor *k = &b->supervisors[WORKER_GATE];
	const uint8_t denied = GATE_NOTICE_DENIED;
	const bool never = false;

	if (k->channel < 0)
		return 0;
	/* A message that a new gate has already sent isn't the reply. */
	supervisor_wait(k, &never, 1);
	b->gate_ready = false;
	supervisor_reply(k, &denied, sizeof(denied));
	if (supervisor_wait(k, &b->gate_ready, LIMIT_DENY_MS) || k->channel < 0)
		return 0;
	if (k->pid > 0)
		kill(k->pid, SIGKILL);
	return fail(f, "end what is denied", "", "the gate did not answer and was killed");
}

/* The wall first: connections that the gate makes afterwards follow the rule. Both are done
 * even if one fails. */
static int follow(struct boot *b, const struct policy_change *change, FILE *to)
{
	struct failure f = {0};
	bool walled = pins_follow(&b->pins, &b->fence, change, &f) == 0;
	bool gated = !change->narrowed || end_at_the_gate(b, &f) == 0;

	if (status_write_rules(ETC_DIR, &b->o->policy, &(struct failure){0}) < 0)
		say_detail("verify", "write the rules: %s", ETC_DIR);
	if (gated && walled)
		return 0;
	fprintf(to, "but not everywhere: %s: %s\n", f.operation, f.reason);
	return 1;
}

static int tell_winner(
	const struct boot *b, const struct rule *winner, const char *rule, FILE *to)
{
	char text[LIMIT_RULE_TEXT];

	rule_text(winner, text, sizeof(text));
	fprintf(to, "%s: not allowed: a deny wins over every allow: %s\n", rule, text);
	if (winner->reason)
		fprintf(to, "  why: %s\n", winner->reason);
	else if (winner->origin != ORIGIN_RUNTIME)
		fprintf(to, "  hint: it was given at the start, and stands until the end\n");
	else {
		fputs("  hint: ", to);
		policy_print_undo(winner, b->o->launcher_here, to);
	}
	return 1;
}

/* The reason why the cell can't do that; NULL if the rule can't be parsed: policy_say() reports
 * why. */
static const char *cell_refuses(const char *text)
{
	const char *reason = NULL;
	struct rule_error unused;
	struct policy read;

	policy_init(&read);
	policy_add(&read, text, RULE_ALLOW, ORIGIN_RUNTIME, presets_read, NULL, &unused);
	for (size_t i = 0; i < read.count && !reason; i++)
		reason = cell_rules_refuses(&read.rules[i], true);
	policy_free(&read);
	return reason;
}

int stage_rules_change(struct boot *b, const struct control_request *q, pid_t peer, FILE *to)
{
	struct policy *p = &b->o->policy;
	struct event event = {.kind = words[q->type].event,
		.name = q->text,
		.by = q->by[0] ? q->by : "root",
		.pid = peer};
	struct policy_change change;
	struct rule_error e;
	const char *reason, *opened;
	const unsigned before = policy_opened(p, 0, &opened);
	bool changed, followed;

	reason = b->cell && q->type == CONTROL_ALLOW ? cell_refuses(q->text) : NULL;
	if (reason) {
		fprintf(to, "%s: not allowed: %s\n", q->text, reason);
		return 1;
	}
	if ((q->type == CONTROL_UNDO ? policy_undo(p, q->text, presets_read, NULL, &change, &e)
				     : policy_say(p, q->text,
					       q->type == CONTROL_DENY ? RULE_DENY : RULE_ALLOW,
					       presets_read, NULL, &change, &e)) < 0) {
		fprintf(to, "codex-egress: %s: \"%s\": at character %zu: %s\n",
			words[q->type].name, e.rule, e.position + 1, e.reason);
		return EXIT_OPTIONS;
	}
	if (change.winner)
		return tell_winner(b, change.winner, q->text, to);
	changed = change.narrowed || change.widened;
	if (changed)
		events_add(b->events, &event);
	fprintf(to, "%s: %s\n", q->text,
		changed ? words[q->type].done : words[q->type].already);
	policy_opened(p, before, &opened);
	if (opened)
		fprintf(to,
			"  note: this opens %s to the command, with any key that it finds; "
			"Codex "
			"goes through the broker\n",
			opened);
	/* What couldn't be done everywhere is retried by the same command. */
	change.narrowed |= q->type != CONTROL_ALLOW;
	followed = follow(b, &change, to) == 0;
	stage_ask_decided(b);
	if (!followed)
		return 1;
	return changed || q->type != CONTROL_UNDO ? 0 : 1;
}
