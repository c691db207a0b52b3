/*
 * Resetting a terminal, and writing to it without blocking forever.
 *
 * The payload writes what it likes to the user's terminal. What it leaves behind could
 * swallow the closing report or make it unreadable.
 */
#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/limits.h"

/*
 * In this order; terminals without a feature ignore its sequence. Sources: ECMA-48, the
 * VT510 manual (DEC...), xterm's "Control Sequences", console_codes(4), kitty's protocols.
 *
 * Not RIS (ESC c), which would also erase the text on the screen.
 */
static const char undo[] =
	/*
	 * An unfinished sequence or string (OSC, DCS, APC, PM, SOS): CAN, and ST for
	 * terminals that ignore CAN within a string. Then VT52 and Tektronix modes, in which
	 * the rest would mean something else, and output to a printer or the status line.
	 */
	"\030\033\\"
	"\033<"
	"\033\003\033\\"
	"\033[4i\033[?4i"
	"\033[0$}"
	"\033[?2026l" /* synchronized output: nothing is drawn until it ends */

	/* The alternate screens. Entering one first keeps the cursor where it is if none was
	 * active: leaving it goes back to where it was entered, in tmux the last time ever. */
	"\033[?1049h\033[?1049l"
	"\033[?1047l\033[?47l"

	/* DECSTR, if supported: most of what follows, including origin mode and G0 to G3.
	 * Then margins, left and right first; and origin mode, which moves the cursor. */
	"\033[!p"
	"\0337\033[?69l\033[r\033[?6l\0338"

	/* Mouse, focus, paste and key reporting. */
	"\033[?9l\033[?1000l\033[?1001l\033[?1002l\033[?1003l"
	"\033[?1005l\033[?1006l\033[?1015l\033[?1016l"
	"\033[?1004l\033[?2004l\033[?2048l\033[?2031l"
	"\033[<u\033[<99u\033[=0u"                   /* kitty's keyboard protocol */
	"\033[>0m\033[>1m\033[>2m\033[>4;0m\033[>4f" /* xterm's modify...Keys */
	"\033[?1l\033>\033[?66l"                     /* application cursor keys and keypad */

	/* KAM, CRM, IRM and LNM off, local echo off (SRM); reverse video and reverse
	 * wraparound off, wraparound and autorepeat on. */
	"\033[2l\033[3l\033[4l\033[20l\033[12h"
	"\033[?5l\033[?45l\033[?7h\033[?8h"

	/*
	 * UTF-8, ASCII in G0 and G1, G0 shifted in; the console's fonts. Images above the
	 * text; an open hyperlink; the palette, and the colours of text, background, cursor
	 * and selection, which may be identical; attributes; the cursor.
	 */
	"\033%G\033(B\033)B\017\033[10m"
	"\033_Ga=d\033\\"
	"\033]8;;\033\\"
	"\033]R\033\\\033]104\033\\\033]105\033\\"
	"\033]110\033\\\033]111\033\\\033]112\033\\\033]117\033\\\033]119\033\\"
	"\033[0m\033[?25h\033[0 q";

void terminal_restore(const struct monitor *m)
{
	if (m->terminal < 0)
		return;
	if (m->modes_known)
		tcsetattr(m->terminal, TCSANOW, &m->modes);
	/* Ctrl-S, or the same by tcflow(3): each can be undone only by its own counterpart. */
	tcflow(m->terminal, TCOOFF);
	tcflow(m->terminal, TCOON);
	terminal_write(m->terminal, undo, sizeof(undo) - 1, LIMIT_TERMINAL_MS);
}

static void wake(int signal)
{
	(void)signal;
}

/* A blocked write is interrupted by a signal, repeatedly: one could arrive just before the
 * write. */
static void set_alarm(int milliseconds)
{
	const struct timeval each = {.tv_usec = milliseconds * 1000};
	const struct itimerval timer = {each, each};

	setitimer(ITIMER_REAL, &timer, NULL);
}

bool terminal_write(int fd, const char *text, size_t size, int milliseconds)
{
	const struct sigaction catch = {.sa_handler = wake}; /* no SA_RESTART */
	int64_t end = clock_ms() + milliseconds;
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &catch, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	set_alarm(LIMIT_POLL_MS);
	while (size > 0 && clock_ms() < end) {
		ssize_t n = write(fd, text, size);

		if (n > 0) {
			text += n;
			size -= (size_t)n;
			end = clock_ms() + milliseconds;
		} else if (errno == EAGAIN) {
			/* The program shares the open file and may have set O_NONBLOCK. */
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			poll(&p, 1, LIMIT_POLL_MS);
		} else if (errno != EINTR) {
			break;
		}
	}
	set_alarm(0);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	return size == 0;
}
