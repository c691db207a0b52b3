/*
 * codex-egress: the second name of codex-init, for root in a running container. Sends
 * requests to PID 1 over its control socket.
 */
#ifndef INIT_EGRESS_EGRESS_H
#define INIT_EGRESS_EGRESS_H

#include <stdbool.h>

/* True if the program was started under that name. */
bool egress_called(const char *argv0);

/* Returns the exit status: that of the answer (explain: 0 allowed, 1 refused), 100 for
 * invalid arguments, 111 if PID 1 can't be reached. */
int egress_main(int argc, char **argv);

#endif
