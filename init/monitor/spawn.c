#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/descriptor.h"
#include "../lib/execute.h"
#include "../lib/exit_status.h"
#include "../lib/privileges.h"
#include "../lib/limits.h"
#include "../lib/scope.h"
#include "killer.h"
#include "proc_stat.h"
#include "terminal.h"

/* The highest signal number on every architecture we build for. */
#define LAST_SIGNAL 64

/* The child's report, one message: exit_status 0 means ready, any other the end. */
struct spawn_status {
	int exit_status;
	struct failure f;
};

/* Ignored signals stay ignored across exec; the program must start with the defaults. */
static void default_dispositions(void)
{
	/* The kernel's struct: handler, flags, restorer, mask. All zero is SIG_DFL. By
	 * system call, since C libraries refuse the signals that they use internally. */
	static const unsigned long dfl[8];

	for (int s = 1; s <= LAST_SIGNAL; s++)
		syscall(SYS_rt_sigaction, s, dfl, NULL, 8);
}

/* Reports to the parent that the group or session exists, and waits until the parent has done
 * its part. */
static int synchronise_with_parent(void *context)
{
	const struct spawn_status ready = {0};
	int channel = *(const int *)context;
	char go;

	if (send(channel, &ready, sizeof(ready), MSG_NOSIGNAL) < 0)
		return -1;
	return recv(channel, &go, 1, 0) == 1 ? 0 : -1;
}

/* The filter that holds calls back has a descriptor for answering them. */
static int install_filter(const struct program *p, int channel, struct failure *f)
{
	const struct spawn_status held = {0};
	int listener, done = 0;

	if (!p->held)
		return filters_install(FILTER_PAYLOAD, f);
	listener = filters_listen(FILTER_CELL_PAYLOAD, f);
	if (listener < 0)
		return -1;
	if (descriptor_send(channel, &held, sizeof(held), listener) < 0)
		done = fail_errno(f, "pass on the system calls of", p->argv[0]);
	close(listener);
	return done;
}

static int prepare(const struct program *p, int channel, struct failure *f)
{
	const bool shared = p->drop && p->uid == geteuid();

	if (p->drop && privileges_drop(p->uid, p->gid, f) < 0)
		return -1;
	/* As the program's user: root without DAC_OVERRIDE may be unable to enter its
	 * directories. */
	if (p->workdir && chdir(p->workdir) < 0) {
		fail_errno(f, "enter the working directory", p->workdir);
		return p->drop ? fail_hint(f, "it has to be open to user %u",
					 (unsigned int)p->uid)
			       : -1;
	}
	if (p->drop && p->keep_modes && filters_install(FILTER_MODES, f) < 0)
		return -1;
	/* We and the workers have its uid: isolate it from us if the kernel can. So has process
	 * 1 if we aren't it, which unlike us can be traced. */
	if (shared && !scope_enter() && getppid() != 1)
		return fail(f, "use the cell", "--init", "the command could trace process 1");
	return p->drop ? install_filter(p, channel, f) : 0;
}

static void remove_variable(char **envp, const char *name)
{
	for (char **v = envp; *v; v++)
		while (*v && strncmp(*v, name, strlen(name)) == 0)
			for (char **next = v; *next; next++)
				next[0] = next[1];
}

/*
 * A service manager's variables for the process that it started, which was us and is now the
 * payload (sd_listen_fds(3), sd_watchdog_enabled(3)). A third one identifies that process by
 * the inode of its pidfd; without it the pid counts.
 */
static void adopt_variables(const struct monitor *m, char **envp)
{
	static const char *const names[] = {"LISTEN_PID=", "WATCHDOG_PID="};
	static char text[2][32];
	char ours[32];

	for (char **v = envp; v && *v; v++)
		for (size_t i = 0; i < 2; i++) {
			snprintf(ours, sizeof(ours), "%s%d", names[i], (int)m->self);
			if (strcmp(*v, ours) != 0)
				continue;
			snprintf(text[i], sizeof(text[i]), "%s%d", names[i], (int)getpid());
			*v = text[i];
		}
	if (text[0][0])
		remove_variable(envp, "LISTEN_PIDFDID=");
}

static _Noreturn void child(
	const struct monitor *m, const struct program *p, int channel, bool synchronise)
{
	struct spawn_status r = {.exit_status = EXIT_SANDBOX};

	if (terminal_take(m, synchronise ? synchronise_with_parent : NULL, &channel, &r.f) ==
			0 &&
		prepare(p, channel, &r.f) == 0) {
		if (m->plain && p->last)
			adopt_variables(m, p->envp);
		else
			spawn_close_descriptors(true);
		default_dispositions();
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &m->inherited, NULL, 8);
		r.exit_status = execute(p->argv, p->envp, &r.f);
	}
	send(channel, &r, sizeof(r), MSG_NOSIGNAL);
	_exit(r.exit_status);
}

/* Closes, as far as the container permits, directories and pipes that somebody may be waiting
 * to be released: they wait for the payload, not for us. */
