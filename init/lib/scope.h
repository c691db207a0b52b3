/*
 * A Landlock domain (landlock(7)) without any restriction of its own. Whoever is in one can't
 * trace a process outside it, nor read its memory, nor signal it.
 */
#ifndef INIT_LIB_SCOPE_H
#define INIT_LIB_SCOPE_H

#include <stdbool.h>

/* For the calling process and its descendants; no_new_privs must be set. False: the kernel is
 * older than 6.12 or has no Landlock, or the engine's profile forbids it. */
bool scope_enter(void);

#endif
