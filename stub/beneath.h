/*
 * Paths beneath the workdir. An earlier Codex may have written anything there, so no link in
 * it may make us mount, read or create something elsewhere.
 */
#ifndef STUB_BENEATH_H
#define STUB_BENEATH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "log.h"

/* True if path is the directory root itself or inside it. Both are absolute and resolved,
 * and compared by whole components. Pure. */
bool beneath_contains(const char *root, const char *path);

enum beneath {
	BENEATH_ABSENT,
	BENEATH_INSIDE,  /* real is its absolute path, without symbolic links */
	BENEATH_NOWHERE, /* a link, or a path through one, to something inside that is missing
			  */
	BENEATH_OUTSIDE, /* a link leads out of root, or in a circle */
	BENEATH_CLOSED,  /* we have no permission to look there */
};

/* Resolves root/relative. root is absolute and resolved; fd is open on it. */
enum beneath beneath_look(int fd, const char *root, const char *relative, char real[PATH_MAX]);

/*
 * realpath(3) for untrusted directories: resolves one component after the other, and sets
 * *strayed if a symbolic link in root led out of it and nothing led back. root is absolute
 * and resolved; a relative path counts from the current directory. Returns 0, or -1 with
 * errno set. The result may be out of date when the path is used.
 */
int beneath_resolve(const char *root, const char *path, char real[PATH_MAX], bool *strayed);

/* Called by beneath_trace() for each step; real is its resolved path. Returns 0, or -1 to
 * stop. */
typedef int beneath_step(void *context, const char *real, const struct stat *st);

/*
 * Resolves an absolute path as beneath_resolve() does, and calls step for "/", every
 * directory, every symbolic link and, if it exists, the end. Returns 0, or -1 if something
 * is missing or step returned -1.
 */
int beneath_trace(const char *path, beneath_step *step, void *context);

/* Called by beneath_walk() for each entry; path is relative to fd. Returns 0, or -1 with *t
 * filled to stop. */
typedef int beneath_visit(
	void *context, const char *path, const struct stat *st, struct error *t);

/*
 * Visits everything in relative/ at any depth (without deep: only its own entries), except
 * its entry named `skip`, if not NULL. Doesn't follow symbolic links, and fails if there is
 * too much or it is too deep (bounds.h). It isn't an error if the directory doesn't exist.
 */
int beneath_walk(int fd, const char *relative, const char *skip, bool deep,
	beneath_visit *visit, void *context, struct error *t);

/*
 * Fails if root/relative/ contains, at any depth, a symbolic link that leads out of root
 * (without deep: only its own entries). Its entry named `skip`, if not NULL, is ignored. It
 * isn't an error if the directory doesn't exist.
 */
int beneath_refuse_links(int fd, const char *root, const char *relative, const char *skip,
	bool deep, struct error *t);

/* openat2(2) beneath fd without following symbolic links. Returns a descriptor, or -1 with
 * errno set (ELOOP if there is a link). */
int beneath_open(int fd, const char *relative, int flags, mode_t mode);

/* The same for an absolute path that was resolved earlier: it had no links, so if there is
 * one now, somebody has put it there (ELOOP). */
int beneath_open_resolved(const char *path, int flags);

#endif
