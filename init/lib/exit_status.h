/* Exit statuses with a meaning, besides the command's own, 126, 127 and 128+N. */
#ifndef INIT_LIB_EXIT_STATUS_H
#define INIT_LIB_EXIT_STATUS_H

enum exit_status {
	EXIT_OPTIONS = 100, /* wrong options or rules */
	EXIT_SANDBOX = 111, /* the sandbox could not be established; nothing ran */
	EXIT_HOOK = 112,    /* the init hook failed; the command did not start */
};

#endif
