/*
 * The control socket's server. Listener and clients have an epoll set of their own, so they
 * occupy one of the monitor's sources, however many there are. See control.h.
 */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/exit_status.h"
#include "../lib/limits.h"
#include "../policy/explain.h"
#include "report.h"

/* Connections waiting for accept; others wait in connect(2). */
#define BACKLOG 16
/* Accepted at a time, so that a flood can't keep PID 1 from its signals. */
#define BURST 64
/* Clients that have sent no request yet, then watchers. */
#define CLIENTS (LIMIT_CONTROL_CLIENTS + LIMIT_CONTROL_WATCHERS)
/* Identifies the listener in an epoll event; clients are identified by their index. */
#define LISTENER CLIENTS

_Static_assert(EXPLAIN_TEXT <= CONTROL_TEXT, "one buffer holds every answer");

struct control {
	struct monitor *monitor;
	control_answer *answer;
	control_watched *watched;
	void *context;
	int listener, epoll; /* -1: none */
	struct client {
		int fd; /* -1: free */
		pid_t peer;
		uint64_t number;
		bool asked; /* it watches, and is waited for */
	} clients[CLIENTS];
	size_t asked; /* their number */
	uint64_t accepted;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

static bool is_watcher(const struct control *c, const struct client *client)
{
	return client - c->clients >= LIMIT_CONTROL_CLIENTS;
}

static void drop(struct control *c, struct client *client)
{
	if (client->fd < 0)
		return;
	close(client->fd); /* which removes it from the epoll set */
	client->fd = -1;
	if (client->asked)
		c->watched(c->context, --c->asked);
}

static bool send_now(int fd, const void *bytes, size_t len)
{
	return send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

/* Sends the reply at once or not at all. Returns false for a client that doesn't read, which is
 * to be dropped. */
static bool send_reply(int fd, int status, const char *text, size_t len)
{
	struct control_reply head = {CONTROL_MAGIC, (uint32_t)status, 0};

	if (len >= CONTROL_TEXT)
		len = CONTROL_TEXT - 1;
	head.bytes = (uint32_t)len;
	if (!send_now(fd, &head, sizeof(head)))
		return false;
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < CONTROL_DATAGRAM ? len - at : CONTROL_DATAGRAM;
		if (!send_now(fd, text + at, n))
			return false;
	}
	return true;
}

/* The place that a client gets if it becomes a watcher, or NULL. */
static struct client *watchers_place(struct control *c)
{
	for (size_t i = LIMIT_CONTROL_CLIENTS; i < CLIENTS; i++)
		if (c->clients[i].fd < 0)
			return &c->clients[i];
	return NULL;
}

static bool become_watcher(
	struct control *c, struct client *client, struct client *place, bool asked)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)(place - c->clients)};

	if (epoll_ctl(c->epoll, EPOLL_CTL_MOD, client->fd, &e) < 0)
		return false;
	*place = *client;
	place->asked = asked;
	client->fd = -1;
	c->watched(c->context, c->asked += asked);
	return true;
}

/* Answers a request. Returns true if the client stays: it is a watcher. */
static bool answer_request(struct control *c, struct client *client,
	const struct control_request *request, const struct target *target)
{
	const bool asked = request->type == CONTROL_WATCH;
	const bool begins =
		(asked || request->type == CONTROL_FOLLOW) && !is_watcher(c, client);
	struct client *place = begins ? watchers_place(c) : NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	int status = EXIT_SANDBOX;
	bool stays;

	if (!to)
		return false;
	if (begins && !place)
		fprintf(to,
			"codex-egress: watch: %d watch already: there is no room for more\n",
			LIMIT_CONTROL_WATCHERS);
	else if (begins || !asked)
		status = c->answer(c->context, request, client->peer, target, to);
	/* Answering may have dropped it. */
	stays = fclose(to) == 0 && client->fd >= 0 &&
		send_reply(client->fd, status, text, size) &&
		(place ? become_watcher(c, client, place, asked) : is_watcher(c, client));
	free(text);
	return stays;
}

/* Handles a request, if one has arrived. Then the connection is closed, unless the client
 * watches. */
