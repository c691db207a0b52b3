/* What a start here would go by, and where it comes from: in the form of a file of options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kept.h"
#include "../options.h"
#include "../quote.h"
#include "rows.h"

/* No value of a variable is shown, since it may be a secret; and none moves the cursor. */
static void print_line(struct arena *arena, const char *const given[3], bool overridden)
{
	const char *name = given[0], *value = given[1];
	const size_t shown = strcmp(name, "env") == 0 ? strcspn(value, "=") : strlen(value);
	const char *line = arena_format(arena, "%s%s%s%.*s", overridden ? "# " : "", name,
		*value ? " " : "", (int)shown, value);

	printf("%-38s  # %s%s\n", quote_shown(arena, line), quote_shown(arena, given[2]),
		overridden ? " (something else takes precedence)" : "");
}

/* The variables that the start itself reads; the others go to codex-init. Returns their number.
 */
static size_t print_variables(struct arena *arena)
{
	size_t count = 0;

	static const char *const names[] = {"OPENAI_ALLOWED_DOMAINS", "CODEX_CONFIG_DIR",
		"CODEX_AUTH_FILE", "CODEX_DOCKER_IMAGE", "WORKSPACE_ROOT_DIR",
		"CODEX_INIT_EGRESS", "CODEX_INIT_WALL", "CODEX_INIT_BROKER", "CODEX_INIT_ASK",
		"CODEX_INIT_DENY"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value) {
			printf("# %s=%s  # the environment\n", names[i],
				quote_shown(arena, value));
			count++;
		}
	}
	return count;
}

int command_config(struct call *call, struct error *t)
{
	struct cli *c = call->cli;
	size_t count;

	if (cli_take_workdir(call->cli, call->word[0], t) < 0 || kept_take(c, t) < 0)
		return -1;
	count = c->overridden.count;
	for (size_t i = 0; i + 2 < c->given.count; i += 3)
		if (!options_unkept(options_find(c->given.word[i], strlen(c->given.word[i])))) {
			print_line(&c->arena, c->given.word + i, false);
			count++;
		}
	for (size_t i = 0; i + 2 < c->overridden.count; i += 3)
		print_line(&c->arena, c->overridden.word + i, true);
	if (print_variables(&c->arena) + count == 0)
		fputs("codex-sandbox: no option is given or kept here\n", stderr);
	return fflush(stdout) == 0 ? 0 : 1;
}
