/*
 * One line of `codex-egress watch`, a JSON object. It comes from the container, so nothing in
 * it is believed that isn't checked here: every string is cut to a bound and consists of
 * printable ASCII afterwards, so it can be printed on a terminal and in a line of its own;
 * a question's rule is about the name that it shows, and nothing more. Pure.
 */
#ifndef STUB_WATCH_MESSAGE_H
#define STUB_WATCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../init/lib/name.h"
#include "../bounds.h"

enum message_kind {
	MESSAGE_EVENT,    /* as in events.jsonl: every name that isn't one of these */
	MESSAGE_HELLO,    /* the first one: version, ask, refused so far */
	MESSAGE_QUESTION, /* id, name, port, rule, expires */
	MESSAGE_WHO,      /* id, who: of a question, a moment later, if it is found out */
	MESSAGE_ANSWERED, /* id, rule, verdict */
	MESSAGE_MORE,     /* count questions that were not asked */
	MESSAGE_REPLY,    /* command, status, text: of what we have sent */
};

/* Room for "NAME:65535+private". */
#define MESSAGE_RULE (NAME_TEXT + 14)

struct message {
	enum message_kind kind;
	char event[BOUND_WATCH_WORD]; /* its name */
	uint64_t id;
	char name[NAME_TEXT], address[BOUND_WATCH_WORD], rule[BOUND_WATCH_STRING];
	uint16_t port;                    /* 0: none */
	char request[BOUND_WATCH_STRING]; /* to the broker */
	char reason[BOUND_WATCH_STRING], by[BOUND_WATCH_STRING], who[BOUND_WATCH_STRING];
	char verdict[BOUND_WATCH_WORD], command[BOUND_WATCH_STRING];
	int64_t version, ask, expires, status; /* seconds; 0: none */
	uint64_t count, refused;               /* 0: none */
	bool is_new;                           /* false here; a session knows (session.h) */
	char text[BOUND_WATCH_TEXT];           /* printable ASCII and line feeds */
};

/* Fills *m and returns true; false if the line is no message, or a question that can't be
 * shown as what its answer would allow. */
bool message_read(const char *line, size_t size, struct message *m);

#endif
