#include "sandbox.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/lib/name.h"
#include "../ask.h"
#include "../bounds.h"
#include "../kept.h"
#include "../programs.h"
#include "../quote.h"

/* The parts of FORMAT's line. docker prints "<no value>" for a label that isn't there. */
enum { ID, RUNNING, OWNER, WALL, WORKDIR, PARTS };
#define LABEL(name) "{{with index .Config.Labels \"" name "\"}}{{.}}{{end}}"
#define FORMAT                                                                                 \
	"{{.Id}} {{.State.Running}} " LABEL(ARGV_LABEL_UID) " " LABEL(                         \
		ARGV_LABEL_WALL) " " LABEL(ARGV_LABEL_WORKDIR)

static const char operation[] = "find the sandbox";

static int refuse_none(struct sandbox *s, bool above, struct error *t)
{
	s->none = true;
	refuse(t, operation, s->plan.workdir, "none runs %s",
		above ? "there, or in a directory above it" : "there");
	return refuse_hint(t, "codex-sandbox ls lists yours");
}

/* Takes FORMAT's line apart, at blanks but for the last part; what is missing is empty. */
static int take(struct sandbox *s, char *line, struct error *t)
{
	const char *parts[PARTS];
	char caller[24];

	for (int i = 0; i < PARTS; i++) {
		char *end = i < WORKDIR ? strchrnul(line, ' ') : strchr(line, '\0');

		parts[i] = line;
		line = *end ? end + 1 : end;
		*end = '\0';
	}
	snprintf(caller, sizeof(caller), "%lu", (unsigned long)geteuid());
	if (!*parts[OWNER])
		return refuse(t, operation, s->plan.workdir,
			"the container of its name isn't one of codex-sandbox's");
	if (strcmp(parts[OWNER], caller) != 0)
		return refuse(t, operation, s->plan.workdir, "it is another user's (uid %s)",
			parts[OWNER]);
	if (strcmp(parts[RUNNING], "true") != 0) {
		s->none = true; /* or it is about to start */
		return refuse(t, operation, s->plan.workdir, "it has ended");
	}
	s->id = arena_copy(&s->plan.arena, parts[ID]);
	s->wall = arena_copy(&s->plan.arena, parts[WALL]);
	s->workdir = arena_copy(&s->plan.arena, parts[WORKDIR]);
	if (strcmp(s->workdir, s->plan.workdir) != 0) /* one around the directory */
		s->plan.request.name = quote_container_name(&s->plan.arena, s->workdir, NULL);
	return 0;
}

/*
 * The workdirs around the current directory, by the home that each has: their containers' names
 * for the question, and they themselves as places where a sandbox can put a program.
 */
static int add_around(struct sandbox *s, struct error *t)
{
	struct arena *arena = &s->plan.arena;
	char *place = arena_copy(arena, s->plan.workdir), *slash;

	for (int i = 0; i < BOUND_PARENTS && (slash = strrchr(place, '/')) > place; i++) {
		*slash = '\0';
		if (access(arena_format(arena, "%s/.codex/.environment", place), F_OK) < 0)
			continue;
		string_list_add(&s->names, quote_container_name(arena, place, NULL));
		if (mounts_add(&s->plan.mounts, arena_copy(arena, place),
			    arena_format(arena, "/app%s", place), true, t) < 0)
			return -1;
	}
	return 0;
}

/* Returns 1 if it is there, 0 if not, -1 with *t filled. */
static int look(struct sandbox *s, const char *engine, struct error *t)
{
	struct string_list argv = {0};
	char *line;
	int status;

	engine_find(&s->engine, &s->plan, engine);
	if (engine_prepare(&s->engine, &s->plan, t) < 0)
		return -1;
	string_list_add(&argv, s->engine.name);
	for (const char *const *word =
			(const char *const[]){"container", "inspect", "--format", FORMAT, NULL};
		*word; word++)
		string_list_add(&argv, *word);
	for (size_t i = 0; i < s->names.count; i++)
		string_list_add(&argv, s->names.word[i]);
	line = ask_all(&s->plan.arena, s->engine.program, argv.word, &status);
	string_list_free(&argv);
	line[strcspn(line, "\n")] = '\0';
	if (*line)
		return take(s, line, t) < 0 ? -1 : 1;
	return engine_answers(&s->engine, t);
}

int sandbox_find(struct sandbox *s, struct call *call, const char *workdir, struct error *t)
{
	const bool above = !workdir && !call->cli->work_dir && !call->cli->codex_home;
	const char *engine;
	bool skipped = false;
	int found;

	*s = (struct sandbox){.plan = {.workdir_fd = -1}};
	if (cli_take_workdir(call->cli, workdir, t) < 0 || kept_take(call->cli, t) < 0 ||
		plan_place(&s->plan, call->cli, t) < 0)
		return -1;
	engine = call->cli->engine;
	string_list_add(&s->names, s->plan.request.name);
	if (above && add_around(s, t) < 0)
		return -1;
	found = look(s, engine, t);
	if (found == 0 && !engine && strcmp(s->engine.name, "podman") != 0 &&
		programs_find(&s->plan, "podman", &skipped))
		found = look(s, "podman", t);
	/* An engine that is installed and can't be used has none. */
	if (found < 0 && !engine && strcmp(s->engine.name, "podman") == 0 &&
		t->status == STATUS_NO_SANDBOX)
		found = 0;
	if (found == 0)
		return refuse_none(s, above, t);
	return found < 0 ? -1 : 0;
}

int sandbox_find_inside(
	struct sandbox *s, struct call *call, const char *workdir, struct error *t)
{
	if (sandbox_find(s, call, workdir, t) < 0)
		return -1;
	if (strcmp(s->wall, "nft") == 0 || !engine_shares_root(&s->engine))
		return 0;
	refuse(t, "ask the sandbox", s->workdir,
		"in rootless Docker what it runs may have replaced codex-egress, and nothing "
		"confines what is started there from here");
	return refuse_hint(t, "logs, learn, ls, attach and stop do without it; Podman has no "
			      "such gap: --engine podman");
}

void sandbox_free(struct sandbox *s)
{
	string_list_free(&s->names);
	plan_free(&s->plan);
}

static void gather(const struct sandbox *s, const char *const *words, struct string_list *argv)
{
	string_list_add(argv, s->engine.name);
	for (; *words; words++)
		string_list_add(argv, *words);
}

int sandbox_become(struct sandbox *s, const char *const *words, struct error *t)
{
	struct string_list argv = {0};

	gather(s, words, &argv);
	engine_become(s->engine.program, &argv, t);
	string_list_free(&argv);
	return -1;
}

int sandbox_run(struct sandbox *s, const char *const *words, struct error *t)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		sandbox_become(s, words, t);
		log_error(t);
		_exit(STATUS_NO_SANDBOX);
	}
	if (child < 0)
		return refuse_errno(t, "start a process", "fork");
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return refuse_errno(t, "wait for", s->engine.name);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* codex-egress takes 63 characters, and no blank. Without NSS some users have no name here:
 * those of a directory service. */
const char *sandbox_caller(struct sandbox *s)
{
	const struct passwd *user = getpwuid(getuid());
	const char *name = user ? arena_format(&s->plan.arena, "%.60s", user->pw_name) : "";

	return name[0] && name_printable(name, strlen(name) + 1)
		       ? name
		       : arena_format(&s->plan.arena, "uid:%lu", (unsigned long)getuid());
}
