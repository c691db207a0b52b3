/*
 * Connections that are held while a person is asked about their name (--ask). A question is
 * about a name and a port, however many connections wait for it. It has a place until its time
 * is over, even if they have all given up, so that nobody who comes and goes can ask any
 * faster.
 *
 * Nothing is sent back to say what the person said: that is a rule, which all processes have at
 * once, and PID 1 only has us look.
 */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/rate.h"

struct asking {
	struct asked_question {
		char name[NAME_TEXT]; /* "": free */
		uint16_t port;
		int64_t until;        /* ms */
		unsigned connections; /* that wait */
		bool reported;        /* PID 1 knows that none does any more */
	} questions[LIMIT_ASKED];
	struct held {
		int32_t connection;
		uint16_t generation;
		uint8_t question;
	} held[LIMIT_ASK_HELD];
	size_t count;
	uint32_t unasked; /* connections that were not held, not reported yet */
	struct rate rate; /* of questions; due: when unasked is reported */
};

int held_init(struct gate *g)
{
	g->asking = calloc(1, sizeof(*g->asking));
	if (!g->asking)
		return -1;
	g->asking->rate = (struct rate)RATE_INIT;
	return 0;
}

/* c: the connection that it is asked for, or NULL. */
static bool tell(struct gate *g, enum gate_message_type type, const struct asked_question *q,
	const struct connection *c)
{
	struct gate_message m = {.type = type, .count = 1, .port = q->port};

	if (c) {
		m.client = c->client_port;
		m.client_to = c->orig_dst_port;
	}
	strncpy(m.name, q->name, sizeof(m.name) - 1);
	return report_message(g, &m);
}

static struct asked_question *find(struct asking *a, const char *name, uint16_t port)
{
	struct asked_question *unused = NULL;

	for (size_t i = 0; i < LIMIT_ASKED; i++) {
		struct asked_question *q = &a->questions[i];

		if (policy_same_rule(q->port, port) && strcmp(q->name, name) == 0)
			return q;
		if (!q->name[0])
			unused = q;
	}
	return unused;
}

/* The question of a name, asked if it doesn't stand. NULL: there are too many. */
static struct asked_question *put(struct gate *g, const char *name, const struct connection *c)
{
	struct asking *a = g->asking;
	struct asked_question *q = find(a, name, c->port);

	if (!q || (q->name[0] && q->connections > 0))
		return q;
	if (!rate_left(&a->rate, g->now, LIMIT_ASK_PER_SECOND))
		return NULL;
	*q = (struct asked_question){
		.port = c->port, .until = g->now + g->config->ask * INT64_C(1000)};
	strncpy(q->name, name, sizeof(q->name) - 1);
	if (!tell(g, GATE_ASK, q, c)) {
		q->name[0] = '\0';
		return NULL;
	}
	rate_use(&a->rate);
	return q;
}

bool held_begin(struct gate *g, struct connection *c)
{
	struct asking *a = g->asking;
	const char *name = table_buffer(g, c)->name;
	struct asked_question *q = NULL;

	if (!g->config->ask || !policy_asks(g->config->policy, name, c->port))
		return false;
	/* In the cell other ports are given at the start (cell/cell_rules.h): a yes would be
	 * refused. */
	if (g->config->cell && c->port != 443 && c->port != 80)
		return false;
	if (a->count < LIMIT_ASK_HELD)
		q = put(g, name, c);
	if (!q) {
		a->unasked++;
		rate_pend(&a->rate, g->now);
		return false;
	}
	q->connections++;
	q->reported = false;
	a->held[a->count++] = (struct held){.connection = table_number(g, c),
		.generation = c->generation,
		.question = (uint8_t)(q - a->questions)};
	c->until = q->until;
	c->phase = PHASE_HELD;
	return true;
}

/* A client that speaks TLS, or uses us as a proxy, and closes its half has given up. Others may
 * have said all they have to say. */
static bool gave_up(const struct connection *c)
{
	return c->client.hung_up && (c->tls || c->direct);
}

enum action held_work(struct gate *g, struct connection *c)
{
	const char *name = table_buffer(g, c)->name;
	const struct verdict v = policy_check_name_port(g->config->policy, name, c->port);

	if (gave_up(c))
		return RESET;
	if (v.allowed) {
		/* As if it had just come. */
		c->again = true;
		c->phase = PHASE_HEAD;
		return WAIT;
	}
	if (g->now < c->until && policy_asks(g->config->policy, name, c->port))
		return WAIT;
	return gate_refused(c, v.rule ? GATE_DENIED : GATE_NOT_ALLOWED);
}

struct connection *held_next(struct gate *g, size_t *at)
{
	struct asking *a = g->asking;

	while (*at < a->count) {
		const struct held *h = &a->held[(*at)++];
		struct connection *c = table_of(g, h->connection);

		if (c->phase == PHASE_HELD && c->generation == h->generation)
			return c;
	}
	return NULL;
}

/* Forgets connections that aren't held any more, and has those handled whose time is over. */
static void sweep(struct gate *g)
{
	struct asking *a = g->asking;

	for (size_t i = 0; i < a->count;) {
		struct connection *c = table_of(g, a->held[i].connection);

		if (c->phase == PHASE_HELD && c->generation == a->held[i].generation) {
			if (g->now >= c->until)
				table_again(g, c);
			i++;
			continue;
		}
		a->questions[a->held[i].question].connections--;
		a->held[i] = a->held[--a->count];
	}
}

static void report_unasked(struct gate *g)
{
	struct asking *a = g->asking;
	const struct gate_message m = {.type = GATE_UNASKED, .count = a->unasked};

	if (a->unasked && report_message(g, &m))
		a->unasked = 0;
	rate_done(&a->rate, g->now, a->unasked > 0);
}

int64_t held_tick(struct gate *g)
{
	struct asking *a = g->asking;
	int64_t next;

	if (!g->config->ask)
		return INT64_MAX;
	sweep(g);
	if (a->rate.due <= g->now)
		report_unasked(g);
	next = a->rate.due;
	for (size_t i = 0; i < LIMIT_ASKED; i++) {
		struct asked_question *q = &a->questions[i];

		if (!q->name[0])
			continue;
		/* PID 1 knows that of itself. */
		if (q->connections == 0 && !policy_asks(g->config->policy, q->name, q->port)) {
			q->name[0] = '\0';
			continue;
		}
		if (q->connections == 0 && !q->reported)
			q->reported = tell(
				g, g->now >= q->until ? GATE_ASK_LATE : GATE_ASK_GONE, q, NULL);
		if (q->connections == 0 && g->now >= q->until)
			q->name[0] = '\0';
		else if (q->until < next)
			next = q->until;
	}
	return next;
}
