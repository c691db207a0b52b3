/*
 * The git repository that contains the workdir, if .git isn't a directory in the workdir
 * itself: a linked worktree, a submodule, a subdirectory.
 *
 * The workdir is untrusted, including its .git file: an earlier Codex may have written any
 * path into it. So a path in there is followed only if the other end points back, from a
 * place that no session in this workdir could write to before git on the host pointed to it:
 *
 *	worktree	.git leads to REPOSITORY/.git/worktrees/NAME, whose file gitdir names
 *			this very .git
 *	submodule	.git leads to a place beneath modules/ of the git directory of a
 *			directory around it, where core.worktree names this directory
 *
 * and both ends belong to the workdir's owner. Anything else is reported, and not mounted.
 */
#ifndef STUB_REPOSITORY_H
#define STUB_REPOSITORY_H

#include <stdbool.h>

struct plan;

enum repository_kind {
	REPOSITORY_NONE,      /* there is none, or all of it is in the workdir */
	REPOSITORY_DIRECTORY, /* top/.git is a directory */
	REPOSITORY_WORKTREE,
	REPOSITORY_SUBMODULE,
	REPOSITORY_CLOSED, /* it isn't mounted; the reason is in why */
};

struct repository {
	enum repository_kind kind;
	const char *top; /* the directory that contains .git: the workdir, or one around it */
	const char *git; /* what .git is or leads to: HEAD and index; without links */
	const char *common; /* config, objects, refs: the same as git, except for a worktree */
	const char *place;  /* of common in the container, where git looks for it */
	const char *why;
};

/* Looks for it, from the workdir up; changes nothing. The plan's arena owns the strings. */
void repository_find(struct plan *p, struct repository *r);

/* True if a path in the container, or a directory around it, is needed by the container
 * itself. */
bool repository_is_taken(const char *place);

/* The contents of a one-line file beneath a directory, such as git's pointers, without the
 * newline; NULL if there is none, or it is something else. */
const char *repository_line(struct plan *p, int directory, const char *name);

/*
 * Where git in the container looks for what a pointer in `from` names: an absolute path as
 * it is, a relative one relative to from's own place. *real is the path on the host, without
 * links; NULL if there is a link in it, or it doesn't exist.
 */
const char *repository_place(
	struct plan *p, const char *from, const char *pointer, const char **real);

#endif
