/* One table of options serves the command line, the environment and the help text. Private to
 * options.c. */
#ifndef INIT_BOOT_OPTION_ROWS_H
#define INIT_BOOT_OPTION_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

/* A value, and where it came from. */
struct given {
	const char *name; /* "--allow", "OPENAI_ALLOWED_DOMAINS" */
	const char *value;
	bool environment;
	void *member; /* of the options: where the row says */
};

typedef int option_setter(struct options *o, const struct given *g, struct failure *f);

struct option_row {
	const char *longname, *shortname;
	const char *argument;    /* its name in the help; NULL: takes none; "[=NAME]": may be
				    missing */
	const char *environment; /* or NULL */
	option_setter *set;
	size_t member; /* its offset in struct options, for the setters that ask for it */
	const char *help;
};

/* In the order of the help text. */
extern const struct option_row option_rows[];
extern const size_t option_rows_count;

/* The setter of --upstream, which takes any number of values. */
option_setter option_set_upstream;

#endif
