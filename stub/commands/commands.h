/*
 * What codex-sandbox does about a sandbox that is there, besides starting one: a row for each
 * command in commands.c, a file for each in this folder. Nothing outside main.c knows of it, so
 * the way that starts a sandbox doesn't change by a command more.
 */
#ifndef STUB_COMMANDS_COMMANDS_H
#define STUB_COMMANDS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "../arena.h"
#include "../cli.h"
#include "../log.h"

/* The words of a command: at most a rule and a workdir. */
#define COMMAND_WORDS 2

/* What a command is called with. */
struct call {
	const struct command *command;
	struct cli *cli;
	const char *word[COMMAND_WORDS]; /* what its usage names; NULL: not given */
	bool save, wait, json;
};

struct command {
	const char *name;
	/* Returns the exit status, or -1 with *t filled. */
	int (*run)(struct call *call, struct error *t);
	size_t least, most;  /* the number of words */
	const char *options; /* those of its own that it takes, separated by blanks */
	bool takes_all;      /* the options of a start concern it as well */
	const char *usage, *help;
};

/*
 * The command that the command line names: its first word that is no option, exactly as in the
 * table. NULL if that is Codex's: any other word, a prompt of several words (one argument),
 * what follows "--" or --exec, or nothing at all.
 */
const struct command *commands_find(const struct cli *c);

/* Reads the rest of the command line, and runs the command. Returns the exit status, or -1 with
 * *t filled. */
int commands_run(const struct command *command, struct cli *c, struct error *t);

/* Prints a line for each command to stdout. */
void commands_list(void);

#endif
