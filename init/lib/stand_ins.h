/*
 * Names that no rule decides, and the addresses that stand for them while somebody watches who
 * can be asked (fake_ip.h: from FAKE_IP_ASKED on). The resolver gives them out; the gate, to
 * which connections to them lead, finds the name by the address. In memory that both map, so
 * that they outlive either process; only the resolver writes there.
 */
#ifndef INIT_LIB_STAND_INS_H
#define INIT_LIB_STAND_INS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "name.h"

struct stand_ins {
	_Atomic uint32_t background; /* lookups that may be Codex's own (policy/background.h) */
	struct stand_in {
		_Atomic uint32_t version; /* odd: it is being written */
		uint32_t hash;
		int64_t given; /* ms, CLOCK_MONOTONIC; 0: never */
		char name[NAME_TEXT];
	} places[LIMIT_STAND_INS];
};

/* Allocates the shared memory, zeroed. Returns NULL with errno on failure. */
struct stand_ins *stand_ins_new(void);

/*
 * The place of a name, which is added if it isn't there: in the place of the one that was asked
 * for longest ago, if that is LIMIT_STAND_IN_MS. Otherwise STAND_INS_NAMELESS: for connections
 * in which the client names its host that is just as good.
 */
#define STAND_INS_NAMELESS (LIMIT_STAND_INS - 1)
size_t stand_ins_give(struct stand_ins *s, const char *name, int64_t now);

/* Copies the name of a place; "" if there is none, or it is no valid name. */
void stand_ins_name(const struct stand_ins *s, size_t place, char out[NAME_TEXT]);

#endif
