#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "beneath.h"
#include "find.h"
#include "prepare.h"

/* Where codex-init looks for it (init/home/report_file.h). */
#define PLACE "/run/codex/host/report"

static const char *const steps[] = {".local", ".local/state", ".local/state/codex-sandbox",
	".local/state/codex-sandbox/reports"};

#define STEPS   (sizeof(steps) / sizeof(steps[0]))
#define REPORTS steps[STEPS - 1]

static void not_kept(const char *why)
{
	log_warning("the closing report isn't saved on this machine: %s", why);
}

/* True if the sandbox could change what is there. */
static bool is_within_reach(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->mounts.count; i++)
		if (p->mounts.mount[i].writable &&
			beneath_contains(p->mounts.mount[i].source, path))
			return true;
	return false;
}

/* Those of the directories that exist must be plain directories of the home's owner, and the
 * last of them writable for us. Returns the reason if not, or NULL. */
static const char *check_path(struct plan *p, int home)
{
	int fd = dup(home), next;
	const char *why = NULL;
	struct stat st;

	for (size_t i = 0; i < STEPS && fd >= 0; i++) {
		next = beneath_open(home, steps[i], O_RDONLY | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOENT)
			break;
		close(fd);
		fd = next;
		if (fd < 0 && errno == ELOOP)
			return arena_format(&p->arena, "~/%s is a symbolic link", steps[i]);
		if (fd < 0 || fstat(fd, &st) < 0 ||
			(st.st_uid != p->report_uid && st.st_uid != geteuid()))
			why = arena_format(&p->arena, "~/%s: %s", steps[i],
				fd < 0 ? strerror(errno) : "it is another user's");
		if (why)
			break;
	}
	if (!why && faccessat(fd, ".", W_OK | X_OK, 0) < 0)
		why = arena_format(&p->arena, "your home directory can't be written to: %s",
			strerror(errno));
	if (fd >= 0)
		close(fd);
	return why;
}

static const char *plan_file(struct plan *p)
{
	const char *home = find_variable("HOME"), *why, *path;
	struct error t;
	struct stat st;
	char real[PATH_MAX];
	int fd;

	if (!home || home[0] != '/')
		return "HOME isn't set";
	fd = realpath(home, real) ? beneath_open_resolved(real, O_RDONLY | O_DIRECTORY) : -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return arena_format(&p->arena, "%s: %s", home, strerror(errno));
	p->report_home = arena_copy(&p->arena, real);
	p->report_uid = st.st_uid;
	p->report_gid = st.st_gid;
	path = arena_format(&p->arena, "%s/%s/%s.txt", strcmp(real, "/") == 0 ? "" : real,
		REPORTS, p->request.name);
	why = is_within_reach(p, path)
		      ? "its place in your home directory can be reached from the sandbox"
		      : check_path(p, fd);
	close(fd);
	if (why)
		return why;
	if (mounts_add(&p->mounts, path, PLACE, true, &t) < 0)
		return arena_copy(&p->arena, t.reason);
	p->report = path;
	return NULL;
}

void report_plan(struct plan *p)
{
	const char *why = plan_file(p);

	if (why)
		not_kept(why);
}

/* ---- Creating it --------------------------------------------------------------------- */

static int open_reports(const struct plan *p)
{
	int home = beneath_open_resolved(p->report_home, O_RDONLY | O_DIRECTORY), fd, parent;

	fd = parent = home < 0 ? -1 : dup(home);
	for (size_t i = 0; i < STEPS && parent >= 0; i++) {
		const char *name = strrchr(steps[i], '/');

		fd = prepare_directory(
			parent, name ? name + 1 : steps[i], 0700, p->report_uid, p->report_gid);
		close(parent);
		parent = fd;
	}
	/* It may have been created by hand. */
	if (fd >= 0 && fchmod(fd, 0700) < 0) {
		close(fd);
		fd = -1;
	}
	if (home >= 0)
		close(home);
	return fd;
}

/* Adds the time at which the previous session ended to the name of its report. */
static int move_aside(int reports, const char *name)
{
	char aside[NAME_MAX + 1], when[32];
	struct stat st;
	struct tm utc;

	if (fstatat(reports, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (st.st_size == 0) /* of a session that never began, or was killed */
		return unlinkat(reports, name, 0);
	if (!gmtime_r(&st.st_mtime, &utc) ||
		strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &utc) == 0)
		return -1;
	snprintf(aside, sizeof(aside), "%.*s.%s.txt", (int)(strlen(name) - 4), name, when);
	return renameat(reports, name, reports, aside);
}

static bool is_report(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, ".txt") == 0;
}

/* Counts the reports, and finds the oldest. */
static size_t count_reports(DIR *d, char oldest[NAME_MAX + 1])
{
	struct timespec first = {0};
	struct dirent *e;
	struct stat st;
	size_t n = 0;

	rewinddir(d);
	while (n < BOUND_REPORTS_SEEN && (e = readdir(d)) != NULL) {
		if (!is_report(e->d_name) ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n++ > 0 && (st.st_mtim.tv_sec > first.tv_sec ||
				       (st.st_mtim.tv_sec == first.tv_sec &&
					       st.st_mtim.tv_nsec >= first.tv_nsec)))
			continue;
		first = st.st_mtim;
		snprintf(oldest, NAME_MAX + 1, "%s", e->d_name);
	}
	return n;
}

static void remove_oldest(int reports)
{
	char oldest[NAME_MAX + 1];
	DIR *d = fdopendir(dup(reports));

	if (!d)
		return;
	while (count_reports(d, oldest) > BOUND_REPORTS)
		if (unlinkat(reports, oldest, 0) < 0)
			break;
	closedir(d);
}

static int create(const struct plan *p, int reports, const char *name)
{
	int fd;

	if (move_aside(reports, name) < 0)
		return -1;
	fd = beneath_open(reports, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -1;
	if (geteuid() == 0 && fchown(fd, p->report_uid, p->report_gid) < 0) {
		close(fd);
		return -1;
	}
	/* Otherwise a payload that fills the disk could prevent the report. Not all file
	 * systems support this. */
	fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, BOUND_REPORT_BYTES);
	close(fd);
	remove_oldest(reports);
	return 0;
}

static void take_mount_out(struct plan *p)
{
	struct mounts *m = &p->mounts;

	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->mount[i].target, PLACE) == 0) {
			memmove(&m->mount[i], &m->mount[i + 1],
				(m->count - i - 1) * sizeof(m->mount[0]));
			m->count--;
			break;
		}
	p->request.mounts_count = m->count;
	p->report = NULL;
}

void report_prepare(struct plan *p)
{
	int reports;

	if (!p->report)
		return;
	reports = open_reports(p);
	if (reports < 0 || create(p, reports, strrchr(p->report, '/') + 1) < 0) {
		not_kept(arena_format(&p->arena, "%s: %s", p->report, strerror(errno)));
		take_mount_out(p);
	} else if (isatty(STDERR_FILENO)) {
		log_warning("the closing report will be saved in %s", p->report);
	}
	if (reports >= 0)
		close(reports);
}
