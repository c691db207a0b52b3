/*
 * Addresses that stand for names. Clients need an address to connect to; whoever accepts the
 * connection knows the name by it. The n-th name of the policy gets the n-th address of a
 * range, names found under wildcards those after them. Pure.
 */
#ifndef INIT_LIB_FAKE_IP_H
#define INIT_LIB_FAKE_IP_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "limits.h"

/*
 * Behind a proxy, which resolves names itself, the wall redirects 198.18.0.0/15 (RFC 2544,
 * not routed) to the gate. In the cell nothing is redirected and the gate is on loopback, so
 * these are in 127.64.0.0/10.
 */
enum fake_ip_range { FAKE_IP_PROXY, FAKE_IP_CELL };

#define FAKE_IP_PREFIX 15 /* of both, as far as they are used */
/* The size of the range; LIMIT_RULES, LIMIT_HOSTS and LIMIT_DYNAMIC_NAMES together are
 * fewer. */
#define FAKE_IP_COUNT (1U << (32 - FAKE_IP_PREFIX))

/* The last of a range stand for names that somebody is asked about (stand_ins.h). They are a
 * network of their own. */
#define FAKE_IP_ASKED        (FAKE_IP_COUNT - LIMIT_STAND_INS)
#define FAKE_IP_ASKED_PREFIX 24

struct address fake_ip_address(enum fake_ip_range range, size_t index);

/* True if it is one; *index is its number. */
bool fake_ip_index(enum fake_ip_range range, const struct address *a, size_t *index);

#endif
