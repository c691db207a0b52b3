/*
 * The worker that writes the copy of the events on the host (home/report_file.h). PID 1 passes
 * it the lines, and waits for nothing: a file system that hangs, as one of another machine's
 * may, costs lines of that copy and no more. It can't open files; the one that it writes is
 * open already.
 */
#ifndef INIT_MONITOR_TRAIL_H
#define INIT_MONITOR_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../lib/say.h"

/* A file that lines are appended to. */
struct sink {
	int fd;    /* -1: none */
	bool torn; /* the last line is incomplete: the disk was full */
};
/* Writes a line, and first terminates an incomplete one. Returns false if it isn't whole. */
bool sink_write(struct sink *s, const char *line, size_t len);

/*
 * Forks the worker for the file that the socket holds (report_file_append()). Each message to
 * it is a line; when the channel is shut down it writes what is left and ends. For each line
 * that it couldn't write it sends an octet. Returns its pid with *channel set, or -1 with *f
 * filled.
 */
pid_t trail_start(int held, int *channel, struct failure *f);

#endif
