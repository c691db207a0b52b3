/*
 * Which process asked: for a refusal, for the first use of a name, and for a question to a
 * person (--ask), the process that has the client's socket. Found after the fact, by a child
 * with the payload's uid, from what the kernel tells of sockets (sock_diag(7)) and processes
 * (proc(5)).
 *
 * No answer waits for that, and no decision depends on it: it is what the log says, no more.
 * What can't be known stays unknown: a process that has ended meanwhile or is another user's, a
 * socket that is closed already. A process chooses its own command line, and so what is said of
 * it; its program is the kernel's word.
 *
 * The child has the payload's uid and group, since these alone may see whose sockets are whose,
 * and the payload may end or stop it. It isn't dumpable, so nothing can be taken from it, and
 * has a filter of its own. What it says is of fixed size and only ever printed.
 */
#ifndef INIT_MONITOR_ASKER_H
#define INIT_MONITOR_ASKER_H

#include <stdint.h>
#include <sys/types.h>

#include "events.h"
#include "monitor.h"

struct asker;

/* Who asks a question (questions.h). */
typedef void asker_found(void *context, uint32_t question, const struct event_who *who);

/* Starts the child; events are from now on asked about. NULL: not available, and events are
 * logged without. e and m must outlive it. */
struct asker *asker_open(struct monitor *m, struct events *e, uid_t uid, gid_t gid,
	asker_found *found, void *context);
/* Has found() called with who has that socket, if and when that is found out. a may be NULL. */
void asker_question(struct asker *a, uint32_t question, const struct event_client *client);
/* A child of PID 1 has been reaped. a may be NULL. */
void asker_ended(struct asker *a, pid_t pid);
/* Logs what still waits, and ends the child. a may be NULL. */
void asker_close(struct asker *a);

/* ---- Between asker.c and its child, asker_look.c ------------------------------------- */

struct asker_question {
	uint32_t number;
	uint16_t port, to; /* of the client's socket: local, and remote (0: any) */
	uint8_t protocol;  /* IPPROTO_TCP or IPPROTO_UDP */
};

struct asker_answer {
	uint32_t number;
	struct event_who who;
};

/* For struct worker_config: context is unused. */
void *asker_prepare(void *context, int channel);
void asker_serve(void *prepared);

#endif
