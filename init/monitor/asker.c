/*
 * PID 1's side: events wait here, for a moment, for what the child finds. See asker.h.
 */
#include "asker.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/limits.h"
#include "../lib/worker.h"

/* An event that waits, with copies of what it points to. */
struct asked {
	uint32_t number;   /* 0: free */
	uint32_t question; /* it is about this one, and there is no event */
	int64_t due;
	uint64_t count;
	struct event event;
	char name[NAME_TEXT + 2], reason[256];
};

struct asker {
	struct monitor *monitor;
	struct events *events;
	asker_found *found;
	void *context;
	uid_t uid;
	gid_t gid;
	pid_t pid;   /* 0: it has been reaped */
	int channel; /* -1: there is no child to ask */
	int timer;
	int64_t started, second;
	int64_t heard; /* from the child, or when it was asked something after a pause */
	unsigned owed; /* answers */
	unsigned used; /* questions in that second */
	uint32_t number;
	struct asked waiting[LIMIT_WHO_WAITING];
};

/* Logs it, with or without an answer. */
static void finish(struct asker *a, struct asked *w, const struct event_who *who)
{
	w->number = 0;
	w->event.who = who;
	if (!w->question)
		events_log(a->events, &w->event, w->count);
	else if (who && who->pid)
		a->found(a->context, w->question, who);
}

/* Those that were due until then. */
static void finish_due(struct asker *a, int64_t until)
{
	for (size_t i = 0; i < LIMIT_WHO_WAITING; i++)
		if (a->waiting[i].number && a->waiting[i].due <= until)
			finish(a, &a->waiting[i], NULL);
}

/* The child is gone or useless; a later question starts another. */
static void drop_child(struct asker *a)
{
	if (a->channel >= 0) {
		monitor_unwatch(a->monitor, a->channel);
		close(a->channel);
		a->channel = -1;
	}
	/* The payload may have stopped it. */
	if (a->pid > 0)
		kill(a->pid, SIGKILL);
	a->owed = 0;
	finish_due(a, INT64_MAX);
}

static bool is_valid(const struct asker_answer *r, ssize_t size)
{
	return size == sizeof(*r) && r->who.pid >= 0 &&
	       memchr(r->who.program, '\0', sizeof(r->who.program)) &&
	       memchr(r->who.line, '\0', sizeof(r->who.line));
}

static void channel_ready(void *context, int fd)
{
	struct asker *a = context;
	struct asker_answer r;
	ssize_t n = recv(fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!is_valid(&r, n)) {
		drop_child(a);
		return;
	}
	a->heard = clock_ms();
	a->owed -= a->owed > 0;
	/* One that comes too late is nobody's. */
	for (size_t i = 0; i < LIMIT_WHO_WAITING; i++)
		if (r.number && a->waiting[i].number == r.number)
			finish(a, &a->waiting[i], &r.who);
}

static void arm(struct asker *a, int64_t now)
{
	int64_t first = INT64_MAX;
	struct itimerspec t = {0};

	for (size_t i = 0; i < LIMIT_WHO_WAITING; i++)
		if (a->waiting[i].number && a->waiting[i].due < first)
			first = a->waiting[i].due;
	if (first == INT64_MAX)
		return; /* an old time that comes finds nothing to do */
	first = first > now ? first - now : 1;
	t.it_value.tv_sec = first / 1000;
	t.it_value.tv_nsec = first % 1000 * 1000000;
	timerfd_settime(a->timer, 0, &t, NULL);
}

static void timer_ready(void *context, int fd)
{
	struct asker *a = context;
	int64_t now = clock_ms();
	uint64_t ticks;

	if (read(fd, &ticks, sizeof(ticks)) < 0)
		return;
	finish_due(a, now);
	if (a->owed && now - a->heard >= LIMIT_WHO_SILENT_MS)
		drop_child(a);
	arm(a, now);
}

