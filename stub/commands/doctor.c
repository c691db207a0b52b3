/*
 * What a start here needs, looked at without starting Codex: a line each, and what to do about
 * what isn't right. The wall isn't guessed at from versions: a container without mounts is
 * started, and codex-init says itself whether it can.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../init/lib/version.h"
#include "../ask.h"
#include "../engine.h"
#include "../find.h"
#include "../kept.h"
#include "../plan.h"
#include "../quote.h"
#include "rows.h"

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

struct doctor {
	struct cli *cli;
	struct plan plan;
	struct engine engine;
	bool planned, answers; /* the plan can be made; the engine can be asked */
	bool wrong;
};

/* A path, or what an engine says, must not move the cursor. */
__attribute__((format(printf, 4, 0))) static void print_row(
	struct doctor *d, const char *verdict, const char *what, const char *text, va_list ap)
{
	char row[2 * PATH_MAX];

	vsnprintf(row, sizeof(row), text, ap);
	printf("%-5s  %-8s %s\n", verdict, what, quote_shown(&d->cli->arena, row));
}

__attribute__((format(printf, 3, 4))) static void good(
	struct doctor *d, const char *what, const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	print_row(d, "ok", what, text, ap);
	va_end(ap);
}

__attribute__((format(printf, 4, 5))) static void bad(
	struct doctor *d, const char *what, const char *hint, const char *text, ...)
{
	va_list ap;

	d->wrong = true;
	va_start(ap, text);
	print_row(d, "WRONG", what, text, ap);
	va_end(ap);
	if (hint[0])
		printf("       hint: %s\n", quote_shown(&d->cli->arena, hint));
}

static void bad_error(struct doctor *d, const char *what, const struct error *t)
{
	bad(d, what, t->hint, "%s: %s: %s", t->operation, t->subject, t->reason);
}

static void look_at_options(struct doctor *d, struct error *t)
{
	if (kept_take(d->cli, t) < 0)
		bad_error(d, "options", t);
	else
		good(d, "options", "%zu in force (codex-sandbox config)",
			d->cli->given.count / 3);
}

static void look_at_project(struct doctor *d, struct error *t)
{
	d->planned = plan_make(&d->plan, d->cli, t) == 0;
	if (!d->planned)
		bad_error(d, "project", t);
	else
		good(d, "project", "%s", d->plan.workdir);
}

static const char *named_login(const struct doctor *d)
{
	return d->cli->auth_file ? d->cli->auth_file : find_variable("CODEX_AUTH_FILE");
}

static void judge_login(struct doctor *d, const char *path, const struct auth_facts *facts)
{
	const time_t until = (time_t)facts->expires_at;
	char when[32];
	struct tm utc;

	if (d->plan.request.key)
		good(d, "login", "%s, an API key, for the broker alone", path);
	else if (!facts->expires || !gmtime_r(&until, &utc) ||
		 strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &utc) == 0)
		good(d, "login", "%s", path);
	else if (until > time(NULL))
		good(d, "login", "%s, until %s", path, when);
	else
		bad(d, "login", "run any codex command on this machine, which renews it",
			"%s has expired (%s)", path, when);
}

static void look_at_login(struct doctor *d, struct error *t)
{
	struct auth_facts facts = {0};
	const char *path = NULL;
	struct search s;

	if (!d->planned)
		return;
	if (d->cli->auth_dir) {
		good(d, "login", "in %s, where it renews itself", d->cli->auth_dir);
		return;
	}
	if (find_begin(&s, &d->plan, d->cli->config, t) < 0 ||
		find_auth(&s, named_login(d), d->plan.home, &path, &facts, t) < 0)
		bad_error(d, "login", t);
	else if (path)
		judge_login(d, path, &facts);
	else
		good(d, "login", "none is found: Codex asks for one");
	find_free(&s);
}

static void look_at_engine(struct doctor *d, struct error *t)
{
	engine_find(&d->engine, &d->plan, d->cli->engine);
	d->answers = engine_prepare(&d->engine, &d->plan, t) == 0 &&
		     engine_answers(&d->engine, t) == 0;
	if (d->answers)
		good(d, "engine", "%s", d->engine.program);
	else
		bad_error(d, "engine", t);
}

