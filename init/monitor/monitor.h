/*
 * PID 1 after setup: starts a program, forwards signals, reaps, ends what is left. Works as
 * a plain init too, and as a subreaper if it isn't PID 1.
 *
 * monitor_begin() must be the first thing that main() does: it blocks every signal, so that
 * none is lost, and saves the inherited mask for the payload.
 */
#ifndef INIT_MONITOR_MONITOR_H
#define INIT_MONITOR_MONITOR_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "../lib/say.h"

#define MONITOR_SOURCES 20

struct monitor {
	sigset_t inherited;  /* signal mask that codex-init was started with */
	int signals;         /* signalfd; -1: not opened yet */
	int epoll;           /* watches signals and sources; -1: not opened yet */
	int terminal;        /* the controlling terminal, or -1 */
	bool session_leader; /* we lead our session (PID 1 under an engine): the payload gets
				its own session and the terminal. Otherwise (started by a shell)
				it gets a process group and the foreground, and when it stops,
				so do we. */
	struct {
		int fd;                               /* -1: free */
		void (*ready)(void *context, int fd); /* called when fd is readable or closed */
		void *context;
	} sources[MONITOR_SOURCES];
	void (*worker_ended)(void *context, pid_t pid,
		int status); /* for pids other than the program's; may be NULL */
	void (*worker_stopped)(void *context, pid_t pid); /* the same; may be NULL */
	void *worker_context;
	bool plain;  /* no wall; the payload inherits our descriptors; see monitor_open() */
	bool handed; /* it inherits more than the standard descriptors */
	/* private to init/monitor */
	pid_t self;    /* our pid: 1 in a container */
	pid_t child;   /* the running program, or 0 */
	bool starting; /* it may not have been executed yet */
	int stopped;   /* the signal that stopped it meanwhile, or 0 */
	int (*wait)(struct monitor *m, int channel); /* for that, or what it sends, serving */
	bool heard;           /* that, or there is something from it to be read */
	int child_status;     /* from waitpid(), once child is 0 again */
	struct termios modes; /* the terminal's modes at the start */
	bool modes_known;
	bool unreachable; /* a signal could not be forwarded: no CAP_KILL */
	pid_t killer;     /* 0: none; see killer.h */
	int killer_talk;
};

/* Blocks all signals, makes sure that nothing of ours gets a number from 0 to 2, becomes
 * subreaper. */
int monitor_begin(struct monitor *m, struct failure *f);

/*
 * Call when the options are known, before anything else is opened: finds the terminal, opens
 * the descriptors to wait on. plain: an init that does no more than an engine's own; inherited
 * descriptors are for the payload (socket activation), and at the end processes that ignore
 * TERM aren't waited for. Otherwise inherited descriptors are closed, since one on a directory
 * of the host would be a way out.
 */
int monitor_open(struct monitor *m, bool plain, struct failure *f);

/* A descriptor must be unwatched before it is closed, since a child may still have it open. */
int monitor_watch(
	struct monitor *m, int fd, void (*ready)(void *context, int fd), void *context);
void monitor_unwatch(struct monitor *m, int fd);

/* A program to run: the init script or the payload. */
struct program {
	char *const *argv;
	char **envp;         /* the child may alter its own copy */
	const char *workdir; /* NULL: unchanged */
	bool last;       /* the payload: after it is spawned PID 1 needs little, and installs
			    FILTER_MONITOR */
	bool keep_modes; /* with drop: FILTER_MODES as well */
	bool drop;       /* uid, gid, empty capability sets, no_new_privs, FILTER_PAYLOAD */
	uid_t uid;
	gid_t gid;
	/*
	 * In the cell, with drop: the program has FILTER_CELL_PAYLOAD. Takes ownership of
	 * the descriptor for answering its calls; returns 0, or -1 with *f filled. NULL: not
	 * in the cell.
	 */
	int (*held)(void *context, int listener, struct failure *f);
	void *context;
};

/*
 * Runs a program to its end: spawns it in its own session with the terminal's foreground,
 * with the inherited mask, default dispositions and no descriptors but 0-2 (a plain init's
 * payload: all those that we were started with); forwards every signal that arrives; reaps
 * everything; serves the watched descriptors meanwhile. Returns 0 with *status as waitpid()
 * gives it, or -1 with *f filled and *exit_status 126 or 127 (exec failed) or 111 (could not
 * spawn or drop).
 */
int monitor_run(struct monitor *m, const struct program *p, int *status, int *exit_status,
	struct failure *f);

/* Waits at most milliseconds for the condition, serving sources and reaping; signals stay
 * pending for the payload. Returns *done. */
bool monitor_wait(struct monitor *m, const bool *done, int milliseconds);

/*
 * The end, in two steps, so that the workers can report their counts in between.
 *
 * First: everything that the program left behind gets TERM and LIMIT_GRACE_MS, or less if we
 * are asked to end, or if we are a plain init and only processes that ignore TERM are left.
 * What remains then is killed if there is a killer (killer.h). The workers (pids in keep)
 * continue.
 */
void monitor_end_remaining(struct monitor *m, const pid_t *keep, size_t keep_count);
/* Second: SIGKILL, to the workers too, until nothing is left or LIMIT_KILL_MS have passed,
 * which is reported. */
void monitor_kill_remaining(struct monitor *m);

/* Reaps at most LIMIT_REAP children. Returns true if there may be more. For init/monitor. */
bool monitor_reap(struct monitor *m);

/* The exit code for a wait status: the program's own, or 128+N. */
int monitor_exit_code(int status);

#endif
