/*
 * Server selection. The order in resolv.conf matters: the first upstream may be the only one
 * that knows a name, and the only one that should see it. So while it hasn't answered,
 * however slow it is, no other one is queried, except
 *
 *	when it responds with an error;
 *	when it has never answered, after PATIENCE_MS;
 *	when it answers nothing, not even a name that it has answered before, which is queried
 *again to find out (the probe).
 *
 * Such a silent server is queried in addition to the others every RETRY_MS, and is the first
 * again after its first answer.
 */
#include "upstream_private.h"

#define PATIENCE_MS 1200
#define RETRY_MS    5000
/* Attempts of a probe: 1.2 s. */
#define ATTEMPTS_PROBE 2

void upstream_answered_by(struct upstream *u, int which, int64_t now)
{
	u->servers[which].heard = now;
	u->servers[which].silent = false;
}

void upstream_late(struct upstream *u, int which, int slot, uint16_t id, int64_t now)
{
	const struct server *v = &u->servers[which];

	if (v->silent && v->retry_id == id && v->retry_slot == slot)
		upstream_answered_by(u, which, now);
}

bool upstream_any_answered(const struct upstream *u)
{
	bool heard = false;

	for (size_t i = 0; i < u->config.count; i++)
		heard |= u->servers[i].heard != 0;
	return heard;
}

static void set_silent(struct server *v, int64_t now)
{
	if (!v->silent)
		v->retry = now + RETRY_MS;
	v->silent = true;
}

/* The first server from `from` on that may be queried, preferably one that isn't silent; or
 * NONE. */
static int choose(const struct upstream *u, const struct upstream_question *q, int from)
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

static bool is_out(const struct upstream_question *q)
{
	bool out = q->tcp != NONE;

	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		out |= q->sent[i].live;
	return out;
}

bool upstream_begin(struct upstream *u, struct upstream_question *q, int64_t now)
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
		v->retry_id = q->sent[i].id;
		v->retry_slot = q->sent[i].slot;
	}
	return is_out(q);
}

static void ask_next(struct upstream *u, struct upstream_question *q, int which, int64_t now)
{
	q->current = which;
	q->since = now;
	upstream_send(u, q, which);
	if (!is_out(q))
		upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
}

/* Only A queries count: some servers never answer other types. */
static bool is_silent(const struct upstream *u, const struct upstream_question *q)
{
	return q->type == DNS_A && u->servers[q->current].heard <= q->since;
}

/* Queries a server for a name that it knows. Returns false if nothing can be queried. */
static bool probe(struct upstream *u, int which, int64_t now)
{
	const char *name;
	struct upstream_question *q;
	int tag;

	if (u->servers[which].probed)
		return true;
	tag = u->config.known(u->config.context, &name);
	if (tag < 0 || !(q = upstream_slot(u, name, DNS_A, tag, now)))
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

/* The server hasn't answered this query; check whether it answers anything. `last`: the
 * query is about to time out. */
static void check_silence(
	struct upstream *u, const struct upstream_question *q, bool last, int64_t now)
{
	struct server *v = &u->servers[q->current];

	if (u->config.count == 1 || v->silent || now - q->since < PATIENCE_MS)
		return;
	if (q->probe || !v->heard || (!probe(u, q->current, now) && last))
		set_silent(v, now);
}

void upstream_proceed(struct upstream *u, struct upstream_question *q, int64_t now)
{
	int next = NONE;

	if (!q->probe && is_silent(u, q))
		check_silence(u, q, false, now);
	if (!q->probe && u->servers[q->current].silent)
		next = choose(u, q, q->current + 1);
	if (next != NONE)
		ask_next(u, q, next, now);
	else
		upstream_send(u, q, q->current);
}

void upstream_timed_out(struct upstream *u, const struct upstream_question *q, int64_t now)
{
	if (is_silent(u, q))
		check_silence(u, q, true, now);
}

bool upstream_earlier_pending(const struct upstream_question *q, int which)
{
	for (int i = 0; i < which; i++)
		if (q->sent[i].live && !(q->failed & 1U << i))
			return true;
	return false;
}

void upstream_failed(struct upstream *u, struct upstream_question *q, int which,
	enum resolver_reason r, int64_t now)
{
	int next;

	q->failed |= (uint8_t)(1U << which);
	if (q->reason != REASON_LIMIT)
		q->reason = r;
	if (q->held && !upstream_earlier_pending(q, q->held_by)) {
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
	/* All failed: the first time may be overload; the second time is final. */
	if (next == NONE && q->rounds++ == 0) {
		q->failed = 0;
		next = choose(u, q, 0);
	}
	if (next != NONE)
		ask_next(u, q, next, now);
	else
		upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
}

void upstream_unreachable(struct upstream *u, int which, int slot, int64_t now)
{
	set_silent(&u->servers[which], now);
	for (unsigned i = 0; i < u->fresh; i++) {
		struct upstream_question *q = &u->questions[i];

		if (q->sent[which].live && q->sent[which].slot == slot)
			upstream_failed(u, q, which, REASON_TIMEOUT, now);
	}
}
