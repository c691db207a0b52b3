/*
 * Reports what the kernel killed. A shell prints "Segmentation fault" or "Killed", but if
 * PID 1 starts the command itself, nothing does; and a lack of memory is hard to diagnose
 * without a message.
 */
#include "stages.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Signals that the kernel sends to a program because of an error in it. */
static const struct {
	int signal;
	const char *name, *meaning, *hint;
} faults[] = {
	{SIGSEGV, "SIGSEGV", "an access to memory that it does not have", NULL},
	{SIGBUS, "SIGBUS",
		"an access to memory without backing, as in a mapped file that was truncated",
		"where /dev/shm is full, give it more: --shm-size 1g"},
	{SIGILL, "SIGILL", "an instruction that this processor does not have", NULL},
	{SIGFPE, "SIGFPE", "a division by zero, or the like", NULL},
	{SIGSYS, "SIGSYS", "a system call that a seccomp filter forbids", NULL},
	{SIGXCPU, "SIGXCPU", "the limit of its processor time was reached (RLIMIT_CPU)",
		"docker run --ulimit cpu=SECONDS sets it"},
	{SIGXFSZ, "SIGXFSZ", "the limit of a file's size was reached (RLIMIT_FSIZE)",
		"docker run --ulimit fsize=BYTES sets it"},
};

static void report_fault(int number)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i].signal != number)
			continue;
		say_warning("payload", "the command ended by signal %d (%s): %s", number,
			faults[i].name, faults[i].meaning);
		if (faults[i].hint)
			say_hint("%s", faults[i].hint);
	}
}

static void report_oom(const struct boot *b, const struct oom *now)
{
	const uint64_t count = now->kills - b->oom.kills;
	const bool itself = WIFSIGNALED(b->ended) && WTERMSIG(b->ended) == SIGKILL;
	char limit[64] = "the machine had no more";

	if (now->limit)
		snprintf(limit, sizeof(limit), "the container may have %llu MB",
			(unsigned long long)(now->limit >> 20));
	say_warning("payload", "out of memory: the kernel killed %llu process%s%s: %s",
		(unsigned long long)count, count == 1 ? "" : "es",
		itself ? ", perhaps the command itself" : "", limit);
	if (now->limit)
		say_hint("give it more, twice as much for example: --memory %llum",
			(unsigned long long)(now->limit >> 19));
}

/* A plain init checks only if something went wrong, and as PID 1: then the cgroup is no
 * older than the container. */
static bool is_needed(const struct boot *b)
{
	return b->oom_known || (b->m->plain && getpid() == 1 && b->exit_status != 0);
}

void report_kills(const struct boot *b)
{
	struct oom now;

	if (WIFSIGNALED(b->ended))
		report_fault(WTERMSIG(b->ended));
	if (is_needed(b) && oom_read(&now) && now.kills > b->oom.kills)
		report_oom(b, &now);
}
