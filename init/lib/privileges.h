/*
 * Giving up privilege, for good: capabilities (libcap-ng's job done by three system calls),
 * user ids, no_new_privs, seccomp filters. Each drop is followed by an attempt to get it back
 * that must fail.
 */
#ifndef INIT_LIB_PRIVILEGES_H
#define INIT_LIB_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "say.h"

/*
 * Becomes uid:gid with no supplementary group, every capability set empty (bounding and
 * ambient too), and no_new_privs set; checks all of it by reading back and by trying setuid(0).
 * Runs in the child that will exec or in a worker. uid 0 is refused.
 */
int privileges_drop(uid_t uid, gid_t gid, struct failure *f);

/* Reduces PID 1 itself to NET_ADMIN, SETUID, SETGID, SETPCAP and KILL (those it has), and
 * sets no_new_privs. */
int privileges_keep_needed(struct failure *f);
/* The same for a process that only ends others: SETUID and KILL. */
int privileges_keep_to_kill(struct failure *f);

/* True when the calling thread's effective set holds the capability (CAP_NET_ADMIN ...). */
bool privileges_have(int capability);

enum filter {
	FILTER_PAYLOAD,  /* hook and payload: what a tool has no business calling fails EPERM */
	FILTER_RESOLVER, /* the resolver: a closed list, anything else kills the process */
	FILTER_GATE,     /* the gate: the same */
	FILTER_MONITOR,  /* PID 1 once booted */
};
/* Installs a filter that was compiled at build time (filters_gen.c, by libseccomp). */
int filters_install(enum filter which, struct failure *f);

#endif
