/* The worker that writes the events' copy on the host (monitor/trail.h). */
#include "stages.h"

#include <inttypes.h>

#include "../monitor/trail.h"

static pid_t start(void *context, bool first, int *channel, struct failure *f)
{
	const struct boot *b = context;

	(void)first;
	return trail_start(b->trail, channel, f);
}

/* An octet for each line that it couldn't write. */
static int take(void *context, const void *message, size_t size)
{
	struct boot *b = context;

	(void)message;
	events_missed(b->events);
	return size == 1 ? 0 : -1;
}

static void tell(void *context, const char *reason, bool dead)
{
	(void)dead;
	stage_worker_event(context, "trail", reason);
}

static bool pass_on(void *context, const char *line, size_t len)
{
	struct boot *b = context;

	return supervisor_reply(&b->supervisors[WORKER_TRAIL], line, len);
}

void stage_trail_start(struct boot *b)
{
	static const struct supervisor_worker worker = {"trail", start, take, NULL, tell, 0};
	struct supervisor *k = &b->supervisors[WORKER_TRAIL];
	struct failure f;

	if (b->trail < 0)
		return;
	k->worker = &worker;
	k->context = b;
	k->monitor = b->m;
	if (supervisor_start(k, &f) < 0)
		say_failure_warning("verify", &f);
	events_pass(b->events, pass_on, b);
}

void stage_trail_end(struct boot *b)
{
	struct supervisor *k = &b->supervisors[WORKER_TRAIL];
	uint64_t missed;

	if (!k->worker)
		return;
	missed = events_pass(b->events, NULL, NULL);
	supervisor_finish(k);
	supervisor_settle(k, LIMIT_SETTLE_MS);
	if (missed || k->channel >= 0)
		say_warning("payload",
			"keep the events: %" PRIu64
			" of them%s are missing from the copy on your "
			"machine, whose file system did not take them",
			missed, k->channel >= 0 ? " and the last ones" : "");
	k->worker = NULL;
}
