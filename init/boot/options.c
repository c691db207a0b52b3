/* Reads the environment and the command line by the table in option_rows.c. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/nearest.h"
#include "option_rows.h"

static const struct option_row *find_row(const char *word, size_t len)
{
	for (size_t i = 0; i < option_rows_count; i++) {
		if (strlen(option_rows[i].longname) == len &&
			memcmp(option_rows[i].longname, word, len) == 0)
			return &option_rows[i];
		if (option_rows[i].shortname && strlen(option_rows[i].shortname) == len &&
			memcmp(option_rows[i].shortname, word, len) == 0)
			return &option_rows[i];
	}
	return NULL;
}

static bool is_set(const char *variable, const char *name)
{
	const size_t n = strlen(name);

	return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

/* A misspelt variable has no effect, so what it was to deny would be allowed. */
static void warn_of_unknown_variables(void)
{
	static const char ours[] = "CODEX_INIT_";

	for (char **variable = environ; *variable; variable++) {
		struct nearest near = {.word = *variable, .size = strcspn(*variable, "=")};
		bool known = is_set(*variable, "CODEX_INIT_RUN") ||
			     is_set(*variable, "CODEX_INIT_LOGIN");

		if (strncmp(*variable, ours, strlen(ours)) != 0)
			continue;
		for (size_t i = 0; i < option_rows_count && !known; i++)
			if (option_rows[i].environment) {
				nearest_offer(&near, option_rows[i].environment);
				known = near.best && near.distance == 0;
			}
		if (known)
			continue;
		say_warning("config", "%.*s: codex-init has no such variable", (int)near.size,
			*variable);
		if (near.best)
			say_hint("did you mean %s?", near.best);
	}
}

static int no_such_option(struct failure *f, const char *word, size_t size)
{
	struct nearest near = {.word = word, .size = size};

	for (size_t i = 0; i < option_rows_count; i++)
		nearest_offer(&near, option_rows[i].longname);
	fail(f, "read the options", word, "there is no such option");
	if (near.best)
		return fail_hint(f, "did you mean %s? (--help lists all)", near.best);
	return fail_hint(f, "codex-init --help lists them; put -- before a command that begins "
			    "with '-'");
}

static int set(
	struct options *o, const struct option_row *row, struct given g, struct failure *f)
{
	g.member = (char *)o + row->member;
	return row->set(o, &g, f);
}

static int read_environment(struct options *o, struct failure *f)
{
	for (size_t i = 0; i < option_rows_count; i++) {
		struct given g = {.name = option_rows[i].environment, .environment = true};

		if (!g.name)
			continue;
		g.value = getenv(g.name);
		/* Engines pass on `-e NAME=`: empty counts as unset. */
		if (g.value && g.value[0] && set(o, &option_rows[i], g, f) < 0)
			return -1;
	}
	return 0;
}

static int read_arguments(struct options *o, int argc, char **argv, struct failure *f)
{
	bool upstreams_given = false;
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *equals = argv[i][1] == '-' ? strchr(argv[i], '=') : NULL;
		size_t len = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
		const struct option_row *row = find_row(argv[i], len);
		struct given g = {.value = equals ? equals + 1 : NULL};

		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!row)
			return no_such_option(f, argv[i], len);
		g.name = row->longname;
		if (!row->argument && equals)
			return fail(f, "read the options", argv[i], "it takes no value");
		if (row->argument && row->argument[0] != '[' && !equals) {
			if (++i == argc)
				return fail(f, "read the options", g.name, "its %s is missing",
					row->argument);
			g.value = argv[i];
		}
		/* Upstreams on the command line replace those of the environment. */
		if (row->set == option_set_upstream && !upstreams_given) {
			o->upstreams_count = 0;
			upstreams_given = true;
		}
		if (set(o, row, g, f) < 0)
			return -1;
	}
	o->command = argv + i;
	return 0;
}

int options_read(struct options *out, int argc, char **argv, struct failure *f)
{
	memset(out, 0, sizeof(*out));
	out->default_rules = true;
	policy_init(&out->policy);
	warn_of_unknown_variables();
	if (read_environment(out, f) < 0 || read_arguments(out, argc, argv, f) < 0)
		return -1;
	if (out->hosts && !out->check) {
		fail(f, "read the options", "--hosts", "it goes with --check");
		return fail_hint(f, "codex-init --check --hosts, with the rules");
	}
	if (out->explain && !out->check) {
		fail(f, "read the options", "--explain", "it goes with --check");
		return fail_hint(f, "in a container that runs, ask: codex-egress explain HOST");
	}
	if (out->proxy.port && out->egress == EGRESS_PIN) {
		fail(f, "read the options", "--proxy",
			"with --egress=pin there is no gate to use it");
		return fail_hint(f, "leave --egress as it is: strict is the default");
	}
	if (out->ask && out->egress == EGRESS_PIN) {
		fail(f, "read the options", "--ask",
			"with --egress=pin there is no gate that could hold a connection");
		return fail_hint(f, "leave --egress as it is: strict is the default");
	}
	if (out->default_rules && policy_add_defaults(&out->policy) < 0)
		return fail_errno(f, "add the default rules", "");
	return 0;
}

void options_free(struct options *o)
{
	policy_free(&o->policy);
}

void options_help(void)
{
	printf("Usage: codex-init [options] [--] [command [args]]\n"
	       "\n"
	       "Runs a command as a container's PID 1, behind a wall that lets out only what "
	       "is allowed.\n\n");
	for (size_t i = 0; i < option_rows_count; i++) {
		char left[64];
		const char *argument = option_rows[i].argument;

		snprintf(left, sizeof(left), "%s%s%s%s%s",
			option_rows[i].shortname ? option_rows[i].shortname : "",
			option_rows[i].shortname ? ", " : "", option_rows[i].longname,
			argument && argument[0] != '[' ? " " : "", argument ? argument : "");
		printf("  %-28s %s\n", left, option_rows[i].help);
		if (option_rows[i].environment)
			printf("  %-28s ($%s)\n", "", option_rows[i].environment);
	}
	printf("\nA rule is name, *.name, name:port,port, 1.2.3.0/24:port, "
	       "[2001:db8::/32]:port or\n"
	       "@preset; a name without ports means 443 and 80; +private and +ech may follow.\n"
	       "\n"
	       "Exit status: the command's; 128+N when signal N ended it; 126 or 127 when it "
	       "can't\n"
	       "be run; 100 wrong options or rules; 111 the sandbox could not be set up and\n"
	       "nothing ran; 112 the init script failed and the command did not start.\n");
}
