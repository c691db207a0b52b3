/* The sandboxes of this user, of each engine that there is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../ask.h"
#include "../bounds.h"
#include "../engine.h"
#include "../kept.h"
#include "../plan.h"
#include "../programs.h"
#include "../quote.h"
#include "rows.h"

/* Both engines print a time as RFC 3339 by `json` alone. */
#define FORMAT                                                                                 \
	"{{.Name}} {{json .State.StartedAt}} {{index .Config.Labels \"" ARGV_LABEL_WALL        \
	"\"}} {{index .Config.Labels \"" ARGV_LABEL_WORKDIR "\"}}"

/* "2026-11-28T22:00:00.1234Z" as "2026-11-28 22:00:00Z"; other forms as they are. */
static const char *when(struct arena *arena, char *json)
{
	size_t n = strcspn(json, ".Z");

	json += json[0] == '"';
	if (n < 20 || json[10] != 'T')
		return json;
	json[10] = ' ';
	return arena_format(arena, "%.19sZ", json);
}

static void print_sandbox(struct arena *arena, char *line)
{
	char *name = strsep(&line, " "), *since = strsep(&line, " "),
	     *wall = strsep(&line, " ");

	if (!line)
		return;
	printf("%-20s  %-6s  %s  %s\n", when(arena, since), wall, name + (name[0] == '/'),
		quote_shown(arena, line));
}

/* Inspects the containers whose ids stand in `ids`, a line each. */
static char *inspect(const struct engine *e, struct arena *arena, char *ids)
{
	struct string_list argv = {0};
	char *answer;
	int status; /* not 0 if one of them has just ended */

	string_list_add(&argv, e->name);
	string_list_add(&argv, "container");
	string_list_add(&argv, "inspect");
	string_list_add(&argv, "--format=" FORMAT);
	for (char *id; (id = strsep(&ids, "\n")) && argv.count < BOUND_SANDBOXES;)
		if (*id)
			string_list_add(&argv, id);
	answer = argv.count > 4 ? ask_all(arena, e->program, argv.word, &status) : NULL;
	string_list_free(&argv);
	return answer;
}

/* Prints those of one engine below `already` others. Returns their number, or -1 with *t
 * filled. */
static int list(
	struct plan *p, struct engine *e, const char *engine, int already, struct error *t)
{
	const char *filter = arena_format(
		&p->arena, "--filter=label=" ARGV_LABEL_UID "=%lu", (unsigned long)geteuid());
	char *ids, *lines, *line;
	int n = 0, status;

	engine_find(e, p, engine);
	if (engine_prepare(e, p, t) < 0)
		return -1;
	ids = ask_all(&p->arena, e->program,
		(const char *const[]){e->name, "ps", "--quiet", "--no-trunc", filter, NULL},
		&status);
	if (status != 0)
		return engine_answers(e, t);
	lines = inspect(e, &p->arena, ids);
	while (lines && (line = strsep(&lines, "\n")))
		if (*line) {
			if (already + n++ == 0)
				puts("SINCE                 WALL    CONTAINER  WORKDIR");
			print_sandbox(&p->arena, line);
		}
	return n;
}

int command_ls(struct call *call, struct error *t)
{
	struct plan p = {.workdir_fd = -1};
	const char *engine;
	struct engine e;
	bool skipped = false, second;
	int n;

	if (kept_take(call->cli, t) < 0)
		return -1;
	engine = call->cli->engine;
	n = list(&p, &e, engine, 0, t);
	second = n >= 0 && !engine && strcmp(e.name, "podman") != 0 &&
		 programs_find(&p, "podman", &skipped);
	/* One that is installed and can't be used has none. */
	if (n == 0 && (!second || list(&p, &e, "podman", 0, t) <= 0))
		fputs("codex-sandbox: no sandbox of yours runs\n", stderr);
	else if (n > 0 && second)
		list(&p, &e, "podman", n, t);
	plan_free(&p);
	return n < 0 ? -1 : fflush(stdout) == 0 ? 0 : 1;
}
