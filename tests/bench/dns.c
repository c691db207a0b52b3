/*
 * The bench's two ends of DNS, fast enough that what lies between them is what is measured.
 *
 * "answer ADDRESS" is the upstream: every name has one A record, whose address is made from the
 * name, and no AAAA record.
 *
 * "ask ADDRESS KIND FIRST NAMES COUNT SECONDS WINDOW" is the clients: COUNT questions, WINDOW
 * of them outstanding at a time, for at most so many SECONDS. KIND is exact:
 * nI.exact.bench.test with I from FIRST on, NAMES of them in turn; or fresh: names that never
 * came before, below wild.bench.test, ZONE_NAMES in each zone. It prints answers a second, how
 * many had an address, how many had none, questions without answer, and with WINDOW 1 the
 * microseconds of an answer: the first decile, which is what it takes when nobody else has the
 * processor.
 *
 * "hold" says "ready" and waits for the end of its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Datagrams per system call. */
#define BURST 64
/* Queries are sent from several sockets, as by several programs. */
#define SOCKETS 4
/* Names queried under one wildcard: a rule allows 60 new ones a minute. */
#define ZONE_NAMES 50
#define QUERY_ROOM 128
#define REPLY_ROOM 1500
/* Outstanding queries are lost if there was no response for this long. */
#define PATIENCE_MS 1000
#define TIMES_MAX   100000

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* By its number: musl's function of that name calls sendmsg(2) for each. */
static int send_many(int s, struct mmsghdr *messages, unsigned count)
{
	return (int)syscall(SYS_sendmmsg, s, messages, count, 0);
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int open_socket(const char *address, bool serve)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53)};
	int s = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20;

	if (s < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1)
		return -1;
	setsockopt(s, SOL_SOCKET, serve ? SO_RCVBUFFORCE : SO_RCVBUF, &room, sizeof(room));
	if (serve ? bind(s, (struct sockaddr *)&a, sizeof(a))
		  : connect(s, (struct sockaddr *)&a, sizeof(a)))
		return -1;
	return s;
}

/* ---- The upstream -------------------------------------------------------------------- */

/* Turns a query into its response in place; returns its length, or 0 if it isn't a query.
 * EDNS is ignored, as by old servers. */
static size_t turn(unsigned char *m, size_t n)
{
	static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 45};
	size_t end = 12;
	uint32_t hash = 2166136261;

	if (n < 17)
		return 0;
	while (end < n && m[end]) {
		for (unsigned i = 0; i < m[end] && end + i + 1 < n; i++)
			hash = (hash ^ m[end + 1 + i]) * 16777619;
		end += m[end] + 1u;
	}
	end += 5;
	if (end > n)
		return 0;
	m[2] = (unsigned char)(0x84 | (m[2] & 1));
	m[3] = 0x80;
	memset(m + 6, 0, 6);
	if (m[end - 3] == 1) {
		m[7] = 1;
		memcpy(m + end, record, sizeof(record));
		hash ^= hash >> 15;
		for (size_t i = 0; i < 3; i++)
			m[end + sizeof(record) + i] = (unsigned char)(hash >> 8 * i);
		end += sizeof(record) + 3;
	}
	return end;
}

static int answer(const char *address)
{
	static unsigned char packet[BURST][REPLY_ROOM];
	static struct sockaddr_in from[BURST];
	struct mmsghdr in[BURST], out[BURST];
	struct iovec part[BURST], reply[BURST];
	int s = open_socket(address, true);

	if (s < 0)
		return fail("the upstream's socket");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int count, ready = 0;

		for (int i = 0; i < BURST; i++) {
			part[i] = (struct iovec){packet[i], QUERY_ROOM * 4};
			in[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &part[i],
				.msg_iovlen = 1};
		}
		count = recvmmsg(s, in, BURST, MSG_WAITFORONE, NULL);
		if (count < 0)
			return fail("recvmmsg");
		for (int i = 0; i < count; i++) {
			reply[ready] =
				(struct iovec){packet[i], turn(packet[i], in[i].msg_len)};
			out[ready].msg_hdr = in[i].msg_hdr;
			out[ready].msg_hdr.msg_iov = &reply[ready];
			ready += reply[ready].iov_len > 0;
		}
		for (int sent = 0, n; sent < ready; sent += n)
			if ((n = send_many(s, out + sent, (unsigned)(ready - sent))) <= 0)
				break;
	}
}

/* ---- The clients --------------------------------------------------------------------- */

struct run {
	bool fresh;
	unsigned long first, names, count;
	uint64_t end; /* seconds */
	unsigned window;
	int sockets[SOCKETS];
	unsigned outstanding[SOCKETS];
	unsigned long asked, good, bad, lost;
	uint64_t sent; /* WINDOW 1: when the query was sent */
	float *times;
	size_t times_count;
};

