/*
 * The config of the project's repository, which git in the container may write and the host's
 * git obeys. What a session changes in it is judged (git_judge.h): settings that make something
 * run are put back as soon as they are seen, and again after the payload's last process; of
 * others the user is told at the end.
 *
 * The work is done in a child that keeps root's uid and has the payload's for files alone: root
 * without DAC_OVERRIDE can't enter a directory of mode 0700, and a process of the payload's uid
 * could be stopped by it.
 */
#ifndef INIT_HOME_GIT_GUARD_H
#define INIT_HOME_GIT_GUARD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "../lib/say.h"

struct git_guard;

/* Reads the file `config` in the git directory and begins to watch it. Returns 0 with *out, to
 * be freed by the caller, or -1: without it the payload must not run. directory must live as
 * long as *out. */
int git_guard_begin(
	struct git_guard **out, const char *directory, uid_t uid, gid_t gid, struct failure *f);
void git_guard_free(struct git_guard *g);

/* Each is readable when something may have changed, or it is time to see; git_guard_look() is
 * to be called then. */
int git_guard_events(const struct git_guard *g);
int git_guard_timer(const struct git_guard *g);

/* Looks at the config, if it may have changed, and takes out what makes something run. always:
 * looks in any case, for the last time, and puts back what is missing too. Returns 0, or -1
 * with *f filled: it could not be, and is tried again at the next tick. */
int git_guard_look(struct git_guard *g, bool always, struct failure *f);

/* How often something had to be put back, or what is there couldn't be judged. */
unsigned git_guard_times(const struct git_guard *g);

/* Prints what has changed since the beginning; nothing where nothing has. */
void git_guard_print(const struct git_guard *g, FILE *to);

#endif
