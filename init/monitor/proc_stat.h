/* A process as /proc/PID/stat tells of it (proc(5)). Pure. */
#ifndef INIT_MONITOR_PROC_STAT_H
#define INIT_MONITOR_PROC_STAT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Reads "pid (name) state parent ..."; the name is the process's own choice and may hold
 * anything, brackets, blanks and line breaks too. False: it isn't such a line.
 */
bool proc_stat_read(const char *text, char *state, pid_t *parent);

#endif
