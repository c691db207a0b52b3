/* The end of a session: what is left of it is ended, and what happened in it is told. */
#include "stages.h"

#include <stdio.h>

#include "clock.h"
#include "control/report.h"
#include "home/home.h"

static void tell_obeyed(struct boot *b)
{
	struct failure f = {0};

	if (!b->obeyed || b->o->quiet)
		return;
	if (obeyed_report(b->obeyed, stderr, &f) < 0)
		say_warning("payload", "%s: %s: %s", f.tried, f.on, f.why);
}

static void keep_login(const struct boot *b)
{
	struct failure f = {0};

	if (b->login_link[0] && home_keep_login(b->home, b->login_link, b->uid, b->gid, &f) < 0)
		say_warning("payload", "%s: %s: %s", f.tried, f.on, f.why);
}

/* What was refused, told once the terminal is ours again. */
static void close_accounts(struct boot *b)
{
	struct failure f = {0};

	if (b->wall && report_refusals(b->events, b->wall, &b->fence, &f) < 0)
		say_detail("payload", "%s: %s: %s", f.tried, f.on, f.why);
	if (policy_denials(&b->o->policy) && !b->o->quiet) {
		fprintf(stderr, "codex-init: denied by codex-egress:\n");
		policy_print_denials(&b->o->policy, stderr);
	}
	if (b->events && !b->o->quiet)
		events_summary(b->events, stderr);
	b->status.refused = b->events ? events_refused(b->events) : 0;
	b->status.exit_status = b->exit_status;
	if (b->wall && status_write(RUN_DIR, &b->status, &f) < 0)
		say_detail("payload", "%s: %s: %s", f.tried, f.on, f.why);
}

/* Codex's own farewell names a command that isn't on the machine, or would go on without a
 * sandbox. Nothing is told where the session didn't begin: 100 to 127 are no status of Codex's.
 */
static void tell_again(const struct boot *b)
{
	if (b->o->again && *b->o->again && !b->o->quiet &&
		(b->exit_status < EXIT_OPTIONS || b->exit_status > 127))
		fprintf(stderr, "codex-init: go on with this session: %s\n", b->o->again);
}

/* The workers have their say when the payload's processes are quiet, and before they are killed
 * with them. */
static void end_processes(struct boot *b)
{
	pid_t workers[WORKERS];
	int64_t end;

	monitor_end_remaining(b->m, workers, stage_workers(b, workers));
	for (int i = 0; i < WORKERS; i++)
		keeper_finish(&b->keepers[i]);
	end = clock_ms() + LIMIT_SETTLE_MS;
	for (int i = 0; i < WORKERS; i++)
		keeper_settle(&b->keepers[i], (int)(end - clock_ms()));
	monitor_kill_remaining(b->m, b->by_signal);
}

void end_session(struct boot *b)
{
	end_processes(b);
	keep_login(b);
	close_accounts(b);
	tell_obeyed(b);
	tell_again(b);
}
