/*
 * The protocol between codex-egress and PID 1 over /run/codex/control, a SOCK_SEQPACKET
 * socket. A request is one message of exactly sizeof(struct control_request); the answer is
 * one struct control_reply, then its text in messages of at most CONTROL_DATAGRAM bytes,
 * then the end of the connection. Fixed-width integers in host order: same machine, same
 * binary.
 *
 * After CONTROL_WATCH or CONTROL_FOLLOW the connection stays. PID 1 sends lines, each a JSON
 * object in a message of its own, and answers further requests as above, with no line in
 * between. A client that doesn't read is dropped.
 */
#ifndef INIT_EGRESS_CONTROL_IPC_H
#define INIT_EGRESS_CONTROL_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../policy/target.h"

#define CONTROL_PATH "/run/codex/control"
/* Where the events are, unless --events says otherwise (docs/events.md). */
#define CONTROL_EVENTS "/run/codex/events.jsonl"
/* "CXC5": another version's structs aren't accepted. */
#define CONTROL_MAGIC 0x43584335u
/* With the kernel's header this fills one page. */
#define CONTROL_DATAGRAM 3584
/* Longest text of an answer; LIMIT_REPORT_PINS and LIMIT_REPORT_PLACES bound its lists. */
#define CONTROL_TEXT (64 * 1024)

enum control_type {
	CONTROL_STATUS = 1,
	CONTROL_EXPLAIN,
	CONTROL_RULES,
	CONTROL_ANSWER, /* a watcher's, to a question */
	CONTROL_WATCH,  /* the answer is the first lines */
	CONTROL_FOLLOW, /* the same, by whom no question waits for */
	CONTROL_ALLOW,  /* from here on with a rule */
	CONTROL_DENY,
	CONTROL_UNDO,
	CONTROL_CREDENTIAL, /* a token, for the broker */
};

/* Who gives a rule, including the NUL. */
#define CONTROL_BY 64
/* The longest line that is sent to watchers: an event with eight long strings. */
#define CONTROL_LINE 12800

struct control_request {
	uint32_t magic; /* CONTROL_MAGIC */
	uint32_t type;
	uint16_t port;              /* EXPLAIN: 0 if none */
	uint8_t family;             /* EXPLAIN: 4 or 6; 0 if the target is a name */
	uint8_t allows;             /* ANSWER: 1 allow, 0 deny */
	uint32_t question;          /* ANSWER: its number, not 0 */
	uint8_t address[16];        /* zero after an IPv4 address */
	char by[CONTROL_BY];        /* of a rule or an ANSWER: who gives it, printable; "":
				       unknown */
	char text[LIMIT_TOKEN + 8]; /* EXPLAIN: a normalised name; from ALLOW on: the rule,
				       or the token, not empty; padded with zeros */
};

struct control_reply {
	uint32_t magic;
	uint32_t status; /* exit status for codex-egress */
	uint32_t bytes;  /* length of the text that follows */
};

/* Fills *out: for EXPLAIN with *t, from ALLOW on with the rule, of 1 to LIMIT_RULE_TEXT bytes
 * (the token: LIMIT_TOKEN), and who gives it (or NULL); otherwise they are NULL. */
void control_ipc_make(struct control_request *out, enum control_type type,
	const struct target *t, const char *rule, const char *by);

/* Fills *out with an answer to a question. */
void control_ipc_make_answer(
	struct control_request *out, uint32_t question, bool allows, const char *by);

/*
 * Checks every field of a message of size bytes. Returns true, with *t filled for
 * CONTROL_EXPLAIN; false for anything that control_ipc_make() doesn't produce. A rule
 * is unchecked, except that it is terminated.
 */
bool control_ipc_check(const struct control_request *r, size_t size, struct target *t);

#endif
