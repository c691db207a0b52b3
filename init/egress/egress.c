/* codex-egress: a row for each command. See egress.h. */
#include "egress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/exit_status.h"
#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/version.h"
#include "control_ipc.h"
#include "join.h"
#include "log.h"
#include "output.h"
#include "watch.h"

static const struct egress_command {
	const char *name, *argument; /* argument NULL: takes none */
	enum control_type type;
	const char *help;
} questions[] = {
	{"status", NULL, CONTROL_STATUS, "what is open, what was refused, how the start went"},
	{"explain", "HOST[:PORT]", CONTROL_EXPLAIN,
		"whether it may be reached, by which rule, and what would allow it"},
	{"allow", "RULE", CONTROL_ALLOW, "allow it from now on, as --allow does"},
	{"deny", "RULE", CONTROL_DENY,
		"refuse it from now on, as --deny does, and end its connections"},
	{"undo", "RULE", CONTROL_UNDO,
		"take back what allow or deny did; ends connections as deny does"},
	{"credential", NULL, CONTROL_CREDENTIAL,
		"give the broker a new ChatGPT token, read from standard input"},
	{"rules", NULL, CONTROL_RULES, "the rules in force"},
	{"watch", NULL, CONTROL_WATCH,
		"events and questions as they come, a JSON object a line; takes commands"},
	{"follow", NULL, CONTROL_FOLLOW, "the same, to look on only: no question waits for it"},
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

bool egress_called(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

	return argv0 && strcmp(slash ? slash + 1 : argv0, "codex-egress") == 0;
}

static void help(FILE *to)
{
	fprintf(to, "Usage: codex-egress [--by WHO] COMMAND\n"
		    "\n"
		    "Asks codex-init, PID 1 of this container. For root only.\n"
		    "\n");
	for (size_t i = 0; i < QUESTIONS; i++) {
		char left[32];

		snprintf(left, sizeof(left), "%s %s", questions[i].name,
			questions[i].argument ? questions[i].argument : "");
		fprintf(to, "  %-20s %s\n", left, questions[i].help);
	}
	fputs("  events [--follow]    the events so far; with --follow, as they come, too\n"
	      "  join [COMMAND...]    run COMMAND, or a shell, as the payload's user, confined "
	      "like it\n"
	      "\n--by WHO: who gives the rule, for the events.\n"
	      "Exit status: 0 done, or allowed; 1 refused, or not done everywhere; 100 wrong "
	      "arguments\nor rule; 111 codex-init can't be asked.\n",
		to);
}

static const char *connect_hint(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "only root may ask: docker exec -u root CONTAINER codex-egress ...";
	case ENOENT:
	case ECONNREFUSED:
		return "nothing answers there: codex-init isn't PID 1 of this container, has "
		       "no wall, or hasn't finished starting";
	case EAGAIN:
		return "codex-init is too busy to answer";
	default:
		return strerror(error);
	}
}

/* With a time limit on the socket connect(2) and recv(2) end with EINTR, and nothing done, when
 * the process is stopped and continued, or its container paused (signal(7)). send(2) never
 * waits here: there is one request at a time. */
static int connect_on(int fd, const struct sockaddr_un *to)
{
	int done;

	do
		done = connect(fd, (const struct sockaddr *)to, sizeof(*to));
	while (done < 0 && errno == EINTR);
	return done;
}

static ssize_t receive(int fd, void *to, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, to, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Connects, and accepts only a server with uid 0. Returns the socket, or -1. */
static int reach(const char *path)
{
	const struct timeval patience = {.tv_sec = LIMIT_CONTROL_SECONDS};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	int error;

	if (fd < 0)
		return -1;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
		connect_on(fd, &a) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
		if (peer.uid == 0 || peer.uid == geteuid())
			return fd;
		errno = ECONNREFUSED;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Prints the answer, errors to stderr. Returns its status, or -1 if it is incomplete. */
static int take_answer(int fd)
{
	char text[CONTROL_DATAGRAM];
	struct control_reply head;
	ssize_t got = receive(fd, &head, sizeof(head));
	FILE *to;

	if (got != sizeof(head) || head.magic != CONTROL_MAGIC || head.bytes > CONTROL_TEXT ||
		head.status > UINT8_MAX) {
		if (got >= 0)
			errno = EPROTO;
		return -1;
	}
	to = head.status >= EXIT_OPTIONS ? stderr : stdout;
	for (size_t left = head.bytes; left > 0; left -= (size_t)got) {
		got = receive(fd, text, sizeof(text));
		if (got <= 0 || (size_t)got > sizeof(text) || (size_t)got > left) {
			if (got >= 0)
				errno = EPROTO;
			return -1;
		}
		output_clean(text, (size_t)got);
		fwrite(text, 1, (size_t)got, to);
	}
	return fflush(to) == 0 ? (int)head.status : -1;
}

static int ask(const struct control_request *request, const char *by)
{
	int fd = reach(CONTROL_PATH), status = -1;

	if (fd < 0)
		return output_error(EXIT_SANDBOX, CONTROL_PATH, connect_hint(errno));
	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) == sizeof(*request))
		status = take_answer(fd);
	if (status < 0)
		status = output_error(EXIT_SANDBOX, CONTROL_PATH, connect_hint(errno));
	else if (status == 0 &&
		 (request->type == CONTROL_WATCH || request->type == CONTROL_FOLLOW))
		status = watch_run(fd, by);
	close(fd);
	return status;
}

