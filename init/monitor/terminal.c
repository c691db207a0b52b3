#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../lib/limits.h"

/*
 * Our controlling terminal by its own name, wherever 0-2 lead. A minimal container may lack
 * /dev/tty; and a session leader without a terminal may find a free one on 0-2.
 */
void terminal_find(struct monitor *m)
{
	m->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	for (int fd = 0; fd <= 2 && m->terminal < 0; fd++)
		if (isatty(fd) && (m->session_leader || tcgetpgrp(fd) >= 0))
			m->terminal = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	m->modes_known = m->terminal >= 0 && tcgetattr(m->terminal, &m->modes) == 0;
}

/* tcgetpgrp fails on a terminal that isn't our controlling terminal. */
bool terminal_is_ours(const struct monitor *m)
{
	return m->session_leader && m->terminal >= 0 && tcgetpgrp(m->terminal) >= 0;
}

/*
 * Giving up the terminal makes the kernel send SIGHUP and SIGCONT to its foreground group.
 * terminal_take() made that the child's group, where every signal is blocked: so these two
 * are pending there, and are removed here. Signals from elsewhere stay.
 */
static void discard_hangup(pid_t parent)
{
	const struct timespec now = {0};
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCONT);
	for (int i = 0; i < 2; i++) {
		int signal = sigtimedwait(&set, &info, &now);

		if (signal < 0)
			return;
		if (info.si_code == SI_USER && info.si_pid == parent)
			continue;
		sigdelset(&set, signal);
		kill(getpid(), signal);
	}
}

/*
 * The foreground is set to the child's group while the child is still in our session and has
 * no such group yet; setsid() creates it. So from here on Ctrl-C is pending in the child and
 * not in us.
 */
static int take_as_session(const struct monitor *m, int (*hand_over)(void *context),
	void *context, struct failure *f)
{
	const bool ours = hand_over && terminal_is_ours(m);

	if (ours)
		tcsetpgrp(m->terminal, getpid());
	if (setsid() < 0)
		return fail_errno(f, "begin a session", "");
	if (hand_over && hand_over(context) < 0)
		return fail_errno(f, "wait for the terminal", "");
	if (ours)
		discard_hangup(m->self);
	if (m->terminal < 0 || ioctl(m->terminal, TIOCSCTTY, 0) == 0)
		return 0;
	/* It was hung up meanwhile: the program gets the signal that it would have got. */
	if (errno == EIO)
		kill(getpid(), SIGHUP);
	/* EPERM: it is another session's terminal, and was never meant for us. */
	return 0;
}

static int take_as_group(const struct monitor *m, struct failure *f)
{
	const bool foreground = m->terminal >= 0 && tcgetpgrp(m->terminal) == getpgrp();

	if (setpgid(0, 0) < 0)
		return fail_errno(f, "begin a process group", "");
	/* If started in the background, we stay there. SIGTTOU is blocked, so this doesn't
	 * stop us. */
	if (foreground && tcsetpgrp(m->terminal, getpid()) < 0 && errno != EIO)
		return fail_errno(f, "take the terminal's foreground", "");
	return 0;
}

int terminal_take(const struct monitor *m, int (*hand_over)(void *context), void *context,
	struct failure *f)
{
	if (m->session_leader)
		return take_as_session(m, hand_over, context, f);
	if (take_as_group(m, f) < 0)
		return -1;
	if (hand_over && hand_over(context) < 0)
		return fail_errno(f, "wait for the parent", "");
	return 0;
}

void terminal_give_up(const struct monitor *m)
{
	ioctl(m->terminal, TIOCNOTTY);
}

void terminal_child_stopped(const struct monitor *m, int signal)
{
	if (m->session_leader || m->terminal < 0)
		return;
	/* PID 1 can't be stopped: nobody could continue the program after a Ctrl-Z. */
	if (m->self == 1) {
		if (signal == SIGTSTP)
			kill(-m->child, SIGCONT);
		return;
	}
	/* A shell's `fg` of a running job sends no signal, but the foreground is ours since. */
	if ((signal == SIGTTIN || signal == SIGTTOU) && tcgetpgrp(m->terminal) == getpgrp()) {
		terminal_continue(m);
		return;
	}
	terminal_take_back(m);
	/* As the terminal would have done: to our whole group, which may include a script.
	 * The one that we get ourselves is discarded by the SIGCONT that ends the stop. */
	if (signal != SIGSTOP)
		kill(0, signal);
	kill(m->self, SIGSTOP);
}

bool terminal_continue(const struct monitor *m)
{
	if (m->session_leader || m->terminal < 0)
		return false;
	if (tcgetpgrp(m->terminal) == getpgrp())
		tcsetpgrp(m->terminal, m->child);
	return kill(-m->child, SIGCONT) == 0;
}

void terminal_take_back(const struct monitor *m)
{
	if (m->session_leader || m->terminal < 0)
		return;
	/* Only if the program had it: the shell may have another job in the foreground. */
	if (tcgetpgrp(m->terminal) == m->child)
		tcsetpgrp(m->terminal, getpgrp());
}
