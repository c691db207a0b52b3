/*
 * The command line, from one table of options (cli.c). Long names may be written with '_' or
 * '-', their values after a blank or '='.
 */
#ifndef STUB_CLI_H
#define STUB_CLI_H

#include <stdbool.h>

#include "log.h"
#include "arena.h"

/* The parsed options. Strings point into argv; NULL: not given. If an option with a single
 * value is given twice, the last one counts. */
struct cli {
	const char *work_dir, *config, *auth_file, *auth_dir, *codex_home, *sessions_path,
		*init_script, *image, *engine, *network, *selinux, *wall, *broker,
		*ask,        /* seconds; "": the default */
		*notify,     /* a command */
		*pids_limit, /* a number or "max" */
		*memory, *cpus, *shm_size;
	struct string_list read_only, allow, deny, env, env_file, add_host, publish, mount,
		agree;
	const char *program;    /* argv[0] */
	struct string_list own; /* our options as given, to be repeated in a later command;
				   without --dry-run and secret variables */
	/* Name, value ("" if it takes none) and origin of each option: the ones in force, and
	 * those of files that something else takes precedence over. */
	struct string_list given, overridden;
	struct arena arena; /* what is read from files */
	bool trust, audit, no_protect, lock_git_config, yes, dry_run, help, version, no_config;
	bool kept;              /* kept_take() has been here: it is done once */
	bool exec;              /* rest is a command, not codex's arguments */
	bool divided;           /* by "--": what follows is Codex's, whatever it says */
	const char *start_only; /* the first option that only the start of a sandbox heeds */
	char **rest;            /* terminated by NULL; may be empty */
};

/* Returns 0, or -1 with *t filled. Call cli_free() in both cases. */
int cli_parse(struct cli *c, int argc, char **argv, struct error *t);
void cli_free(struct cli *c);

/* Takes the option at argv[0], and its value. Returns the number of arguments used, or -1 with
 * *t filled. */
int cli_take(struct cli *c, char **argv, struct error *t);
/* Takes the workdir that a command names as a word (NULL: none), as --work_dir does. Returns 0,
 * or -1 with *t filled: both are given. */
int cli_take_workdir(struct cli *c, const char *workdir, struct error *t);
/* The origin of what is taken from the command line. */
#define CLI_LINE "the command line"
/* What was tried, in errors about files of options. */
#define CLI_READ "read the options"

/*
 * Takes an option from a file: `origin` is FILE:LINE, `value` "" if there is none. Strings
 * aren't copied. What is given already, or by the option's variable, takes precedence over a
 * single value; lists add up. Returns 0, or -1 with *t filled: there is no such option, it
 * can't stand in a file or is there twice, or its value is wrong.
 */
int cli_keep(struct cli *c, const char *name, const char *value, const char *origin,
	struct error *t);

/* Judges what was taken as a whole, as cli_parse() does at its end. Returns 0, or -1 with *t
 * filled. */
int cli_check(const struct cli *c, struct error *t);

/* Prints the help text, made from the same table, to stdout; `commands` prints what follows the
 * options. Returns 0, or -1 with *t filled. */
int cli_help(void commands(void), struct error *t);

#endif
