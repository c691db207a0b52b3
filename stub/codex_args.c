#include "codex_args.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What a setting means in the sandbox. */
enum meaning {
	CODEXS,    /* leave it to Codex */
	CONTAINER, /* what the container does anyway */
	READ_ONLY,
	NO_PROFILE, /* can't be provided: refused */
	NO_QUESTION,
};

enum setting { SANDBOX, PROFILE, APPROVAL };

static const struct {
	enum setting setting;
	const char *value;
	enum meaning meaning;
} values[] = {
	{SANDBOX, "workspace-write", CONTAINER},
	{SANDBOX, "read-only", READ_ONLY},
	{PROFILE, ":workspace", CONTAINER},
	{PROFILE, ":read-only", READ_ONLY},
	{PROFILE, ":danger-full-access", CODEXS},
	{PROFILE, NULL, NO_PROFILE}, /* one of the user's own */
	{APPROVAL, "on-request", CONTAINER},
	{APPROVAL, "on-failure", CONTAINER},
	{APPROVAL, "untrusted", NO_QUESTION},
};

static const struct {
	const char *letter, *name; /* of an option with a value, or "" */
	const char *key;           /* of -c KEY=VALUE */
	enum setting setting;
} options[] = {
	{"-s", "--sandbox", "sandbox_mode", SANDBOX},
	{"", "", "default_permissions", PROFILE},
	{"-a", "--ask-for-approval", "approval_policy", APPROVAL},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static enum meaning meaning_of(enum setting setting, const char *value, size_t size)
{
	for (size_t i = 0; i < COUNT(values); i++)
		if (values[i].setting == setting &&
			(!values[i].value ||
				(strlen(values[i].value) == size &&
					memcmp(values[i].value, value, size) == 0)))
			return values[i].meaning;
	return CODEXS;
}

/*
 * The value of an option with this letter and name at the first argument, or NULL if that is
 * another one. Accepts what clap does: "-s V", "-sV", "-s=V", "--sandbox V", "--sandbox=V".
 * *taken is the number of arguments used.
 */
static const char *option_value(
	char *const *args, const char *letter, const char *name, unsigned *taken)
{
	const char *word = args[0];
	size_t n = strlen(name);

	*taken = 1;
	if (n > 0 && strncmp(word, name, n) == 0 && word[n] == '=')
		return word + n + 1;
	if (*letter && word[0] == '-' && word[1] == letter[1] && word[2])
		return word + 2 + (word[2] == '=');
	if ((n > 0 && strcmp(word, name) == 0) || (*letter && strcmp(word, letter) == 0)) {
		*taken = 2;
		return args[1]; /* NULL if the value is missing, of which Codex complains
				 */
	}
	return NULL;
}

static size_t trim(const char **text, size_t size)
{
	while (size > 0 && strchr(" \t", **text))
		++*text, size--;
	while (size > 0 && strchr(" \t", (*text)[size - 1]))
		size--;
	return size;
}

/* -c KEY=VALUE, where the value may be a TOML string. */
static enum meaning meaning_of_pair(const char *pair)
{
	const char *equals = strchr(pair, '='), *key = pair, *value;
	size_t key_size, size;

	if (!equals)
		return CODEXS;
	key_size = trim(&key, (size_t)(equals - pair));
	value = equals + 1;
	size = trim(&value, strlen(value));
	if (size >= 2 && (value[0] == '"' || value[0] == '\'') && value[size - 1] == value[0]) {
		value++;
		size -= 2;
	}
	for (size_t i = 0; i < COUNT(options); i++)
		if (strlen(options[i].key) == key_size &&
			memcmp(options[i].key, key, key_size) == 0)
			return meaning_of(options[i].setting, value, size);
	return CODEXS;
}

/* What the option at the first argument means here. *taken is the number of arguments used. */
static enum meaning meaning_at(char *const *args, unsigned *taken)
{
	const char *value = option_value(args, "-c", "--config", taken);

	if (value)
		return meaning_of_pair(value);
	for (size_t i = 0; i < COUNT(options); i++) {
		value = option_value(args, options[i].letter, options[i].name, taken);
		if (value)
			return meaning_of(options[i].setting, value, strlen(value));
	}
	*taken = 1;
	/* An old abbreviation of both. */
	return strcmp(args[0], "--full-auto") == 0 ? CONTAINER : CODEXS;
}

/* A command of Codex that starts no session; its options are its own. */
static bool starts_no_session(const char *word)
{
	static const char *const commands[] = {"login", "logout", "agents", "mcp", "mcp-server",
		"plugin", "app-server", "remote-control", "completion", "update", "doctor",
		"sandbox", "debug", "apply", "a", "queue", "archive", "unarchive", "delete",
		"cloud", "exec-server", "features", "help"};

	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(word, commands[i]) == 0)
			return true;
	return false;
}

static int refuse_here(char *const *args, unsigned taken, enum meaning is, struct error *t)
{
	char what[512];

	snprintf(what, sizeof(what), "%s%s%s", args[0], taken > 1 ? " " : "",
		taken > 1 ? args[1] : "");
	refuse(t, "start Codex", what,
		is == NO_QUESTION
			? "in the sandbox Codex can't ask before it runs commands"
			: "Codex's own sandbox is off in the container, and with it its "
			  "profiles");
	return refuse_hint(t, "leave it out: --allow and --read-only choose what may be "
			      "reached and read, and -s read-only keeps the project unchanged");
}

int codex_args_take(
	char *const *arguments, struct string_list *out, bool *read_only, struct error *t)
{
	bool options_only = true; /* only options and their values so far */
	unsigned taken = 1;

	*read_only = false;
	for (char *const *word = arguments; *word; word += taken) {
		enum meaning is = CODEXS;

		taken = 1;
		if (strcmp(*word, "--") == 0 || (options_only && starts_no_session(*word))) {
			for (; *word; word++)
				string_list_add(out, *word);
			return 0;
		}
		if (**word == '-')
			is = meaning_at(word, &taken);
		else if (word == arguments || word[-1][0] != '-')
			options_only = false;
		if (is == NO_PROFILE || is == NO_QUESTION)
			return refuse_here(word, taken, is, t);
		*read_only |= is == READ_ONLY;
		for (unsigned i = 0; is == CODEXS && i < taken; i++)
			string_list_add(out, word[i]);
	}
	return 0;
}

enum codex_use codex_args_use(bool exec, const struct string_list *arguments)
{
	struct string_list argv = {0};
	enum codex_use use;

	if (exec)
		return CODEX_NOT;
	string_list_add(&argv, "codex");
	for (size_t i = 0; i < arguments->count; i++)
		string_list_add(&argv, arguments->word[i]);
	use = codex_use((char *const *)(uintptr_t)argv.word);
	string_list_free(&argv);
	return use;
}
