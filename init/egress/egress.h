/*
 * codex-egress: the second name of codex-init, for root in a container that runs. Asks PID 1
 * over its control socket.
 */
#ifndef INIT_EGRESS_EGRESS_H
#define INIT_EGRESS_EGRESS_H

#include <stdbool.h>

/* Was the program started under that name? */
bool egress_called(const char *argv0);

/* Exit status: the answer's own (explain: 0 allowed, 1 refused), 100 wrong arguments, 111 PID 1
 * can't be asked. */
int egress_main(int argc, char **argv);

#endif
