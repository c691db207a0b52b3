/*
 * Whom a question goes to. The order of resolv.conf counts: the first upstream may be the only
 * one that knows a name, and the only one that should hear of it. So nobody else is asked for
 * what it hasn't answered yet, however slow it is, but
 *
 *	when it says that it can't tell;
 *	when nothing was ever heard of it, for PATIENCE_MS;
 *	when it answers nothing, not even a name that it has answered before and is asked for
 *	again to see that (the probe).
 *
 * Such a silent one is asked beside the others every RETRY_MS, and is the first again with its
 * first answer.
 */
#include "upstream_private.h"

#define PATIENCE_MS 1200
#define RETRY_MS    5000
/* Tries of a probe: 1.2 s. */
#define ATTEMPTS_PROBE 2

void upstream_heard(struct upstream *u, int which, int64_t now)
{
	u->servers[which].heard = now;
	u->servers[which].silent = false;
}

bool upstream_any_heard(const struct upstream *u)
{
	bool heard = false;

	for (size_t i = 0; i < u->config.count; i++)
		heard |= u->servers[i].heard != 0;
	return heard;
}

static void give_up(struct server *v, int64_t now)
{
	if (!v->silent)
		v->retry = now + RETRY_MS;
	v->silent = true;
}

/* The first from `from` on that may be asked, rather one that isn't silent; or NONE. */
static int choose(const struct upstream *u, const struct question *q, int from)
{
	int silent = NONE;

	for (int i = from; i < (int)u->config.count; i++) {
		if (q->failed & 1U << i || upstream_needs_tcp(&q->sent[i]))
			continue;
		if (!u->servers[i].silent)
			return i;
		if (silent == NONE)
			silent = i;
	}
	return silent;
}

static bool is_out(const struct question *q)
{
	bool out = q->tcp != NONE;

	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		out |= q->sent[i].live;
	return out;
}

bool upstream_begin(struct upstream *u, struct question *q, int64_t now)
{
	q->current = choose(u, q, 0);
	q->since = now;
	upstream_send(u, q, q->current);
	for (int i = 0; i < q->current; i++) {
		struct server *v = &u->servers[i];

		if (now < v->retry)
			continue;
		v->retry = now + RETRY_MS;
		upstream_send(u, q, i);
	}
	return is_out(q);
}

static void ask_next(struct upstream *u, struct question *q, int which, int64_t now)
{
	q->current = which;
	q->since = now;
	upstream_send(u, q, which);
	if (!is_out(q))
		upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
}

/* Only questions for A tell: there are servers that never answer others. */
static bool says_nothing(const struct upstream *u, const struct question *q)
{
	return q->type == DNS_A && u->servers[q->current].heard <= q->since;
}

/* Asks an upstream again for what it knows; false: there is nothing that may be asked. */
static bool probe(struct upstream *u, int which, int64_t now)
{
	const char *name;
	struct question *q;
	int tag;

	if (u->servers[which].probed)
		return true;
	tag = u->config.known(u->config.context, &name);
	if (tag < 0 || !(q = upstream_place(u, name, DNS_A, tag, now)))
		return false;
	q->probe = true;
	q->last = ATTEMPTS_PROBE;
	q->current = which;
	q->since = now;
	upstream_send(u, q, which);
	u->servers[which].probed = is_out(q);
	if (!u->servers[which].probed)
		upstream_release(u, q);
	return u->servers[which].probed;
}

/* It is silent about this question. Is it altogether? `last`: the question has no more time. */
static void doubt(struct upstream *u, const struct question *q, bool last, int64_t now)
{
	struct server *v = &u->servers[q->current];

	if (u->config.count == 1 || v->silent || now - q->since < PATIENCE_MS)
		return;
	if (q->probe || !v->heard || (!probe(u, q->current, now) && last))
		give_up(v, now);
}

void upstream_go_on(struct upstream *u, struct question *q, int64_t now)
{
	int next = NONE;

	if (!q->probe && says_nothing(u, q))
		doubt(u, q, false, now);
	if (!q->probe && u->servers[q->current].silent)
		next = choose(u, q, q->current + 1);
	if (next != NONE)
		ask_next(u, q, next, now);
	else
		upstream_send(u, q, q->current);
}

void upstream_ran_out(struct upstream *u, const struct question *q, int64_t now)
{
	if (says_nothing(u, q))
		doubt(u, q, true, now);
}

bool upstream_earlier_may_answer(const struct question *q, int which)
{
	for (int i = 0; i < which; i++)
		if (q->sent[i].live && !(q->failed & 1U << i))
			return true;
	return false;
}

void upstream_failed(
	struct upstream *u, struct question *q, int which, enum resolver_reason r, int64_t now)
{
	int next;

	q->failed |= (uint8_t)(1U << which);
	if (q->reason != REASON_LIMIT)
		q->reason = r;
	if (q->held && !upstream_earlier_may_answer(q, q->held_by)) {
		upstream_finish_held(u, q);
		return;
	}
	if (which != q->current)
		return;
	if (q->probe) {
		upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
		return;
	}
	next = choose(u, q, which + 1);
	/* All failed: once is perhaps a moment's overload, twice is an answer. */
	if (next == NONE && q->rounds++ == 0) {
		q->failed = 0;
		next = choose(u, q, 0);
	}
	if (next != NONE)
		ask_next(u, q, next, now);
	else
		upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
}

void upstream_nobody_there(struct upstream *u, int which, int slot, int64_t now)
{
	give_up(&u->servers[which], now);
	for (unsigned i = 0; i < u->fresh; i++) {
		struct question *q = &u->questions[i];

		if (q->sent[which].live && q->sent[which].slot == slot)
			upstream_failed(u, q, which, REASON_TIMEOUT, now);
	}
}
