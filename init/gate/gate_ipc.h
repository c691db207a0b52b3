/*
 * What the gate tells PID 1: one SOCK_SEQPACKET datagram of exactly sizeof(struct
 * gate_message), fixed-width integers in host order (one machine, one binary). PID 1 checks
 * every field against its range; a message of another size or an unknown type ends the worker.
 * PID 1 says to the gate no more than one octet, of no meaning: that something was denied while
 * it runs. Closing the channel ends it.
 */
#ifndef INIT_GATE_GATE_IPC_H
#define INIT_GATE_GATE_IPC_H

#include <stdint.h>

#include "../lib/limits.h"

enum gate_message_type {
	GATE_READY =
		1, /* it serves, or has ended what PID 1 has denied; the other fields are 0 */
	GATE_REFUSED_TLS,  /* a TLS connection was refused, or would be in audit mode */
	GATE_REFUSED_HTTP, /* an HTTP request */
	GATE_UNREACHED,    /* an allowed name to which no connection could be made */
};

/* Why. The text of each is in gate_ipc_reason_text(). */
enum gate_reason {
	GATE_FINE,
	GATE_NOT_ALLOWED, /* no rule allows the name on that port */
	GATE_DENIED,      /* a deny rule does not */
	GATE_NO_NAME,     /* the client named no host */
	GATE_BAD_NAME,    /* it named what is no host name: an address, other characters, ... */
	GATE_NAMES_DIFFER, /* it named several hosts, or another than before */
	GATE_ECH,          /* Encrypted Client Hello or ESNI, and the rule lacks +ech */
	GATE_MALFORMED,    /* neither TLS nor HTTP, or not as the RFCs have it */
	GATE_TOO_LONG,     /* a hello or head beyond the limit */
	GATE_TOO_SLOW,     /* no whole hello or head in time */
	GATE_PROTOCOL,     /* HTTP/2 without TLS, or another protocol that can't be checked */
	GATE_SSH,          /* SSH, which names no host, on a port of the web's */
	GATE_UNRESOLVED,   /* the name has no address now */
	GATE_UNREACHABLE,  /* none of its addresses took the connection */
	GATE_PROXY,        /* the HTTP proxy refused, or could not be reached */
	GATE_REVOKED,      /* a rule denied it while it was under way */
	GATE_REASON_LAST = GATE_REVOKED,
};

/* Of a proxy's phrase, as much is told. */
#define GATE_SAID 64

struct gate_message {
	uint32_t type;
	uint32_t reason; /* enum gate_reason, GATE_FINE in GATE_READY alone */
	uint32_t count;  /* how many refusals this stands for, at least 1 */
	uint16_t port;   /* where the client wanted to go, host order; 0 with name "" means that
			  * many more refusals, not told one by one */
	uint8_t family;  /* of the address that the client aimed at: 4, 6, or 0 for none */
	uint8_t reserved;
	uint8_t address[16];
	char said[GATE_SAID]; /* GATE_PROXY: status and phrase that the proxy answered with,
			       * printable, NUL-terminated, the rest zero; "" where none came */
	char name[256];       /* as the client wrote it, an octet that no host name has as '?',
			       * NUL-terminated, the rest zero; "" where it named none */
};

/* The text of a reason, for refusals and events; NULL for GATE_FINE and what is none. */
const char *gate_ipc_reason_text(uint32_t reason);

/*
 * What it tells of itself, in memory that PID 1 and the gate share. Counters only, written by
 * the gate alone; PID 1 shows them and believes nothing.
 */
struct gate_counters {
	_Atomic uint64_t connections; /* taken since the container started */
	_Atomic uint64_t refused;
	_Atomic uint64_t flows; /* under way now */
	_Atomic uint64_t bytes_up, bytes_down;
};

#endif
