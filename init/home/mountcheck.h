/*
 * Are the mounts what the launcher looked at?
 *
 * The launcher checks files in the project and hands the engine their paths; the engine looks
 * the paths up again, as root. Whoever may write to the project (a second Codex in it, say) can
 * put a symbolic link in between. So the launcher says which files it saw, by device and inode,
 * which a bind mount keeps, and PID 1 compares before anything unprivileged runs.
 *
 * The list is text of printable characters, in CODEX_INIT_MOUNTS:
 *
 *	[kernel=RELEASE ]MAJOR:MINOR:INODE:PATH [MAJOR:MINOR:INODE:PATH]...
 *
 * RELEASE is that of the kernel (uname(2)) on which the launcher looked. On another one, an
 * engine's in a virtual machine (Docker Desktop), shared files have numbers of its own, and
 * nothing is compared. Numbers are decimal; PATH is the place in the container, absolute, with
 *control characters, blanks and '%' as %XX.
 */
#ifndef INIT_HOME_MOUNTCHECK_H
#define INIT_HOME_MOUNTCHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/limits.h"
#include "../lib/say.h"

struct mountcheck_entry {
	uint32_t major, minor;
	uint64_t inode;
	char path[LIMIT_MOUNT_PATH];
};

/* Where the entries begin: behind kernel=RELEASE, where that is there. Pure. */
const char *mountcheck_entries(const char *list);

/* Reads the entry at the beginning of text. Returns what follows it ("" after the last one), or
 * NULL where that is no entry. Pure. */
const char *mountcheck_next(const char *text, struct mountcheck_entry *e);

/* Is this a list: LIMIT_MOUNTS entries at most, and nothing else? Pure. */
bool mountcheck_valid(const char *list);

/*
 * Compares each place in a valid list with what is mounted there. No symbolic link at the place
 * itself is followed. What root without DAC_OVERRIDE can't reach is looked at as uid:gid, where
 * as_user is set. On another kernel than the list's it does nothing. Returns 0, or -1 with *f
 * filled: another file, nothing, or out of reach.
 */
int mountcheck_run(const char *list, bool as_user, uid_t uid, gid_t gid, struct failure *f);

#endif
