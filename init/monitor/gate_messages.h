/*
 * PID 1's side of the gate's protocol: the range of each field of a message is checked, and
 * the message becomes an event. No message can open anything.
 */
#ifndef INIT_MONITOR_GATE_MESSAGES_H
#define INIT_MONITOR_GATE_MESSAGES_H

#include <stddef.h>

#include "../gate/gate_ipc.h"
#include "events.h"

/* Handles one message of size octets; sets *ready when the gate says that it serves. Returns
 * 0, or -1 if it violates the protocol: the worker must then be killed. */
int gate_messages_take(
	struct events *events, const struct gate_message *m, size_t size, bool *ready);

#endif
