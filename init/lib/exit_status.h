/* Exit statuses of our own. Besides these: the command's own, and 128+N. */
#ifndef INIT_LIB_EXIT_STATUS_H
#define INIT_LIB_EXIT_STATUS_H

enum exit_status {
	EXIT_OPTIONS = 100, /* invalid options or rules */
	EXIT_SANDBOX = 111, /* the sandbox could not be set up; nothing ran */
	EXIT_HOOK = 112,    /* the init script failed; the command wasn't started */
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127, /* the command */
};

#endif
