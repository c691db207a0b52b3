/* See gate_messages.h. */
#include "gate_messages.h"

#include <stdio.h>
#include <string.h>

static const enum event_kind kinds[] = {
	[GATE_REFUSED_TLS] = EVENT_REFUSED_TLS,
	[GATE_REFUSED_HTTP] = EVENT_REFUSED_HTTP,
	[GATE_UNREACHED] = EVENT_UNREACHED,
};

/* The proxy's reply: it goes to the log and to the terminal. */
static bool reply_is_valid(const struct gate_message *m)
{
	size_t len = strnlen(m->said, sizeof(m->said));

	for (size_t i = 0; i < len; i++)
		if (m->said[i] < ' ' || m->said[i] > '~')
			return false;
	return len < sizeof(m->said) && (len == 0 || m->reason == GATE_PROXY);
}

static bool is_valid(const struct gate_message *m, size_t size)
{
	return size == sizeof(*m) && m->type >= GATE_REFUSED_TLS && m->type <= GATE_UNREACHED &&
	       m->reason > GATE_FINE && m->reason <= GATE_REASON_LAST && m->count > 0 &&
	       (m->family == 0 || m->family == 4 || m->family == 6) &&
	       name_printable(m->name, sizeof(m->name)) && reply_is_valid(m);
}

int gate_messages_take(
	struct events *events, const struct gate_message *m, size_t size, bool *ready)
{
	struct event e = {.count = 1};
	char said[GATE_PROXY_REPLY + 96];

	if (size == sizeof(*m) && m->type == GATE_READY) {
		*ready = true;
		return 0;
	}
	if (!is_valid(m, size))
		return -1;
	e.kind = kinds[m->type];
	e.count = m->count;
	e.port = m->port;
	e.client = (struct event_client){.port = m->client, .to = m->client_to};
	e.reason = gate_ipc_reason_text(m->reason);
	e.address.family = m->family;
	memcpy(e.address.bytes, m->address, m->family == 4 ? 4 : m->family == 6 ? 16 : 0);
	e.name = m->name;
	/* No rule is suggested for an address: on a shared front end it would open every
	 * site there, and the payload chooses the address. */
	if (m->reason == GATE_NOT_ALLOWED)
		e.reason = NULL;
	else if (m->reason == GATE_DENIED && events_why_denied(events, &e))
		e.reason = events_why_denied(events, &e);
	else if (m->reason == GATE_ECH && m->name[0])
		e.advice = "+ech";
	e.proxy = m->reason == GATE_PROXY;
	if (m->said[0]) {
		snprintf(said, sizeof(said), "the proxy answered %s%s", m->said,
			strncmp(m->said, "407", 3) == 0
				? ": it needs a user and a password in its URL"
				: "");
		e.reason = said;
	}
	events_add(events, &e);
	return 0;
}
