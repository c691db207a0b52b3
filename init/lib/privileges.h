/*
 * Dropping privilege irrevocably: capabilities (three system calls instead of libcap-ng),
 * user ids, no_new_privs, seccomp filters. Each drop is followed by an attempt to regain it,
 * which must fail.
 */
#ifndef INIT_LIB_PRIVILEGES_H
#define INIT_LIB_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "say.h"

/*
 * Becomes uid:gid with no supplementary groups, all capability sets empty (bounding and
 * ambient too) and no_new_privs set. Reads everything back and tries setuid(0). For a
 * worker, or a child before exec. uid 0 is refused, unless it is the only one.
 */
int privileges_drop(uid_t uid, gid_t gid, struct failure *f);

/*
 * True if ids can't be changed: SETUID, SETGID, SETPCAP or KILL is missing. PID 1, workers and
 * payload then share one uid, perhaps 0; privileges_drop() to it keeps it and its groups, and
 * gives up everything else. The payload can't reach into the others because they aren't
 * dumpable.
 */
bool privileges_shared(void);
/*
 * True if uid 0 in here is another one outside: that of whoever runs a rootless engine. Where
 * what it owns is mounted, its files are root's in here.
 */
bool privileges_root_is_user(void);
/* Gives up all capabilities, for good, so that from now on privileges_shared(). */
int privileges_keep_none(struct failure *f);
/* privileges_drop() for the calling process, as it is: no capability, no_new_privs, not
 * dumpable. */
int privileges_shed(struct failure *f);

/* Reduces PID 1 to NET_ADMIN, SETUID, SETGID, SETPCAP and KILL (those of them it has), and
 * sets no_new_privs. */
int privileges_keep_needed(struct failure *f);
/* The same for a process that only kills others: SETUID and KILL. */
int privileges_keep_to_kill(struct failure *f);

/* True if the calling thread's effective set has the capability (CAP_NET_ADMIN ...). */
bool privileges_have(int capability);

enum filter {
	FILTER_PAYLOAD,  /* init script and payload: calls that no tool needs fail with EPERM */
	FILTER_MODES,    /* in addition: no file becomes set-user-ID or set-group-ID */
	FILTER_RESOLVER, /* an allowlist; any other call kills the process */
	FILTER_GATE,     /* the same */
	FILTER_LOCAL,    /* codex-broker, over FILTER_PAYLOAD: no socket but AF_UNIX */
	FILTER_BROKER,   /* haproxy, over both: no process either */
	FILTER_MONITOR,  /* PID 1 after the boot */
	FILTER_CELL,     /* the cell's worker: an allowlist */
	FILTER_ASKER,    /* whoever looks for the process that asked: an allowlist */
	FILTER_TRAIL,    /* who writes the events' copy on the host: an allowlist */
	FILTER_CELL_PAYLOAD, /* init script and payload in the cell; only by filters_listen() */
};
/* Installs a filter compiled at build time (filters_gen.c, with libseccomp). */
int filters_install(enum filter which, struct failure *f);
/*
 * The same for a filter that holds calls back: returns the descriptor for answering them
 * (close-on-exec), or -1 with *f filled, for instance before Linux 5.9 or with an engine's
 * profile.
 */
int filters_listen(enum filter which, struct failure *f);

#endif
