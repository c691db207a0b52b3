/* The stages that run the user's programs: `home`, `hook`, `payload`. */
#include "stages.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../home/advice.h"
#include "../home/gitsettings.h"
#include "../home/home.h"
#include "../home/terminfo.h"
#include "../lib/codex_use.h"
#include "../lib/placeholder_login.h"
#include "nameserver.h"

#define GIT_SETTINGS RUN_DIR "/gitconfig"

/* Failing to scan the project is no reason not to run. */
static void look_at(struct boot *b, struct host_exec **out, const char *directory,
	const char *git, const char *guarded)
{
	struct failure f = {0};

	if (host_exec_begin(out, directory, git, guarded, b->uid, b->gid, &f) < 0)
		say_warning("home", "%s: %s: %s; changes to such files can't be reported",
			f.operation, f.subject, f.reason);
}

static void look_at_project(struct boot *b)
{
	if (b->o->egress == EGRESS_OFF)
		return;
	if (b->mounted)
		look_at(b, &b->host_exec, b->workdir, b->o->git_dir, b->o->git_config);
	for (size_t i = 0; i < b->o->compared_count; i++)
		look_at(b, &b->compared[i], b->o->compared[i], NULL, NULL);
}

char *const *stages_command(const struct boot *b)
{
	static char name[] = "codex";
	static char *const codex[] = {name, NULL};

	return b->o->command[0] ? b->o->command : codex;
}

/* An organisation's file may require Codex's own sandbox, in which every command would fail,
 * although Codex would exit with status 0. */
static int check_layers(const struct boot *b, const struct layers *l, struct failure *f)
{
	static const char why[] = "it requires Codex's own sandbox, which can't work inside "
				  "this one: every command that Codex runs would fail";
	enum codex_use use = codex_use(stages_command(b));
	char on[sizeof(f->subject)];

	if (!l->closed[0])
		return 0;
	snprintf(on, sizeof(on), ETC_DIR "/%s", l->closed);
	if (b->o->egress == EGRESS_OFF || use == CODEX_NOT || use == CODEX_ASIDE ||
		use == CODEX_LOGIN) {
		say_warning("home", "%s: %s", on, why);
		return 0;
	}
	fail(f, "start Codex", on, "%s", why);
	return fail_hint(f, "let it permit danger-full-access to hosts called codex-sandbox-*: "
			    "see \"Managed by an organisation\" in docs/launcher.md");
}

/* The first choice in Codex's login menu leads to a page that no browser can open. */
static void look_at_login(const struct boot *b, const struct home_result *home)
{
	const char *launcher = b->o->launcher && *b->o->launcher ? b->o->launcher : NULL;
	enum codex_use use = codex_use(stages_command(b));
	bool session =
		use == CODEX_SESSION && !home->login && !home->provider && isatty(STDIN_FILENO);

	if (use != CODEX_LOGIN && !session)
		return;
	say_warning("home",
		"%sa browser can't return to Codex in the container, at 127.0.0.1:1455",
		session ? "there is no login, and from OpenAI's page " : "from OpenAI's page ");
	if (!session)
		say_hint("to get a code to enter in any browser: %s login --device-auth",
			launcher ? launcher : "codex");
	else if (launcher)
		say_hint("choose \"Sign in with Device Code\" in Codex's menu, or log in "
			 "before: %s login --device-auth",
			launcher);
	else
		say_hint("choose \"Sign in with Device Code\" in Codex's menu");
}

/* The broker can keep only a key that codex-init is given. */
static void look_at_key(const struct boot *b, const struct home_result *home)
{
	if (!home->key || home->provider || b->brokered || b->status.keyless || b->shared ||
		b->o->broker != BROKER_AUTO || b->o->egress != EGRESS_STRICT)
		return;
	say_warning("home", "the broker is off: the command can read the API key in auth.json");
	say_hint("leave out auth.json, and give the key with -e OPENAI_API_KEY");
}

/* Commits without an author's name are no reason not to run. */
static int settle_git(struct boot *b, struct failure *f)
{
	const struct gitsettings s = {.name = b->o->git_name,
		.email = b->o->git_email,
		.directory = b->mounted ? b->workdir : NULL};
	struct failure why = {0};

	if ((!s.name && !s.email && !s.directory) ||
		environment_get(&b->env, "GIT_CONFIG_SYSTEM") ||
		environment_get(&b->env, "GIT_CONFIG_NOSYSTEM"))
		return 0;
	if (gitsettings_write(GIT_SETTINGS, &s, &why) == 0)
		return environment_set(&b->env, "GIT_CONFIG_SYSTEM", GIT_SETTINGS) < 0
			       ? fail_errno(f, "set the environment", "")
			       : 0;
	if (s.name || s.email)
		say_failure_warning("home", &why);
	return 0;
}

