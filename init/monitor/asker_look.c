/*
 * The child that finds out whose socket it is. See asker.h. A process is looked at through one
 * descriptor of its directory, which stays that process's: if it ends and another gets its
 * number, nothing more can be read.
 */
#include "asker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/num.h"

/* TCP states as in the kernel's tcp_states.h: all but TIME_WAIT, which has no socket any more,
 * and LISTEN. */
#define STATES (0xfffU & ~(1U << 6) & ~(1U << 10))

struct looker {
	int channel, diag, proc;
	unsigned files; /* how many more may be looked at for this question */
};

void *asker_prepare(void *context, int channel)
{
	static struct looker l;

	(void)context;
	l.channel = channel;
	l.diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	l.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return l.diag < 0 || l.proc < 0 ? NULL : &l;
}

/* ---- The socket ---------------------------------------------------------------------- */

struct found {
	unsigned count;
	uint32_t inode;
};

static void see_socket(
	const struct asker_question *q, const struct inet_diag_msg *m, struct found *found)
{
	if (m->id.idiag_sport != htons(q->port) || m->idiag_inode == 0 ||
		(q->to && m->id.idiag_dport != htons(q->to)))
		return;
	found->count++;
	found->inode = m->idiag_inode;
}

/* Returns true when there is nothing more to read. */
static bool read_sockets(
	const struct looker *l, const struct asker_question *q, struct found *found)
{
	static _Alignas(struct nlmsghdr) char text[16384];
	ssize_t n = recv(l->diag, text, sizeof(text), 0);
	const struct nlmsghdr *h = (const void *)text;

	if (n <= 0)
		return true;
	for (size_t left = (size_t)n; left >= sizeof(*h);) {
		size_t size = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > left ||
			h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return true;
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			see_socket(q, (const void *)((const char *)h + NLMSG_LENGTH(0)), found);
		if (size >= left)
			break;
		left -= size;
		h = (const void *)((const char *)h + size);
	}
	return false;
}

static void list_sockets(const struct looker *l, uint8_t family, const struct asker_question *q,
	struct found *found)
{
	const struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} request = {.h = {.nlmsg_len = sizeof(request),
			     .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = family,
			.sdiag_protocol = q->protocol,
			.idiag_states = STATES,
			.id = {.idiag_sport = htons(q->port), .idiag_dport = htons(q->to)}}};

	if (send(l->diag, &request, sizeof(request), 0) != sizeof(request))
		return;
	for (int i = 0; i < LIMIT_WHO_REPLIES && !read_sockets(l, q, found); i++)
		;
}

/* The inode of the one socket that it can be; 0: there is none, or there are several. */
static uint32_t find_socket(const struct looker *l, const struct asker_question *q)
{
	struct found found = {0};

	list_sockets(l, AF_INET, q, &found);
	list_sockets(l, AF_INET6, q, &found);
	return found.count == 1 ? found.inode : 0;
}

/* ---- The process --------------------------------------------------------------------- */

struct directory_entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Calls each() with the number of every entry that is one; stops if it returns true, and
 * returns true then. */
static bool each_number(int directory, bool (*each)(void *context, int number), void *context)
{
	_Alignas(struct directory_entry) char text[4096];
	long n;

	while ((n = syscall(SYS_getdents64, directory, text, sizeof(text))) > 0)
		for (long at = 0; at < n;) {
			const struct directory_entry *e = (const void *)(text + at);
			uint64_t number;
			const char *end = num_read(e->name, &number);

			at += e->size;
			if (end && !*end && number <= INT32_MAX && each(context, (int)number))
				return true;
		}
	return false;
}

struct search {
	struct looker *l;
	int directory; /* a process's fd/ */
	char wanted[32];
};

static bool is_wanted(void *context, int number)
{
	struct search *s = context;
	char name[16], link[sizeof(s->wanted)];
	ssize_t n;

	if (s->l->files == 0)
		return true;
	s->l->files--;
	snprintf(name, sizeof(name), "%d", number);
	n = readlinkat(s->directory, name, link, sizeof(link));
	return n == (ssize_t)strlen(s->wanted) && memcmp(link, s->wanted, (size_t)n) == 0;
}

/* Whether the process has the socket. */
static bool has_socket(struct looker *l, int process, uint32_t inode)
{
	struct search s = {.l = l};
	bool has;

	s.directory = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.directory < 0)
		return false; /* another user's, or it has ended */
	snprintf(s.wanted, sizeof(s.wanted), "socket:[%u]", inode);
	has = each_number(s.directory, is_wanted, &s) && l->files > 0;
	close(s.directory);
	return has;
}

static void describe(int process, struct event_who *a)
{
	ssize_t n = file_take(
		openat(process, "cmdline", O_RDONLY | O_CLOEXEC), a->line, sizeof(a->line) - 1);

	/* Arguments end with a NUL each. */
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!a->line[i])
			a->line[i] = ' ';
	readlinkat(process, "exe", a->program, sizeof(a->program) - 1);
}

struct processes {
	int pid[LIMIT_WHO_PROCESSES];
	size_t count;
};

static bool note_process(void *context, int number)
{
	struct processes *p = context;

	if (number > 0)
		p->pid[p->count++] = number;
	return p->count == LIMIT_WHO_PROCESSES;
}

/* The newest first: it is mostly a command that was just started. */
static void find_process(struct looker *l, uint32_t inode, struct event_who *a)
{
	static struct processes p;

	p.count = 0;
	lseek(l->proc, 0, SEEK_SET);
	each_number(l->proc, note_process, &p);
	for (size_t i = p.count; i-- > 0 && !a->pid;) {
		char name[16];
		int process;

		snprintf(name, sizeof(name), "%d", p.pid[i]);
		process = openat(l->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		if (has_socket(l, process, inode)) {
			a->pid = p.pid[i];
			describe(process, a);
		}
		close(process);
	}
}

void asker_serve(void *prepared)
{
	struct looker *l = prepared;
	struct asker_question q;
	struct asker_answer a;

	for (;;) {
		struct pollfd p = {.fd = l->channel, .events = POLLIN};
		uint32_t inode;

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			_exit(1);
		if (recv(l->channel, &q, sizeof(q), 0) != sizeof(q)) {
			if (errno == EAGAIN)
				continue;
			_exit(0);
		}
		memset(&a, 0, sizeof(a));
		a.number = q.number;
		l->files = LIMIT_WHO_FILES;
		inode = find_socket(l, &q);
		if (inode)
			find_process(l, inode, &a.who);
		if (send(l->channel, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a))
			_exit(1);
	}
}
