/* The help text, made from the table of options. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "options.h"

static const char before[] =
	"Usage: codex-sandbox [options] [--] [codex arguments]\n"
	"       codex-sandbox [options] COMMAND ...\n"
	"\n"
	"Runs the Codex CLI in a container of its own, where it can write to the project\n"
	"and reach only the hosts that you allow.\n"
	"\n"
	"Options:\n";

static const char after[] =
	"\n"
	"Every long option may be written with - or _ in its name.\n"
	"\n"
	"Environment:\n"
	"  OPENAI_ALLOWED_DOMAINS  more hosts, separated by blanks or commas\n"
	"  CODEX_CONFIG_DIR        as --config DIR\n"
	"  CODEX_AUTH_FILE         as --auth_file\n"
	"  CODEX_DOCKER_IMAGE      as --image\n"
	"  WORKSPACE_ROOT_DIR      the project must lie inside this directory\n"
	"  CODEX_INIT_*            codex-init's settings, passed on to it\n"
	"\n"
	"Credentials, config.toml, prompts/, AGENTS.md, skills/ and rules/ are looked\n"
	"for in --config, CODEX_CONFIG_DIR, ~/.codex, ~/.config/codex, WORK_DIR/codex\n"
	"and WORK_DIR/.codex, in this order. Without credentials Codex shows its own\n"
	"login. To pass on an API key: -e OPENAI_API_KEY.\n"
	"\n"
	"Exit status: the command's own; 100 wrong options, or something that must not\n"
	"be mounted; 111 the sandbox could not be set up; 112 the init script failed.\n"
	"\n"
	"Examples:\n"
	"  codex-sandbox\n"
	"  codex-sandbox --work_dir ~/src/shop --allow @pypi exec \"make the tests pass\"\n"
	"  codex-sandbox --read-only ~/.m2/repository --init_script ./sandbox-setup.sh\n"
	"  codex-sandbox --exec curl -I https://api.openai.com\n";

/* Where the explanations begin, and how long a row is at most: terminals have 80 columns. */
#define COLUMN 24
#define WIDTH  79

/* The rest of a row that has reached `column`, and further rows. */
static void wrap(const char *text, int column)
{
	while (*text) {
		const int size = (int)strcspn(text, " ");

		if (column > COLUMN && column + 1 + size > WIDTH) {
			printf("\n%*s", COLUMN, "");
			column = COLUMN;
		}
		column += printf("%s%.*s", column > COLUMN ? " " : "", size, text);
		text += size + (text[size] == ' ');
	}
	putchar('\n');
}

static void help_option(const struct option *o)
{
	char left[64];
	int n;

	n = snprintf(left, sizeof(left), "  %s%.1s%s--%s%s%s", o->letter ? "-" : "", &o->letter,
		o->letter ? ", " : "", o->name, o->value && o->kind != OPTION_CHOICE ? " " : "",
		o->value ? o->value : "");
	printf("%-*s%s", COLUMN, left, n >= COLUMN ? "\n" : "");
	if (n >= COLUMN)
		printf("%*s", COLUMN, "");
	wrap(o->help, COLUMN);
}

int cli_help(void commands(void), struct error *t)
{
	fputs(before, stdout);
	for (size_t i = 0; i < options_count; i++)
		help_option(&options[i]);
	commands();
	fputs(after, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : refuse_errno(t, "print", "stdout");
}
