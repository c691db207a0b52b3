/* PID 1's checks on what the gate tells; see told.h. */
#include "told.h"

#include <string.h>

static const enum event_kind kinds[] = {
	[GATE_REFUSED_TLS] = EVENT_REFUSED_TLS,
	[GATE_REFUSED_HTTP] = EVENT_REFUSED_HTTP,
	[GATE_UNREACHED] = EVENT_UNREACHED,
};

static bool sound(const struct gate_message *m, size_t size)
{
	return size == sizeof(*m) && m->type >= GATE_REFUSED_TLS && m->type <= GATE_UNREACHED &&
	       m->reason > GATE_FINE && m->reason <= GATE_REASON_LAST && m->count > 0 &&
	       (m->family == 0 || m->family == 4 || m->family == 6) &&
	       name_printable(m->name, sizeof(m->name));
}

int gate_told(struct events *events, const struct gate_message *m, size_t size, bool *ready)
{
	struct event e = {.count = 1};

	if (size == sizeof(*m) && m->type == GATE_READY) {
		*ready = true;
		return 0;
	}
	if (!sound(m, size))
		return -1;
	e.kind = kinds[m->type];
	e.count = m->count;
	e.port = m->port;
	e.reason = gate_reason_text(m->reason);
	e.address.family = m->family;
	memcpy(e.address.bytes, m->address, m->family == 4 ? 4 : m->family == 6 ? 16 : 0);
	e.name = m->name;
	/* No rule is advised for an address: on that of a front end it would open every site
	 * there, and it is the payload's choice which address that is. */
	if (m->reason == GATE_NOT_ALLOWED)
		e.reason = NULL;
	else if (m->reason == GATE_ECH && m->name[0])
		e.advice = "+ech";
	events_add(events, &e);
	return 0;
}
