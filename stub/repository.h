/*
 * The git repository that the workdir is, or lies in, where its .git isn't a directory of the
 * workdir's own: a linked worktree, a submodule, a sub-directory.
 *
 * The workdir is hostile ground, its file .git too: an earlier Codex may have written any path
 * into it. So a path in there is followed only where the other end points back, from a place
 * that no session in this workdir could write to before it was pointed at by git on the host:
 *
 *	worktree	.git leads to REPOSITORY/.git/worktrees/NAME, whose file gitdir names
 *			this very .git
 *	submodule	.git leads to a place beneath modules/ of the git directory of a
 *			directory around it, where core.worktree names this directory
 *
 * and both ends are the workdir's owner's. Everything else is told, and not mounted.
 */
#ifndef STUB_REPOSITORY_H
#define STUB_REPOSITORY_H

#include <stdbool.h>

struct plan;

enum repository_kind {
	REPOSITORY_NONE,      /* there is none, or all of it lies in the workdir */
	REPOSITORY_DIRECTORY, /* top/.git is a directory */
	REPOSITORY_WORKTREE,
	REPOSITORY_SUBMODULE,
	REPOSITORY_CLOSED, /* it isn't mounted: why says why */
};

struct repository {
	enum repository_kind kind;
	const char *top;    /* the directory that .git lies in: the workdir, or one around it */
	const char *git;    /* what .git is or leads to: HEAD and index; without links */
	const char *common; /* config, objects, refs: git itself, but for a worktree */
	const char *place;  /* of common in the container, where git looks for it */
	const char *why;
};

/* Looks for it, from the workdir up; changes nothing. Strings belong to the plan's pool. */
void repository_find(struct plan *p, struct repository *r);

/* Is a place in the container, or what is around it, one that the container needs itself? */
bool repository_is_taken(const char *place);

/* A file of one line beneath a directory, such as git's pointers are, without its end; NULL
 * where there is none, or something else. */
const char *repository_line(struct plan *p, int directory, const char *name);

/* Where git in the container looks for what a pointer in `from` names: an absolute path as it
 * is, a relative one beside from's own place. *real is where it leads on the host, without any
 * link on its way; NULL where there is one, or nothing. */
const char *repository_place(
	struct plan *p, const char *from, const char *pointer, const char **real);

#endif
