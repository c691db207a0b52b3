/* Parser for /proc/PID/stat (proc(5)). */
#ifndef INIT_MONITOR_PROC_STAT_H
#define INIT_MONITOR_PROC_STAT_H

#include <stdbool.h>
#include <sys/types.h>

struct stat_process {
	char state; /* Z or X: it has ended */
	pid_t parent;
	bool ignores_term; /* false if the line is truncated */
};

/*
 * Pure. Parses "pid (name) state parent ..."; the process chooses its name, which may contain
 * anything, including brackets, blanks and line breaks. Returns false if the line is invalid.
 */
bool proc_stat_read(const char *text, struct stat_process *out);

/* True if /proc is this pid namespace's, in which we are `self`. There may be none, or another
 * namespace's (unshare without --mount-proc), whose pids would mean other processes. */
bool proc_stat_is_ours(pid_t self);

#endif
