/*
 * `codex-egress join`: a command beside the payload, with the payload's user and rights.
 * Private to this folder.
 */
#ifndef INIT_EGRESS_JOIN_H
#define INIT_EGRESS_JOIN_H

/*
 * Gives up what the engine's exec has that the payload has not, for good, and becomes argv, or
 * a shell if that is empty. Refuses in the cell, which is a filter that only PID 1 can give to
 * its own children. Returns only on failure, with the exit status and *why: 111 (nothing ran),
 * 126 or 127.
 */
int join_run(char *const *argv, const char **why);

#endif
