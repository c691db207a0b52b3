/*
 * The loop of codex-broker: starts haproxy, gives it its configuration, asks whether it
 * answers, reads its log, and starts it again when it ends.
 *
 * haproxy reads the configuration from a pipe. While openssl makes the session's certificate,
 * which only the end of it names, haproxy loads its libraries and reads the authorities.
 *
 * haproxy holds the only writing end of the pipe that it logs to, so the pipe's end is
 * haproxy's. It is killed with the worker, and the worker ends with PID 1. While there is none
 * the socket stays open: whoever connects waits for the next, which is there in a moment.
 */
#include "credential.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/privileges.h"
#include "../lib/rate.h"

/* A line of the log; haproxy cuts at 1,024. */
#define LINE_BYTES 2048
/* Reports to PID 1 a second; what exceeds them is counted. */
#define PER_SECOND 50
/* Starts in a row, each after twice the delay; then the worker ends, and the port is closed. */
#define STARTS    8
#define DELAY_MS  50
#define STEADY_MS 60000
/* The end of the session takes less. */
#define ENDING_MS (LIMIT_GRACE_MS + 1000)
/* Of the log at the end: what a pipe holds, and nobody adds to it any more. */
#define LAST_READS 1024
#define NAME_OF_FD "/proc/self/fd/%d"

struct broker {
	struct broker_config *config;
	struct credential credential;
	struct broker_files files; /* haproxy's */
	int channel;
	int command;     /* our end of the pair from which haproxy takes commands, or -1 */
	int log;         /* our end of haproxy's log; -1: it isn't running */
	int probe;       /* a command that asks whether it is there, or -1 */
	pid_t pid;       /* haproxy's, or 0 */
	bool served;     /* it has answered once */
	uint32_t tokens; /* that PID 1 has sent */
	unsigned starts;
	int64_t started, due; /* ms; due: when it is started again */
	struct rate rate;
	uint32_t unreported;
	size_t used;
	char line[LINE_BYTES];
};

/* ---- Reports ------------------------------------------------------------------------- */

static bool send_message(struct broker *b, const struct broker_message *m)
{
	if (send(b->channel, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*m))
		return true;
	if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		_exit(1);
	return false;
}

static void report(struct broker *b, const struct broker_message *m)
{
	const int64_t now = clock_ms();

	if (rate_left(&b->rate, now, PER_SECOND) && send_message(b, m)) {
		rate_use(&b->rate);
		return;
	}
	b->unreported += m->count;
	rate_pend(&b->rate, now);
}

static void report_unreported(struct broker *b, int64_t now)
{
	const struct broker_message m = {
		.type = BROKER_REFUSED, .reason = BROKER_REQUEST, .count = b->unreported};

	if (b->rate.due > now)
		return;
	if (m.count && rate_left(&b->rate, now, PER_SECOND) && send_message(b, &m))
		b->unreported = 0;
	rate_done(&b->rate, now, b->unreported != 0);
}

static void take_line(struct broker *b, size_t size)
{
	struct broker_message m;

	if (broker_log_read(b->line, size, &m))
		report(b, &m);
}

/* Takes the lines in the buffer. One that is longer is cut. */
static void take_lines(struct broker *b)
{
	char *end;

	while ((end = memchr(b->line, '\n', b->used)) != NULL) {
		size_t size = (size_t)(end - b->line);

		take_line(b, size);
		b->used -= size + 1;
		memmove(b->line, end + 1, b->used);
	}
	if (b->used == sizeof(b->line)) {
		take_line(b, b->used);
		b->used = 0;
	}
}

/* ---- haproxy ------------------------------------------------------------------------- */

/* Has it inherit what its configuration names. */
static bool keep(const struct broker *b, int rules)
{
	const struct broker_files *f = &b->files;
	const int kept[] = {rules, b->config->web, b->config->leaf, f->log, f->command,
		f->token, f->account, f->echo};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (fcntl(kept[i], F_SETFD, 0) < 0)
			return false;
	return true;
}

/* In the forked child. Its standard descriptors are /dev/null. */
static _Noreturn void become_haproxy(const struct broker *b, int rules)
{
	const struct rlimit files = {BROKER_DESCRIPTORS, BROKER_DESCRIPTORS};
	char from[sizeof(NAME_OF_FD) + 16];
	char name[] = "haproxy", foreground[] = "-db", quiet[] = "-q", file[] = "-f";
	char *argv[] = {name, foreground, quiet, file, from, NULL}, *envp[] = {NULL};
	struct failure f;

	snprintf(from, sizeof(from), NAME_OF_FD, rules);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_NOFILE, &files);
	if (keep(b, rules) && filters_install(FILTER_BROKER, &f) == 0)
		execve(BROKER_HAPROXY, argv, envp);
	_exit(1);
}

/* Closes the pipe. Returns false if haproxy hasn't got all of it: rules that are cut short may
 * lack a refusal. */
static bool write_rules(const struct broker *b, int pipe)
{
	const bool chatgpt = b->credential.now.account[0] != '\0';
	FILE *to = fdopen(pipe, "w");
	bool whole;

	if (!to)
		_exit(1);
	broker_rules_begin(b->config, &b->files, chatgpt, to);
	whole = fflush(to) == 0;
	if (chatgpt && session_ca_make(b->config) < 0)
		_exit(1);
	broker_rules_end(b->config, &b->files, chatgpt, to);
	whole &= !ferror(to);
	return fclose(to) == 0 && whole;
}

