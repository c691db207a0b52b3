/* `codex-egress events`: the log of what PID 1 decides. Private to this folder. */
#ifndef INIT_EGRESS_LOG_H
#define INIT_EGRESS_LOG_H

#include <stdbool.h>

/* Copies CONTROL_EVENTS to stdout; and, to follow, what is added from then on, until nobody
 * reads it. Returns the exit status. */
int log_print(bool follow);

#endif
