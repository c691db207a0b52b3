/*
 * A Landlock domain (landlock(7)) without restrictions of its own. A process in it can't
 * trace a process outside, read its memory, or signal it.
 */
#ifndef INIT_LIB_SCOPE_H
#define INIT_LIB_SCOPE_H

#include <stdbool.h>

/* For the calling process and its descendants; no_new_privs must be set. False if the kernel
 * is older than 6.12 or has no Landlock, or the engine's profile forbids it. */
bool scope_enter(void);

#endif