/* Asks for something that it has an answer to as soon as it serves. */
static void ask(struct broker *b)
{
	b->probe = credential_command(b->command, "show info\n");
	if (b->probe < 0)
		_exit(1);
}

static void take_probe(struct broker *b)
{
	const struct broker_message ready = {.type = BROKER_READY};
	char text[64];
	bool answered = recv(b->probe, text, sizeof(text), MSG_DONTWAIT) > 0;

	close(b->probe);
	b->probe = -1;
	if (answered && !b->served)
		b->served = send_message(b, &ready);
}

static void take_renewal(struct broker *b)
{
	static char message[BROKER_RENEWAL];
	const struct broker_message renewed = {.type = BROKER_RENEWED, .count = b->tokens + 1};

	if (recv(b->channel, message, sizeof(message), MSG_DONTWAIT) != sizeof(message))
		return;
	b->tokens++;
	if (credential_store(&b->credential, message)) {
		send_message(b, &renewed);
		if (!credential_tell(&b->credential, b->command) && b->pid > 0)
			kill(b->pid, SIGKILL); /* and it is started again */
	}
	explicit_bzero(message, sizeof(message));
}

static void start_haproxy(struct broker *b)
{
	int log[2], command[2], rules[2];

	if (pipe2(log, O_CLOEXEC) < 0 || pipe2(rules, O_CLOEXEC) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, command) < 0)
		_exit(1);
	b->files.log = log[1];
	b->files.command = command[1];
	fcntl(log[0], F_SETFL, O_NONBLOCK);
	fcntl(log[1], F_SETFL, O_NONBLOCK); /* a log that nobody reads holds nothing up */
	b->pid = fork();
	if (b->pid == 0)
		become_haproxy(b, rules[0]);
	if (b->pid < 0)
		_exit(1);
	close(rules[0]);
	if (!write_rules(b, rules[1]))
		kill(b->pid, SIGKILL); /* which ends its log, and that is seen */
	close(command[1]);
	b->command = command[0];
	close(log[1]);
	b->log = log[0];
	b->used = 0;
	b->started = clock_ms();
	b->due = INT64_MAX;
	if (!b->served)
		ask(b);
}

/* TERM is for every process at once, at the end of the session: it has ended haproxy, too. It
 * is blocked here. */
static bool is_ending(void)
{
	const struct timespec now = {0};
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return sigtimedwait(&term, NULL, &now) == SIGTERM;
}

static void haproxy_ended(struct broker *b)
{
	const struct broker_message m = {.type = BROKER_RESTARTED, .count = 1};
	const int64_t now = clock_ms();

	close(b->log);
	close(b->command);
	b->log = b->command = -1;
	kill(b->pid, SIGKILL); /* if it has only closed its log */
	waitpid(b->pid, NULL, 0);
	b->pid = 0;
	if (now - b->started >= STEADY_MS)
		b->starts = 0;
	if (b->starts == STARTS || !b->served)
		_exit(1);
	if (is_ending()) {
		b->due = now + ENDING_MS;
		return;
	}
	send_message(b, &m);
	b->due = now + (DELAY_MS << b->starts++);
}

/* Returns the same as read(2). */
static ssize_t read_log(struct broker *b)
{
	ssize_t n = read(b->log, b->line + b->used, sizeof(b->line) - b->used);

	if (n > 0) {
		b->used += (size_t)n;
		take_lines(b);
	}
	return n;
}

/* ---- The loop ------------------------------------------------------------------------ */

static int timeout(const struct broker *b)
{
	const int64_t first = b->due < b->rate.due ? b->due : b->rate.due,
		      left = first - clock_ms();

	if (first == INT64_MAX)
		return -1;
	return left < 0 ? 0 : (int)left;
}

/* PID 1 has closed its half: it wants the last counts, or is gone. */
static _Noreturn void end(struct broker *b)
{
	for (int i = 0; i < LAST_READS && read_log(b) > 0; i++)
		;
	rate_close(&b->rate, clock_ms());
	report_unreported(b, clock_ms());
	_exit(0);
}

_Noreturn void broker_serve(struct broker_config *c, int channel)
{
	static struct broker b;
	char octet;

	signal(SIGPIPE, SIG_IGN);
	b = (struct broker){.config = c,
		.channel = channel,
		.command = -1,
		.log = -1,
		.probe = -1,
		.due = INT64_MAX,
		.rate = RATE_INIT};
	if (credential_open(&b.credential, c->credential, &b.files) < 0)
		_exit(1);
	start_haproxy(&b);
	for (;;) {
		struct pollfd p[] = {{.fd = b.channel, .events = POLLIN},
			{.fd = b.log, .events = POLLIN}, {.fd = b.probe, .events = POLLIN}};

		if (poll(p, 3, timeout(&b)) < 0 && errno != EINTR)
			_exit(1);
		if (p[0].revents & POLLIN && recv(b.channel, &octet, 1, MSG_PEEK) > 0)
			take_renewal(&b);
		else if (p[0].revents)
			end(&b);
		if (p[2].revents)
			take_probe(&b);
		if (p[1].revents && read_log(&b) == 0)
			haproxy_ended(&b);
		report_unreported(&b, clock_ms());
		if (clock_ms() >= b.due)
			start_haproxy(&b);
	}
}
