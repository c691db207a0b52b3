/*
 * Messages from the broker to PID 1: SOCK_SEQPACKET messages of exactly sizeof(struct
 * broker_message), fixed-width integers in host order (same machine, same binary). What they
 * quote was sent by the payload; PID 1 checks the range of every field, and kills the worker on
 * anything else. PID 1 sends one message, of BROKER_TURN octets: from then on the broker
 * serves. With it comes the descriptor of the file for a session's authority, until that is
 * made. Later come tokens that take the place of the first, of BROKER_RENEWAL octets,
 * NUL-padded. Closing the channel ends it.
 */
#ifndef INIT_BROKER_BROKER_IPC_H
#define INIT_BROKER_BROKER_IPC_H

#include <stdint.h>

#include "../lib/limits.h"

#define BROKER_TURN       1
#define BROKER_CREDENTIAL LIMIT_TOKEN
#define BROKER_RENEWAL    (BROKER_CREDENTIAL + 1)
#define BROKER_ACCOUNT    64

/* What is in the file that the broker gets. */
struct broker_credential {
	char token[BROKER_CREDENTIAL + 1];
	char account[BROKER_ACCOUNT + 1]; /* of a ChatGPT login; "": it is an API key */
};

enum broker_message_type {
	BROKER_READY = 1, /* it answers; all other fields are 0 */
	BROKER_REFUSED,   /* a request was refused */
	BROKER_UNREACHED, /* the server could not be reached, or is not who it should be */
	BROKER_RESTARTED, /* its haproxy ended and is started again */
	BROKER_RENEWED, /* it has kept a later token, for the next one as well: the count-th */
};

/* broker_ipc_reason_text() has the texts. */
enum broker_reason {
	BROKER_FINE,
	BROKER_REQUEST,   /* Codex needs no such request */
	BROKER_VAIN,      /* Codex makes it, and does without */
	BROKER_HOST,      /* it is for another host */
	BROKER_FORM,      /* a URI where a path belongs */
	BROKER_QUERY,     /* parameters where none belong */
	BROKER_BODY,      /* a body where none belongs, or in chunks */
	BROKER_MALFORMED, /* in violation of the RFCs, too long, or not there in time */
	BROKER_SERVER,    /* no connection, or a certificate that isn't trusted */
	BROKER_ECHO,      /* the server's response contained the credential, or is invalid */
	BROKER_EXPIRED,   /* the server doesn't accept the credential */
	BROKER_REASON_LAST = BROKER_EXPIRED,
};

#define BROKER_METHOD 16
#define BROKER_PATH   128

struct broker_message {
	uint32_t type;
	uint32_t reason; /* enum broker_reason; BROKER_FINE in READY, RESTARTED and RENEWED */
	uint32_t count;  /* requests that this message stands for, at least 1; 0 in READY; in
			    RENEWED the token's number */
	char method[BROKER_METHOD]; /* printable, NUL-padded; "": several, or unknown */
	char path[BROKER_PATH];     /* the same; may be cut */
};

/* The text of a reason; NULL for BROKER_FINE and invalid values. */
const char *broker_ipc_reason_text(uint32_t reason);
/* The reason that a word of the log stands for (broker_rules.c writes them into the rules);
 * BROKER_FINE if none. */
enum broker_reason broker_ipc_reason(const char *word);
/* ... and the word for a reason. */
const char *broker_ipc_reason_word(enum broker_reason reason);

#endif