static int usage(const struct egress_command *q)
{
	return output_error(EXIT_OPTIONS, q->name,
		!q->argument                 ? "it takes no argument"
		: q->type == CONTROL_EXPLAIN ? "it takes one HOST[:PORT]"
					     : "it takes one RULE");
}

/* One line. */
static const char *read_token(void)
{
	static char text[LIMIT_TOKEN + 2];

	file_read(STDIN_FILENO, text, sizeof(text) - 1);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static int put_question(const struct egress_command *q, const char *on, const char *by)
{
	const bool rule = q->type >= CONTROL_ALLOW, explain = q->type == CONTROL_EXPLAIN;
	static struct control_request request; /* large */
	struct target target;
	const char *reason;

	if (explain && !target_parse(on, &target, &reason))
		return output_error(EXIT_OPTIONS, on, reason);
	if (q->type == CONTROL_CREDENTIAL) {
		on = read_token();
		if (strlen(on) - 1 >= LIMIT_TOKEN)
			return output_error(EXIT_OPTIONS, q->name, "it takes one token");
	} else if (rule && strlen(on) - 1 >= LIMIT_RULE_TEXT)
		return output_error(EXIT_OPTIONS, on, "a rule has 1 to 512 characters");
	control_ipc_make(&request, q->type, explain ? &target : NULL, rule ? on : NULL,
		rule ? by : NULL);
	return ask(&request, by);
}

/* Parses a leading `--by WHO`. Returns WHO; or NULL, with *status set if it is wrong and 0
 * if it is missing. */
static const char *take_by(int *argc, char ***argv, int *status)
{
	const char *who = *argc > 2 ? (*argv)[2] : "";

	*status = 0;
	if (*argc < 2 || strcmp((*argv)[1], "--by") != 0)
		return NULL;
	*argc -= 2;
	*argv += 2;
	if (who[0] && strlen(who) < CONTROL_BY && name_printable(who, strlen(who) + 1))
		return who;
	*status = output_error(
		EXIT_OPTIONS, "--by", "it takes a name of 1 to 63 printable characters");
	return NULL;
}

int egress_main(int argc, char **argv)
{
	int status;
	const char *by = take_by(&argc, &argv, &status);
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct egress_command *q = questions;

	if (status)
		return status;
	if (!word) {
		help(stderr);
		return EXIT_OPTIONS;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		help(stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (strcmp(word, "--version") == 0) {
		printf("codex-egress %s\n", version_text);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	while (q < questions + QUESTIONS && strcmp(word, q->name) != 0)
		q++;
	if (by && (q == questions + QUESTIONS ||
			  (q->type < CONTROL_ALLOW && q->type != CONTROL_WATCH)))
		return output_error(EXIT_OPTIONS, word, "--by is for rules");
	if (strcmp(word, "join") == 0) {
		const char *why;

		status = join_run(argv + 2, &why);
		return output_error(status, argv[2] ? argv[2] : "join", why);
	}
	if (strcmp(word, "events") == 0) {
		const bool follow = argc == 3 && strcmp(argv[2], "--follow") == 0;

		return argc == 2 || follow ? log_print(follow)
					   : output_error(EXIT_OPTIONS, word,
						     "it takes --follow, or nothing");
	}
	if (q == questions + QUESTIONS)
		return output_error(
			EXIT_OPTIONS, word, "there is no such command; codex-egress --help");
	if (argc != (q->argument ? 3 : 2))
		return usage(q);
	return put_question(q, q->argument ? argv[2] : NULL, by);
}