static size_t write_question(const struct run *r, unsigned char *out)
{
	unsigned long i = r->first + (r->fresh ? r->asked : r->asked % r->names);
	char name[80], *label = name;
	size_t used = 12;

	if (r->fresh)
		snprintf(name, sizeof(name), "f%lu.z%lu.wild.bench.test", i, i / ZONE_NAMES);
	else
		snprintf(name, sizeof(name), "n%lu.exact.bench.test", i);
	memset(out, 0, 12);
	out[0] = (unsigned char)(r->asked >> 8);
	out[1] = (unsigned char)r->asked;
	out[2] = out[5] = 1;
	while (*label) {
		size_t n = strcspn(label, ".");

		out[used++] = (unsigned char)n;
		memcpy(out + used, label, n);
		used += n;
		label += n + (label[n] == '.');
	}
	memcpy(out + used, "\0\0\1\0\1", 5);
	return used + 5;
}

static void refill(struct run *r, int which)
{
	static unsigned char packet[BURST][QUERY_ROOM];
	struct mmsghdr out[BURST] = {0};
	struct iovec part[BURST];
	unsigned share = r->window / SOCKETS + (r->window % SOCKETS > (unsigned)which);

	while (r->outstanding[which] < share && r->asked < r->count && now() < r->end) {
		unsigned n = 0;

		while (n < BURST && r->outstanding[which] + n < share && r->asked < r->count) {
			part[n] = (struct iovec){packet[n], write_question(r, packet[n])};
			out[n].msg_hdr = (struct msghdr){.msg_iov = &part[n], .msg_iovlen = 1};
			r->asked++;
			n++;
		}
		r->sent = now();
		for (unsigned done = 0; done < n;) {
			int k = send_many(r->sockets[which], out + done, n - done);

			if (k <= 0) {
				r->lost += n - done;
				n = done;
				break;
			}
			done += (unsigned)k;
		}
		if (n == 0)
			return;
		r->outstanding[which] += n;
	}
}

static void take(struct run *r, int which)
{
	static unsigned char packet[BURST][REPLY_ROOM];
	struct mmsghdr in[BURST];
	struct iovec part[BURST];
	int n;

	for (int i = 0; i < BURST; i++) {
		part[i] = (struct iovec){packet[i], REPLY_ROOM};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
	}
	n = recvmmsg(r->sockets[which], in, BURST, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		bool address =
			in[i].msg_len > 12 && (packet[i][3] & 15) == 0 && packet[i][7] > 0;

		r->good += address;
		r->bad += !address;
		if (r->window == 1 && r->times_count < TIMES_MAX)
			r->times[r->times_count++] = (float)(now() - r->sent) / 1000;
	}
	if (n > 0)
		r->outstanding[which] -= (unsigned)n < r->outstanding[which]
						 ? (unsigned)n
						 : r->outstanding[which];
}

static unsigned long waiting(const struct run *r)
{
	unsigned long n = 0;

	for (int i = 0; i < SOCKETS; i++)
		n += r->outstanding[i];
	return n;
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static int ask(const char *address, char **argv)
{
	struct run r = {.fresh = strcmp(argv[0], "fresh") == 0,
		.first = strtoul(argv[1], NULL, 10),
		.names = strtoul(argv[2], NULL, 10),
		.count = strtoul(argv[3], NULL, 10),
		.window = (unsigned)strtoul(argv[5], NULL, 10)};
	struct pollfd p[SOCKETS];
	uint64_t begun = now(), last = begun;

	r.end = begun + (uint64_t)(strtod(argv[4], NULL) * 1e9);
	r.times = calloc(TIMES_MAX, sizeof(*r.times));
	for (int i = 0; i < SOCKETS; i++) {
		r.sockets[i] = open_socket(address, false);
		if (r.sockets[i] < 0 || !r.times)
			return fail("a client's socket");
		p[i] = (struct pollfd){r.sockets[i], POLLIN, 0};
	}
	for (;;) {
		for (int i = 0; i < SOCKETS; i++)
			refill(&r, i);
		if (waiting(&r) == 0)
			break;
		if (poll(p, SOCKETS, PATIENCE_MS) == 0) {
			r.lost += waiting(&r);
			memset(r.outstanding, 0, sizeof(r.outstanding));
			continue;
		}
		for (int i = 0; i < SOCKETS; i++)
			if (p[i].revents)
				take(&r, i);
		last = now();
	}
	qsort(r.times, r.times_count, sizeof(*r.times), ascending);
	printf("%.0f %lu %lu %lu %.2f\n",
		(double)(r.good + r.bad) / ((double)(last - begun) / 1e9), r.good, r.bad,
		r.lost, r.times_count ? (double)r.times[r.times_count / 10] : 0.0);
	return 0;
}

static int hold(void)
{
	char c;

	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "answer") == 0)
		return answer(argv[2]);
	if (argc == 9 && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv + 3);
	if (argc == 2 && strcmp(argv[1], "hold") == 0)
		return hold();
	fputs("usage: dns answer ADDRESS | ask ADDRESS KIND FIRST NAMES COUNT SECONDS WINDOW | "
	      "hold\n",
		stderr);
	return 2;
}
