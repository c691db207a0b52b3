/* See watch.h. */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/exit_status.h"
#include "../lib/num.h"
#include "control_ipc.h"
#include "output.h"

/* The longest command: "answer 4294967295 allow" is shorter than one with a rule. */
#define COMMAND (LIMIT_RULE_TEXT + sizeof("explain "))

struct watch {
	int fd;
	const char *by;
	char line[COMMAND + 1]; /* the command that is being read, or carried out */
	size_t used;
	bool cut;     /* it is too long */
	bool waiting; /* for the answer to it */
	struct control_reply head;
	size_t got; /* octets of its text */
	char text[CONTROL_TEXT];
	char in[2 * COMMAND]; /* read, and not looked at yet */
	size_t in_at, in_end;
};

static void put_string(const char *key, const char *text, size_t len)
{
	printf(",\"%s\":\"", key);
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* Returns false if nobody reads any more. */
static bool put_reply(struct watch *w, int status, const char *text, size_t len)
{
	while (len > 0 && text[len - 1] == '\n')
		len--;
	printf("{\"event\":\"reply\"");
	put_string("command", w->line, w->used);
	printf(",\"status\":%d", status);
	put_string("text", text, len);
	printf("}\n");
	w->waiting = w->cut = false;
	w->used = 0;
	return fflush(stdout) == 0;
}

/* ---- Commands ------------------------------------------------------------------------ */

/* These fill a request from what follows the word. They return NULL, or what is wrong. */
static const char *read_rule(
	struct control_request *r, enum control_type type, const char *rest, const char *by)
{
	if (strlen(rest) - 1 >= LIMIT_RULE_TEXT)
		return "a rule has 1 to 512 characters";
	control_ipc_make(r, type, NULL, rest, by);
	return NULL;
}

static const char *read_target(
	struct control_request *r, enum control_type type, const char *rest, const char *by)
{
	const char *reason = NULL;
	struct target t;

	(void)by;
	if (!target_parse(rest, &t, &reason))
		return reason;
	control_ipc_make(r, type, &t, NULL, NULL);
	return NULL;
}

static const char *read_answer(
	struct control_request *r, enum control_type type, const char *rest, const char *by)
{
	uint64_t number;
	const char *end = num_read(rest, &number);
	const bool allows = end && strcmp(end, " allow") == 0;

	(void)type;
	if (!end || number == 0 || number > UINT32_MAX ||
		(!allows && strcmp(end, " deny") != 0))
		return "it is: answer NUMBER allow, or answer NUMBER deny";
	control_ipc_make_answer(r, (uint32_t)number, allows, by);
	return NULL;
}

static const struct {
	const char *word;
	enum control_type type;
	const char *(*read)(struct control_request *r, enum control_type type, const char *rest,
		const char *by);
} commands[] = {
	{"allow ", CONTROL_ALLOW, read_rule},
	{"deny ", CONTROL_DENY, read_rule},
	{"undo ", CONTROL_UNDO, read_rule},
	{"answer ", CONTROL_ANSWER, read_answer},
	{"explain ", CONTROL_EXPLAIN, read_target},
};

/* Sends what the line says to PID 1, or says what is wrong with it. Returns false if the
 * other side of either is gone. */
static bool carry_out(struct watch *w)
{
	const char *wrong =
		"it is allow, deny or undo RULE, answer NUMBER, or explain HOST[:PORT]";
	static struct control_request r; /* large */

	w->line[w->used] = '\0';
	if (w->cut)
		wrong = "it is too long";
	for (size_t i = 0; !w->cut && i < sizeof(commands) / sizeof(commands[0]); i++) {
		const size_t n = strlen(commands[i].word);

		if (strncmp(w->line, commands[i].word, n) == 0)
			wrong = commands[i].read(&r, commands[i].type, w->line + n, w->by);
	}
	if (wrong)
		return put_reply(w, EXIT_OPTIONS, wrong, strlen(wrong));
	w->waiting = true;
	return send(w->fd, &r, sizeof(r), MSG_NOSIGNAL) == sizeof(r);
}

/* One at a time: the next is read when the last has its answer. */
static bool take_commands(struct watch *w)
{
	while (!w->waiting && w->in_at < w->in_end) {
		const char c = w->in[w->in_at++];

		if (c == '\n') {
			if ((w->used > 0 || w->cut) && !carry_out(w))
				return false;
		} else if (w->used < COMMAND && c) {
			w->line[w->used++] = c;
		} else {
			w->cut = true;
		}
	}
	return true;
}

/* Returns 1, 0 at the end, -1 on failure. */
static int read_commands(struct watch *w)
{
	ssize_t n = read(STDIN_FILENO, w->in, sizeof(w->in));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0)
		return 0;
	w->in_at = 0;
	w->in_end = (size_t)n;
	return take_commands(w) ? 1 : -1;
}

/* ---- PID 1 --------------------------------------------------------------------------- */

/* A piece of an answer's text; the answer is printed when it is whole. */
static bool take_text(struct watch *w, const char *bytes, size_t len)
{
	if (len > w->head.bytes - w->got)
		return false;
	memcpy(w->text + w->got, bytes, len);
	w->got += len;
	if (w->got < w->head.bytes)
		return true;
	output_clean(w->text, w->got);
	len = w->got;
	w->got = 0;
	w->head.bytes = 0;
	return put_reply(w, (int)w->head.status, w->text, len) && take_commands(w);
}

static bool take_head(struct watch *w, const char *bytes)
{
	memcpy(&w->head, bytes, sizeof(w->head));
	w->got = 0;
	return w->waiting && w->head.bytes <= CONTROL_TEXT && w->head.status <= UINT8_MAX &&
	       (w->head.bytes > 0 || take_text(w, "", 0));
}

/* A message: a line, which begins like a JSON object, the head of an answer, or more of it. */
static int take_message(struct watch *w)
{
	char bytes[CONTROL_LINE];
	ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_TRUNC | MSG_DONTWAIT);
	const uint32_t magic = CONTROL_MAGIC;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0 || (size_t)n > sizeof(bytes))
		return -1;
	if (w->head.bytes > 0)
		return take_text(w, bytes, (size_t)n) ? 1 : -1;
	if (n == sizeof(w->head) && memcmp(bytes, &magic, sizeof(magic)) == 0)
		return take_head(w, bytes) ? 1 : -1;
	output_clean(bytes, (size_t)n);
	return fwrite(bytes, 1, (size_t)n, stdout) == (size_t)n && fflush(stdout) == 0 ? 1 : 0;
}

int watch_run(int fd, const char *by)
{
	static struct watch w;
	struct pollfd p[] = {
		{.fd = fd, .events = POLLIN}, {.events = POLLIN}, {.fd = STDOUT_FILENO}};
	int going = 1;

	w = (struct watch){.fd = fd, .by = by};
	while (going > 0) {
		p[1].fd = w.waiting ? -1 : STDIN_FILENO;
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return output_error(EXIT_SANDBOX, "wait", strerror(errno));
		/* Nobody reads what we print. */
		if (p[2].revents & (POLLERR | POLLNVAL))
			going = 0;
		if (going > 0 && p[0].revents)
			going = take_message(&w);
		if (going > 0 && p[1].revents && !w.waiting)
			going = read_commands(&w);
	}
	return going == 0 ? 0
			  : output_error(EXIT_SANDBOX, CONTROL_PATH,
				    "codex-init closed it: the sandbox has ended, or its lines "
				    "were not read");
}
