/*
 * The boot, as a table of stages.
 *
 * Everything that a stage needs is in struct boot; everything that can fail is returned as a
 * struct failure and printed in one place: boot_run(), or, once something of the user's has
 * run, at the end of the session.
 */
#include "stages.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cell/hosts.h"
#include "../lib/clock.h"
#include "../lib/version.h"
#include "../policy/explain.h"

enum when { ALWAYS, FENCED, WALLED, CELLED, GATED, BROKERED, AS_USER };

static const struct stage {
	const char *name;
	stage_function *run;
	enum when when;
} stages[] = {
	{"config", stage_config, ALWAYS},
	{"wall", stage_wall, WALLED},
	{"wall", stage_cell, CELLED},
	{"routes", stage_routes, WALLED},
	{"broker", stage_broker_start, BROKERED},
	{"resolver", stage_resolver, FENCED},
	{"gate", stage_gate, GATED},
	{"home", stage_home, AS_USER},
	{"verify", stage_verify, WALLED},
	{"verify", stage_verify_cell, CELLED},
	{"broker", stage_broker, BROKERED},
	{"hook", stage_hook, AS_USER},
	{"payload", stage_payload, ALWAYS},
};

static bool applies(const struct boot *b, enum when when)
{
	if (when == GATED)
		return b->gate.counters != NULL;
	if (when == BROKERED)
		return b->brokered;
	if (when == FENCED)
		return b->o->egress != EGRESS_OFF;
	if (when == WALLED || when == CELLED)
		return b->o->egress != EGRESS_OFF && b->cell == (when == CELLED);
	return when == ALWAYS || b->o->egress != EGRESS_OFF || b->o->user;
}

static void stage_done(struct boot *b, const char *name, uint64_t microseconds)
{
	struct event e = {.kind = EVENT_BOOT, .name = name, .count = microseconds};

	if (b->status.stages_count < STATUS_STAGES) {
		b->status.stages[b->status.stages_count].name = name;
		b->status.stages[b->status.stages_count++].microseconds = microseconds;
	}
	events_add(b->events, &e);
	say_detail(name, "done in %.3f ms", (double)microseconds / 1000);
}

/* Returns the name of the stage that failed, with *f filled, or NULL. */
static const char *run_stages(struct boot *b, struct failure *f)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		int64_t begun = clock_us();

		if (!applies(b, stages[i].when))
			continue;
		b->exit_status = EXIT_SANDBOX;
		if (stages[i].run(b, f) < 0)
			return stages[i].name;
		if (stages[i].run != stage_payload)
			stage_done(b, stages[i].name, (uint64_t)(clock_us() - begun));
	}
	return NULL;
}

static void worker_ended(void *context, pid_t pid, int status)
{
	struct boot *b = context;

	for (int i = 0; i < WORKERS; i++)
		supervisor_ended(&b->supervisors[i], pid, status);
	asker_ended(b->asker, pid);
}

/* Where the payload has a worker's uid it may stop one, which must not last. */
static void worker_stopped(void *context, pid_t pid)
{
	const struct boot *b = context;

	for (int i = 0; b->shared && i < WORKERS; i++)
		if (b->supervisors[i].pid == pid)
			kill(pid, SIGCONT);
}

/* True if there is no process left that the wall is there for. */
static bool nobody_left(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return getpid() == 1 ? kill(-1, 0) < 0 && errno == ESRCH
			     : waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/*
 * The network namespace may outlive us, as a pod's does, and what was built in it would
 * obstruct its next user. If a stage failed, nothing unprivileged has run.
 */
static void take_down(struct boot *b)
{
	struct failure f = {0};

	if (!b->wall || (b->ran && !nobody_left()))
		return;
	if ((b->routes && routes_remove(b->routes, &f) < 0) || wall_remove(b->wall, &f) < 0)
		say_failure_detail("payload", &f);
}

int boot_run(struct options *o, struct monitor *m)
{
	static const char *const modes[] = {"strict", "pin", "audit", "off"};
	struct boot *b = calloc(1, sizeof(*b));
	struct failure f = {0};
	const char *failed;
	int status;

	if (!b)
		return EXIT_SANDBOX;
	b->o = o;
	b->m = m;
	b->report_file = b->trail = -1;
	for (int i = 0; i < WORKERS; i++)
		b->supervisors[i].channel = b->supervisors[i].timer = -1;
	b->status.version = version_text;
	b->status.egress = modes[o->egress];
	b->status.wall = "none";
	b->status.exit_status = -1;
	m->worker_ended = worker_ended;
	m->worker_stopped = worker_stopped;
	m->worker_context = b;
	b->exit_status = EXIT_SANDBOX;
	failed =
		monitor_open(m, o->egress == EGRESS_OFF, &f) < 0 ? "config" : run_stages(b, &f);
	if (b->ran)
		end_session(b, failed, &f);
	else if (failed)
		say_failure(failed, &f);
	status = b->exit_status;
	take_down(b);
	/* Workers exit when their channel is closed, which happens when we exit. */
	events_read(b->events, NULL, NULL);
	control_close(b->control);
	asker_close(b->asker);
	stage_trail_end(b);
	events_close(b->events);
	git_guard_free(b->git_guard);
	host_exec_free(b->host_exec);
	for (size_t i = 0; i < LIMIT_COMPARED; i++)
		host_exec_free(b->compared[i]);
	environment_free(&b->env);
	routes_close(b->routes);
	wall_close(b->wall);
	free(b->hosts);
	free(b);
	return status;
}

int boot_check(struct options *o)
{
	struct failure f = {0};

	if (config_policy_compile(o, &f) < 0) {
		say_failure("config", &f);
		return EXIT_OPTIONS;
	}
	if (o->explain) {
		bool allowed = explain(&o->policy, &o->target, o->egress, NULL, stdout);

		return fflush(stdout) == 0 && allowed ? 0 : 1;
	}
	if (o->hosts) {
		hosts_print(&o->policy, stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	return policy_print(&o->policy, stdout) == 0 && fflush(stdout) == 0 ? 0 : 1;
}
