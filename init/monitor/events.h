/*
 * The sandbox's decisions: one JSON line for each, and the closing report. docs/events.md
 * describes a line, docs/events.schema.json what it must look like.
 *
 * Only PID 1 writes. A refusal is counted even if its line is omitted because there were too
 * many in that second.
 */
#ifndef INIT_MONITOR_EVENTS_H
#define INIT_MONITOR_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "../lib/address.h"
#include "../lib/name.h"
#include "../lib/say.h"

enum event_kind {
	EVENT_BOOT,            /* a stage has finished; count is its duration in microseconds */
	EVENT_PIN,             /* an address of an allowed name has been opened */
	EVENT_USED,            /* an allowed name was asked for, for the first time */
	EVENT_REFUSED_NAME,    /* a DNS query for a name that no rule allows */
	EVENT_REFUSED_ADDRESS, /* a connection to an address that isn't open */
	EVENT_REFUSED_TLS,     /* a name in a ClientHello, or one without a name */
	EVENT_REFUSED_HTTP,    /* a host in an HTTP request, or a malformed request */
	EVENT_REFUSED_BROKER,  /* a request that the broker doesn't let through */
	EVENT_DROPPED_ANSWER,  /* a response for an allowed name that can't be used */
	EVENT_UNRESOLVED,      /* an allowed name without a usable address */
	EVENT_UNREACHED,       /* connecting to an allowed name failed */
	EVENT_ALLOWED,         /* codex-egress allow; name is the rule as given */
	EVENT_DENIED,          /* codex-egress deny */
	EVENT_UNDONE,          /* codex-egress undo */
	EVENT_WORKER,          /* a worker ended or was restarted */
	EVENT_PAYLOAD,         /* the payload started or ended */
};

/* The socket of whoever caused an event. */
struct event_client {
	bool udp;
	uint16_t port, to; /* its own port, 0: unknown; the one it went to, 0: any */
};

/* The process that has that socket (asker.h): its executable and command line, or "". */
struct event_who {
	int32_t pid; /* 0: unknown */
	char program[128], line[256];
};

struct event {
	enum event_kind kind;
	const char *name;       /* or NULL, or "" */
	struct address address; /* family 0: none; a refusal with neither name nor address is
				   only counted */
	uint16_t port;          /* 0: none */
	const char
		*reason; /* NULL in a refusal: no rule matches, and the report suggests one */
	const char *
		advice; /* with a reason: what to append to the name, or address and port, for a
			   rule that would still permit it ("": nothing); NULL: no rule would */
	bool proxy; /* EVENT_UNREACHED: the proxy's fault, and listed in the closing report as
		       well */
	const char *request; /* method and path, for the broker's; or NULL */
	bool own;            /* Codex's own, and nothing is lost: last in the closing report */
	const char *by;      /* who gave the rule, or NULL */
	pid_t pid;           /* the process that did; 0: none */
	struct event_client client;
	const struct event_who *who; /* NULL: unknown */
	struct timespec at;          /* when, CLOCK_REALTIME; 0: now */
	uint64_t count; /* number of occurrences; 0 counts as 1, except for EVENT_PAYLOAD, for
			   which it is the exit status */
};

struct events; /* opaque; one per process */
struct policy;

/*
 * Opens path for appending (created with mode 0644), in which there may be no symbolic link;
 * path NULL: only counts. EVENTS_TO_LOG: the lines go to our standard error, the container's
 * log, which must not be a terminal: that is the command's. Returns 0, or -1 with *f filled.
 */
#define EVENTS_TO_LOG "-"
int events_open(struct events **out, const char *path, struct failure *f);
/* What each line says of the container: its host name and the working directory; and the
 * policy, not owned, that tells which rule decided about a name or an address. */
void events_context(struct events *e, const char *container, const char *workdir,
	const struct policy *policy);
/* What the rule itself says of why it denies that name or address; NULL: nothing. */
const char *events_why_denied(const struct events *e, const struct event *event);
/*
 * From now on each line goes to this descriptor as well, which is then ours: a file on the host
 * (home/report_file.h). At most LIMIT_TRAIL_BYTES, of which LIMIT_TRAIL_KEPT are for lines that
 * the payload can't cause at will. -1: none.
 */
void events_copy(struct events *e, int fd);
/*
 * From now on the lines of that copy are given to pass(), which returns false if it can't take
 * one now; events_missed() is for one that it took and that wasn't written. The descriptor is
 * closed: closing it later, as our children would at their end, may wait for the host's disk.
 * The first missing line is an event, and so is their number once there are lines again. pass
 * NULL: no more; what is only counted until then has its line before. Returns how many are
 * missing.
 */
typedef bool events_passer(void *context, const char *line, size_t len);
uint64_t events_pass(struct events *e, events_passer *pass, void *context);
void events_missed(struct events *e);
/* Audit mode: refusals are let through, and the report says so. */
void events_audit(struct events *e);
/* Logs or counts an event. Never fails: a full disk only loses lines. */
void events_add(struct events *e, const struct event *event);
/* Gives each line that is logged, its newline included, to somebody else as well, who must not
 * add events meanwhile. reader NULL: no longer. */
typedef void events_reader(void *context, const char *line, size_t len);
void events_read(struct events *e, events_reader *reader, void *context);
/*
 * From now on, an event with a client is passed to ask() when it has been counted. If that
 * returns true it is logged later, by events_log(), with what was found out meanwhile. ask
 * NULL: no more.
 */
typedef bool events_ask(void *context, const struct event *event, uint64_t count);
void events_who(struct events *e, events_ask *ask, void *context);
/* Logs an event that has been counted. */
void events_log(struct events *e, const struct event *event, uint64_t count);
/* The closing report: each refused name or address once, how often, and the --allow option
 * that would permit it; then failures at the proxy. Prints nothing if there are none. */
void events_summary(const struct events *e, FILE *to);
/* Names, each on a line of its own, the first behind a line break: a refused one that isn't
 * among them is marked as new. Owned from now on. NULL: none is. */
void events_known(struct events *e, char *names);
/* The presets' finder, for suggestions: the name of one that allows a name and port, or NULL.
 */
typedef const char *events_preset_finder(const char *name, uint16_t port);
void events_presets(struct events *e, events_preset_finder *find);
/* The options that would permit what the report suggests rules for, each once, with a blank
 * before it; "" if there are none. Returns NULL if out of memory; the caller frees it. */
char *events_options(const struct events *e);
/* The same list without its headline, limited to `most` entries; for a status during the
 * session. */
void events_places(const struct events *e, size_t most, FILE *to);
/* Total refusals so far; for status.json. */
uint64_t events_refused(const struct events *e);
void events_close(struct events *e);

#endif
