/*
 * Fixture for the resolver's tests: a network namespace with nothing in it but lo; two small
 * scripted DNS servers in it, whose log is in shared memory; and PID 1's end of the channel,
 * played by the test. The namespace has no way out, so no packet of a test can leave the
 * machine. One file, since all three work on that log.
 *
 * The first label of a name determines how the servers answer for it (answer_for()).
 */
#ifndef TESTS_UNIT_DNS_SERVERS_FIXTURE_H
#define TESTS_UNIT_DNS_SERVERS_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/lib/dns_message.h"
#include "init/resolver/resolver.h"

#define SERVERS 3
/* The one whose address isn't loopback: the resolver treats it with the same care. */
#define OUTSIDE 2
#define LOG_MAX 8192

struct log_line {
	int64_t ms;
	int server;
	bool tcp;
	uint16_t id, port, type;
	unsigned large; /* letters of the question */
	bool edns;
	char name[NAME_TEXT];
};

struct shared {
	unsigned count;
	int delay_ms; /* delay of every answer */
	int slow_ms;  /* additional delay of the first server, for names that begin with "slow"
		       */
	bool down[SERVERS]; /* doesn't answer at all */
	bool no_edns;       /* FORMERR for EDNS */
	bool drops_edns;    /* doesn't answer queries with EDNS */
	bool small;         /* answers repeat the question in lower case */
	bool no_tcp;        /* closes each connection at once */
	struct log_line log[LOG_MAX];
};
static struct shared *shared;
static pid_t server_pid;

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool begins(const char *name, const char *label)
{
	size_t n = strlen(label);

	return strncmp(name, label, n) == 0 && (name[n] == '.' || name[n] == '-');
}

static unsigned seen(const char *name, int type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < shared->count; i++)
		n += strcmp(shared->log[i].name, name) == 0 &&
		     (!type || shared->log[i].type == type);
	return n;
}

/* ---- The servers --------------------------------------------------------------------- */

