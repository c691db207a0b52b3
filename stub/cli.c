#include "cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "options.h"
#include "quote.h"
#include "request_env.h"
#include "rules.h"
#include "values.h"

#define AT(member) offsetof(struct cli, member)

static void set(struct cli *c, const struct option *o, const char *value)
{
	char *member = (char *)c + o->offset;

	if (o->kind == OPTION_VALUE || o->kind == OPTION_CHOICE)
		*(const char **)(void *)member = value;
	else if (o->kind == OPTION_LIST)
		string_list_add((struct string_list *)(void *)member, value);
	else
		*(bool *)(void *)member = true;
}

static void note(
	struct string_list *list, const struct option *o, const char *value, const char *origin)
{
	string_list_add(list, o->name);
	string_list_add(list, value ? value : "");
	string_list_add(list, origin);
}

static void give(struct cli *c, const struct option *o, const char *value, const char *origin)
{
	set(c, o, value);
	note(&c->given, o, value, origin);
}

/* Parses the option at argv[0]. *attached becomes a value that is part of the same argument. */
static const struct option *recognise(const char *word, const char **attached)
{
	const struct option *o;
	size_t size;

	*attached = NULL;
	if (word[1] != '-') {
		o = options_letter(word[1]);
		if (o && word[2] && o->kind == OPTION_FLAG)
			return NULL; /* letters can't be combined: there are too few of them */
		if (o && word[2])
			*attached = word + 2;
		return o;
	}
	size = strcspn(word + 2, "=");
	if (word[2 + size] == '=')
		*attached = word + 2 + size + 1;
	return options_find(word + 2, size);
}

/* A similar option of ours is suggested before Codex's own. */
static int refuse_option(struct error *t, const char *word)
{
	const char *name = word + strspn(word, "-"),
		   *near = options_nearest(name, strcspn(name, "="));

	refuse(t, "read the command line", word, "there is no such option");
	if (near)
		return refuse_hint(
			t, "did you mean --%s? Arguments for codex itself follow --", near);
	return refuse_hint(t, "--help lists them; arguments for codex itself follow --");
}