static void start_child(struct asker *a, int64_t now)
{
	const struct worker_config c = {.name = "codex-asker",
		.uid = a->uid,
		.gid = a->gid,
		.filter = FILTER_ASKER,
		.prepare = asker_prepare,
		.serve = asker_serve};
	struct failure f;
	pid_t pid;

	/* It is still to be reaped, or was started and ended a moment ago. */
	if (a->pid || (a->started && now - a->started < LIMIT_WHO_START_MS))
		return;
	a->started = now;
	pid = worker_start(&c, NULL, &a->channel, &f);
	if (pid < 0) {
		a->channel = -1;
		return;
	}
	a->pid = pid;
	if (monitor_watch(a->monitor, a->channel, channel_ready, a) < 0) {
		close(a->channel);
		a->channel = -1;
	}
}

static struct asked *place_for(struct asker *a, int64_t now)
{
	if (now / 1000 != a->second) {
		a->second = now / 1000;
		a->used = 0;
	}
	if (a->used >= LIMIT_WHO_PER_SECOND)
		return NULL;
	for (size_t i = 0; i < LIMIT_WHO_WAITING; i++)
		if (!a->waiting[i].number)
			return &a->waiting[i];
	return NULL;
}

static void keep(struct asked *w, const struct event *event, uint64_t count)
{
	w->question = 0;
	w->event = *event;
	w->count = count;
	snprintf(w->name, sizeof(w->name), "%s", event->name ? event->name : "");
	w->event.name = w->name;
	if (event->reason) {
		snprintf(w->reason, sizeof(w->reason), "%s", event->reason);
		w->event.reason = w->reason;
	}
	w->event.by = NULL;
	clock_gettime(CLOCK_REALTIME, &w->event.at);
}

/* Sends it to the child. Returns where it waits, or NULL. */
static struct asked *ask(struct asker *a, const struct event_client *client)
{
	const int64_t now = clock_ms();
	struct asker_question q = {.port = client->port,
		.to = client->to,
		.protocol = client->udp ? IPPROTO_UDP : IPPROTO_TCP};
	struct asked *w = place_for(a, now);

	if (!w)
		return NULL;
	if (a->channel < 0)
		start_child(a, now);
	a->number += a->number + 1 ? 1 : 2; /* never 0 */
	q.number = a->number;
	if (a->channel < 0 || send(a->channel, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return NULL;
	if (a->owed++ == 0)
		a->heard = now;
	a->used++;
	w->number = q.number;
	w->due = now + LIMIT_WHO_MS;
	arm(a, now);
	return w;
}

/* For events_who(). */
static bool ask_event(void *context, const struct event *event, uint64_t count)
{
	struct asked *w = ask(context, &event->client);

	if (w)
		keep(w, event, count);
	return w != NULL;
}

void asker_question(struct asker *a, uint32_t question, const struct event_client *client)
{
	struct asked *w = a ? ask(a, client) : NULL;

	if (w)
		w->question = question;
}

struct asker *asker_open(struct monitor *m, struct events *e, uid_t uid, gid_t gid,
	asker_found *found, void *context)
{
	struct asker *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct asker){.monitor = m,
		.events = e,
		.found = found,
		.context = context,
		.uid = uid,
		.gid = gid,
		.channel = -1};
	a->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (a->timer < 0 || monitor_watch(m, a->timer, timer_ready, a) < 0) {
		if (a->timer >= 0)
			close(a->timer);
		free(a);
		return NULL;
	}
	start_child(a, clock_ms());
	events_who(e, ask_event, a);
	return a;
}

void asker_ended(struct asker *a, pid_t pid)
{
	if (!a || !a->pid || pid != a->pid)
		return;
	a->pid = 0;
	drop_child(a);
}

void asker_close(struct asker *a)
{
	if (!a)
		return;
	events_who(a->events, NULL, NULL);
	drop_child(a);
	monitor_unwatch(a->monitor, a->timer);
	close(a->timer);
	free(a);
}
