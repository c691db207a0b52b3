/* Uses termios(3), signalfd(2), and of ECMA-48 only CR and EL. See screen.h. */
#include "screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ERASE "\r\033[K"

static const int handled[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, SIGCHLD};
/* Those of a fault of our own. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* For the handler of faults. */
static const struct termios *to_restore;

static void on_fault(int number)
{
	if (to_restore)
		tcsetattr(STDIN_FILENO, TCSANOW, to_restore);
	raise(number); /* once more, by its default (SA_RESETHAND) */
}

static void measure(struct screen *s)
{
	struct winsize size;

	s->view.width = BOUND_WATCH_WIDTH;
	if (!isatty(STDOUT_FILENO))
		return;
	s->view.width = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		s->view.width = size.ws_col;
	/* A row that fills the last column would wrap on some terminals. */
	s->view.width -= s->view.width > 1;
	if (s->view.width > BOUND_WATCH_WIDTH)
		s->view.width = BOUND_WATCH_WIDTH;
}

static void take_terminal(struct screen *s)
{
	struct termios raw = s->before;

	if (!s->keys)
		return;
	/* Signals and the output's conversions stay. */
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	to_restore = &s->before;
	s->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void give_back(struct screen *s)
{
	screen_clear(s);
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
	s->raw = false;
}

static void catch_faults(void)
{
	struct sigaction a = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &a, NULL);
}

int screen_open(struct screen *s, struct error *t)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	sigset_t set;

	*s = (struct screen){.signals = -1};
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(&set, handled[i]);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return refuse_errno(t, "prepare for signals", "");
	signal(SIGPIPE, SIG_IGN);
	s->keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &s->before) == 0;
	s->drawn = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
	s->view.colour = s->drawn && !(no_colour && *no_colour);
	measure(s);
	catch_faults();
	take_terminal(s);
	return 0;
}

void screen_close(struct screen *s)
{
	give_back(s);
	to_restore = NULL;
	if (s->signals >= 0)
		close(s->signals);
}

/* ---- Output ---------------------------------------------------------------------------- */

static void put(struct screen *s, const char *text)
{
	size_t left = strlen(text);

	while (left > 0 && !s->gone) {
		ssize_t n = write(STDOUT_FILENO, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		s->gone = n < 0;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
}

void screen_print(struct screen *s, const char *row)
{
	char text[2 * VIEW_ROW + 16];

	snprintf(text, sizeof(text), "%s%s\n%s", s->drawn ? ERASE : "", row,
		s->drawn ? s->last : "");
	put(s, text);
}

void screen_status(struct screen *s, const char *row)
{
	if (!s->drawn || strcmp(s->last, row) == 0)
		return;
	snprintf(s->last, sizeof(s->last), "%s", row);
	put(s, ERASE);
	put(s, s->last);
}

void screen_clear(struct screen *s)
{
	if (s->drawn && s->last[0])
		put(s, ERASE);
	s->last[0] = '\0';
}

void screen_alert(struct screen *s)
{
	if (s->keys)
		tcflush(STDIN_FILENO, TCIFLUSH);
	if (s->drawn)
		put(s, "\a");
}

/* ---- Signals --------------------------------------------------------------------------- */

/* As a shell expects it: stopped by the signal's default, with the terminal as it was. */
static void stop(struct screen *s)
{
	sigset_t set;

	give_back(s);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it stops */
	sigprocmask(SIG_BLOCK, &set, NULL);
	take_terminal(s);
	measure(s);
}

enum screen_event screen_signal(struct screen *s, int *number)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return SCREEN_NOTHING;
	*number = (int)info.ssi_signo;
	switch (*number) {
	case SIGTSTP:
		stop(s);
		return SCREEN_RESIZED;
	case SIGCONT: /* of a stop that could not be handled, SIGSTOP */
		take_terminal(s);
		s->last[0] = '\0';
		measure(s);
		return SCREEN_RESIZED;
	case SIGWINCH:
		measure(s);
		return SCREEN_RESIZED;
	case SIGCHLD:
		return SCREEN_NOTHING;
	default:
		return SCREEN_QUIT;
	}
}
