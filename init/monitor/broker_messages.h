/* What the broker reports, as events. */
#ifndef INIT_MONITOR_BROKER_MESSAGES_H
#define INIT_MONITOR_BROKER_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "../broker/broker_ipc.h"
#include "events.h"

/* Handles one message; *ready is set by BROKER_READY. server: the name that the broker serves.
 * Returns 0, or -1 if it violates the protocol. */
int broker_messages_take(struct events *events, const char *server,
	const struct broker_message *m, size_t size, bool *ready);

#endif
