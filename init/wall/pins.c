/* PID 1's checks on what the resolver asks for. No message of it is trusted; see pins.h. */
#include "pins.h"

#include <string.h>

/* The text of a reason for events; the index is enum resolver_reason. */
static const char *const reasons[] = {
	[REASON_NONE] = NULL,
	[REASON_NXDOMAIN] = "the name does not exist",
	[REASON_NO_ADDRESS] = "the name has no address",
	[REASON_TIMEOUT] = "no DNS server answered",
	[REASON_SERVER] = "the DNS servers could not answer",
	[REASON_NOT_PUBLIC] = "its address is not public and the rule lacks +private",
	[REASON_HOSTILE] = "the answer was malformed or not about the question",
	[REASON_LIMIT] = "too long a name, or too many in a minute, under this wildcard",
};

const char *pins_reason(uint32_t reason)
{
	return reason <= REASON_LAST ? reasons[reason] : NULL;
}

static uint32_t life(uint32_t ttl)
{
	if (ttl < PINS_TTL_FLOOR)
		ttl = PINS_TTL_FLOOR;
	if (ttl > PINS_TTL_CEILING)
		ttl = PINS_TTL_CEILING;
	return ttl + PINS_GRACE;
}

static int address_of(const struct resolver_address *in, struct address *out)
{
	memset(out, 0, sizeof(*out));
	if (in->family != 4 && in->family != 6)
		return -1;
	out->family = in->family;
	memcpy(out->bytes, in->bytes, in->family == 4 ? 4 : 16);
	return 0;
}

/* Opens the addresses of one answer that the policy lets through; returns them as bits. */
static int open_addresses(struct pins *p, const struct resolver_message *m, uint32_t *accepted)
{
	struct verdict v = policy_check_pin(p->policy, m->name);
	bool proxy = policy_is_proxy(p->policy, m->name);
	struct pin pins[LIMIT_ANSWER_ADDRESSES * LIMIT_RULE_PORTS];
	struct failure f = {0};
	size_t count = 0;

	*accepted = 0;
	if (!v.allowed)
		return -1; /* the resolver knows the policy: it would not ask */
	for (uint32_t i = 0; i < m->count; i++) {
		struct address a;
		const char *why = NULL;
		bool private;

		if (address_of(&m->addresses[i], &a) < 0)
			return -1;
		if (!policy_address_usable(p->policy, &v, &a, &why))
			continue;
		private = address_classify(&a) != ADDRESS_PUBLIC;
		if (private && routes_allow(p->routes, &a, &f) < 0) {
			say_detail("resolver", "%s: %s: %s", f.tried, f.on, f.why);
			continue;
		}
		for (unsigned j = 0; j < v.ports.count; j++)
			pins[count++] = (struct pin){
				.address = a,
				.port = v.ports.port[j],
				.kind = proxy     ? PIN_PROXY
					: private ? PIN_PRIVATE
						  : PIN_PUBLIC,
				.seconds = life(m->addresses[i].ttl),
			};
		*accepted |= UINT32_C(1) << i;
	}
	if (count && wall_pin(p->wall, pins, count, &f) < 0) {
		/* Nothing was opened: the client must not be told an address that is shut. */
		struct event e = {.kind = EVENT_UNRESOLVED, .name = m->name, .reason = f.why};

		events_add(p->events, &e);
		*accepted = 0;
		return 0;
	}
	for (uint32_t i = 0; i < m->count; i++) {
		struct event e = {.kind = EVENT_PIN, .name = m->name};

		if (!(*accepted & UINT32_C(1) << i))
			continue;
		address_of(&m->addresses[i], &e.address);
		events_add(p->events, &e);
		p->pinned++;
	}
	return 0;
}

static void report(struct pins *p, enum event_kind kind, const struct resolver_message *m)
{
	struct event e = {.kind = kind, .name = m->name, .reason = reasons[m->reason]};

	if (m->type != RESOLVER_REFUSED && m->count == 1)
		address_of(&m->addresses[0], &e.address);
	if (m->type == RESOLVER_REFUSED) {
		struct verdict v = policy_check_name(p->policy, m->name);

		if (v.rule && v.rule->effect == RULE_DENY)
			e.reason = v.rule->reason ? v.rule->reason : "denied by a rule";
		e.count = m->count;
	}
	events_add(p->events, &e);
}

int pins_message(struct pins *p, const struct resolver_message *m, size_t size,
	struct resolver_message *reply, bool *has_reply)
{
	*has_reply = false;
	if (size != sizeof(*m) || m->reason > REASON_LAST ||
		!name_printable(m->name, sizeof(m->name)))
		return -1;
	if (m->type != RESOLVER_REFUSED && m->type != RESOLVER_BOOTED &&
		m->count > LIMIT_ANSWER_ADDRESSES)
		return -1;
	switch (m->type) {
	case RESOLVER_PIN:
		memset(reply, 0, sizeof(*reply));
		reply->type = RESOLVER_PINNED;
		reply->sequence = m->sequence;
		*has_reply = true;
		return open_addresses(p, m, &reply->accepted);
	case RESOLVER_REFUSED:
		report(p, EVENT_REFUSED_NAME, m);
		return 0;
	case RESOLVER_UNRESOLVED:
		report(p, EVENT_UNRESOLVED, m);
		return 0;
	case RESOLVER_DROPPED:
		report(p, EVENT_DROPPED_ANSWER, m);
		return 0;
	case RESOLVER_BOOTED:
		p->boot_pinned = m->count;
		p->booted = true;
		return 0;
	default:
		return -1;
	}
}