/* A payload that plants the same again and again waits for the moment in which the host looks;
 * and so may one that leaves no process to look with. */
static void look_at_git(void *context, int fd)
{
	struct boot *b = context;
	struct failure f = {0};

	(void)fd;
	if (git_guard_look(b->git_guard, false, &f) < 0)
		say_failure_detail("payload", &f);
	if (git_guard_times(b->git_guard) > LIMIT_GIT_UNDONE && b->m->child > 0)
		kill(b->m->child, SIGKILL);
}

static int guard_git(struct boot *b, struct failure *f)
{
	if (!b->o->git_config)
		return 0;
	if (git_guard_begin(&b->git_guard, b->o->git_config, b->uid, b->gid, f) < 0)
		return -1;
	return monitor_watch(b->m, git_guard_events(b->git_guard), look_at_git, b) < 0 ||
			       monitor_watch(
				       b->m, git_guard_timer(b->git_guard), look_at_git, b) < 0
		       ? fail_errno(f, "watch the repository's config", b->o->git_config)
		       : 0;
}

static int set_terminal_type(struct boot *b)
{
	const char *instead =
		environment_get(&b->env, "TERMINFO") ||
				environment_get(&b->env, "TERMINFO_DIRS")
			? NULL
			: terminfo_replacement("", environment_get(&b->env, "TERM"));

	if (!instead)
		return 0;
	say_detail("home", "TERM=%s is unknown in this image; it is %s instead",
		environment_get(&b->env, "TERM"), instead);
	return environment_set(&b->env, "TERM", instead);
}

/* A login mounted at the intended home is found in the other one as well. */
static void link_login(const char *from, const char *to)
{
	char target[PATH_MAX], link[PATH_MAX];

	if (snprintf(target, sizeof(target), "%s/auth.json", from) < PATH_MAX &&
		snprintf(link, sizeof(link), "%s/auth.json", to) < PATH_MAX &&
		access(target, R_OK) == 0 && symlink(target, link) < 0)
		say_detail("home", "%s can't be linked to", target);
}

/* If ids can't be changed, a home of another user can't be made ours: use another one. */
static int own_home(struct boot *b, struct failure *f)
{
	static const char *const others[] = {
		RUN_DIR "/home", "/tmp/codex_home", "/dev/shm/codex_home"};

	if (home_own(b->home, b->uid, b->gid, f) == 0)
		return 0;
	for (size_t i = 0; b->shared && i < sizeof(others) / sizeof(others[0]); i++) {
		struct failure unused;

		if (home_own(others[i], b->uid, b->gid, &unused) < 0)
			continue;
		say_warning("home", "%s can't be written (%s): the home is %s", b->home,
			f->reason, others[i]);
		link_login(b->home, others[i]);
		b->home = others[i];
		return 0;
	}
	return -1;
}

/* If ids can't be changed, the user keeps the name that the image gives it. */
static int name_user(const struct boot *b, struct failure *f)
{
	char warning[256] = "the machine's own /etc stays as it is: the user may have no name";

	if (b->shared)
		return 0;
	if (nameserver_may_write("/etc") &&
		users_write("/etc", b->uid, b->gid, b->home, warning, sizeof(warning), f) < 0)
		return -1;
	if (warning[0])
		say_warning("home", "%s", warning);
	return 0;
}

