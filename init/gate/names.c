/*
 * Addresses of names: queried from our own resolver, in DNS over loopback, as any program of
 * the payload does. The resolver answers only after PID 1 has opened the addresses in the
 * wall, so neither gate nor resolver needs another way to arrange that.
 */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/sockaddr.h"
#include "../lib/dns_message.h"

/* On loopback a datagram is lost only if the resolver is down, so retry soon. */
#define RESEND_MS 500
/* Associativity of the cache. */
#define WAYS 4
/* Replies read at a time. */
#define BURST 64

/* The two queries for a name. */
enum { ASK_A, ASK_AAAA, ASKS };
static const uint16_t types[ASKS] = {DNS_A, DNS_AAAA};

struct name_entry {
	char name[NAME_TEXT]; /* "": free */
	uint32_t hash;
	bool asking[ASKS];
	uint16_t id[ASKS];
	uint8_t count[ASKS];
	int64_t asked;  /* ms, when queries were last sent */
	int64_t enough; /* ms, when to go on with the one reply that has arrived; 0: none has */
	int64_t until;  /* ms, expiry according to the replies so far */
	int64_t expires; /* ms, expiry of what is known; 0: nothing is */
	int64_t used;
	struct address addresses[ASKS][LIMIT_ANSWER_ADDRESSES];
};

struct names {
	int fd;
	uint32_t seed;
	uint32_t version; /* generation of the policy with which its addresses were opened */
	size_t asking;    /* entries with a query outstanding */
	struct name_entry entries[LIMIT_GATE_NAMES];
};

int names_init(struct gate *g)
{
	struct names *n = calloc(1, sizeof(*n));
	static const struct address loopback = {4, {127, 0, 0, 1}};
	union sockaddr_any to;
	socklen_t len = sockaddr_make(&loopback, g->config->resolver_port, &to);

	g->names = n;
	if (!n || getrandom(&n->seed, sizeof(n->seed), 0) != sizeof(n->seed))
		return -1;
	n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd < 0 || connect(n->fd, &to.any, len) < 0)
		return -1;
	return table_watch(g, n->fd, EPOLLIN, EVENT_DATA(EVENT_NAMES, 0, 0, 0));
}

static int32_t number_of(const struct gate *g, const struct name_entry *e)
{
	return (int32_t)(e - g->names->entries);
}

/* True if an inspect buffer waits for it. */
static bool awaited(const struct gate *g, const struct name_entry *e)
{
	for (size_t i = 0; i < LIMIT_GATE_BUFFERS; i++)
		if (g->waits_for[i] == number_of(g, e))
			return true;
	return false;
}

/* The entry of a name, or one to reuse for it; NULL if all are being waited for. */
static struct name_entry *find(struct gate *g, const char *name)
{
	struct names *n = g->names;
	uint32_t hash = name_hash(name, n->seed);
	struct name_entry *set = &n->entries[hash % (LIMIT_GATE_NAMES / WAYS) * WAYS],
			  *best = NULL;

	for (int i = 0; i < WAYS; i++)
		if (set[i].hash == hash && strcmp(set[i].name, name) == 0)
			return &set[i];
	for (int i = 0; i < WAYS; i++)
		if ((!best || set[i].used < best->used) &&
			(!set[i].name[0] || !awaited(g, &set[i])))
			best = &set[i];
	if (!best)
		return NULL;
	if (best->asking[ASK_A] || best->asking[ASK_AAAA])
		n->asking--;
	memset(best, 0, sizeof(*best));
	strncpy(best->name, name, NAME_TEXT - 1);
	best->hash = hash;
	return best;
}

