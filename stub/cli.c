#include "cli.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../init/lib/nearest.h"
#include "argv.h"
#include "bounds.h"
#include "quote.h"
#include "request_env.h"
#include "values.h"

enum kind {
	FLAG,    /* sets a bool */
	VALUE,   /* sets a string */
	LIST,    /* adds a string to a list */
	COMMAND, /* sets a bool, and everything after it is a command */
};

struct cli_option {
	const char *name; /* with '_'; matched with '-' as well */
	char letter;      /* 0: none */
	enum kind kind;
	size_t offset; /* into struct cli */
	const char *value, *help;
};

#define AT(member) offsetof(struct cli, member)

/* In the order of the help text; a line break in a help text starts a new line there. */
static const struct cli_option options[] = {
	{"work_dir", 0, VALUE, AT(work_dir), "DIR",
		"the project: mounted at /app/DIR, where Codex starts\n(default: the current "
		"directory; never /)"},
	{"config", 0, VALUE, AT(config), "FILE|DIR",
		"config.toml, or a directory with config.toml, auth.json,\nprompts/, "
		"AGENTS.md, skills/ "
		"and rules/"},
	{"auth_file", 0, VALUE, AT(auth_file), "FILE",
		"credentials, mounted read-only as Codex's auth.json"},
	{"auth_dir", 0, VALUE, AT(auth_dir), "DIR",
		"a directory for auth.json, mounted writable, so that Codex\ncan renew the "
		"login it keeps there"},
	{"codex-home", 0, VALUE, AT(codex_home), "DIR",
		"Codex's home instead of WORK_DIR/.codex/.environment"},
	{"sessions-path", 0, VALUE, AT(sessions_path), "DIR", "where Codex keeps its sessions"},
	{"init_script", 0, VALUE, AT(init_script), "FILE",
		"runs in the project, inside the wall, before Codex starts"},
	{"read-only", 0, LIST, AT(read_only), "PATH",
		"makes a file or directory readable at /app/PATH (repeatable)"},
	{"mount", 0, LIST, AT(mount), "DIR",
		"a further directory that Codex may write, at /app/DIR (asks;\nrepeatable)"},
	{"trust", 0, FLAG, AT(trust), NULL,
		"tells Codex to trust the project: it then obeys the project's\nown .codex "
		"configuration without asking"},
	{"no-protect", 0, FLAG, AT(no_protect), NULL,
		"lets Codex write .codex and .git/hooks, and git's settings as it\nlikes, "
		"which "
		"programs on your machine obey"},
	{"lock-git-config", 0, FLAG, AT(lock_git_config), NULL,
		"mounts .git/config read-only: git can't change it in there"},
	{"allow", 0, LIST, AT(allow), "RULE",
		"a host that may be reached: example.com, *.example.com,\nexample.com:22, "
		"10.1.0.0/16:5432+private, @pypi (repeatable)"},
	{"deny", 0, LIST, AT(deny), "RULE", "a host that may not; wins over every allow"},
	{"audit", 0, FLAG, AT(audit), NULL,
		"lets everything through and records what would be refused"},
	{"wall", 0, VALUE, AT(wall), "nft|cell",
		"what enforces the rules: nftables (the default), or the\ncell, for which the "
		"container "
		"needs no capability"},
	{"image", 0, VALUE, AT(image), "IMAGE", "the image to run (default: codex-sandbox)"},
	{"engine", 0, VALUE, AT(engine), "docker|podman",
		"the container engine (default: docker, else podman)"},
	{"selinux", 0, VALUE, AT(selinux), "disable|relabel",
		"if SELinux keeps containers from your files: no labels for\nthis container, "
		"or (podman) new labels for what is mounted"},
	{"network", 0, VALUE, AT(network), "NAME", "a network of the engine to join"},
	{"pids-limit", 0, VALUE, AT(pids_limit), "N|max",
		"processes and threads at one time (default: " ARGV_PIDS_LIMIT ")"},
	{"memory", 0, VALUE, AT(memory), "SIZE", "memory that the container may use: 4g, 512m"},
	{"cpus", 0, VALUE, AT(cpus), "N", "processors that it may use: 2, 1.5"},
	{"shm-size", 0, VALUE, AT(shm_size), "SIZE",
		"the size of /dev/shm, which browsers and databases need"},
	{"publish", 0, LIST, AT(publish), "[ADDR:]PORT[:PORT]",
		"a server in the container that this machine can reach, at\n127.0.0.1 unless "
		"ADDR is given (repeatable)"},
	{"add-host", 0, LIST, AT(add_host), "NAME:ADDR",
		"a line in the container's hosts file; a rule has to allow\nthe name "
		"(repeatable)"},
	{"env", 'e', LIST, AT(env), "NAME[=VALUE]",
		"sets a variable in the container, or passes yours (repeatable)"},
	{"env-file", 0, LIST, AT(env_file), "FILE",
		"variables for the container, NAME=VALUE lines; none that decides\nabout the "
		"sandbox (repeatable)"},
	{"exec", 0, COMMAND, AT(exec), "CMD [ARG...]",
		"runs CMD in the sandbox instead of codex"},
	{"yes", 'y', FLAG, AT(yes), NULL, "answers yes to every question"},
	{"dry-run", 0, FLAG, AT(dry_run), NULL,
		"prints the engine's command, quoted for a shell, and creates\nnothing"},
	{"help", 'h', FLAG, AT(help), NULL, "this text"},
	{"version", 'V', FLAG, AT(version), NULL, "the version"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* `word` is what follows the two dashes, `size` its length up to '=' or the end. */
static const struct cli_option *find_long(const char *word, size_t size)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const char *name = options[i].name;
		size_t n = 0;

		if (strlen(name) != size)
			continue;
		while (n < size && (name[n] == word[n] ||
					   (strchr("-_", name[n]) && strchr("-_", word[n]))))
			n++;
		if (n == size)
			return &options[i];
	}
	return NULL;
}

