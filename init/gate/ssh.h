/*
 * SSH on a port of the web's (RFC 4253): recognised, so that its client is told at once why it
 * can't pass. It names no host, so there is nothing to hold against the rules. Pure.
 */
#ifndef INIT_GATE_SSH_H
#define INIT_GATE_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"

/* Does a client that says this first speak SSH (§4.2)? */
bool ssh_begins(const uint8_t *bytes, size_t len);

/*
 * Writes a server's version and SSH_MSG_DISCONNECT (§11.1), whose text clients print: why it
 * was refused, and what helps. aim is where it wanted to go, family 0: not known. Returns the
 * length, at most SSH_REFUSAL_SIZE.
 */
#define SSH_REFUSAL_SIZE 512
size_t ssh_refusal_write(
	const struct address *orig_dst, uint16_t port, uint8_t out[SSH_REFUSAL_SIZE]);

#endif
