/*
 * Writing to a terminal or a pipe that may accept nothing, and to a terminal whose output
 * was stopped. How a terminal interprets the bytes is tested with emulators
 * (tests/e2e/test_terminal.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../../init/lib/clock.h"
#include "../../init/monitor/terminal.h"

#include <cmocka.h>

/* More than a pipe or a terminal buffers. */
#define MUCH (1024 * 1024)

static char much[MUCH];

/* Ends the test program if a write never returns: SIGALRM is used by the code under test. */
static pid_t watchdog(void)
{
	const pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		sleep(60);
		kill(parent, SIGKILL);
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Reads everything that is written, after `first` milliseconds, and exits with 0 if it is as
 * expected. */
static pid_t reader(int from, int other, int first)
{
	const struct timespec late = {0, first * 1000000L};
	size_t got = 0;
	ssize_t n;
	char piece[4096];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(other);
	nanosleep(&late, NULL);
	while ((n = read(from, piece, sizeof(piece))) > 0)
		got += (size_t)n;
	_exit(got == MUCH ? 0 : 1);
}

static void a_slow_reader_gets_everything(void **state)
{
	const int flags[] = {0, O_NONBLOCK};
	int fds[2], status;
	pid_t pid, dog = watchdog();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds), 0);
		/* As the payload can set it, since the pipe is shared. */
		fcntl(fds[1], F_SETFL, flags[i]);
		pid = reader(fds[0], fds[1], 400);
		close(fds[0]);
		assert_true(terminal_write(fds[1], much, MUCH, 5000));
		close(fds[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	end(dog);
}

static void one_that_takes_nothing_is_not_waited_for(void **state)
{
	const int flags[] = {0, O_NONBLOCK};
	int64_t begun;
	int fds[2];
	pid_t dog = watchdog();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds), 0);
		fcntl(fds[1], F_SETFL, flags[i]);
		begun = clock_ms();
		assert_false(terminal_write(fds[1], much, MUCH, 200));
		assert_true(clock_ms() - begun >= 200);
		close(fds[0]);
		/* The other end is closed: returns at once, and without a signal (EPIPE). */
		signal(SIGPIPE, SIG_IGN);
		assert_false(terminal_write(fds[1], much, MUCH, 30000));
		close(fds[1]);
	}
	end(dog);
}

static void signals_are_left_as_they_were(void **state)
{
	sigset_t before, after;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	sigfillset(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_true(terminal_write(fds[1], "x", 1, 100));
	sigprocmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGALRM));
	sigemptyset(&after);
	sigprocmask(SIG_SETMASK, &after, NULL);
	close(fds[0]);
	close(fds[1]);
}

/* Opens a terminal as a program does that can't read anything back from it. */
static void open_terminal(struct monitor *m, int *master)
{
	struct termios raw;

	memset(m, 0, sizeof(*m));
	assert_int_equal(openpty(master, &m->terminal, NULL, NULL, NULL), 0);
	m->modes_known = tcgetattr(m->terminal, &m->modes) == 0;
	assert_true(m->modes_known);
	raw = m->modes;
	cfmakeraw(&raw);
	tcsetattr(m->terminal, TCSANOW, &raw);
}

static bool arrives(int master, const char *text)
{
	struct pollfd p = {.fd = master, .events = POLLIN};
	char seen[65536];
	size_t size = 0;
	ssize_t n;

	while (size < sizeof(seen) && poll(&p, 1, 5000) == 1 &&
		(n = read(master, seen + size, sizeof(seen) - size)) > 0) {
		size += (size_t)n;
		if (memmem(seen, size, text, strlen(text)))
			return true;
	}
	return false;
}

static void a_stopped_terminal_is_restarted(void **state)
{
	struct termios now;
	struct monitor m;
	int master;
	pid_t dog = watchdog();

	(void)state;
	for (int by_key = 0; by_key < 2; by_key++) {
		open_terminal(&m, &master);
		if (by_key) {
			tcsetattr(m.terminal, TCSANOW, &m.modes);
			assert_int_equal(write(master, "\023", 1), 1); /* Ctrl-S */
		} else {
			assert_int_equal(tcflow(m.terminal, TCOOFF), 0);
		}
		/* The key is processed a moment later. */
		for (int i = 0; i < 100 && terminal_write(m.terminal, "x", 1, 50); i++)
			nanosleep(&(struct timespec){0, 10000000}, NULL);
		assert_false(terminal_write(m.terminal, "x", 1, 50));
		terminal_restore(&m);
		assert_true(arrives(master, "\033[?1049l"));
		assert_int_equal(tcgetattr(m.terminal, &now), 0);
		assert_int_equal(now.c_lflag, m.modes.c_lflag);
		assert_int_equal(now.c_oflag, m.modes.c_oflag);
		close(m.terminal);
		close(master);
	}
	end(dog);
}

static void a_terminal_that_nobody_reads_is_not_waited_for(void **state)
{
	struct monitor m;
	int master;
	pid_t dog = watchdog();

	(void)state;
	open_terminal(&m, &master);
	assert_false(terminal_write(m.terminal, much, MUCH, 100));
	terminal_restore(&m);
	close(m.terminal);
	close(master);
	end(dog);
}

static void without_a_terminal_nothing_happens(void **state)
{
	const struct monitor m = {.terminal = -1};

	(void)state;
	terminal_restore(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_reader_gets_everything),
		cmocka_unit_test(one_that_takes_nothing_is_not_waited_for),
		cmocka_unit_test(signals_are_left_as_they_were),
		cmocka_unit_test(a_stopped_terminal_is_restarted),
		cmocka_unit_test(a_terminal_that_nobody_reads_is_not_waited_for),
		cmocka_unit_test(without_a_terminal_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
