/* See launch.h. */
#include "launch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "api_key.h"
#include "argv.h"
#include "confirm.h"
#include "engine.h"
#include "follow.h"
#include "git.h"
#include "idmap.h"
#include "lock.h"
#include "workdir.h"
#include "plan.h"
#include "prepare.h"
#include "proposal.h"
#include "reaper.h"
#include "report.h"
#include "trail.h"
#include "variables.h"

static int print(const char *line, struct error *t)
{
	return puts(line) >= 0 && fflush(stdout) == 0 ? 0 : refuse_errno(t, "print", "stdout");
}

/* Sets a variable for codex-init in our environment; the engine's command passes it on by
 * name. Without `replace` a value that the user has set takes precedence. */
static int set_variable(const char *variable, const char *value, bool replace, struct error *t)
{
	if (!value || setenv(variable, value, replace) == 0)
		return 0;
	refuse_errno(t, "set", variable);
	return refuse_no_sandbox(t);
}

/* Passes on the device and inode of the mounts, and the request's variables. */
static int set_variables(struct plan *p, struct error *t)
{
	const char *list = workdir_list(p, t);

	if (!list || set_variable("CODEX_INIT_MOUNTS", *list ? list : NULL, false, t) < 0 ||
		set_variable(API_KEY_VARIABLE, p->request.key, true, t) < 0 ||
		set_variable(CHATGPT_VARIABLE, p->request.chatgpt, true, t) < 0)
		return -1;
	for (size_t i = 0; i < p->request.passed_count; i++)
		if (set_variable(p->request.passed[i].name, p->request.passed[i].value, false,
			    t) < 0)
			return -1;
	return 0;
}

/* The processes that remain beside the engine's client. */
static int start_others(
	struct plan *p, const struct engine *e, const struct companion *other, struct error *t)
{
	struct reaper r;

	if (reaper_prepare(&r, e, p->request.name, &p->arena, t) < 0)
		return refuse_no_sandbox(t);
	r.lock = p->lock;
	if (other->start(other->state, &r, t) < 0 || follow_start(p, &r, t) < 0 ||
		reaper_start(&r, t) < 0)
		return refuse_no_sandbox(t);
	return 0;
}

/* The engine can do it, and no other start is at it. */
static int check(struct plan *p, struct engine *e, struct error *t)
{
	int waited;

	if (engine_check(e, p, t) < 0)
		return -1;
	waited = lock_take(p, e, t);
	return waited > 0 ? engine_check(e, p, t) : waited;
}

/* Returns only with *t filled, or after --dry-run. */
static int run(struct plan *p, struct engine *e, bool dry_run, const struct companion *other,
	struct error *t)
{
	struct string_list argv = {0};
	int result;

	if (!dry_run && (check(p, e, t) < 0 || prepare_home(p, t) < 0 ||
				workdir_settle(p, true, t) < 0 || idmap_start(p, t) < 0 ||
				variables_hand_over(p, t) < 0 || set_variables(p, t) < 0))
		return -1;
	if (!dry_run) {
		report_prepare(p);
		trail_prepare(p);
	}
	if (!dry_run && start_others(p, e, other, t) < 0)
		return -1;
	argv_build(&p->request, &p->arena, &argv);
	result = dry_run ? print(argv_line(&argv, &p->arena), t)
			 : engine_become(e->program, &argv, t);
	string_list_free(&argv);
	return result;
}

int launch(const struct cli *c, const struct companion *other, struct error *t)
{
	struct engine engine;
	struct plan plan;
	int result = -1;

	if (plan_make(&plan, c, t) == 0 && other->plan(other->state, &plan, c, t) == 0) {
		engine_find(&engine, &plan, c->engine);
		/* If the first in PATH is not the one, the command shows which is. */
		if (plan_engine(&plan, engine.name,
			    engine.passed_over && engine.program ? engine.program : engine.name,
			    t) == 0 &&
			confirm_questions(&plan, c->yes, t) == 0) {
			if (plan.declined)
				git_decline(&plan);
			proposal_ask(&plan, c);
			result = run(&plan, &engine, c->dry_run, other, t);
		}
	}
	plan_free(&plan);
	return result;
}
