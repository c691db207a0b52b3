/*
 * SSH on port 443 or 80 (RFC 4253): recognised so that the client can be refused at once,
 * with a reason. It doesn't name its host, so rules can't be applied. Pure.
 */
#ifndef INIT_GATE_SSH_H
#define INIT_GATE_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"

/* True if the client's first octets are SSH's (§4.2). */
bool ssh_begins(const uint8_t *bytes, size_t len);

/*
 * Writes a server version and SSH_MSG_DISCONNECT (§11.1), whose text clients print: the
 * reason, and what helps. orig_dst is the client's destination, family 0 if unknown. Returns
 * the length, at most SSH_REFUSAL_SIZE.
 */
#define SSH_REFUSAL_SIZE 512
size_t ssh_refusal_write(
	const struct address *orig_dst, uint16_t port, uint8_t out[SSH_REFUSAL_SIZE]);

#endif
