/*
 * Fetching truncated responses by TCP (RFC 7766): one connection per query, since it is
 * rare. Two octets of length, then the message, in both directions.
 */
#include "upstream_private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

bool upstream_tcp_open(struct upstream *u, struct upstream_question *q, int which, int64_t now)
{
	for (int i = 0; q->tcp == NONE && i < LIMIT_UPSTREAM_TCP; i++) {
		struct tcp_fetch *t = &u->tcp[i];
		uint8_t *query = u->tcp_data[i].query;
		char text[NAME_TEXT];
		size_t len;

		if (t->fd >= 0)
			continue;
		if (!upstream_may_send(u, q))
			return false;
		/* While it is also outstanding by UDP it keeps its id and letter case. */
		if (!q->sent[which].live)
			upstream_renew(u, &q->sent[which], which);
		len = dns_write_query(q->sent[which].id, upstream_name(q, text), q->type,
			!q->sent[which].plain, query + 2, sizeof(u->tcp_data[i].query) - 2);
		if (len == 0)
			return false;
		dns_mix_case(query + 2, len, q->sent[which].bits);
		t->fd = upstream_connect(u, which, SOCK_STREAM,
			(unsigned)(LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS + i), EPOLLOUT);
		if (t->fd < 0)
			return false;
		query[0] = (uint8_t)(len >> 8);
		query[1] = (uint8_t)len;
		t->query_len = len + 2;
		t->sent = t->got = 0;
		t->question = (int)(q - u->questions);
		t->which = which;
		q->tcp = i;
		upstream_postpone(u, q, now);
		return true;
	}
	return false;
}

void upstream_tcp_fail(
	struct upstream *u, struct tcp_fetch *t, enum resolver_reason reason, int64_t now)
{
	struct upstream_question *q = &u->questions[t->question];
	int which = t->which;

	upstream_tcp_close(u, q);
	upstream_failed(u, q, which, reason, now);
}

static void send_query(struct upstream *u, struct tcp_fetch *t, int slot, int64_t now)
{
	struct epoll_event e = {.events = EPOLLIN,
		.data.u64 = u->config.data + LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS +
			    (unsigned)slot};
	ssize_t n = send(
		t->fd, u->tcp_data[slot].query + t->sent, t->query_len - t->sent, MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN)
			upstream_tcp_fail(u, t, REASON_TIMEOUT, now);
		return;
	}
	t->sent += (size_t)n;
	if (t->sent == t->query_len && epoll_ctl(u->config.epoll, EPOLL_CTL_MOD, t->fd, &e) < 0)
		upstream_tcp_fail(u, t, REASON_SERVER, now);
}

/* The length of the response, as far as it is known. */
static size_t octets_needed(const struct tcp_fetch *t, const uint8_t *answer)
{
	return t->got < 2 ? 2 : 2 + (size_t)(answer[0] << 8 | answer[1]);
}

bool upstream_tcp_ready(struct upstream *u, int slot, uint32_t events, int64_t now)
{
	struct tcp_fetch *t = &u->tcp[slot];
	uint8_t *answer = u->tcp_data[slot].answer;
	struct upstream_question *q;
	ssize_t n;

	if (t->fd < 0)
		return false;
	q = &u->questions[t->question];
	if (t->sent < t->query_len) {
		if (events & (EPOLLERR | EPOLLHUP))
			upstream_tcp_fail(u, t, REASON_TIMEOUT, now);
		else
			send_query(u, t, slot, now);
		return false;
	}
	n = recv(t->fd, answer + t->got, octets_needed(t, answer) - t->got, 0);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		upstream_tcp_fail(u, t, REASON_SERVER, now);
		return false;
	}
	t->got += (size_t)n;
	if (octets_needed(t, answer) > sizeof(u->tcp_data[slot].answer) ||
		(t->got >= 2 && octets_needed(t, answer) == 2)) {
		u->config.malformed(u->config.context, q->tag);
		upstream_tcp_fail(u, t, REASON_MALFORMED, now);
		return false;
	}
	return t->got == octets_needed(t, answer);
}
