/*
 * What the sandbox decided: one JSON line per decision, and the summary at the end.
 *
 * Only PID 1 writes. A refusal is counted even when its line is left out because too many
 * came in one second.
 */
#ifndef INIT_MONITOR_EVENTS_H
#define INIT_MONITOR_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/address.h"
#include "../lib/name.h"
#include "../lib/say.h"

enum event_kind {
	EVENT_BOOT,            /* a stage is done; count is its time in microseconds */
	EVENT_PIN,             /* an allowed name's address is open */
	EVENT_REFUSED_NAME,    /* a DNS question for a name that no rule allows */
	EVENT_REFUSED_ADDRESS, /* a connection to an address that is not open */
	EVENT_REFUSED_TLS,     /* a name in a TLS hello, or a hello that names none */
	EVENT_REFUSED_HTTP,    /* a host in an HTTP request, or a request that can't be read */
	EVENT_DROPPED_ANSWER,  /* an allowed name's answer that may not be used */
	EVENT_UNRESOLVED,      /* an allowed name that has no address now */
	EVENT_UNREACHED,       /* an allowed name to which no connection could be made */
	EVENT_DENIED,          /* codex-egress denied something; name is the rule as given */
	EVENT_WORKER,          /* a worker ended, was started again */
	EVENT_PAYLOAD,         /* the payload started or ended */
};

struct event {
	enum event_kind kind;
	const char *name;       /* or NULL, or "" */
	struct address address; /* family 0: none; of a refusal with neither name nor address
				 * nothing is known but its count */
	uint16_t port;          /* 0: none */
	const char *reason;     /* why; NULL in a refusal: no rule speaks of it, and the summary
				 * advises the one that would permit it */
	const char *advice;     /* with a reason: a rule would permit it all the same; what that
				 * has behind the name or the address and port ("": nothing);
				 * NULL: none would */
	bool proxy;             /* EVENT_UNREACHED: by the proxy's doing, which the closing
				 * summary tells as well */
	uint64_t count;         /* how many this line stands for; 0 counts as 1, but for
				 * EVENT_PAYLOAD, whose count is the exit status */
};

struct events; /* opaque; one per process */

/* Opens path for appending (created 0644); path NULL keeps counts only. */
int events_open(struct events **out, const char *path, struct failure *f);
/* What is called a refusal is let through: the summary says so. */
void events_audit(struct events *e);
/* Writes or counts one event. Never fails the caller: a full disk only loses lines. */
void events_add(struct events *e, const struct event *event);
/* The closing summary: each refused name or address once, how often, and the --allow that
 * would permit it; then what failed at the proxy. Prints nothing when nothing did. */
void events_summary(const struct events *e, FILE *to);
/* The same list without its headline, at most `most` places of it; for a summary so far. */
void events_places(const struct events *e, size_t most, FILE *to);
/* Refusals so far, summed; for status.json. */
uint64_t events_refused(const struct events *e);
void events_close(struct events *e);

#endif