/* Parses one option and its value. Returns the number of arguments used, or -1. */
static int take_option(struct cli *c, char **argv, struct error *t)
{
	static const char operation[] = "read the command line";
	const char *value;
	const struct option *o = recognise(argv[0], &value);
	int taken = 1;

	if (!o)
		return refuse_option(t, argv[0]);
	if (o->kind == OPTION_FLAG || o->kind == OPTION_COMMAND) {
		if (value)
			return refuse(t, operation, argv[0], "the option takes no value");
		give(c, o, NULL, CLI_LINE);
		return taken;
	}
	if (!value && o->kind == OPTION_CHOICE) {
		give(c, o, "", CLI_LINE);
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
	give(c, o, value, CLI_LINE);
	return taken;
}

/* Whether an option may be shown on a terminal and repeated in a later command. */
static bool may_be_given_again(const struct cli *c, const struct option *o)
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

static int check_ask(const char *seconds, struct error *t)
{
	const size_t digits = seconds ? strspn(seconds, "0123456789") : 0;

	if (!seconds || (!seconds[digits] && strtoul(seconds, NULL, 10) <= BOUND_ASK_SECONDS &&
				digits <= BOUND_DIGITS))
		return 0;
	return refuse(t, "read the command line", seconds,
		"--ask=SECONDS takes a number, %d at most", BOUND_ASK_SECONDS);
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
	if (check_pids_limit(c->pids_limit, t) < 0 || check_ask(c->ask, t) < 0 ||
		check_value("--memory", c->memory, values_bytes, t) < 0 ||
		check_value("--shm-size", c->shm_size, values_bytes, t) < 0 ||
		check_value("--cpus", c->cpus, values_processors, t) < 0)
		return -1;
	for (size_t i = 0; i < c->agree.count; i++)
		if (check_value("--agree", c->agree.word[i], values_sha256, t) < 0)
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
	if (c->broker && strcmp(c->broker, "auto") != 0 && strcmp(c->broker, "on") != 0 &&
		strcmp(c->broker, "off") != 0)
		return refuse(t, operation, c->broker, "--broker takes auto, on or off");
	if ((c->audit || c->publish.count) && c->wall && strcmp(c->wall, "cell") == 0) {
		refuse(t, operation, c->audit ? "--audit" : "--publish",
			"the cell lets nothing through, in or out");
		return refuse_hint(t, "leave out --wall=cell");
	}
	if (check_values(c, t) < 0)
		return -1;
	return check_environment(c, t);
}

/* Which sandbox is meant, rather than how one is started; and the files say that, too. */
static bool says_which(const struct option *o)
{
	static const size_t which[] = {
		AT(work_dir), AT(codex_home), AT(engine), AT(help), AT(no_config)};

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		if (o->offset == which[i])
			return true;
	return false;
}

int cli_take(struct cli *c, char **argv, struct error *t)
{
	int taken = take_option(c, argv, t);
	const char *attached;
	const struct option *o;

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

int cli_take_workdir(struct cli *c, const char *workdir, struct error *t)
{
	if (workdir && c->work_dir)
		return refuse(t, "read the command line", workdir,
			"--work_dir names another workdir");
	if (workdir)
		c->work_dir = workdir;
	return 0;
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

/* The name of the file in an origin, "FILE:LINE". */
static size_t file_size(const char *origin)
{
	const char *colon = strrchr(origin, ':');

	return colon ? (size_t)(colon - origin) : strlen(origin);
}

/* True if one with a single value is given in this file already. */
static bool is_given_twice(
	const struct string_list *list, const struct option *o, const char *origin)
{
	for (size_t i = 0; i + 2 < list->count; i += 3)
		if (strcmp(list->word[i], o->name) == 0 &&
			file_size(list->word[i + 2]) == file_size(origin) &&
			memcmp(list->word[i + 2], origin, file_size(origin)) == 0)
			return true;
	return false;
}

/* True if what takes precedence says something else about it. */
static bool is_decided(const struct cli *c, const struct option *o)
{
	const char *member = (const char *)c + o->offset;
	const char *name = options_variable(o), *value = name ? getenv(name) : NULL;

	if (value && *value)
		return true;
	if (o->offset == AT(auth_dir) && (c->auth_file || getenv("CODEX_AUTH_FILE")))
		return true;
	if (o->offset == AT(auth_file) && c->auth_dir)
		return true;
	return (o->kind == OPTION_VALUE || o->kind == OPTION_CHOICE) &&
	       *(const char *const *)(const void *)member;
}

/* A path in a file counts from nowhere. Returns NULL if it can't be used. */
static const char *absolute(struct cli *c, const char *value)
{
	const char *home = getenv("HOME");

	if (value[0] == '/')
		return value;
	if (strncmp(value, "~/", 2) != 0 || !home || home[0] != '/')
		return NULL;
	return arena_format(&c->arena, "%s%s", home, value + 1);
}

/* Why an option can't be given by this line of a file, or NULL. */
static const char *why_not(
	const struct cli *c, const struct option *o, const char *value, const char *origin)
{
	if (options_unkept(o))
		return options_unkept(o);
	if (o->kind == OPTION_FLAG)
		return *value ? "it takes no value" : NULL;
	if (!*value && o->kind != OPTION_CHOICE)
		return "its value is missing";
	if (o->offset == AT(env) && request_env_is_secret(value))
		return "a secret doesn't belong in this file: write the name alone, and the "
		       "value comes from your environment";
	if (o->kind != OPTION_LIST && (is_given_twice(&c->given, o, origin) ||
					      is_given_twice(&c->overridden, o, origin)))
		return "it is given twice in this file";
	return NULL;
}

int cli_keep(
	struct cli *c, const char *name, const char *value, const char *origin, struct error *t)
{
	const struct option *o = options_find(name, strlen(name));
	const char *near = options_nearest(name, strlen(name)), *why;

	if (!o) {
		refuse(t, CLI_READ, origin, "%s: there is no such option", name);
		return near ? refuse_hint(t, "did you mean %s?", near)
			    : refuse_hint(t, "an option is named as on the command line, "
					     "without dashes, and its value follows a blank");
	}
	why = why_not(c, o, value, origin);
	if (!why && options_is_path(o) && !(value = absolute(c, value)))
		why = "a path has to begin with / or ~/ here";
	if (why)
		return refuse(t, CLI_READ, origin, "%s: %s", name, why);
	/* codex-init would refuse it as well, but doesn't know of the file. */
	if ((o->offset == AT(allow) || o->offset == AT(deny)) &&
		rules_check(value, o->offset == AT(deny) ? RULE_DENY : RULE_ALLOW, CLI_READ,
			origin, t) < 0)
		return -1;
	if (is_decided(c, o)) {
		note(&c->overridden, o, value, origin);
		return 0;
	}
	give(c, o, o->kind == OPTION_FLAG ? NULL : value, origin);
	if (cli_check(c, t) == 0)
		return 0;
	/* The command line was right before this line. */
	return refuse(
		t, CLI_READ, origin, "%s: %s", t->subject, arena_copy(&c->arena, t->reason));
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
	string_list_free(&c->agree);
	string_list_free(&c->own);
	string_list_free(&c->given);
	string_list_free(&c->overridden);
	arena_free(&c->arena);
}
