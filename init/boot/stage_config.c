/*
 * The stage `config`: reads and validates everything that can be known in advance, and
 * changes nothing visible except the event log.
 */
#include "stages.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../egress/control_ipc.h"
#include "../home/home.h"
#include "../home/mountcheck.h"
#include "../home/report_file.h"
#include "../lib/privileges.h"
#include "netns.h"

#define DEFAULT_HOME "/codex_home"

/* PROC_PID_INIT_INO: the inode of the machine's initial pid namespace. */
#define MACHINE_PID_NAMESPACE "pid:[4026531836]"

/* The wall belongs in a container's network. On the machine itself it would cut off
 * everything. */
static int refuse_machine(struct failure *f)
{
	char link[64];
	ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (n < 0)
		return fail_errno(
			f, "find out which pid namespace this is", "/proc/self/ns/pid");
	link[n] = '\0';
	if (strcmp(link, MACHINE_PID_NAMESPACE) != 0)
		return 0;
	fail(f, "build the wall", "", "this is the machine itself, not a container");
	return fail_hint(f,
		"run it as a container's entry point, or with --egress=off as a plain "
		"init; --check validates rules anywhere");
}

static int need_capabilities(struct failure *f)
{
	static const struct {
		int number;
		const char *name;
	} needed[] = {{CAP_NET_ADMIN, "NET_ADMIN"}, {CAP_SETUID, "SETUID"},
		{CAP_SETGID, "SETGID"}, {CAP_SETPCAP, "SETPCAP"}, {CAP_KILL, "KILL"}};
	char missing[96] = "", flags[192] = "";

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (privileges_have(needed[i].number))
			continue;
		snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s",
			needed[i].name);
		snprintf(flags + strlen(flags), sizeof(flags) - strlen(flags), " --cap-add=%s",
			needed[i].name);
	}
	if (!missing[0])
		return 0;
	fail(f, "build the sandbox", "", "the container lacks these capabilities:%s", missing);
	/* An image with USER: --cap-add gives its processes nothing. */
	if (geteuid() != 0)
		return fail_hint(f,
			"start the container as root with --user 0%s; the command still runs "
			"as uid %u with -e CODEX_INIT_USER=%u",
			flags, (unsigned)geteuid(), (unsigned)geteuid());
	return fail_hint(f, "start the container as root with%s", flags);
}

/* If it can't be created, everything in it is missing: one warning is enough. */
static bool make_run_directory(struct boot *b)
{
	b->run_dir = (mkdir("/run", 0755) == 0 || errno == EEXIST) &&
		     (mkdir(RUN_DIR, 0755) == 0 || errno == EEXIST) &&
		     access(RUN_DIR, W_OK | X_OK) == 0;
	if (b->run_dir)
		return true;
	say_warning("config",
		"create %s: %s: there is no status file and no codex-egress, and events are "
		"only counted",
		RUN_DIR, strerror(errno));
	say_hint(geteuid() == 0
			 ? "give the container one: --tmpfs /run"
			 : "give the container one that its user can write: --tmpfs " RUN_DIR);
	return false;
}

static void warn_of(const struct failure *f)
{
	if (f->reason[0])
		say_failure_warning("config", f);
}

/* Of the launcher's, where it has made them; before anything unprivileged runs. */
static void open_host_files(struct boot *b)
{
	struct failure f = {0};
	int fd;

	b->report_file = report_file_open(REPORT_FILE_DIRECTORY, REPORT_FILE_NAME, &f);
	warn_of(&f);
	fd = report_file_open(REPORT_FILE_DIRECTORY, REPORT_FILE_EVENTS, &f);
	if (fd >= 0) {
		b->trail = report_file_append(fd, &f);
		events_copy(b->events, report_file_copy(b->trail));
		close(fd);
	}
	warn_of(&f);
	fd = report_file_open(REPORT_FILE_DIRECTORY, REPORT_FILE_KNOWN, &f);
	if (fd >= 0) {
		events_known(b->events, report_file_read(fd, &f));
		close(fd);
	}
	warn_of(&f);
}

static int open_events(struct boot *b, const char *path, struct failure *f)
{
	struct utsname host = {0};

	if (events_open(&b->events, path, f) < 0) {
		/* A file that the user asked for is mandatory; the default one is optional. */
		if (b->o->events)
			return -1;
		say_warning("config", "%s: %s: %s; events are only counted", f->operation,
			f->subject, f->reason);
		if (events_open(&b->events, NULL, f) < 0)
			return -1;
	}
	open_host_files(b);
	uname(&host);
	events_context(b->events, host.nodename, b->workdir, &b->o->policy);
	return 0;
}

/* Validates everything and opens the event log; changes nothing else that is visible. */
int stage_config(struct boot *b, struct failure *f)
{
	const char *home = getenv("CODEX_HOME"), *events = b->o->events;
	bool fenced = b->o->egress != EGRESS_OFF, closed;

	/* A plain init's start is measured in microseconds, and this takes a hundred. */
	b->oom_known = fenced && oom_read(&b->oom);
	b->exit_status = EXIT_OPTIONS;
	closed = b->o->workdir && chdir(b->o->workdir) < 0;
	if (closed && errno != EACCES)
		return fail_errno(f, "go to the working directory", b->o->workdir);
	if (closed)
		snprintf(b->workdir, sizeof(b->workdir), "%s", b->o->workdir);
	/* Without a wall nobody asks where it is: it may have been removed. */
	else if ((fenced || b->o->user) && !getcwd(b->workdir, sizeof(b->workdir)))
		return fail_errno(f, "find the working directory", "");
	b->home = home && home[0] == '/' ? home : DEFAULT_HOME;
	/* Without any of these it isn't our image: its users and HOME stay. */
	b->codex_home = (home && home[0]) || b->o->home_from ||
			access(DEFAULT_HOME, F_OK) == 0 || access(DROP_OFF, F_OK) == 0;
	if (environment_copy(&b->env, environ) < 0)
		return fail_errno(f, "copy the environment", "");
	environment_unset_told(&b->env);
	if (stage_proxy_choose(b, f) < 0 || config_user_guard_login(b, f) < 0 ||
		broker_choose(b, f) < 0 || config_policy_compile(b->o, f) < 0 ||
		(fenced && stage_cell_choose(b, f) < 0))
		return -1;
	b->exit_status = EXIT_SANDBOX;
	if (fenced && ((!b->cell && need_capabilities(f) < 0) || refuse_machine(f) < 0 ||
			      netns_alone(f) < 0 || config_policy_read_dns(b, f) < 0))
		return -1;
	b->exit_status = EXIT_OPTIONS;
	if ((fenced || b->o->user) && config_user_choose(b, f) < 0)
		return -1;
	b->exit_status = EXIT_SANDBOX;
	if (b->o->mounts &&
		mountcheck_run(b->o->mounts, fenced || b->o->user, b->uid, b->gid, f) < 0)
		return -1;
	if (fenced && make_run_directory(b) && !events)
		events = CONTROL_EVENTS;
	return open_events(b, events, f);
}
