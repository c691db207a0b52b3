/* What the broker reports, as events. */
#ifndef INIT_MONITOR_BROKER_MESSAGES_H
#define INIT_MONITOR_BROKER_MESSAGES_H

#include <stddef.h>

#include "../broker/broker_ipc.h"
#include "events.h"

/* Handles one message. *type is BROKER_READY or BROKER_RENEWED after one of these, and is left
 * alone by others. server: the name that the broker serves. Returns 0, or -1 if it violates the
 * protocol. */
int broker_messages_take(struct events *events, const char *server,
	const struct broker_message *m, size_t size, uint32_t *type);

#endif
