/* A process as /proc/PID/stat tells of it (proc(5)). */
#ifndef INIT_MONITOR_PROC_STAT_H
#define INIT_MONITOR_PROC_STAT_H

#include <stdbool.h>
#include <sys/types.h>

struct stat_process {
	char state; /* Z or X: it has ended */
	pid_t parent;
	bool ignores_term; /* false where the line is cut off */
};

/*
 * Pure. Reads "pid (name) state parent ..."; the name is the process's own choice and may hold
 * anything, brackets, blanks and line breaks too. False: it isn't such a line.
 */
bool proc_stat_read(const char *text, struct stat_process *out);

/* Is /proc this pid namespace's, where we are `self`? There may be none, or another one's
 * (unshare without --mount-proc): its numbers would be somebody else's. */
bool stat_shows(pid_t self);

#endif
