/*
 * The controlling terminal: foreground group and modes.
 *
 * Two situations. As session leader (PID 1 under an engine with -t) we hand the terminal to
 * the program's new session. Under a shell we stay in the shell's session and do what the
 * shell would have done: the program's group is in the foreground while it runs, and when it
 * is stopped, so are we.
 */
#ifndef INIT_MONITOR_TERMINAL_H
#define INIT_MONITOR_TERMINAL_H

#include "monitor.h"

/* Finds the terminal (m->terminal, -1 without one) and saves its modes. */
void terminal_find(struct monitor *m);

/* True if the terminal is our session's and must be given up before the child can have it. */
bool terminal_is_ours(const struct monitor *m);

/*
 * In the child: creates a session (or process group) and takes the terminal's foreground.
 * hand_over is called between the two steps of the handover by a session leader and returns
 * once the parent has called terminal_give_up(); NULL if it isn't needed. Returns 0, or -1
 * with *f filled.
 */
int terminal_take(const struct monitor *m, int (*hand_over)(void *context), void *context,
	struct failure *f);
/* In the parent: gives up the controlling terminal (tty_ioctl(4), TIOCNOTTY). */
void terminal_give_up(const struct monitor *m);

/* The child was stopped by a signal: under a shell we stop too, until the shell continues
 * us. */
void terminal_child_stopped(const struct monitor *m, int signal);
/* On SIGCONT: passes the foreground to the child, if it is ours, and continues the child.
 * Returns false if nothing was done, and SIGCONT is to be forwarded like any other signal. */
bool terminal_continue(const struct monitor *m);
/* The child has ended: under a shell our group gets the foreground back. */
void terminal_take_back(const struct monitor *m);

/*
 * Resets whatever state a program may have left the terminal in, by escape sequences and
 * settings, so that further output is visible: unterminated strings, screens, margins,
 * modes, character sets, colours, stopped output. The text on the screen and the cursor
 * position stay. terminal_restore.c has the list. Bounded in time.
 */
void terminal_restore(const struct monitor *m);

/*
 * Writes text to fd, a terminal or not. Gives up if the other side is gone, or has accepted
 * nothing for that many milliseconds. Returns whether all was written.
 */
bool terminal_write(int fd, const char *text, size_t size, int milliseconds);

#endif