/* Codex's home, its user's name and the environment that goes with them. */
static int set_up_home(struct boot *b, struct failure *f)
{
	struct home_request r = {.from = b->o->home_from,
		.etc = ETC_DIR,
		.uid = b->uid,
		.gid = b->gid,
		.placeholder = !b->brokered      ? NULL
			       : b->broker.dummy ? b->broker.dummy
						 : PLACEHOLDER_LOGIN};
	struct home_result done = {0};
	char advice[1000];

	if (!r.from && access(DROP_OFF, F_OK) == 0)
		r.from = DROP_OFF;
	if (own_home(b, f) < 0 || name_user(b, f) < 0)
		return -1;
	r.home = b->home;
	if (home_prepare(&r, &done, f) < 0 || stage_broker_settle(b, f) < 0)
		return -1;
	if (done.warning[0])
		say_warning("home", "%s", done.warning);
	if (check_layers(b, &done.layers, f) < 0)
		return -1;
	advice_line(done.advice, advice, sizeof(advice));
	if (advice[0])
		say_warning("home", "%s", advice);
	if (advice_hint(done.advice))
		say_hint("%s", advice_hint(done.advice));
	if (!b->brokered)
		look_at_login(b, &done);
	look_at_key(b, &done);
	b->hook = done.hook;
	memcpy(b->login_link, done.login_link, sizeof(b->login_link));
	if (environment_sandbox(&b->env, b->home) < 0 || set_terminal_type(b) < 0 ||
		(!done.login && environment_api_key(&b->env) < 0))
		return fail_errno(f, "set the environment", "");
	return 0;
}

/* Another image: the command gets its user's home there. */
static int keep_home(struct boot *b, struct failure *f)
{
	char engines[PATH_MAX] = "/", home[PATH_MAX];
	bool has_home = users_home("/etc", b->uid, home, sizeof(home));

	users_home("/etc", geteuid(), engines, sizeof(engines));
	if (environment_plain(&b->env, engines, has_home ? home : NULL) < 0)
		return fail_errno(f, "set the environment", "HOME");
	return 0;
}

int stage_home(struct boot *b, struct failure *f)
{
	if ((b->codex_home ? set_up_home(b, f) : keep_home(b, f)) < 0)
		return -1;
	if (settle_git(b, f) < 0 || guard_git(b, f) < 0)
		return -1;
	look_at_project(b);
	return 0;
}

static struct program program(struct boot *b, char *const *argv)
{
	return (struct program){.argv = argv,
		.envp = b->env.vars,
		.workdir = b->workdir[0] ? b->workdir : NULL,
		.drop = b->uid != 0 || b->cell,
		.keep_modes = b->idmapped,
		.uid = b->uid,
		.gid = b->gid,
		.held = b->cell ? stage_cell_held : NULL,
		.context = b};
}

static int take_hook_environment(struct boot *b, const char *file, struct failure *f)
{
	char **vars = NULL;
	int done = 0;

	environment_unset(&b->env, "SANDBOX_ENV_FILE");
	if (envfile_read(file, b->uid, b->gid, &vars, f) < 0)
		return -1;
	for (char **v = vars; v && *v; v++) {
		if (done == 0 && environment_take(&b->env, *v) < 0)
			done = fail_errno(f, "take the hook's environment", file);
		free(*v);
	}
	free(vars);
	return done;
}

int stage_hook(struct boot *b, struct failure *f)
{
	char script[PATH_MAX], file[PATH_MAX];
	char *argv[] = {script, NULL};
	struct program p;
	int status = 0, unused = 0;

	if (!b->hook)
		return 0;
	if (stage_cell_check(b, f) < 0)
		return -1;
	b->exit_status = EXIT_HOOK;
	snprintf(script, sizeof(script), "%s/init.sh", b->home);
	if (envfile_create(file, sizeof(file), b->uid, b->gid, f) < 0)
		return -1;
	if (environment_set(&b->env, "SANDBOX_ENV_FILE", file) < 0)
		return fail_errno(f, "set the environment", "");
	p = program(b, argv);
	b->ran = true;
	if (monitor_run(b->m, &p, &status, &unused, f) < 0)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fail(f, "run the init script", script,
			WIFEXITED(status) ? "it ended with status %d" : "signal %d ended it",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		return fail_hint(
			f, "the command was not started; fix the script, or remove it");
	}
	return take_hook_environment(b, file, f);
}

int stage_payload(struct boot *b, struct failure *f)
{
	struct event e = {.kind = EVENT_PAYLOAD, .reason = "ended"};
	struct program p = program(b, stages_command(b));
	int status = 0;

	b->exit_status = EXIT_SANDBOX;
	if (stage_cell_check(b, f) < 0)
		return -1;
	p.last = true;
	b->ran = true;
	if (monitor_run(b->m, &p, &status, &b->exit_status, f) < 0)
		return -1;
	b->ended = status;
	b->exit_status = monitor_exit_code(status);
	e.count = (uint64_t)b->exit_status;
	events_add(b->events, &e);
	return 0;
}
