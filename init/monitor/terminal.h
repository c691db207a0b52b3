/*
 * The controlling terminal: who has it in the foreground, and its modes.
 *
 * Two situations. As leader of a session (PID 1 under an engine with -t) we hand the terminal
 * to the program's new session. Under a shell we stay in the shell's session and do what the
 * shell would have done: the program's group is the foreground while it runs, and when it is
 * stopped, so are we.
 */
#ifndef INIT_MONITOR_TERMINAL_H
#define INIT_MONITOR_TERMINAL_H

#include "monitor.h"

/* Finds the terminal (m->terminal, -1 without one) and remembers its modes. */
void terminal_find(struct monitor *m);

/* True when the terminal is our session's and has to be given up before the child has it. */
bool terminal_is_ours(const struct monitor *m);

/*
 * In the child. Makes a session (or a process group) of its own and takes the terminal's
 * foreground. hand_over: called between the two steps of a session leader's handing over,
 * returns once the parent has called terminal_give_up(); NULL where it isn't needed.
 */
int terminal_take(const struct monitor *m, int (*hand_over)(void *context), void *context,
	struct failure *f);
/* In the parent: no longer our controlling terminal (tty_ioctl(4), TIOCNOTTY). */
void terminal_give_up(const struct monitor *m);

/* The child was stopped by a signal: under a shell, so are we until the shell goes on. */
void terminal_child_stopped(const struct monitor *m, int signal);
/* SIGCONT came: the foreground goes to the child if it is ours; then the child goes on.
 * False: nothing was done, SIGCONT is to be forwarded like any other. */
bool terminal_continue(const struct monitor *m);
/* The child has ended: under a shell, the foreground is our group's again. */
void terminal_take_back(const struct monitor *m);

/*
 * Undoes whatever a program may have left a terminal in, by bytes and by settings, so that what
 * is written next is seen: control strings without their end, screens, margins, modes,
 * character sets, colours, a stopped output. The screen's text and the cursor's place stay.
 * terminal_restore.c has the list. Bounded in time.
 */
void terminal_restore(const struct monitor *m);

/*
 * Writes text to fd, a terminal or not. Ends when all is written, when the other side is gone,
 * or when it has taken nothing for so many milliseconds. Returns whether all was written.
 */
bool terminal_write(int fd, const char *text, size_t size, int milliseconds);

#endif
