/* Answers requests on the control socket. */
#include "stages.h"

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

static int answer(
	void *context, const struct control_request *q, const struct target *t, FILE *to)
{
	struct boot *b = context;
	struct report r = {.status = &b->status,
		.policy = &b->o->policy,
		.events = b->events,
		.wall = b->wall,
		.config = &b->fence,
		.gate = b->gate.counters};

	/* The command has our uid and could ask as well: what it hears and narrows is no harm. */
	if (b->shared && q->type != CONTROL_STATUS && q->type != CONTROL_EXPLAIN &&
		q->type != CONTROL_DENY) {
		fprintf(to, "codex-egress: the command has codex-init's own user id here, so "
			    "nothing can be opened while it runs\n");
		return 1;
	}
	if (q->type == CONTROL_DENY)
		return stage_deny(b, q->text, to);
	if (q->type == CONTROL_EXPLAIN)
		return explain(&b->o->policy, t, b->o->egress, to) ? 0 : 1;
	r.uptime = (clock_ms() - b->began) / 1000;
	r.workers_count = list_workers(b, r.workers);
	report_status(&r, to);
	return 0;
}

void stage_control_open(struct boot *b)
{
	struct failure f = {0};

	b->began = clock_ms();
	if (control_open(&b->control, CONTROL_PATH, b->m, answer, b, &f) < 0)
		say_warning("verify", "%s: %s: %s; codex-egress won't work", f.operation,
			f.subject, f.reason);
}
