/* PID 1's checks on the resolver's requests. No message is trusted; see pins.h. */
#include "pins.h"

#include <stdlib.h>
#include <string.h>

#include "../route/divert.h"

/* All requests of the largest size. Pages that are never used cost nothing. */
#define BATCH_PINS (PINS_REQUESTS * LIMIT_ANSWER_ADDRESSES * LIMIT_RULE_PORTS)

struct pin_request {
	struct resolver_message message;
	uint32_t accepted;   /* bit i: addresses[i] may be opened */
	size_t first, count; /* its pins */
};

struct pins_batch {
	size_t requests_count, pins_count;
	struct pin_request requests[PINS_REQUESTS];
	struct resolver_pinned answers[PINS_REQUESTS];
	struct pin pins[BATCH_PINS];
};

/* Texts of enum resolver_reason, for events. */
static const char *const reasons[] = {
	[REASON_NONE] = NULL,
	[REASON_NXDOMAIN] = "the name does not exist",
	[REASON_NO_ADDRESS] = "the name has no address",
	[REASON_TIMEOUT] = "no DNS server answered",
	[REASON_SERVER] = "the DNS servers could not answer",
	[REASON_NOT_PUBLIC] = "its address is not public and the rule lacks +private",
	[REASON_MALFORMED] = "the answer was malformed or not about the question",
	[REASON_LONG] = "too long a name for this wildcard",
	[REASON_LIMIT] = "too many questions in a minute for its rule",
	[REASON_TARGET] = "no rule allows the port of this service of an allowed name",
	[REASON_GUESSED] = "forged: ids are being guessed; asked again from another port",
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

/* A private address also has to be opened in the second fence. */
static bool routed(struct pins *p, const struct address *a)
{
	struct failure f;

	if (!p->routes || routes_allow(p->routes, a, &f) == 0)
		return true;
	say_failure_detail("resolver", &f);
	return false;
}

/* Makes pins of the addresses of one request that the policy accepts. Returns -1 if the
 * request violates the protocol. */
static int check_addresses(struct pins *p, struct pin_request *r, struct pin *pins)
{
	const struct resolver_message *m = &r->message;
	struct verdict v = policy_check_pin(p->policy, m->name);
	bool proxy = policy_is_proxy(p->policy, m->name);

	/* The resolver has the same policy, so it asks only for allowed names, except for
	 * those that have changed meanwhile. */
	if (!v.allowed)
		return policy_version(p->policy) ? 0 : -1;
	for (uint32_t i = 0; i < m->count; i++) {
		struct address a;
		const char *why = NULL;
		bool private;

		if (address_of(&m->addresses[i], &a) < 0)
			return -1;
		if (!policy_address_usable(p->policy, &v, &a, &why))
			continue;
		private = address_classify(&a) != ADDRESS_PUBLIC;
		if (private && !routed(p, &a))
			continue;
		for (unsigned j = 0; j < v.ports.count; j++)
			pins[r->count++] = (struct pin){
				.address = a,
				.port = v.ports.port[j],
				.kind = proxy     ? PIN_PROXY
					: private ? PIN_PRIVATE
						  : PIN_PUBLIC,
				.seconds = life(m->addresses[i].ttl),
			};
		r->accepted |= UINT32_C(1) << i;
		if (p->pin_index)
			p->reopened |= pin_index_note(p->pin_index, m->name, &a);
	}
	return 0;
}

static int add_request(struct pins *p, const struct resolver_message *m)
{
	struct pins_batch *b = p->batch;
	struct pin_request *r;

	if (!b)
		b = p->batch = calloc(1, sizeof(*b));
	if (!b || b->requests_count == PINS_REQUESTS)
		return -1;
	r = &b->requests[b->requests_count];
	r->message = *m;
	r->accepted = 0;
	r->first = b->pins_count;
	r->count = 0;
	if (check_addresses(p, r, b->pins + b->pins_count) < 0)
		return -1;
	b->pins_count += r->count;
	b->requests_count++;
	return 0;
}

/* Nothing was opened: the client must not be given an address that is closed. */
static void reject(struct pins *p, struct pin_request *r, const char *why)
{
	struct event e = {.kind = EVENT_UNRESOLVED, .name = r->message.name, .reason = why};

	events_add(p->events, &e);
	r->accepted = 0;
}

static void log_pins(struct pins *p, const struct pin_request *r)
{
	for (uint32_t i = 0; i < r->message.count; i++) {
		struct event e = {.kind = EVENT_PIN, .name = r->message.name};

		if (!(r->accepted & UINT32_C(1) << i))
			continue;
		address_of(&r->message.addresses[i], &e.address);
		events_add(p->events, &e);
		p->pinned++;
	}
}

void pins_flush(struct pins *p, pins_answer *answer, void *context)
{
	struct pins_batch *b = p->batch;
	struct failure f;
	bool alone;

	if (!b || b->requests_count == 0)
		return;
	alone = p->wall && wall_pin(p->wall, b->pins, b->pins_count, &f) < 0;
	/* A pin alone wouldn't reopen what was closed for another name. */
	if (p->reopened && pin_index_cut(p->pin_index, p->policy, false, p->wall, &f) < 0)
		say_failure_detail("resolver", &f);
	p->reopened = false;
	for (size_t i = 0; i < b->requests_count; i++) {
		struct pin_request *r = &b->requests[i];

		if (alone && wall_pin(p->wall, b->pins + r->first, r->count, &f) < 0)
			reject(p, r, f.reason);
		b->answers[i] = (struct resolver_pinned){r->message.sequence, r->accepted};
	}
	answer(context, b->answers, b->requests_count);
	for (size_t i = 0; i < b->requests_count; i++)
		log_pins(p, &b->requests[i]);
	b->requests_count = b->pins_count = 0;
}

int pins_follow(struct pins *p, const struct wall_config *c, const struct policy_change *change,
	struct failure *f)
{
	/* In the cell all connections are the gate's. */
	if (!p->wall)
		return 0;
	p->networks |= change->networks;
	if (pin_index_cut(p->pin_index, p->policy, p->networks, p->wall, f) < 0)
		return -1;
	if (p->networks && routes_follow(p->routes, c, f) < 0)
		return -1;
	if (p->networks)
		divert_follow(p->routes, c);
	p->networks = false;
	if (pin_index_forgotten(p->pin_index) == 0 || !change->narrowed)
		return 0;
	return fail(f, "end what is denied", "",
		"too many addresses were opened to remember all of them");
}

const char *pins_why(
	const struct policy *p, const struct resolver_message *m, char text[POLICY_WHY])
{
	char name[NAME_TEXT];
	const char *unused;
	struct verdict v;
	struct address a;
	size_t at;

	/* The advice is to be typed into a shell, so the name must be valid. */
	if (m->reason != REASON_NOT_PUBLIC || m->count != 1 ||
		address_of(&m->addresses[0], &a) < 0 ||
		!name_normalise(m->name, strlen(m->name), name, &at, &unused))
		return pins_reason(m->reason);
	v = policy_check_pin(p, name);
	policy_explain_address(&v, name, &a, text);
	return text;
}

static struct event_client client_of(const struct resolver_message *m)
{
	return (struct event_client){.udp = m->client < RESOLVER_BY_TCP,
		.port = (uint16_t)m->client,
		.to = m->client < RESOLVER_BY_TCP ? 0 : 53};
}

static void report_used(struct pins *p, const struct resolver_message *m)
{
	struct event e = {.kind = EVENT_USED, .name = m->name, .client = client_of(m)};

	events_add(p->events, &e);
}

static void report(struct pins *p, enum event_kind kind, const struct resolver_message *m)
{
	char why[POLICY_WHY];
	struct event e = {.kind = kind, .name = m->name, .reason = pins_why(p->policy, m, why)};

	if (m->type != RESOLVER_REFUSED && m->count == 1)
		address_of(&m->addresses[0], &e.address);
	if (m->type == RESOLVER_REFUSED) {
		struct verdict v = policy_check_name(p->policy, m->name);

		if (v.rule && v.rule->effect == RULE_DENY)
			e.reason = v.rule->reason ? v.rule->reason : "denied by a rule";
		else if (m->reason == REASON_LONG || m->reason == REASON_TARGET)
			e.advice = ""; /* a rule for the name itself permits it */
		e.port = (uint16_t)m->port;
		e.count = m->count;
		e.client = client_of(m);
	}
	events_add(p->events, &e);
}

static void report_unsolicited(struct pins *p, const struct resolver_message *m)
{
	struct event e = {.kind = EVENT_DROPPED_ANSWER,
		.reason = m->reason ? reasons[m->reason]
				    : "it answered no question of ours: late, or forged",
		.count = m->count};

	events_add(p->events, &e);
}

static int take(struct pins *p, const struct resolver_message *m)
{
	if (m->port > UINT16_MAX || (m->port > 0) != (m->reason == REASON_TARGET) ||
		(m->reason == REASON_TARGET && m->type != RESOLVER_REFUSED))
		return -1;
	if (m->client >= 2 * RESOLVER_BY_TCP ||
		(m->client && m->type != RESOLVER_REFUSED && m->type != RESOLVER_USED))
		return -1;
	if (m->reason > REASON_LAST || !name_printable(m->name, sizeof(m->name)))
		return -1;
	if (m->type != RESOLVER_REFUSED && m->type != RESOLVER_BOOTED &&
		m->type != RESOLVER_UNSOLICITED && m->count > LIMIT_ANSWER_ADDRESSES)
		return -1;
	switch (m->type) {
	case RESOLVER_PIN:
		return add_request(p, m);
	case RESOLVER_REFUSED:
		report(p, EVENT_REFUSED_NAME, m);
		return 0;
	case RESOLVER_UNRESOLVED:
		report(p, EVENT_UNRESOLVED, m);
		return 0;
	case RESOLVER_DROPPED:
		report(p, EVENT_DROPPED_ANSWER, m);
		return 0;
	case RESOLVER_USED:
		report_used(p, m);
		return 0;
	case RESOLVER_UNSOLICITED:
		report_unsolicited(p, m);
		return 0;
	case RESOLVER_BOOTED:
		p->boot_pinned = m->count;
		p->booted = true;
		return 0;
	default:
		return -1;
	}
}

int pins_message(struct pins *p, const struct resolver_message *m)
{
	int status = take(p, m);

	if (status < 0 && p->batch)
		p->batch->requests_count = p->batch->pins_count = 0;
	return status;
}
