/*
 * Landlock domains (landlock(7)), for the calling process and its descendants; no_new_privs
 * must be set. What is in one can't trace a process outside, or read its memory. False if the
 * kernel is too old or has no Landlock, or the engine's profile forbids it.
 */
#ifndef INIT_LIB_SCOPE_H
#define INIT_LIB_SCOPE_H

#include <stdbool.h>

/* One that can't signal a process outside either (Linux 6.12). */
bool scope_enter(void);

/* One in which no TCP socket can be connected or bound (Linux 6.7), whoever made it. Connecting
 * by MSG_FASTOPEN isn't seen by older kernels. */
bool scope_enter_offline(void);

#endif
