/*
 * The directories of linked worktrees in a git directory (gitrepository-layout(5), worktrees/).
 * The git of such a worktree, which lies elsewhere on the host, reads its config by two files
 * there: commondir, that says whose config it is, and config.worktree. Without a commondir,
 * what is there may be a repository of its own. Part of git_guard.h, with whose ids it works.
 */
#ifndef INIT_HOME_GIT_WORKTREES_H
#define INIT_HOME_GIT_WORKTREES_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "git_judge.h"

struct git_worktrees {
	int events; /* inotify(7) */
	int watches;
	unsigned count;
	struct git_worktree {
		char name[NAME_MAX + 1];
		bool plain;         /* it has the commondir that git writes */
		struct stat config; /* its config.worktree; st_ino 0: none */
	} list[LIMIT_GIT_WORKTREES];
};

/* Notes those that the open git directory has, and watches them by the inotify(7) descriptor.
 * Later ones are nobody's on the host, unless the user makes them there meanwhile. */
void git_worktrees_begin(struct git_worktrees *w, int git, int events);

/*
 * Undoes what leads the git of one of them to another config: a config.worktree that is new or
 * has changed (one that is a mount can't have) is removed, and so is a link in the place of a
 * directory; commondir is written again. Ordinary work does none of that. Adds what it undid to
 * *r, and returns how often it did.
 */
unsigned git_worktrees_look(struct git_worktrees *w, int git, struct git_report *r);

#endif