static uint8_t *add16(uint8_t *p, unsigned v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *add_name(uint8_t *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	return p;
}

/* A record; owner NULL: the question's name. */
static uint8_t *add_record(uint8_t *p, const char *owner, unsigned type, unsigned ttl,
	const void *data, size_t size)
{
	p = owner ? add_name(p, owner) : add16(p, 0xc00c);
	p = add16(add16(p, type), 1);
	p = add16(add16(p, ttl >> 16), ttl & 0xffff);
	p = add16(p, (unsigned)size);
	memcpy(p, data, size);
	return p + size;
}

static uint8_t *add_alias(uint8_t *p, const char *owner, const char *target)
{
	uint8_t wire[256];

	return add_record(p, owner, 5, 300, wire, (size_t)(add_name(wire, target) - wire));
}

/* The address that a test expects: public, and different for each name. */
static void address_for(const char *name, uint8_t out[4])
{
	unsigned h = 7;

	for (; *name; name++)
		h = h * 31 + (uint8_t)*name;
	out[0] = 93;
	out[1] = (uint8_t)(h >> 16);
	out[2] = (uint8_t)(h >> 8);
	out[3] = (uint8_t)h;
}

static uint8_t *negative(uint8_t *out, uint8_t *p, unsigned rcode, unsigned minimum)
{
	uint8_t soa[24] = {0};

	soa[20] = (uint8_t)(minimum >> 8);
	soa[21] = (uint8_t)minimum;
	out[3] = (uint8_t)(0x80 | rcode);
	out[9] = 1;
	return add_record(p, NULL, 6, 3600, soa, 22);
}

static uint8_t *add_service(uint8_t *p, unsigned port, const char *target)
{
	uint8_t data[262], *end = add16(add16(add16(data, 1), 2), port);

	return add_record(p, NULL, 33, 60, data, (size_t)(add_name(end, target) - data));
}

/* For services and their text: two targets below the name, and one elsewhere. */
static uint8_t *service_for(uint8_t *out, uint8_t *p, const struct dns_query *q)
{
	static const char text[] = "\25replicaSet=shard&x=y1";

	if (strstr(q->name, "none."))
		return out[7] = 0, negative(out, p, 3, 60);
	if (q->type == 16)
		return add_record(p, NULL, 16, 60, text, sizeof(text) - 1);
	if (strstr(q->name, "away.")) {
		return add_service(p, 27017, "b.evil.test");
	}
	out[7] = 4;
	p = add_service(p, 27017, "b.evil.test");
	p = add_service(p, 27017, "a.cluster.test");
	p = add_service(p, 27018, "a.cluster.test");
	return add_service(p, 0, "a.cluster.test");
}

/* Writes the answer to q; p is the end of the question. Returns the end, or NULL for no
 * answer. */
static uint8_t *answer_for(
	uint8_t *out, uint8_t *p, const struct dns_query *q, bool tcp, int server)
{
	static const uint8_t evil[4] = {66, 66, 66, 66};
	static const uint8_t local_dns[4] = {10, 0, 0, 1};
	uint8_t v6[16] = {0x26, 0x06, 0x47, 0x00, [15] = 1}, v4[4];
	const char *name = q->name;
	unsigned times = seen(name, q->type);

	out[2] = 0x81;
	out[3] = 0x80;
	out[7] = 1;
	if (q->type == 33 || q->type == 16)
		return service_for(out, p, q);
	address_for(name, v4);
	if (begins(name, "silent") || (begins(name, "lost") && times < 2))
		return NULL;
	if (server > 0 && strstr(name, ".mine."))
		return out[7] = 0, negative(out, p, 3, 60);
	if (begins(name, "nx") || strstr(name, ".nx."))
		return out[7] = 0, negative(out, p, 3, 60);
	if (begins(name, "servfail") || (begins(name, "half") && server == 0))
		return out[7] = 0, out[3] = 0x82, p;
	if (begins(name, "lame") && q->type == 28)
		return NULL;
	if (q->type == 28 && begins(name, "v4only"))
		return out[7] = 0, negative(out, p, 0, 60);
	if (q->type == 28 && begins(name, "nx6"))
		return out[7] = 0, negative(out, p, 3, 60);
	if (begins(name, "trunc") && !tcp)
		return out[7] = 0, out[2] |= 2, p;
	if (begins(name, "other")) /* addresses for another name only */
		return add_record(p, "evil.test", 1, 60, evil, 4);
	if (begins(name, "loop")) {
		out[7] = 2;
		p = add_alias(p, NULL, "x.test");
		return add_alias(p, "x.test", name);
	}
	if (begins(name, "counts")) /* says 200 records, holds one */
		return out[7] = 200, add_record(p, NULL, 1, 60, evil, 4);
	if (q->type == 28)
		return add_record(p, NULL, 28, 300, v6, 16);
	if (begins(name, "private"))
		return add_record(p, NULL, 1, 60, local_dns, 4);
	if (begins(name, "mixed")) {
		out[7] = 2;
		p = add_record(p, NULL, 1, 60, local_dns, 4);
		return add_record(p, NULL, 1, 60, v4, 4);
	}
	if (begins(name, "alias")) {
		out[7] = 3;
		p = add_record(p, "end.test", 1, 77, v4, 4);
		p = add_alias(p, "mid.test", "end.test");
		return add_alias(p, NULL, "mid.test");
	}
	if (begins(name, "stray")) { /* an address of its own, and one of another name */
		out[7] = 2;
		p = add_record(p, "evil.test", 1, 60, evil, 4);
		return add_record(p, NULL, 1, 60, v4, 4);
	}
	for (unsigned i = 0; begins(name, "big") && i < 100; i++) {
		v4[3] = (uint8_t)i;
		out[7] = (uint8_t)(i + 1);
		p = add_record(p, NULL, 1, 300, v4, 4);
	}
	if (begins(name, "big"))
		return p;
	if (begins(name, "rotate"))
		return v4[3] = (uint8_t)times, add_record(p, NULL, 1, 0, v4, 4);
	return add_record(p, NULL, 1, 300, v4, 4);
}

/* Logs a query and writes its answer; returns 0 for none. */
static size_t handle(
	const uint8_t *in, size_t n, uint8_t *out, int server, bool tcp, unsigned port)
{
	struct dns_query q;
	struct log_line *l = &shared->log[shared->count];
	uint8_t *p;

	if (dns_read_query(in, n, &q) < 0 || shared->count + 1 >= LOG_MAX)
		return 0;
	*l = (struct log_line){.ms = clock_ms(),
		.server = server,
		.tcp = tcp,
		.id = q.asked.id,
		.port = (uint16_t)port,
		.edns = q.asked.edns,
		.type = q.type};
	strcpy(l->name, q.name);
	for (unsigned i = 0; i < q.asked.question_len; i++)
		l->large += q.asked.question[i] >= 'A' && q.asked.question[i] <= 'Z';
	__sync_synchronize();
	shared->count++;
	if (shared->down[server] || (shared->drops_edns && q.asked.edns))
		return 0;
	memset(out, 0, 12);
	add16(out, q.asked.id);
	out[5] = 1;
	memcpy(out + 12, q.asked.question, q.asked.question_len);
	for (unsigned i = 0; shared->small && i < q.asked.question_len; i++)
		if (out[12 + i] >= 'A' && out[12 + i] <= 'Z')
			out[12 + i] |= 0x20;
	p = out + 12 + q.asked.question_len;
	if (shared->no_edns && q.asked.edns) {
		out[2] = 0x81;
		out[3] = 0x81;
		return (size_t)(p - out);
	}
	p = answer_for(out, p, &q, tcp, server);
	return p ? (size_t)(p - out) : 0;
}

/* The longest answer: a hundred addresses. */
#define ANSWER 2048

/* A delayed answer. */
struct pending {
	int64_t at;
	int fd;
	struct sockaddr_in to;
	size_t len;
	uint8_t packet[ANSWER];
};

static void serve_tcp(int listener, int server)
{
	uint8_t in[600], out[2 + ANSWER];
	int fd = accept(listener, NULL, NULL);
	size_t len;

	if (fd < 0)
		return;
	if (shared->no_tcp || recv(fd, in, 2, MSG_WAITALL) != 2) {
		close(fd);
		return;
	}
	len = (size_t)(in[0] << 8 | in[1]);
	if (len < sizeof(in) && recv(fd, in, len, MSG_WAITALL) == (ssize_t)len) {
		len = handle(in, len, out + 2, server, true, 0);
		out[0] = (uint8_t)(len >> 8);
		out[1] = (uint8_t)len;
		if (len)
			send(fd, out, len + 2, MSG_NOSIGNAL);
	}
	close(fd);
}

/* The right id and port, and letters that are not the question's. */
static void send_respelt(int fd, const struct pending *p)
{
	uint8_t packet[ANSWER];

	memcpy(packet, p->packet, p->len);
	packet[13] ^= 0x20;
	memset(packet + p->len - 4, 66, 4);
	sendto(fd, packet, p->len, 0, (const void *)&p->to, sizeof(p->to));
}

static void send_wrong_ids(int fd, const struct pending *p, int count)
{
	static const uint8_t evil[4] = {66, 66, 66, 66};
	uint8_t packet[ANSWER];

	for (int i = 1; i <= count; i++) {
		memcpy(packet, p->packet, p->len);
		packet[0] = (uint8_t)(packet[0] + i);
		memcpy(packet + p->len - 4, evil, 4);
		sendto(fd, packet, p->len, 0, (const void *)&p->to, sizeof(p->to));
	}
}

/* Answers with the same delay. */
struct queue {
	unsigned head, tail;
	struct pending pending[2048];
};

static void send_answer(const struct pending *a)
{
	if (strncasecmp((const char *)a->packet + 12, "\7wrongid", 8) == 0)
		send_wrong_ids(a->fd, a, 49);
	if (strncasecmp((const char *)a->packet + 12, "\7rubbish", 8) == 0)
		for (int i = 0; i < 40; i++)
			sendto(a->fd, "abc", 3, 0, (const void *)&a->to, sizeof(a->to));
	if (strncasecmp((const char *)a->packet + 12, "\10oneguess", 9) == 0)
		send_wrong_ids(a->fd, a, 1);
	if (strncasecmp((const char *)a->packet + 12, "\7respelt", 8) == 0)
		send_respelt(a->fd, a);
	sendto(a->fd, a->packet, a->len, 0, (const void *)&a->to, sizeof(a->to));
}

/* Sends what is due; returns when the next one is, or INT64_MAX. */
static int64_t send_due(struct queue *q)
{
	int64_t now = clock_ms();

	while (q->head != q->tail && q->pending[q->head % 2048].at <= now)
		send_answer(&q->pending[q->head++ % 2048]);
	return q->head == q->tail ? INT64_MAX : q->pending[q->head % 2048].at;
}

static void take_question(struct queue queues[2], int fd, int server)
{
	struct pending a = {.fd = fd};
	socklen_t len = sizeof(a.to);
	uint8_t in[1500];
	ssize_t n = recvfrom(fd, in, sizeof(in), MSG_DONTWAIT, (void *)&a.to, &len);
	bool slow;

	if (n < 0)
		return;
	a.len = handle(in, (size_t)n, a.packet, server, false, ntohs(a.to.sin_port));
	slow = server == 0 && n > 17 && strncasecmp((char *)in + 13, "slow", 4) == 0;
	a.at = clock_ms() + shared->delay_ms + (slow ? shared->slow_ms : 0);
	if (a.len > 0)
		queues[slow].pending[queues[slow].tail++ % 2048] = a;
}

static _Noreturn void servers(int udp[SERVERS], int tcp[SERVERS])
{
	static struct queue queues[2]; /* the second: the slow ones */

	for (;;) {
		int64_t fast = send_due(&queues[0]), slow = send_due(&queues[1]);
		int64_t next = fast < slow ? fast : slow;
		struct pollfd p[2 * SERVERS];

		for (int i = 0; i < SERVERS; i++) {
			p[i] = (struct pollfd){udp[i], POLLIN, 0};
			p[SERVERS + i] = (struct pollfd){tcp[i], POLLIN, 0};
		}
		next -= next == INT64_MAX ? 0 : clock_ms();
		poll(p, 2 * SERVERS, next == INT64_MAX ? -1 : next < 0 ? 0 : (int)next);
		for (int i = 0; i < SERVERS; i++) {
			if (p[SERVERS + i].revents)
				serve_tcp(tcp[i], i);
			if (p[i].revents)
				take_question(queues, udp[i], i);
		}
	}
}

static struct endpoint server_endpoint(int i)
{
	struct endpoint e = {
		.address = {.family = 4, .bytes = {127, 0, 1, (uint8_t)(i + 1)}}, .port = 53};

	if (i == OUTSIDE)
		memcpy(e.address.bytes, (const uint8_t[]){45, 53, 0, 1}, 4);
	return e;
}

static int bound(int type, int i)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd = socket(AF_INET, type, 0), on = 1, size = 4 << 20;

	memcpy(&a.sin_addr, server_endpoint(i).address.bytes, 4);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (void *)&a, sizeof(a)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 64) < 0)) {
		perror("the test's DNS server");
		exit(1);
	}
	return fd;
}