static void send_question(struct gate *g, struct name_entry *e, int which)
{
	uint8_t packet[DNS_HEADER + DNS_QUESTION + 11];
	size_t len = dns_write_query(
		e->id[which], e->name, types[which], true, packet, sizeof(packet));

	/* A lost one is sent again. */
	if (len == 0 || send(g->names->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static void ask(struct gate *g, struct name_entry *e)
{
	uint16_t noise[ASKS];

	if (getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		_exit(1);
	if (!e->asking[ASK_A] && !e->asking[ASK_AAAA])
		g->names->asking++;
	e->asked = g->now;
	e->enough = 0;
	e->until = INT64_MAX;
	e->expires = 0;
	for (int i = 0; i < ASKS; i++) {
		/* Entry and query type; the rest is random, so that a late reply to an
		 * earlier query doesn't match. */
		e->id[i] = (uint16_t)((e - g->names->entries) << 8 | (noise[i] & 0xfe) | i);
		e->asking[i] = true;
		send_question(g, e, i);
	}
}

static bool orig_dst_known(const struct name_entry *e, const struct connection *c)
{
	for (int i = 0; i < ASKS; i++)
		for (size_t j = 0; j < e->count[i]; j++)
			if (address_compare(&e->addresses[i][j], &c->orig_dst) == 0)
				return true;
	return false;
}

/*
 * Fills an inspect buffer with as many candidates as fit: the client's original destination,
 * if it is among them, then alternately its own family and the other (RFC 8305 §4).
 */
static void give(struct gate *g, const struct name_entry *e, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);
	int first = c->orig_dst.family == 4 ? ASK_A : ASK_AAAA;

	d->resolved = true;
	d->candidates_count = 0;
	if (orig_dst_known(e, c))
		d->candidates[d->candidates_count++] = c->orig_dst;
	for (size_t i = 0; i < ASKS * LIMIT_ANSWER_ADDRESSES; i++) {
		int which = i % 2 == 0 ? first : !first;
		const struct address *a = &e->addresses[which][i / 2];

		if (i / 2 < e->count[which] && d->candidates_count < ATTEMPTS &&
			address_compare(a, &c->orig_dst) != 0)
			d->candidates[d->candidates_count++] = *a;
	}
}

/* Resumes the connections that wait: all of them, or those whose original destination is
 * known. */
static void wake(struct gate *g, struct name_entry *e, bool all)
{
	for (size_t i = 0; i < LIMIT_GATE_BUFFERS; i++) {
		struct connection *c;

		if (g->waits_for[i] != number_of(g, e))
			continue;
		c = table_of(g, g->buffers[i].connection);
		if (!all && !orig_dst_known(e, c))
			continue;
		g->waits_for[i] = NONE;
		give(g, e, c);
		table_again(g, c);
	}
}

/* With another policy, known addresses may have no pin for the wanted port. */
static void follow_policy(struct gate *g)
{
	const uint32_t version = policy_version(g->config->policy);

	if (g->names->version == version)
		return;
	g->names->version = version;
	for (size_t i = 0; i < LIMIT_GATE_NAMES; i++)
		g->names->entries[i].expires = 0;
}

bool names_resolve(struct gate *g, struct connection *c, const char *name)
{
	struct name_entry *e = find(g, name);

	if (!e)
		return false;
	follow_policy(g);
	e->used = g->now;
	if (g->now < e->expires) {
		give(g, e, c);
		return true;
	}
	g->waits_for[c->inspect_buffer] = number_of(g, e);
	if (!e->asking[ASK_A] && !e->asking[ASK_AAAA])
		ask(g, e);
	return true;
}

void names_invalidate(struct gate *g, const char *name)
{
	struct name_entry *e = name[0] ? find(g, name) : NULL;

	if (e)
		e->expires = 0;
}

static void take_answer(struct name_entry *e, int which, const struct dns_answer *a)
{
	e->count[which] = 0;
	for (size_t i = 0; i < a->count; i++) {
		struct address *to = &e->addresses[which][e->count[which]++];

		memset(to, 0, sizeof(*to));
		to->family = which == ASK_A ? 4 : 6;
		memcpy(to->bytes, a->addresses[i], which == ASK_A ? 4 : 16);
	}
}

static void answered(struct gate *g, const uint8_t *packet, size_t len)
{
	uint16_t id = len >= 2 ? (uint16_t)(packet[0] << 8 | packet[1]) : 0;
	struct name_entry *e = &g->names->entries[id >> 8];
	struct dns_answer a = {0};
	int which = id & 1;
	int64_t until;

	if (!e->asking[which] || e->id[which] != id)
		return;
	switch (dns_read_response(packet, len, id, e->name, types[which], &a)) {
	case OUTCOME_UNSOLICITED:
	case OUTCOME_MALFORMED:
		return;
	case OUTCOME_ADDRESSES:
		take_answer(e, which, &a);
		break;
	default:
		e->count[which] = 0;
	}
	e->asking[which] = false;
	until = (int64_t)a.ttl * 1000;
	if (until > LIMIT_GATE_NAMES_MS)
		until = LIMIT_GATE_NAMES_MS;
	/* The lesser of the two; without an address nothing is cached. */
	if (e->count[which] && g->now + until < e->until)
		e->until = g->now + until;
	/* Wait a moment for the other family: an attempt uses only what is known when it
	 * starts (RFC 8305 §3, Resolution Delay). */
	if (e->asking[!which]) {
		e->enough = g->now + LIMIT_GATE_FAMILY_MS;
		return;
	}
	g->names->asking--;
	if (e->until < INT64_MAX)
		e->expires = e->until;
	wake(g, e, true);
}

void names_ready(struct gate *g)
{
	uint8_t packet[LIMIT_DNS_UDP];

	for (int i = 0; i < BURST; i++) {
		ssize_t n = recv(g->names->fd, packet, sizeof(packet), MSG_DONTWAIT);

		/* ECONNREFUSED: the resolver is down at the moment. */
		if (n < 0)
			return;
		answered(g, packet, (size_t)n);
	}
}

int64_t names_tick(struct gate *g)
{
	struct names *n = g->names;
	int64_t next = INT64_MAX;

	for (size_t i = 0; n->asking && i < LIMIT_GATE_NAMES; i++) {
		struct name_entry *e = &n->entries[i];
		bool wanted;
		int64_t due;

		if (!e->asking[ASK_A] && !e->asking[ASK_AAAA])
			continue;
		wanted = awaited(g, e);
		due = e->asked + (wanted ? RESEND_MS : LIMIT_GATE_PATIENCE_MS);
		if (e->enough && g->now >= e->enough) {
			e->enough = 0;
			wake(g, e, false);
		}
		if (e->enough && e->enough < next)
			next = e->enough;
		if (g->now >= due && !wanted) {
			/* Nobody waits any more: give up. */
			e->asking[ASK_A] = e->asking[ASK_AAAA] = false;
			n->asking--;
			continue;
		}
		if (g->now >= due) {
			e->asked = g->now;
			due = g->now + RESEND_MS;
			for (int j = 0; j < ASKS; j++)
				if (e->asking[j])
					send_question(g, e, j);
		}
		if (due < next)
			next = due;
	}
	return next;
}