static const char *image_of(const struct doctor *d)
{
	const char *variable = find_variable("CODEX_DOCKER_IMAGE");

	return d->cli->image ? d->cli->image : variable ? variable : "codex-sandbox";
}

/* Returns true if there is one to try. */
static bool look_at_image(struct doctor *d)
{
	const char *const argv[] = {d->engine.name, "run", "--rm", "--pull=never",
		"--network=none", "--cap-drop=ALL", "--entrypoint=/sbin/codex-init",
		image_of(d), "--version", NULL};
	struct ask a;

	if (ask(&a, d->engine.program, argv, false) != 0) {
		bad(d, "image",
			strcmp(d->engine.name, "podman") == 0
				? "docker builds it with `make image`; then: docker save "
				  "codex-sandbox | podman load; or name another with --image"
				: "build it with `make image`, or name another with --image",
			"%s isn't there, or has no codex-init", image_of(d));
		return false;
	}
	if (!strstr(a.line, version_text))
		bad(d, "image", "build both from the same source: make image install",
			"%s has %s, and this is codex-sandbox %s", image_of(d), a.line,
			version_text);
	else
		good(d, "image", "%s, %s", image_of(d), a.line);
	return true;
}

/* As a start gives its capabilities, and without any mount. */
static void look_at_wall(struct doctor *d)
{
	const bool cell = d->cli->wall && strcmp(d->cli->wall, "cell") == 0;
	struct request r = {.engine = d->engine.name,
		.program = d->engine.program,
		.image = image_of(d),
		.name = arena_format(&d->plan.arena, "codex_doctor_%ld", (long)getpid()),
		.directory = "/tmp",
		.env_dir = "/tmp",
		.enforces = "trial",
		.caller = (uid_t)-1,
		.network = d->cli->network,
		.wall = d->cli->wall,
		.keep_id = strcmp(d->engine.name, "podman") == 0 && geteuid() != 0,
		.exec = true};
	struct string_list argv = {0};
	struct ask a;

	string_list_add(&r.rest, "true");
	argv_build(&r, &d->plan.arena, &argv);
	argv.word[0] = d->engine.name;
	if (ask(&a, d->engine.program, argv.word, true) == 0)
		good(d, "wall", "%s, in a trial container", cell ? "the cell" : "nftables");
	else
		bad(d, "wall", cell ? "" : "--wall=cell needs no capability and no nftables",
			"%s", a.line[0] ? a.line : "the trial container failed");
	string_list_free(&argv);
	string_list_free(&r.rest);
}

/* Whose files Codex would find. */
static void look_at_owner(struct doctor *d)
{
	if (!(d->cli->wall && strcmp(d->cli->wall, "cell") == 0) &&
		engine_shares_root(&d->engine))
		bad(d, "owner", "use the cell: --wall=cell; or Podman: --engine podman",
			"in rootless Docker your files are root's, and behind nftables Codex "
			"never runs as root");
	else if (d->planned && d->plan.roots &&
		 syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno == ENOSYS)
		bad(d, "owner", "give the project to a user: chown -R USER PROJECT",
			"the project is root's, and this kernel (before 5.12) can't show it to "
			"Codex as its own");
	else if (d->planned)
		good(d, "owner", "uid %lu%s", (unsigned long)d->plan.uid,
			d->plan.roots ? ", shown to Codex as its own" : "");
}

int command_doctor(struct call *call, struct error *t)
{
	struct doctor d = {.cli = call->cli, .plan = {.workdir_fd = -1}};

	if (cli_take_workdir(call->cli, call->word[0], t) < 0)
		return -1;
	while (*d.cli->rest) /* our own words: a start would be Codex's interactive one */
		d.cli->rest++;
	look_at_options(&d, t);
	look_at_project(&d, t);
	look_at_login(&d, t);
	look_at_engine(&d, t);
	if (d.answers)
		look_at_owner(&d);
	if (d.answers && look_at_image(&d))
		look_at_wall(&d);
	plan_free(&d.plan);
	puts("codex-sandbox -- doctor is Codex's own, in the container");
	return fflush(stdout) == 0 && !d.wrong ? 0 : 1;
}