static void serve_client(struct control *c, struct client *client)
{
	static struct control_request request; /* large; and it is wiped below */
	struct target target;
	ssize_t got;

	got = recv(client->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || !control_ipc_check(&request, (size_t)got, &target) ||
		!answer_request(c, client, &request, &target))
		drop(c, client);
	explicit_bzero(request.text, sizeof(request.text)); /* it may be a credential */
}

void control_tell(struct control *c, const char *line, size_t len)
{
	for (size_t i = LIMIT_CONTROL_CLIENTS; c && i < CLIENTS; i++)
		if (c->clients[i].fd >= 0 && !send_now(c->clients[i].fd, line, len))
			drop(c, &c->clients[i]);
}

/* A free slot, or that of the oldest client, which hasn't sent its request. */
static struct client *make_room(struct control *c)
{
	struct client *oldest = &c->clients[0];

	for (size_t i = 0; i < LIMIT_CONTROL_CLIENTS; i++) {
		if (c->clients[i].fd < 0)
			return &c->clients[i];
		if (c->clients[i].number < oldest->number)
			oldest = &c->clients[i];
	}
	drop(c, oldest);
	return oldest;
}

/* The pid of the peer if it is root, or -1. */
static pid_t root_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
			       len == sizeof(peer) && peer.uid == geteuid()
		       ? peer.pid
		       : -1;
}

static int watch(struct control *c, int fd, uint32_t mark, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u32 = mark};

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void take_client(struct control *c, int fd)
{
	/* The kernel includes its own overhead; if it grants less, less fits. */
	const int room = 2 * CONTROL_TEXT;
	const pid_t peer = root_peer(fd);
	struct client *client;

	if (peer < 0) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	client = make_room(c);
	client->fd = fd;
	client->peer = peer;
	client->number = c->accepted++;
	if (watch(c, fd, (uint32_t)(client - c->clients), EPOLLIN) < 0)
		drop(c, client);
	else
		serve_client(c, client);
}

static void ready(void *context, int fd)
{
	struct control *c = context;
	struct epoll_event events[CLIENTS + 1];
	int count = epoll_wait(fd, events, CLIENTS + 1, 0);
	bool newcomers = false;

	for (int i = 0; i < count; i++) {
		if (events[i].data.u32 == LISTENER)
			newcomers = true;
		else if (c->clients[events[i].data.u32].fd >= 0)
			serve_client(c, &c->clients[events[i].data.u32]);
	}
	for (int i = 0; newcomers && i < BURST; i++) {
		int client = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0)
			return;
		take_client(c, client);
	}
}

static int bind_to(struct control *c, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(a.sun_path, path);
	/* When a container is restarted, the socket of its previous run remains. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	c->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file is created with the mode of the socket (unix(7)). */
	if (c->listener < 0 || fchmod(c->listener, 0600) < 0 ||
		bind(c->listener, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	strcpy(c->path, path); /* from here on it is ours to remove */
	if (lstat(path, &st) < 0)
		return -1;
	if (!S_ISSOCK(st.st_mode) || (st.st_mode & 0777) != 0600 || st.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return listen(c->listener, BACKLOG);
}

int control_open(struct control **out, const char *path, struct monitor *m,
	control_answer *answer, control_watched *watched, void *context, struct failure *f)
{
	struct control *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return fail_errno(f, "open the control socket", path);
	c->answer = answer;
	c->watched = watched;
	c->context = context;
	c->listener = c->epoll = -1;
	for (size_t i = 0; i < CLIENTS; i++)
		c->clients[i].fd = -1;
	/* Edge-triggered: if accept fails for lack of memory, PID 1 sleeps until the next
	 * client arrives and then tries again. */
	if (bind_to(c, path) < 0 || (c->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
		watch(c, c->listener, LISTENER, EPOLLIN | EPOLLET) < 0 ||
		monitor_watch(m, c->epoll, ready, c) < 0) {
		fail_errno(f, "open the control socket", path);
		control_close(c);
		return -1;
	}
	c->monitor = m;
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	if (c->monitor)
		monitor_unwatch(c->monitor, c->epoll);
	for (size_t i = 0; i < CLIENTS; i++)
		drop(c, &c->clients[i]);
	if (c->epoll >= 0)
		close(c->epoll);
	if (c->listener >= 0)
		close(c->listener);
	if (c->path[0])
		unlink(c->path);
	free(c);
}
