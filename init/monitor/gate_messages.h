/*
 * PID 1's half of the talk with the gate: each message is checked, field by field, against its
 * range, and becomes an event. The gate can open nothing by what it says.
 */
#ifndef INIT_MONITOR_GATE_MESSAGES_H
#define INIT_MONITOR_GATE_MESSAGES_H

#include <stddef.h>

#include "../gate/gate_ipc.h"
#include "events.h"

/* Takes one datagram of size octets; sets *ready when the gate says that it serves. Returns 0,
 * or -1 when it breaks the protocol: the worker that sent it must not go on. */
int gate_messages_take(
	struct events *events, const struct gate_message *m, size_t size, bool *ready);

#endif