static const struct cli_option *find_letter(char letter)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (letter && options[i].letter == letter)
			return &options[i];
	return NULL;
}

static void set(struct cli *c, const struct cli_option *o, const char *value)
{
	char *member = (char *)c + o->offset;

	if (o->kind == VALUE)
		*(const char **)(void *)member = value;
	else if (o->kind == LIST)
		string_list_add((struct string_list *)(void *)member, value);
	else
		*(bool *)(void *)member = true;
}

/* Parses the option at argv[0]. *attached becomes a value that is part of the same argument. */
static const struct cli_option *recognise(const char *word, const char **attached)
{
	const struct cli_option *o;
	size_t size;

	*attached = NULL;
	if (word[1] != '-') {
		o = find_letter(word[1]);
		if (o && word[2] && o->kind == FLAG)
			return NULL; /* letters can't be combined: there are too few of them */
		if (o && word[2])
			*attached = word + 2;
		return o;
	}
	size = strcspn(word + 2, "=");
	if (word[2 + size] == '=')
		*attached = word + 2 + size + 1;
	return find_long(word + 2, size);
}

/* A similar option of ours is suggested before Codex's own. */
static int refuse_option(struct error *t, const char *word)
{
	struct nearest near = {.word = word + strspn(word, "-")};

	near.size = strcspn(near.word, "=");
	for (size_t i = 0; i < OPTIONS; i++)
		nearest_offer(&near, options[i].name);
	refuse(t, "read the command line", word, "there is no such option");
	if (near.best)
		return refuse_hint(t, "did you mean --%s? Arguments for codex itself follow --",
			near.best);
	return refuse_hint(t, "--help lists them; arguments for codex itself follow --");
}

/* Parses one option and its value. Returns the number of arguments used, or -1. */
static int take_option(struct cli *c, char **argv, struct error *t)
{
	static const char operation[] = "read the command line";
	const char *value;
	const struct cli_option *o = recognise(argv[0], &value);
	int taken = 1;

	if (!o)
		return refuse_option(t, argv[0]);
	if (o->kind == FLAG || o->kind == COMMAND) {
		if (value)
			return refuse(t, operation, argv[0], "the option takes no value");
		set(c, o, NULL);
		return taken;
	}
	if (!value) {
		value = argv[1];
		taken = 2;
	}
	if (!value)
		return refuse(t, operation, argv[0], "its value (%s) is missing", o->value);
	if (!*value)
		return refuse(t, operation, argv[0], "its value (%s) is empty", o->value);
	set(c, o, value);
	return taken;
}

