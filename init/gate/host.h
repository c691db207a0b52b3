/*
 * Host names as clients write them to servers: in a hello's server_name, in a Host field, in a
 * request's target. Read the same way in all three, so that they can be compared. Pure.
 */
#ifndef INIT_GATE_HOST_H
#define INIT_GATE_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/name.h"
#include "gate_ipc.h"

/*
 * Reads a host name of exactly the len octets at bytes, as name_of_host() does. A final dot is
 * left out, as in rules: it says that the name is whole (RFC 1034 §3.1), and clients send it on
 * in Host (RFC 3986 §3.2.2), some in a hello too (against RFC 6066 §3). Returns GATE_FINE with
 * the normalised form in name, or GATE_NO_NAME (len 0) or GATE_BAD_NAME with name_report()'s
 * text in name.
 */
enum gate_reason host_read(const uint8_t *bytes, size_t len, char name[NAME_TEXT]);

#endif
