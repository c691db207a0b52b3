#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "rows.h"

/* In the order of the help text. */
static const struct command table[] = {
	{"status", command_status, 0, 1, "", false, "[WORKDIR]",
		"what is open, what was refused, how the start went"},
	{"explain", command_explain, 1, 2, "", false, "HOST[:PORT] [WORKDIR]",
		"whether it may be reached, and by which rule"},
	{"allow", command_allow, 1, 2, "save", false, "RULE [--save] [WORKDIR]",
		"allow it from now on, without a restart"},
	{"deny", command_deny, 1, 2, "save", false, "RULE [--save] [WORKDIR]",
		"refuse it from now on, and end its connections"},
	{"undo", command_undo, 1, 2, "save", false, "RULE [--save] [WORKDIR]",
		"take back what allow or deny did"},
	{"rules", command_rules, 0, 1, "", false, "[WORKDIR]", "the rules in force"},
	{"watch", command_watch, 0, 1, "wait", false, "[--wait] [WORKDIR]",
		"see what the sandbox decides, and answer its questions"},
	{"logs", command_logs, 0, 1, "json", false, "[--json] [WORKDIR]",
		"what the last session asked for and was refused"},
	{"learn", command_learn, 0, 1, "save", true, "[--save] [WORKDIR]",
		"rules for what the last sessions were refused"},
	{"ls", command_ls, 0, 0, "", false, "", "your sandboxes"},
	{"attach", command_attach, 0, 1, "", false, "[WORKDIR]",
		"share the terminal of a session"},
	{"join", command_join, 0, 1, "", false, "[WORKDIR]",
		"a shell beside Codex, with its user, rights and wall"},
	{"stop", command_stop, 0, 1, "", false, "[WORKDIR]",
		"end a session, and wait for its end"},
	{"config", command_config, 0, 1, "", true, "[WORKDIR]",
		"the options of a start here, and where each comes from"},
	{"doctor", command_doctor, 0, 1, "", true, "[WORKDIR]",
		"check what a start here needs"},
};
#define COMMANDS (sizeof(table) / sizeof(table[0]))

/* Options of commands, in struct call. */
static const struct {
	const char *name;
	size_t offset;
} flags[] = {{"save", offsetof(struct call, save)}, {"wait", offsetof(struct call, wait)},
	{"json", offsetof(struct call, json)}};
#define FLAGS (sizeof(flags) / sizeof(flags[0]))

const struct command *commands_find(const struct cli *c)
{
	if (c->divided || c->exec || !c->rest || !*c->rest)
		return NULL;
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(*c->rest, table[i].name) == 0)
			return &table[i];
	return NULL;
}

static const char operation[] = "read the command line";

/* Whoever meant a prompt reads here how to give it. */
static int hint_usage(const struct command *command, struct error *t)
{
	return refuse_hint(t,
		"codex-sandbox %s%s%s; a prompt of this word follows --: "
		"codex-sandbox -- %s",
		command->name, *command->usage ? " " : "", command->usage, command->name);
}

static int refuse_usage(const struct command *command, const char *why, struct error *t)
{
	refuse(t, operation, command->name, "%s", why);
	return hint_usage(command, t);
}

/* True if the option at `word` is the command's own. */
static bool take_flag(struct call *call, const char *word)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (strcmp(word + strspn(word, "-"), flags[i].name) == 0 &&
			strstr(call->command->options, flags[i].name)) {
			*(bool *)(void *)((char *)call + flags[i].offset) = true;
			return true;
		}
	return false;
}

/* Returns the number of arguments used, or -1. */
static int take(struct call *call, size_t *words, char **argv, struct error *t)
{
	if (argv[0][0] == '-' && argv[0][1])
		return take_flag(call, argv[0]) ? 1 : cli_take(call->cli, argv, t);
	if (*words == call->command->most)
		return refuse_usage(call->command, "too many words", t);
	call->word[(*words)++] = argv[0];
	return 1;
}

int commands_run(const struct command *command, struct cli *c, struct error *t)
{
	struct call call = {.command = command, .cli = c};
	size_t words = 0;

	for (char **argv = c->rest + 1; *argv;) {
		int taken = take(&call, &words, argv, t);

		if (taken < 0)
			return -1;
		argv += taken;
	}
	if (c->help) {
		printf("Usage: codex-sandbox %s%s%s\n%s\n", command->name,
			*command->usage ? " " : "", command->usage, command->help);
		return fflush(stdout) == 0 ? 0 : refuse_errno(t, "print", "stdout");
	}
	if (words < command->least)
		return refuse_usage(command, "a word is missing", t);
	if (c->start_only && !command->takes_all) {
		refuse(t, operation, c->start_only, "%s has no use for it", command->name);
		return hint_usage(command, t);
	}
	return cli_check(c, t) < 0 ? -1 : command->run(&call, t);
}

void commands_list(void)
{
	printf("\nCommands, for the sandbox of the directory you are in, or of WORKDIR:\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		char left[64];
		int n = snprintf(left, sizeof(left), "  %s %s", table[i].name, table[i].usage);

		printf("%-24s%s%*s%s\n", left, n > 23 ? "\n" : "", n > 23 ? 24 : 0, "",
			table[i].help);
	}
}