/* Whether an option may be shown on a terminal and repeated in a later command. */
static bool may_be_given_again(const struct cli *c, const struct cli_option *o)
{
	const char *variable = c->env.count ? c->env.word[c->env.count - 1] : "";

	if (o->offset == AT(dry_run))
		return false;
	return o->offset != AT(env) || !request_env_is_secret(variable);
}

static int check_environment(const struct cli *c, struct error *t)
{
	for (size_t i = 0; i < c->env.count; i++)
		if (!quote_is_variable(c->env.word[i], strcspn(c->env.word[i], "=")))
			return refuse(t, "read the command line", c->env.word[i],
				"-e takes NAME or NAME=VALUE; NAME consists of letters, digits "
				"and _");
	return 0;
}

static int check_pids_limit(const char *limit, struct error *t)
{
	const size_t digits = limit ? strspn(limit, "0123456789") : 0;

	if (!limit || strcmp(limit, "max") == 0 ||
		(digits <= BOUND_PIDS_DIGITS && digits > 0 && !limit[digits] &&
			limit[0] != '0'))
		return 0;
	return refuse(t, "read the command line", limit,
		"--pids-limit takes a number of processes, or max");
}

static int check_value(
	const char *option, const char *value, const char *why(const char *), struct error *t)
{
	const char *wrong = value ? why(value) : NULL;

	return wrong ? refuse(t, "read the command line", value, "%s: %s", option, wrong) : 0;
}

static const char *why_not_published(const char *text)
{
	struct publication unused;

	return values_publish(text, &unused);
}

/* Checks the values that are passed on to the engine. */
static int check_values(const struct cli *c, struct error *t)
{
	if (check_pids_limit(c->pids_limit, t) < 0 ||
		check_value("--memory", c->memory, values_bytes, t) < 0 ||
		check_value("--shm-size", c->shm_size, values_bytes, t) < 0 ||
		check_value("--cpus", c->cpus, values_processors, t) < 0)
		return -1;
	for (size_t i = 0; i < c->publish.count; i++)
		if (check_value("--publish", c->publish.word[i], why_not_published, t) < 0)
			return -1;
	for (size_t i = 0; i < c->add_host.count; i++)
		if (check_value("--add-host", c->add_host.word[i], values_host, t) < 0)
			return -1;
	return 0;
}

int cli_check(const struct cli *c, struct error *t)
{
	static const char operation[] = "read the command line";

	if (c->exec && !*c->rest)
		return refuse(t, operation, "--exec", "the command to run is missing");
	if (c->auth_dir && c->auth_file)
		return refuse(t, operation, "--auth_dir and --auth_file",
			"both name the credentials: use one of them");
	if (c->engine && strcmp(c->engine, "docker") != 0 && strcmp(c->engine, "podman") != 0)
		return refuse(t, operation, c->engine, "--engine takes docker or podman");
	if (c->selinux && strcmp(c->selinux, "disable") != 0 &&
		strcmp(c->selinux, "relabel") != 0)
		return refuse(t, operation, c->selinux, "--selinux takes disable or relabel");
	if (c->wall && strcmp(c->wall, "nft") != 0 && strcmp(c->wall, "cell") != 0)
		return refuse(t, operation, c->wall, "--wall takes nft or cell");
	if ((c->audit || c->publish.count) && c->wall && strcmp(c->wall, "cell") == 0) {
		refuse(t, operation, c->audit ? "--audit" : "--publish",
			"the cell lets nothing through, in or out");
		return refuse_hint(t, "leave out --wall=cell");
	}
	if (check_values(c, t) < 0)
		return -1;
	return check_environment(c, t);
}

/* Which sandbox is meant, rather than how one is started. */
static bool says_which(const struct cli_option *o)
{
	static const size_t which[] = {AT(work_dir), AT(codex_home), AT(engine), AT(help)};

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		if (o->offset == which[i])
			return true;
	return false;
}

