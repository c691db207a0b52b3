/*
 * What codex-egress and PID 1 say to each other over /run/codex/control, a SOCK_SEQPACKET
 * socket. One request, one datagram of exactly sizeof(struct control_request); the answer is
 * one struct control_reply, then its text in datagrams of at most CONTROL_DATAGRAM bytes, then
 * the end. Fixed-width integers in host order: one machine, one binary.
 */
#ifndef INIT_EGRESS_CONTROL_IPC_H
#define INIT_EGRESS_CONTROL_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../policy/target.h"

#define CONTROL_PATH "/run/codex/control"
/* "CXC2": of another version's struct nothing is believed. */
#define CONTROL_MAGIC 0x43584332u
/* With the kernel's own header this fills one page-sized buffer. */
#define CONTROL_DATAGRAM 3584
/* The longest text of an answer: LIMIT_REPORT_PINS and LIMIT_REPORT_PLACES bound its lists. */
#define CONTROL_TEXT (64 * 1024)

enum control_type {
	CONTROL_STATUS = 1,
	CONTROL_EXPLAIN,
	CONTROL_DENY,
};

struct control_request {
	uint32_t magic; /* CONTROL_MAGIC */
	uint32_t type;
	uint16_t port;       /* EXPLAIN: 0 for none */
	uint8_t family;      /* EXPLAIN: 4 or 6; 0: the name says what is asked about */
	uint8_t reserved;    /* 0 */
	uint8_t address[16]; /* zero behind an IPv4 address */
	char text[LIMIT_RULE_TEXT + 8]; /* EXPLAIN: a normalised name; DENY: the rule, at least
					 * one byte of it; the rest zero */
};

struct control_reply {
	uint32_t magic;
	uint32_t status; /* what codex-egress ends with */
	uint32_t bytes;  /* of text that follows */
};

/* Fills *out, for EXPLAIN about *t, for DENY with the rule, which has 1 to LIMIT_RULE_TEXT
 * bytes; else they are NULL. */
void control_ipc_make(struct control_request *out, enum control_type type,
	const struct target *t, const char *rule);

/*
 * Checks every field of a datagram of size bytes. Returns true, with *t filled where the type
 * is CONTROL_EXPLAIN; false for everything that control_ipc_make() does not make. The
 * rule of CONTROL_DENY is as root wrote it, and only known to end.
 */
bool control_ipc_check(const struct control_request *r, size_t size, struct target *t);

#endif
