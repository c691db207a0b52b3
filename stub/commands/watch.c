/*
 * A sandbox's decisions as they are made, and its questions. The terminal is
 * stub/watch/screen.c, the connection client.c, and what both say to each other session.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../ask.h"
#include "../kept_edit.h"
#include "../names.h"
#include "../watch/client.h"
#include "../watch/screen.h"
#include "../watch/session.h"
#include "rows.h"
#include "sandbox.h"

/* How often, and how many milliseconds apart, the sandbox is tried again: while it starts,
 * codex-init doesn't answer yet. */
#define TRIES 20
#define PAUSE 500

static const char operation[] = "watch the sandbox";

struct watch {
	struct call *call;
	struct sandbox sandbox;
	struct screen screen;
	struct session session;
	struct client client;
	struct names known; /* of the sessions before */
	int signal;         /* that has ended it, or 0 */
	uint64_t told;      /* the question whose row was printed, where no row stays */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *clock_text(void)
{
	static char text[16];
	time_t now = time(NULL);
	struct tm local;

	if (!localtime_r(&now, &local) || strftime(text, sizeof(text), "%H:%M:%S", &local) == 0)
		text[0] = '\0';
	return text;
}

static bool is_new(void *context, const char *name)
{
	const struct watch *w = context;

	return w->known.list.count && !names_have(&w->known, name);
}

static void say(struct watch *w, const char *text)
{
	struct view_row row;

	view_line(&w->session.view, clock_text(), "watch", "", text, "", &row);
	screen_print(&w->screen, row.text);
}

static void keep(struct watch *w, bool allow, const char *rule)
{
	const struct kept_edit edit = {.name = allow ? "allow" : "deny",
		.value = rule,
		.instead_of = allow ? "deny" : "allow"};
	struct arena *arena = &w->sandbox.plan.arena;
	const char *path;
	struct error t;

	if (kept_edit_project(arena, w->sandbox.workdir, &edit, &path, &t) >= 0)
		say(w, arena_format(arena, "%s %s: kept in %s", edit.name, rule, path));
	else
		say(w, arena_format(arena, "%s %s: not kept: %s: %s", edit.name, rule,
			       t.subject, t.reason));
}

static void act(void *context, enum session_act what, const char *text)
{
	struct watch *w = context;

	switch (what) {
	case SESSION_PRINT:
		screen_print(&w->screen, text);
		break;
	case SESSION_SEND:
		if (!client_send(&w->client, text))
			say(w, "the answer could not be sent");
		break;
	case SESSION_ALLOW:
	case SESSION_DENY:
		keep(w, what == SESSION_ALLOW, text);
	}
}

/* ---- What happens ---------------------------------------------------------------------- */

/* Returns false at the end of the connection. */
static bool on_lines(struct watch *w)
{
	const uint64_t shown = w->session.shown;
	const bool more = client_read(&w->client);
	const char *line;
	size_t size;

	while ((line = lines_next(&w->client.lines, &size)))
		session_line(&w->session, line, size, clock_text(), now_ms());
	session_skipped(&w->session, w->client.lines.skipped, clock_text());
	w->client.lines.skipped = 0;
	if (w->session.shown && w->session.shown != shown)
		screen_alert(&w->screen);
	return more;
}

static void on_keys(struct watch *w)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		w->session.quit = true;
	for (ssize_t i = 0; i < n; i++)
		session_key(&w->session, keys[i], clock_text(), now_ms());
}

static void on_signal(struct watch *w)
{
	int number;

	switch (screen_signal(&w->screen, &number)) {
	case SCREEN_QUIT:
		w->signal = number;
		w->session.quit = true;
		break;
	case SCREEN_RESIZED:
		w->session.view = w->screen.view;
		break;
	case SCREEN_NOTHING:
		break;
	}
}

/* Where no row stays, each question has one when the keys are for it: whoever presses one must
 * know what it answers. */
static void draw(struct watch *w)
{
	struct view_row row;

	session_status(&w->session, now_ms(), &row);
	screen_status(&w->screen, row.text);
	if (w->screen.keys && !w->screen.drawn && w->session.shown &&
		w->session.shown != w->told)
		screen_print(&w->screen, row.text);
	w->told = w->session.shown;
}

/* Waits for `wait` milliseconds at most (-1: without end), and deals with what happens. Returns
 * false at the end of the connection. */
