/*
 * The phases of a connection: the handler of each, which phases may follow, and what
 * refusals and deadlines lead to.
 */
#include "connection.h"

#include <string.h>
#include <unistd.h>

#define TO(phase) (1u << (phase))

/*
 * For each phase: its handler, the phases that may follow, whether it has a deadline, and
 * the reason for refusal when that passes. A refusal leads to PHASE_LINGER, or in audit mode
 * to PHASE_CONNECT or PHASE_NAME.
 */
static const struct {
	enum action (*work)(struct gate *g, struct connection *c);
	uint16_t next;
	bool limited;
	uint8_t timed_out; /* enum gate_reason */
} phases[] = {
	/* To PHASE_CONNECT: in audit mode, if the client waits for its server to begin. */
	[PHASE_HEAD] = {client_work, TO(PHASE_HELD) | TO(PHASE_NAME) | TO(PHASE_CONNECT), true,
		GATE_TOO_SLOW},
	/* Its deadline is its own: held_tick(). */
	[PHASE_HELD] = {held_work, TO(PHASE_HEAD), false, GATE_NOT_ALLOWED},
	[PHASE_NAME] = {connect_resolve, TO(PHASE_CONNECT), true, GATE_UNRESOLVED},
	[PHASE_CONNECT] = {connect_work, TO(PHASE_PROXY) | TO(PHASE_CONNECTED), true,
		GATE_UNREACHABLE},
	[PHASE_PROXY] = {handshake_proxy, TO(PHASE_CONNECTED), true, GATE_PROXY},
	[PHASE_CONNECTED] = {handshake_connected,
		TO(PHASE_HANDSHAKE) | TO(PHASE_UPGRADE) | TO(PHASE_HTTP) | TO(PHASE_RAW), false,
		GATE_FINE},
	[PHASE_HANDSHAKE] = {handshake_first, TO(PHASE_SECOND) | TO(PHASE_RAW), false,
		GATE_TOO_SLOW},
	[PHASE_SECOND] = {handshake_second, TO(PHASE_RAW), true, GATE_TOO_SLOW},
	[PHASE_UPGRADE] = {handshake_upgrade, TO(PHASE_HTTP) | TO(PHASE_RAW), false,
		GATE_TOO_SLOW},
	[PHASE_HTTP] = {requests_work, TO(PHASE_LINGER), false, GATE_TOO_SLOW},
	[PHASE_RAW] = {relay_work, 0, false, GATE_FINE},
	[PHASE_LINGER] = {refuse_wait, 0, true, GATE_FINE},
};

/* A transition that isn't in the table is a bug of ours; exit, and PID 1 starts another
 * gate. */
static void enter_phase(struct gate *g, struct connection *c, enum phase from)
{
	if (!(phases[from].next & TO(c->phase)))
		_exit(1);
	table_deadline(g, c, phases[c->phase].limited);
}

bool phases_make_room(struct gate *g, bool with_buffer)
{
	struct connection *c = table_silent(g, with_buffer);

	if (!c)
		return false;
	if (c->inspect_buffer != NONE)
		report_refused(g, c, "", GATE_TOO_SLOW);
	table_end(g, c, true);
	return true;
}

static bool acquire_buffer(struct gate *g, struct connection *c)
{
	return table_acquire_buffer(g, c) ||
	       (phases_make_room(g, true) && table_acquire_buffer(g, c));
}

/*
 * In audit mode, connects to the client's original destination, whatever it sent. Behind a
 * proxy that may be a fake IP; then the proxy is asked for the name that the client sent.
 */
static bool let_pass(struct gate *g, struct connection *c)
{
	char name[NAME_TEXT];
	struct inspect_buffer *d;

	if (!g->config->audit || c->pass || c->tunnel || c->orig_dst.family == 0 ||
		c->server.fd >= 0 || !acquire_buffer(g, c))
		return false;
	d = table_buffer(g, c);
	if (connect_to_fake_ip(g, c) && !name_of_host(d->name, strlen(d->name), name))
		return false;
	table_close_attempts(d);
	g->waits_for[c->inspect_buffer] = NONE;
	d->candidates[0] = c->orig_dst;
	d->candidates_count = 1;
	d->tried = 0;
	d->next_attempt = g->now;
	d->resolved = false;
	c->pass = true;
	c->port = c->orig_dst_port;
	c->phase = connect_to_fake_ip(g, c) ? PHASE_NAME : PHASE_CONNECT;
	table_deadline(g, c, true);
	return true;
}

static enum action refuse(struct gate *g, struct connection *c)
{
	const struct inspect_buffer *d = table_buffer(g, c);
	enum action next;

	report_refused(g, c, d ? d->name : "", (enum gate_reason)c->refusal);
	if (let_pass(g, c))
		return AGAIN;
	next = refuse_client(g, c);
	if (c->phase == PHASE_LINGER)
		table_deadline(g, c, true);
	return next;
}

bool phases_perform(struct gate *g, struct connection *c, enum phase from, enum action next)
{
	for (;;) {
		enum phase now;

		if (next == REFUSE) {
			next = refuse(g, c);
			now = c->phase;
		} else {
			now = c->phase;
			if (now != from)
				enter_phase(g, c, from);
		}
		if (next == NO_BUFFER && !acquire_buffer(g, c))
			next = RESET;
		if (next == END || next == RESET) {
			table_end(g, c, next == RESET);
			return false;
		}
		if (next == AGAIN)
			table_again(g, c);
		if (now == from && next != NO_BUFFER)
			return true;
		from = now;
		next = phases[now].work(g, c);
	}
}

bool phases_work(struct gate *g, struct connection *c)
{
	const enum phase from = c->phase;

	return from != PHASE_FREE && phases_perform(g, c, from, phases[from].work(g, c));
}

enum action phases_timed_out(struct gate *g, struct connection *c)
{
	if (c->phase == PHASE_LINGER)
		return END;
	/* Nothing was sent, so nothing was refused: browsers open connections in advance. In
	 * audit mode, the server may be the one to begin. */
	if (c->phase == PHASE_HEAD && c->inspect_buffer == NONE)
		return let_pass(g, c) ? WAIT : RESET;
	/* The server has had its time to respond to earlier requests. */
	if (c->refused) {
		refuse_behind(g, c);
		return WAIT;
	}
	return gate_refused(c, phases[c->phase].timed_out);
}
