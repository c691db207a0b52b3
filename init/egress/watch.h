/*
 * `codex-egress watch`: what PID 1 decides, line by line as it decides it, and what people say
 * to that. Private to this folder.
 */
#ifndef INIT_EGRESS_WATCH_H
#define INIT_EGRESS_WATCH_H

/*
 * fd: a connection whose CONTROL_WATCH has been answered. Copies PID 1's lines to stdout and
 * carries out the commands on stdin, one a line, each with the by of --by or NULL; the answer
 * to each is a line, too. Returns the exit status: 0 at the end of stdin or of stdout's reader,
 * 111 if PID 1 has ended it.
 */
int watch_run(int fd, const char *by);

#endif