static void close_parent_descriptors(const struct monitor *m)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") < 0)
		say_detail("payload", "enter the directory: /: %s", strerror(errno));
	if (null < 0) /* no /dev */
		null = open("/", O_PATH | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	if (m->handed)
		spawn_close_inherited();
}

/* PID 1 once the payload exists. */
static int confine_parent(const struct monitor *m, const struct program *p, struct failure *f)
{
	if (p->drop && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(f, "set no_new_privs", "");
	close_parent_descriptors(m);
	return p->drop ? filters_install(FILTER_MONITOR, f) : 0;
}

static bool is_readable(int channel)
{
	struct pollfd p = {.fd = channel, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/*
 * The child's next report. What the init script has left running has the child's uid: it can
 * stop it, or have its execution wait (a lease, fcntl(2)). So PID 1 serves meanwhile what it
 * serves at other times, and ends a child that is stopped, which it never is by itself. A plain
 * init has nothing to serve.
 */
static ssize_t next_report(
	struct monitor *m, int channel, struct spawn_status *r, bool *ended, int *listener)
{
	if (m->starting && m->wait(m, channel) < 0)
		return -1;
	if (m->stopped && m->child > 0 && !is_readable(channel))
		*ended = kill(m->child, SIGKILL) == 0;
	return descriptor_receive(channel, r, sizeof(*r), 0, listener);
}

static int parent(struct monitor *m, const struct program *p, int channel, bool synchronise,
	int *exit_status, struct failure *f)
{
	struct spawn_status r;
	bool held = false, ended = false;
	int listener;
	ssize_t n;

	/* Without synchronisation, do this while the child is starting. */
	if (p->last && !synchronise && confine_parent(m, p, f) < 0)
		return -1;
	while ((n = next_report(m, channel, &r, &ended, &listener)) == sizeof(r) &&
		r.exit_status == 0) {
		if (listener >= 0) {
			if (!p->held || p->held(p->context, listener, f) < 0)
				return -1;
			held = true;
			continue;
		}
		if (terminal_is_ours(m))
			terminal_give_up(m);
		if (p->last && confine_parent(m, p, f) < 0)
			return -1;
		if (send(channel, "g", 1, MSG_NOSIGNAL) != 1)
			break;
	}
	if (ended)
		return fail(f, "start", p->argv[0],
			"it was stopped, by what the init script has left running");
	/* It must not continue without the filter, whatever the reason. */
	if (n == 0 && p->held && !held)
		return fail(f, "start", p->argv[0], "it is not in the cell");
	if (n == 0) { /* closed by exec, or by a signal before it, which is no error here */
		/* Without /proc it could never see that nothing is left. */
		/* It would also kill workers that have the payload's uid. */
		if (p->last && m->self == 1 && proc_stat_is_ours(1) &&
			!(p->drop && p->uid == geteuid()))
			killer_start(m, p->drop ? p->uid : geteuid());
		return 0;
	}
	if (n == sizeof(r)) {
		*exit_status = r.exit_status;
		*f = r.f;
		return -1;
	}
	return fail_errno(f, "start", p->argv[0]);
}

/*
 * Many scripts open /dev/stdout and /dev/stderr by name, for which the mode of the pipe or
 * terminal is checked. The engine created those for root, and without CHOWN they stay
 * root's, so they are opened to everybody, which in the container means the program. Files
 * are left alone: they may be the host's.
 */
static void open_to_program(void)
{
	struct stat st;

	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
			(S_ISFIFO(st.st_mode) || isatty(fd)))
			fchmod(fd, (st.st_mode & 07777) | 0666);
}

void spawn_undo(struct monitor *m)
{
	if (m->child == 0) /* it has been reaped */
		return;
	kill(m->child, SIGKILL);
	terminal_take_back(m);
	while (waitpid(m->child, NULL, __WALL) < 0 && errno == EINTR)
		;
	m->child = 0;
}

int spawn(struct monitor *m, const struct program *p, int *exit_status, struct failure *f)
{
	/* Whether PID 1 has something to do first: give up the terminal, or install its own
	 * filter, which the child would inherit if it didn't exist yet. */
	const bool synchronise = terminal_is_ours(m) || (p->last && p->drop);
	int channel[2], done;
	pid_t pid;

	*exit_status = EXIT_SANDBOX;
	/* Only as PID 1: otherwise the terminal would be one of the machine's. */
	if (p->drop && m->self == 1)
		open_to_program();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return fail_errno(f, "make a socket pair", "");
	pid = fork();
	if (pid == 0) {
		close(channel[0]);
		child(m, p, channel[1], synchronise);
	}
	done = pid < 0 ? fail_errno(f, "fork for", p->argv[0]) : 0;
	close(channel[1]);
	m->child = pid > 0 ? pid : 0;
	m->starting = !m->plain;
	m->stopped = 0;
	if (pid > 0 && parent(m, p, channel[0], synchronise, exit_status, f) < 0) {
		done = -1;
		spawn_undo(m);
	}
	m->starting = false;
	if (m->stopped && m->child > 0) /* once it was executed */
		terminal_child_stopped(m, m->stopped);
	close(channel[0]);
	return done;
}
