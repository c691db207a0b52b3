/*
 * An auth.json that holds no credential: where the broker has it, Codex would ask for a login
 * without one. It stays in the home, so a later session without
 * the broker takes it away.
 */
#ifndef INIT_HOME_PLACEHOLDER_H
#define INIT_HOME_PLACEHOLDER_H

#include <stdbool.h>

/* The text of the home's auth.json, until the next call; "" if there is none. */
const char *placeholder_read(int home);
/* Whether the home (a descriptor) has it. */
bool placeholder_is_there(int home);
/* Writes this text unless there is another auth.json; NULL: removes it. Returns 0, or -1 with
 * errno set. */
int placeholder_settle(int home, const char *text);

#endif
