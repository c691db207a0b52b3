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
#include "state.h"

/* Where codex-init looks for it (init/home/report_file.h). */
#define PLACE "/run/codex/host/report"

#define REPORTS "reports"

static void not_kept(const char *why)
{
	log_warning("the closing report isn't saved on this machine: %s", why);
}

static const char *plan_file(struct plan *p)
{
	const char *why = state_find(p), *path;
	struct error t;

	if (!why)
		why = state_check(p, REPORTS);
	if (why)
		return why;
	path = state_path(p, arena_format(&p->arena, REPORTS "/%s.txt", p->request.name));
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
	if (state_give(p, fd) < 0) {
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

void report_prepare(struct plan *p)
{
	int reports;

	if (!p->report)
		return;
	reports = state_open(p, REPORTS);
	if (reports < 0 || create(p, reports, strrchr(p->report, '/') + 1) < 0) {
		not_kept(arena_format(&p->arena, "%s: %s", p->report, strerror(errno)));
		mounts_remove(&p->mounts, PLACE);
		p->request.mounts_count = p->mounts.count;
		p->report = NULL;
	} else if (isatty(STDERR_FILENO)) {
		log_warning("the closing report will be saved in %s", p->report);
	}
	if (reports >= 0)
		close(reports);
}
