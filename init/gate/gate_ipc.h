/*
 * Messages from the gate to PID 1: SOCK_SEQPACKET messages of exactly sizeof(struct
 * gate_message), fixed-width integers in host order (same machine, same binary). PID 1
 * checks the range of every field; it kills the worker on a message of another size or an
 * unknown type. PID 1 sends the gate only single octets, each an enum gate_notice. Closing the
 * channel ends the gate.
 */
#ifndef INIT_GATE_GATE_IPC_H
#define INIT_GATE_GATE_IPC_H

#include <stdint.h>

#include "../lib/limits.h"

enum gate_message_type {
	GATE_READY =
		1, /* it is serving, or has closed what PID 1 denied; all other fields are 0 */
	GATE_REFUSED_TLS,  /* a TLS connection was refused, or would be in audit mode */
	GATE_REFUSED_HTTP, /* an HTTP request was */
	GATE_UNREACHED,    /* connecting to an allowed name failed */
	/* With a normalised name and a port, count 1, and all other fields 0: */
	GATE_ASK,      /* a connection, of this client, is held: somebody is to be asked */
	GATE_ASK_GONE, /* all clients that waited for this have given up */
	GATE_ASK_LATE, /* the time to answer is over */
	GATE_UNASKED,  /* only count: connections that were refused rather than asked about,
			  since  there were too many questions */
};

enum gate_notice {
	GATE_NOTICE_DENIED, /* less is allowed: close it, then GATE_READY */
	GATE_NOTICE_LOOK,   /* more is allowed, or nobody watches any more: see what is held */
};

/* gate_ipc_reason_text() has the texts. */
enum gate_reason {
	GATE_FINE,
	GATE_NOT_ALLOWED,  /* no rule allows the name on that port */
	GATE_DENIED,       /* a deny rule matches */
	GATE_NO_NAME,      /* the client named no host */
	GATE_BAD_NAME,     /* it sent something that isn't a host name: an address, other
			      characters, ... */
	GATE_NAMES_DIFFER, /* it named several hosts, or another one than before */
	GATE_ECH,          /* Encrypted Client Hello or ESNI, and the rule lacks +ech */
	GATE_MALFORMED,    /* neither TLS nor HTTP, or in violation of the RFCs */
	GATE_TOO_LONG,     /* a hello or request head beyond the limit */
	GATE_TOO_SLOW,     /* no complete hello or request head in time */
	GATE_PROTOCOL,     /* HTTP/2 without TLS, or another protocol that can't be checked */
	GATE_SSH,          /* SSH, which doesn't name its host, on port 443 or 80 */
	GATE_UNRESOLVED,   /* the name has no address now */
	GATE_UNREACHABLE,  /* none of its addresses accepted the connection */
	GATE_PROXY,        /* the HTTP proxy refused, or could not be reached */
	GATE_REVOKED,      /* denied by a rule while it was established */
	GATE_BROKER,       /* only the broker may connect there */
	GATE_ADDRESS,      /* in the cell, a request for an address: original destination and
			      port are those of the request */
	GATE_REASON_LAST = GATE_ADDRESS,
};

/* Size of the text of a proxy's reply. */
#define GATE_PROXY_REPLY 64

struct gate_message {
	uint32_t type;
	uint32_t reason; /* enum gate_reason; GATE_FINE only in GATE_READY and _ASK... */
	uint32_t count;  /* number of refusals this message stands for, at least 1 */
	uint16_t port;   /* destination port, host order; 0 with name "": refusals not reported
			    individually */
	uint16_t client, client_to; /* ports of the client's socket, its own and where it went;
				       0: unknown */
	uint8_t family;             /* of the original destination: 4, 6, or 0 if unknown */
	uint8_t reserved;
	uint8_t address[16];
	char said[GATE_PROXY_REPLY]; /* GATE_PROXY: status and reason phrase of the proxy's
				 reply, printable, NUL-padded; "" if there was none */
	char name[256]; /* as the client sent it, with '?' for octets that no host name has,
			   NUL-padded; "" if there was none */
};

/* The text of a reason; NULL for GATE_FINE and invalid values. */
const char *gate_ipc_reason_text(uint32_t reason);

/*
 * Statistics in memory shared by PID 1 and the gate, written by the gate alone. PID 1
 * displays them and relies on none of them.
 */
struct gate_counters {
	_Atomic uint64_t connections; /* since the container started */
	_Atomic uint64_t refused;
	_Atomic uint64_t flows; /* current connections */
	_Atomic uint64_t bytes_up, bytes_down;
};

#endif
