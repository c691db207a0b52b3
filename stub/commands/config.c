/* What a start here would go by, and where it comes from: in the form of a file of options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kept.h"
#include "../options.h"
#include "rows.h"

/* No value of a variable is shown, since it may be a secret. */
static void print_line(const char *name, const char *value, const char *origin, bool overridden)
{
	const size_t shown = strcmp(name, "env") == 0 ? strcspn(value, "=") : strlen(value);
	char line[64];
	int n;

	n = snprintf(line, sizeof(line), "%s%s%s%.*s", overridden ? "# " : "", name,
		*value ? " " : "", (int)shown, value);
	if (n >= (int)sizeof(line))
		printf("%s%s %.*s", overridden ? "# " : "", name, (int)shown, value);
	else
		printf("%s", line);
	printf("%*s  # %s%s\n", n < 38 ? 38 - n : 0, "", origin,
		overridden ? " (something else takes precedence)" : "");
}

/* The variables that the start itself reads; the others go to codex-init. */
static void print_variables(void)
{
	static const char *const names[] = {"OPENAI_ALLOWED_DOMAINS", "CODEX_CONFIG_DIR",
		"CODEX_AUTH_FILE", "CODEX_DOCKER_IMAGE", "WORKSPACE_ROOT_DIR",
		"CODEX_INIT_EGRESS", "CODEX_INIT_WALL", "CODEX_INIT_DENY"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			printf("# %s=%s  # the environment\n", names[i], value);
	}
}

int command_config(struct call *call, struct error *t)
{
	struct cli *c = call->cli;

	if (call->word[0] && c->work_dir)
		return refuse(t, "read the command line", call->word[0],
			"--work_dir names another workdir");
	if (call->word[0])
		c->work_dir = call->word[0];
	if (kept_take(c, t) < 0)
		return -1;
	for (size_t i = 0; i + 2 < c->given.count; i += 3)
		if (!options_unkept(options_find(c->given.word[i], strlen(c->given.word[i]))))
			print_line(c->given.word[i], c->given.word[i + 1], c->given.word[i + 2],
				false);
	for (size_t i = 0; i + 2 < c->overridden.count; i += 3)
		print_line(c->overridden.word[i], c->overridden.word[i + 1],
			c->overridden.word[i + 2], true);
	print_variables();
	return fflush(stdout) == 0 ? 0 : 1;
}