int cli_take(struct cli *c, char **argv, struct error *t)
{
	int taken = take_option(c, argv, t);
	const char *attached;
	const struct cli_option *o;

	if (taken < 0)
		return -1;
	o = recognise(argv[0], &attached);
	if (!c->start_only && !says_which(o))
		c->start_only = argv[0];
	for (int i = 0; i < taken; i++)
		if (may_be_given_again(c, o))
			string_list_add(&c->own, argv[i]);
	return taken;
}

int cli_parse(struct cli *c, int argc, char **argv, struct error *t)
{
	int i = 1;

	*c = (struct cli){.program = argc > 0 ? argv[0] : "codex-sandbox"};
	while (i < argc && argv[i][0] == '-' && argv[i][1] && !c->exec) {
		int taken;

		if (strcmp(argv[i], "--") == 0)
			break;
		taken = cli_take(c, argv + i, t);
		if (taken < 0)
			return -1;
		i += taken;
	}
	c->divided = i < argc && strcmp(argv[i], "--") == 0;
	i += c->divided;
	c->rest = argv + i;
	return c->help || c->version ? 0 : cli_check(c, t);
}

void cli_free(struct cli *c)
{
	string_list_free(&c->read_only);
	string_list_free(&c->allow);
	string_list_free(&c->deny);
	string_list_free(&c->env);
	string_list_free(&c->env_file);
	string_list_free(&c->add_host);
	string_list_free(&c->publish);
	string_list_free(&c->mount);
	string_list_free(&c->own);
}

static const char before[] =
	"Usage: codex-sandbox [options] [--] [codex arguments]\n"
	"       codex-sandbox [options] COMMAND ...\n"
	"\n"
	"Runs the Codex CLI in a container of its own, where it can write to the project and\n"
	"reach only the hosts that you allow.\n"
	"\n"
	"Options:\n";

static const char after[] =
	"\n"
	"Every long option may be written with - or _ in its name.\n"
	"\n"
	"Environment:\n"
	"  OPENAI_ALLOWED_DOMAINS  more hosts that may be reached, separated by blanks or "
	"commas\n"
	"  CODEX_CONFIG_DIR        as --config DIR\n"
	"  CODEX_AUTH_FILE         as --auth_file\n"
	"  CODEX_DOCKER_IMAGE      as --image\n"
	"  WORKSPACE_ROOT_DIR      the project must lie inside this directory\n"
	"  CODEX_INIT_*            codex-init's settings, passed on to it\n"
	"\n"
	"Credentials, config.toml, prompts/, AGENTS.md, skills/ and rules/ are looked for in\n"
	"--config, CODEX_CONFIG_DIR, ~/.codex, ~/.config/codex, WORK_DIR/codex and\n"
	"WORK_DIR/.codex, in this order. Without credentials Codex shows its own login. An "
	"API\n"
	"key is passed on with -e OPENAI_API_KEY.\n"
	"\n"
	"Exit status: the command's own; 100 wrong options, or something that must not be\n"
	"mounted; 111 the sandbox could not be set up; 112 the init script failed.\n"
	"\n"
	"Examples:\n"
	"  codex-sandbox\n"
	"  codex-sandbox --work_dir ~/src/shop --allow @pypi exec \"make the tests pass\"\n"
	"  codex-sandbox --read-only ~/.m2/repository --init_script ./sandbox-setup.sh\n"
	"  codex-sandbox --exec curl -I https://api.openai.com\n";

static void help_option(const struct cli_option *o)
{
	const char *line = o->help;
	char left[64];
	int n;

	n = snprintf(left, sizeof(left), "  %s%.1s%s--%s%s%s", o->letter ? "-" : "", &o->letter,
		o->letter ? ", " : "", o->name, o->value ? " " : "", o->value ? o->value : "");
	printf("%-24s%s", left, n > 23 ? "\n" : "");
	for (bool first = n <= 23; line; first = false) {
		size_t size = strcspn(line, "\n");

		printf("%*s%.*s\n", first ? 0 : 24, "", (int)size, line);
		line = line[size] ? line + size + 1 : NULL;
	}
}

int cli_help(void commands(void), struct error *t)
{
	fputs(before, stdout);
	for (size_t i = 0; i < OPTIONS; i++)
		help_option(&options[i]);
	commands();
	fputs(after, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : refuse_errno(t, "print", "stdout");
}
