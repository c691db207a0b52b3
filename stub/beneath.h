/*
 * Paths beneath the workdir. Everything in there may have been written by an earlier Codex, so
 * no link in it may make us mount, read or create something elsewhere.
 */
#ifndef STUB_BENEATH_H
#define STUB_BENEATH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "log.h"

/* Is path the directory root itself or inside it? Both absolute and resolved; compared by whole
 * components. Pure. */
bool beneath_contains(const char *root, const char *path);

enum beneath {
	BENEATH_ABSENT,
	BENEATH_INSIDE,  /* real is its absolute path without any symbolic link */
	BENEATH_NOWHERE, /* a link, or a path through one, to something inside that is missing
			  */
	BENEATH_OUTSIDE, /* a link leads out of root, or in a circle */
	BENEATH_CLOSED,  /* we may not look there */
};

/* Where does root/relative lead? root is absolute and resolved; fd is open on it. */
enum beneath beneath_look(int fd, const char *root, const char *relative, char real[PATH_MAX]);

/*
 * realpath(3), in a hostile place: looks at one component after the other, and *strayed says
 * that a symbolic link which lies in root led out of it for good. root is absolute and
 * resolved; a relative path counts from the current directory. Returns 0, or -1 with errno set.
 * What is true now need not be true for whoever looks the path up again.
 */
int beneath_resolve(const char *root, const char *path, char real[PATH_MAX], bool *strayed);

/* What beneath_trace() calls for each step; real is its resolved path. Returns 0, or -1, which
 * ends the way. */
typedef int beneath_step(void *context, const char *real, const struct stat *st);

/* Goes the way of an absolute path as beneath_resolve() does, and shows each step of it: "/",
 * every directory, every symbolic link and, where it is there, the end. Returns 0, or -1 where
 * something is missing or step said so. */
int beneath_trace(const char *path, beneath_step *step, void *context);

/* What beneath_walk() calls for each entry; path is relative to fd. Returns 0, or -1 with *t
 * filled, which ends the walk. */
typedef int beneath_visit(
	void *context, const char *path, const struct stat *st, struct error *t);

/* Visits all that is in relative/, at any depth (with deep unset: only its own entries), but
 * its entry named `skip`, if any. Follows no symbolic link, and refuses what is too much or too
 * deep (bounds.h). A directory that doesn't exist is fine. */
int beneath_walk(int fd, const char *relative, const char *skip, bool deep,
	beneath_visit *visit, void *context, struct error *t);

/* Refuses when root/relative/ holds, at any depth, a symbolic link that leads out of root (with
 * deep unset: only its own entries). Its entry named `skip`, if any, isn't looked at. A
 * directory that doesn't exist is fine. */
int beneath_refuse_links(int fd, const char *root, const char *relative, const char *skip,
	bool deep, struct error *t);

/* openat2(2) beneath fd without following any symbolic link. Returns a descriptor, or -1 with
 * errno set (ELOOP where there is a link). */
int beneath_open(int fd, const char *relative, int flags, mode_t mode);

/* The same for an absolute path that is resolved already: it had no link on its way, so one
 * that is there now has been put there (ELOOP). */
int beneath_open_resolved(const char *path, int flags);

#endif
