/* Answers requests on the control socket. */
#include "stages.h"

#include <inttypes.h>

#include "../lib/clock.h"
#include "../monitor/report.h"
#include "../policy/explain.h"

/* The one place that knows how workers are stored. */
static size_t list_workers(const struct boot *b, struct report_worker out[REPORT_WORKERS])
{
	size_t count = 0;

	for (int i = 0; i < WORKERS; i++) {
		const struct supervisor *k = &b->supervisors[i];

		if (k->worker)
			out[count++] = (struct report_worker){
				k->worker->name, k->pid, k->starts ? k->starts - 1 : 0};
	}
	return count;
}

_Static_assert(WORKERS <= REPORT_WORKERS, "each worker has its line");

static void watched(void *context, size_t watchers)
{
	stage_ask_watched(context, watchers);
}

static void tell(void *context, const char *line, size_t len)
{
	struct boot *b = context;

	control_tell(b->control, line, len);
}

/* In the cell no address can be reached, whatever the rules say of it: what they say would hold
 * behind nftables, and is given with a note. */
static int explained(const struct boot *b, const struct target *t, FILE *to)
{
	bool allowed = explain(&b->o->policy, t, b->o->egress, b->o->launcher_here, to);

	if (b->cell && !t->name[0])
		fputs("  note       addresses can't be reached in the cell, names can\n", to);
	return allowed ? 0 : 1;
}

static int answer(void *context, const struct control_request *q, pid_t peer,
	const struct target *t, FILE *to)
{
	struct boot *b = context;
	static struct control_request rule; /* large */
	struct report r = {.status = &b->status,
		.policy = &b->o->policy,
		.events = b->events,
		.wall = b->wall,
		.config = &b->fence,
		.names = b->pins.pin_index,
		.gate = b->gate.counters};

	/* The command has our uid and can ask as well: reading and restricting does no harm. */
	if (b->shared && (q->type == CONTROL_ALLOW || q->type == CONTROL_UNDO ||
				 q->type == CONTROL_ANSWER)) {
		fprintf(to, "codex-egress: the command has codex-init's own user id here, so "
			    "nothing can be opened while it runs\n");
		return 1;
	}
	switch ((enum control_type)q->type) {
	case CONTROL_ALLOW:
	case CONTROL_DENY:
	case CONTROL_UNDO:
		return stage_rules_change(b, q, peer, to);
	case CONTROL_CREDENTIAL:
		return stage_broker_renew(b, q->text, to);
	case CONTROL_EXPLAIN:
		return explained(b, t, to);
	case CONTROL_WATCH:
	case CONTROL_FOLLOW:
		stage_ask_greet(b, to);
		return 0;
	case CONTROL_ANSWER:
		if (stage_ask_rule(b, q, &rule))
			return stage_rules_change(b, &rule, peer, to);
		fprintf(to, "there is no question %" PRIu32 "\n", q->question);
		return 1;
	case CONTROL_RULES:
		report_rules(&b->o->policy, CONTROL_TEXT, to);
		return 0;
	case CONTROL_STATUS:
		r.uptime = (clock_ms() - b->began) / 1000;
		r.workers_count = list_workers(b, r.workers);
		report_status(&r, to);
		return 0;
	}
	return EXIT_OPTIONS;
}

void stage_control_open(struct boot *b)
{
	struct failure f = {0};

	b->began = clock_ms();
	if (control_open(&b->control, CONTROL_PATH, b->m, answer, watched, b, &f) == 0)
		events_read(b->events, tell, b);
	else
		say_warning("verify", "%s: %s: %s; codex-egress won't work", f.operation,
			f.subject, f.reason);
}
