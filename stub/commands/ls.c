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

/* The lines of all engines, as FORMAT has them, by columns. */
static void print_all(struct arena *arena, const struct string_list *lines)
{
	int width = (int)strlen("CONTAINER");

	for (size_t i = 0; i < lines->count; i++) {
		const int size = (int)strcspn(lines->word[i], " ");

		width = size > width ? size : width;
	}
	printf("%-20s  %-5s  %-*s  WORKDIR\n", "SINCE", "WALL", width, "CONTAINER");
	for (size_t i = 0; i < lines->count; i++) {
		char *line = arena_copy(arena, lines->word[i]), *name = strsep(&line, " "),
		     *since = strsep(&line, " "), *wall = strsep(&line, " ");

		if (line)
			printf("%-20s  %-5s  %-*s  %s\n", when(arena, since), wall, width, name,
				quote_shown(arena, line));
	}
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

/* Adds those of one engine. Returns 0, or -1 with *t filled. */
static int list(struct plan *p, struct engine *e, const char *engine, struct string_list *to,
	struct error *t)
{
	const char *filter = arena_format(
		&p->arena, "--filter=label=" ARGV_LABEL_UID "=%lu", (unsigned long)geteuid());
	char *ids, *lines, *line;
	int status;

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
		if (*line)
			string_list_add(to, line + (*line == '/'));
	return 0;
}

int command_ls(struct call *call, struct error *t)
{
	struct plan p = {.workdir_fd = -1};
	const char *engine;
	struct engine e;
	bool skipped = false;
	struct string_list lines = {0};
	int result;

	if (kept_take(call->cli, t) < 0)
		return -1;
	engine = call->cli->engine;
	result = list(&p, &e, engine, &lines, t);
	/* One that is installed and can't be used has none. */
	if (result == 0 && !engine && strcmp(e.name, "podman") != 0 &&
		programs_find(&p, "podman", &skipped))
		list(&p, &e, "podman", &lines, t);
	if (lines.count)
		print_all(&p.arena, &lines);
	else if (result == 0)
		fputs("codex-sandbox: no sandbox of yours is running\n", stderr);
	string_list_free(&lines);
	plan_free(&p);
	return result < 0 ? -1 : fflush(stdout) == 0 ? 0 : 1;
}
