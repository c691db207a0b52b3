/*
 * PID 1 only appends to the log, and its lines are plain ASCII; but where the command has PID
 * 1's user id it can write there as well. See log.h.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/exit_status.h"
#include "control_ipc.h"
#include "output.h"

#define LOOK_AGAIN_MS 100

static bool is_written(void)
{
	/* What could not be written is forgotten with it: only ferror() still knows. */
	fflush(stdout);
	return !ferror(stdout);
}

/* Waits for more. False when stdout's reader is gone. */
static bool wait_for_more(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return is_written() && poll(&out, 1, LOOK_AGAIN_MS) == 0;
}

int log_print(bool follow)
{
	static char text[CONTROL_DATAGRAM];
	int fd = open(CONTROL_EVENTS, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return output_error(EXIT_SANDBOX, CONTROL_EVENTS,
			errno == ENOENT
				? "there is no such file: codex-init hasn't begun, or was "
				  "told by --events to write elsewhere"
				: strerror(errno));
	do {
		while ((n = read(fd, text, sizeof(text))) > 0) {
			output_clean(text, (size_t)n);
			fwrite(text, 1, (size_t)n, stdout);
		}
	} while (n == 0 && follow && wait_for_more());
	close(fd);
	return n == 0 && is_written()
		       ? 0
		       : output_error(EXIT_SANDBOX, CONTROL_EVENTS, strerror(errno));
}