static bool step(struct watch *w, int wait)
{
	enum { KEYS, SIGNALS, LINES, COMPLAINTS };
	struct pollfd polled[] = {
		[KEYS] = {.fd = w->screen.keys ? STDIN_FILENO : -1, .events = POLLIN},
		[SIGNALS] = {.fd = w->screen.signals, .events = POLLIN},
		[LINES] = {.fd = w->client.out, .events = POLLIN},
		[COMPLAINTS] = {.fd = w->client.complaints, .events = POLLIN},
	};
	const int change = session_tick(&w->session, clock_text(), now_ms());
	bool more = true;

	draw(w);
	if (poll(polled, 4, change >= 0 && (wait < 0 || change < wait) ? change : wait) < 0)
		return errno == EINTR;
	if (polled[SIGNALS].revents)
		on_signal(w);
	if (polled[COMPLAINTS].revents)
		client_complain(&w->client);
	if (polled[LINES].revents)
		more = on_lines(w);
	if (polled[KEYS].revents && !w->session.quit)
		on_keys(w);
	w->session.quit |= w->screen.gone;
	return more;
}

/* ---- The connection -------------------------------------------------------------------- */

static bool is_running(const struct watch *w)
{
	const struct engine *e = &w->sandbox.engine;
	const char *const words[] = {e->name, "container", "inspect", "--format",
		"{{.State.Running}}", w->sandbox.id, NULL};
	struct ask a;

	return ask(&a, e->program, words, false) == 0 && strcmp(a.line, "true") == 0;
}

/* From the beginning of a connection to its end. Returns 0, or -1 with errno set. */
static int follow(struct watch *w)
{
	if (client_start(&w->client, &w->sandbox.engine, w->sandbox.id,
		    w->session.answers ? sandbox_caller(&w->sandbox) : NULL) < 0)
		return -1;
	while (!w->session.quit && step(w, -1))
		;
	client_end(&w->client);
	return 0;
}

static void pause_for(struct watch *w, int milliseconds)
{
	const int64_t end = now_ms() + milliseconds;

	while (!w->session.quit && now_ms() < end)
		step(w, (int)(end - now_ms()));
}

/* Connects, and again if the connection ends before the sandbox does. */
static int follow_all(struct watch *w, struct error *t)
{
	for (int tries = 0; tries < TRIES && !w->session.quit; tries++) {
		if (follow(w) < 0)
			return refuse_errno(
				t, "start the engine's client", w->sandbox.engine.program);
		if (w->session.quit)
			break;
		if (w->session.greeted)
			tries = 0;
		session_lost(&w->session);
		if (!is_running(w)) {
			say(w, "the sandbox has ended");
			return 0;
		}
		pause_for(w, PAUSE);
	}
	if (w->session.quit)
		return 0;
	refuse(t, operation, w->sandbox.workdir, "%s",
		w->client.complaint[0] ? w->client.complaint : "it doesn't answer");
	return refuse_no_sandbox(t);
}

static void summarise(struct watch *w)
{
	char text[96];

	session_summary(&w->session, text, sizeof(text));
	say(w, text);
}

static int watch(struct watch *w, struct error *t)
{
	int result;

	if (screen_open(&w->screen, t) < 0)
		return -1;
	w->session.act = act;
	w->session.context = w;
	w->session.is_new = is_new;
	w->session.view = w->screen.view;
	w->session.answers = w->screen.keys;
	result = follow_all(w, t);
	screen_clear(&w->screen);
	summarise(w);
	screen_close(&w->screen);
	return result;
}

/* ---- The command ----------------------------------------------------------------------- */

/* With --wait until it is there. */
static int find(struct watch *w, struct error *t)
{
	const char *const work_dir = w->call->cli->work_dir;

	for (;;) {
		w->call->cli->work_dir = work_dir;
		if (sandbox_find_inside(&w->sandbox, w->call, w->call->word[0], t) == 0)
			return 0;
		if (!w->call->wait || !w->sandbox.none)
			return -1;
		sandbox_free(&w->sandbox);
		poll(NULL, 0, PAUSE);
	}
}

int command_watch(struct call *call, struct error *t)
{
	static struct watch w;
	int result;

	w = (struct watch){.call = call, .client = {.in = -1, .out = -1, .complaints = -1}};
	result = find(&w, t);
	if (result == 0) {
		names_known(&w.sandbox.plan, &w.known);
		result = watch(&w, t);
	}
	names_free(&w.known);
	sandbox_free(&w.sandbox);
	if (w.signal) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, w.signal);
		signal(w.signal, SIG_DFL);
		raise(w.signal);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	return result;
}
