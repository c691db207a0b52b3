/*
 * Host names as clients send them to servers: in server_name, in Host, in a request target.
 * Parsed the same way in all three, so that they can be compared. Pure.
 */
#ifndef INIT_GATE_HOST_H
#define INIT_GATE_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/name.h"
#include "gate_ipc.h"

/*
 * Parses exactly the len octets at bytes, like name_of_host(). A trailing dot is dropped, as
 * in rules: it marks the name as fully qualified (RFC 1034 §3.1), and clients send it in
 * Host (RFC 3986 §3.2.2), some in server_name too (against RFC 6066 §3). Returns GATE_FINE
 * with the normalised name, or GATE_NO_NAME (len 0) or GATE_BAD_NAME with name_report()'s
 * text in name.
 */
enum gate_reason host_read(const uint8_t *bytes, size_t len, char name[NAME_TEXT]);

#endif