/* A group's setup: the namespace and the servers. */
static int dns_begin(void **state)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int udp[SERVERS], tcp[SERVERS], s;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0 || (s = socket(AF_INET, SOCK_DGRAM, 0)) < 0 ||
		ioctl(s, SIOCSIFFLAGS, &r) < 0) {
		perror("a network namespace (these tests run as root)");
		return -1;
	}
	/* A second address on lo. */
	memcpy(r.ifr_name, "lo:1", 5);
	*(struct sockaddr_in *)(void *)&r.ifr_addr = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x2d350001)};
	if (ioctl(s, SIOCSIFADDR, &r) < 0) {
		perror("an address for the test's DNS server");
		return -1;
	}
	close(s);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	for (int i = 0; i < SERVERS; i++) {
		udp[i] = bound(SOCK_DGRAM, i);
		tcp[i] = bound(SOCK_STREAM, i);
	}
	server_pid = fork();
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		servers(udp, tcp);
	}
	for (int i = 0; i < SERVERS; i++) {
		close(udp[i]);
		close(tcp[i]);
	}
	return server_pid < 0 ? -1 : 0;
}

static int dns_end(void **state)
{
	(void)state;
	kill(server_pid, SIGKILL);
	return waitpid(server_pid, NULL, 0) == server_pid ? 0 : -1;
}

#endif
