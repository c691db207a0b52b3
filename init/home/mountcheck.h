/*
 * Checks that the mounts are what the launcher looked at.
 *
 * The launcher checks files in the project and passes their paths to the engine; the engine
 * resolves the paths again, as root. Whoever can write to the project (another Codex in it,
 * say) could replace one by a symbolic link in between. So the launcher passes the device
 * and inode of the files that it saw, which a bind mount preserves, and PID 1 compares them
 * before anything unprivileged runs.
 *
 * The list is printable text, in CODEX_INIT_MOUNTS:
 *
 *	[kernel=RELEASE ]MAJOR:MINOR:INODE:PATH [MAJOR:MINOR:INODE:PATH]...
 *
 * RELEASE is that of the launcher's kernel (uname(2)). On another one, such as an engine's
 * in a virtual machine (Docker Desktop), shared files have other numbers, and nothing is
 * compared. Numbers are decimal; PATH is absolute, in the container, with control
 * characters, blanks and '%' as %XX.
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

/* The start of the entries, after kernel=RELEASE if present. Pure. */
const char *mountcheck_entries(const char *list);

/* Parses the entry at the beginning of text. Returns what follows it ("" after the last
 * one), or NULL if it is malformed. Pure. */
const char *mountcheck_next(const char *text, struct mountcheck_entry *e);

/* True if this is a valid list of at most LIMIT_MOUNTS entries. Pure. */
bool mountcheck_valid(const char *list);

/*
 * Compares each entry of a valid list with what is mounted there. The last component of a
 * path isn't followed if it is a symbolic link. What root without DAC_OVERRIDE can't reach
 * is checked as uid:gid if as_user is set. Does nothing on another kernel than the list's.
 * Returns 0, or -1 with *f filled: another file, none, or out of reach.
 */
int mountcheck_run(const char *list, bool as_user, uid_t uid, gid_t gid, struct failure *f);

#endif
