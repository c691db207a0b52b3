/* See broker_messages.h. */
#include "broker_messages.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A request's method and path. */
#define REQUEST_TEXT (BROKER_METHOD + BROKER_PATH)

static bool is_word(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n < size;
}

/* About no request. */
static bool is_bare(const struct broker_message *m)
{
	return m->reason == BROKER_FINE && !m->method[0] && !m->path[0];
}

static bool is_valid(const struct broker_message *m, size_t size)
{
	if (size != sizeof(*m))
		return false;
	switch ((enum broker_message_type)m->type) {
	case BROKER_READY:
		return m->count == 0 && is_bare(m);
	case BROKER_RESTARTED:
	case BROKER_RENEWED:
		return m->count > 0 && is_bare(m);
	case BROKER_REFUSED:
	case BROKER_UNREACHED:
		return m->count > 0 && m->reason > BROKER_FINE &&
		       m->reason <= BROKER_REASON_LAST &&
		       is_word(m->method, sizeof(m->method)) &&
		       is_word(m->path, sizeof(m->path));
	}
	return false;
}

int broker_messages_take(struct events *events, const char *server,
	const struct broker_message *m, size_t size, uint32_t *type)
{
	struct event e = {.kind = EVENT_UNREACHED, .name = server, .port = 443};
	char request[REQUEST_TEXT];

	if (!is_valid(m, size))
		return -1;
	if (m->type == BROKER_READY || m->type == BROKER_RENEWED) {
		*type = m->type;
		return 0;
	}
	e.count = m->count;
	if (m->type == BROKER_RESTARTED) {
		e.kind = EVENT_WORKER;
		e.name = "broker";
		e.port = 0;
		e.reason = "its haproxy ended and is started again";
	} else {
		if (m->type == BROKER_REFUSED)
			e.kind = EVENT_REFUSED_BROKER;
		snprintf(request, sizeof(request), "%s%s%s",
			m->method[0] ? m->method : "(unknown)", m->path[0] ? " " : "", m->path);
		e.request = request;
		e.reason = broker_ipc_reason_text(m->reason);
		e.own = m->reason == BROKER_VAIN;
	}
	events_add(events, &e);
	return 0;
}
