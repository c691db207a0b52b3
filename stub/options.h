/* The table of the launcher's options: for the command line (cli.h), the help text and files of
 * options (kept.h). */
#ifndef STUB_OPTIONS_H
#define STUB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli.h"

enum option_kind {
	OPTION_FLAG,    /* sets a bool */
	OPTION_VALUE,   /* sets a string */
	OPTION_CHOICE,  /* the same; the value may be left out ("--ask", "--ask=30"), and is ""
			 */
	OPTION_LIST,    /* adds a string to a list */
	OPTION_COMMAND, /* sets a bool, and everything after it is a command */
};

struct option {
	const char *name; /* with '_'; matched with '-' as well */
	char letter;      /* 0: none */
	enum option_kind kind;
	size_t offset; /* into struct cli */
	const char *value, *help;
};

/* In the order of the help text. */
extern const struct option options[];
extern const size_t options_count;

/* `word` is a long name, with '_' or '-', `size` its length. Returns NULL if there is no such
 * option. */
const struct option *options_find(const char *word, size_t size);
/* The same by a letter. */
const struct option *options_letter(char letter);
/* The name that is most like it, or NULL. */
const char *options_nearest(const char *word, size_t size);
/* The variable that does the same, and takes precedence over files; or NULL. */
const char *options_variable(const struct option *o);
/* Why it can't stand in a file of options (kept.h); NULL: it can. */
const char *options_unkept(const struct option *o);
/* True if its value is a path on this machine. */
bool options_is_path(const struct option *o);

#endif
