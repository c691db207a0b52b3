/* See trail.h. */
#include "trail.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../home/report_file.h"
#include "../lib/worker.h"
#include "event_line.h"

bool sink_write(struct sink *s, const char *line, size_t len)
{
	ssize_t n;

	if (s->torn && write(s->fd, "\n", 1) != 1)
		return false;
	n = write(s->fd, line, len);
	s->torn = n > 0 && (size_t)n < len;
	return n == (ssize_t)len;
}

struct writer {
	int channel;
	struct sink sink;
};

static void *prepare(void *context, int channel)
{
	static struct writer w;
	const int held = *(const int *)context;

	w = (struct writer){.channel = channel, .sink.fd = report_file_copy(held)};
	close(held);
	return w.sink.fd < 0 ? NULL : &w;
}

static void serve(void *prepared)
{
	static char line[EVENT_LINE_BYTES];
	struct writer *w = prepared;

	for (;;) {
		struct pollfd p = {.fd = w->channel, .events = POLLIN};
		ssize_t n;

		poll(&p, 1, -1);
		n = recv(w->channel, line, sizeof(line), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			_exit(n != 0);
		if (n > 0 && !sink_write(&w->sink, line, (size_t)n))
			send(w->channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

pid_t trail_start(int held, int *channel, struct failure *f)
{
	const struct worker_config c = {.name = "codex-trail",
		.uid = UID_PROBE,
		.filter = FILTER_TRAIL,
		.keep = {held},
		.keep_count = 1,
		.prepare = prepare,
		.serve = serve};

	return worker_start(&c, &held, channel, f);
}
