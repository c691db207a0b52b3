#include "git_guard.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../lib/file.h"
#include "child.h"
#include "git_judge.h"
#include "host_exec.h"
#include "safe.h"

static const char tried[] = "guard the repository's config";

struct text {
	size_t size;
	mode_t mode;
	bool there; /* as a regular file that isn't too large */
	char bytes[LIMIT_GITCONFIG_BYTES];
};

struct git_guard {
	const char *directory;
	uid_t uid;
	gid_t gid;
	int events; /* inotify(7) */
	int timer;  /* what is written by mmap(2), or by another name, makes no event */
	unsigned times;
	struct text before, now, last; /* last: what was looked at last */
	struct git_report report;
};

/* What a look found; from child to parent. */
struct look {
	struct git_report report;
	bool last; /* nobody writes any more */
	bool put_back;
};

/* Files are opened, and made, as the payload's from here on; signals still find root's uid. */
static int take_ids(const struct git_guard *g, struct failure *f)
{
	setfsgid(g->gid);
	setfsuid(g->uid);
	if ((uid_t)setfsuid((uid_t)-1) == g->uid && (gid_t)setfsgid((gid_t)-1) == g->gid)
		return 0;
	return fail(f, tried, g->directory, "the user's ids could not be taken");
}

static int open_directory(const struct git_guard *g, struct failure *f)
{
	int fd = open(g->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? fail_errno(f, tried, g->directory) : fd;
}

static void read_config(int directory, struct text *t)
{
	int fd = openat(directory, "config", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	t->there = false;
	t->size = 0;
	t->mode = 0644;
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size <= (off_t)sizeof(t->bytes)) {
		t->mode = st.st_mode & 0777;
		n = file_read(fd, t->bytes, sizeof(t->bytes));
		t->there = n >= 0;
		t->size = t->there ? (size_t)n : 0;
	}
	close(fd);
}

/* ---- Beginning --------------------------------------------------------------------------- */

static int begin(void *context, void *result, struct failure *f)
{
	const struct git_guard *g = context;
	struct text *t = result;
	int fd;

	if (take_ids(g, f) < 0 || (fd = open_directory(g, f)) < 0)
		return -1;
	if (inotify_add_watch(g->events, g->directory,
		    IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO) < 0)
		return fail_errno(f, tried, g->directory);
	read_config(fd, t);
	return t->there ? 0 : fail(f, tried, g->directory, "config can't be read");
}

int git_guard_begin(
	struct git_guard **out, const char *directory, uid_t uid, gid_t gid, struct failure *f)
{
	static const struct itimerspec tick = {
		{0, LIMIT_GIT_TICK_MS * 1000000L}, {0, LIMIT_GIT_TICK_MS * 1000000L}};
	struct git_guard *g = calloc(1, sizeof(*g));
	int done;

	*out = NULL;
	if (!g)
		return fail_errno(f, tried, directory);
	g->directory = directory;
	g->uid = uid;
	g->gid = gid;
	g->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	g->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	done = g->events < 0 || g->timer < 0 || timerfd_settime(g->timer, 0, &tick, NULL) < 0
		       ? fail_errno(f, tried, directory)
		       : child_run(begin, g, &g->before, sizeof(g->before), f);
	if (done == 0 && g->before.size > sizeof(g->before.bytes))
		done = fail(f, tried, directory, "what was read is malformed");
	g->last = g->before;
	if (done == 0)
		*out = g;
	else
		git_guard_free(g);
	return done;
}

void git_guard_free(struct git_guard *g)
{
	if (g && g->events >= 0)
		close(g->events);
	if (g && g->timer >= 0)
		close(g->timer);
	free(g);
}

int git_guard_events(const struct git_guard *g)
{
	return g->events;
}

int git_guard_timer(const struct git_guard *g)
{
	return g->timer;
}

unsigned git_guard_times(const struct git_guard *g)
{
	return g->times;
}

/* ---- A look ------------------------------------------------------------------------------ */

static int write_config(int directory, const char *text, size_t size, mode_t mode)
{
	char name[SAFE_TEMPORARY];
	struct stat st;
	int fd;

	/* The payload may have closed its own directory to itself. */
	if (fstat(directory, &st) == 0 && (st.st_mode & 0300) != 0300)
		fchmod(directory, (st.st_mode & 07777) | 0700);
	fd = safe_create(directory, name, mode);
	if (fd < 0)
		return -1;
	if (write(fd, text, size) != (ssize_t)size || fchmod(fd, mode) < 0) {
		close(fd);
		unlinkat(directory, name, 0);
		return -1;
	}
	close(fd);
	if (renameat(directory, name, directory, "config") == 0)
		return 0;
	/* Something that is no file: it goes aside, whatever is in it. */
	if (renameat(directory, "config", directory, "config.planted") == 0 &&
		renameat(directory, name, directory, "config") == 0)
		return 0;
	unlinkat(directory, name, 0);
	return -1;
}

static int look(void *context, void *result, struct failure *f)
{
	const struct git_guard *g = context;
	struct look *l = result;
	struct text *now = malloc(sizeof(*now));
	char *out = malloc(2 * LIMIT_GITCONFIG_BYTES + 1);
	size_t n;
	int fd;

	if (!now || !out)
		return fail_errno(f, tried, g->directory);
	if (take_ids(g, f) < 0 || (fd = open_directory(g, f)) < 0)
		return -1;
	read_config(fd, now);
	/* One that isn't there, or is something else, is none that git could read. */
	n = git_judge(g->before.bytes, g->before.size, now->there ? now->bytes : "\n[",
		now->there ? now->size : 2, out, &l->report);
	if (now->there && n == now->size && memcmp(out, now->bytes, n) == 0)
		return 0;
	/* What is only missing, or can't be read yet, may be half written. */
	if (!l->last && !l->report.added) {
		l->report = (struct git_report){0};
		return 0;
	}
	l->put_back = true;
	return write_config(fd, out, n, now->there ? now->mode : g->before.mode) == 0
		       ? 0
		       : fail_errno(f, "put the repository's config back", g->directory);
}

/* Takes what there is to be read, as much as one flood may bring at a time. */
static bool drain(int fd)
{
	char text[4096];
	bool any = false;

	for (unsigned i = 0; i < LIMIT_GIT_EVENTS && read(fd, text, sizeof(text)) > 0; i++)
		any = true;
	return any;
}

/* Has the config other bytes than at the last look? They are compared, not read. */
static bool is_changed(struct git_guard *g)
{
	struct text *now = &g->now, *last = &g->last;
	int fd;

	setfsgid(g->gid);
	setfsuid(g->uid);
	fd = open(g->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	now->there = false;
	now->size = 0;
	if (fd >= 0)
		read_config(fd, now);
	setfsuid(geteuid());
	setfsgid(getegid());
	if (fd >= 0)
		close(fd);
	if (now->there == last->there && now->size == last->size &&
		memcmp(now->bytes, last->bytes, now->size) == 0)
		return false;
	*last = *now;
	return true;
}

int git_guard_look(struct git_guard *g, bool always, struct failure *f)
{
	struct look *l;
	int done;

	drain(g->timer);
	drain(g->events);
	if (!is_changed(g) && !always)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return fail_errno(f, tried, g->directory);
	l->last = always;
	done = child_run(look, g, l, sizeof(*l), f);
	/* What only stands in the config is what does so at the end; what was put back is
	 * remembered. */
	for (unsigned i = 0; i < g->report.count && i < LIMIT_GIT_REPORTED; i++)
		if (g->report.keys[i].how == GIT_PUT_BACK)
			git_report_add(&l->report, GIT_PUT_BACK, g->report.keys[i].key);
	l->report.whole |= g->report.whole;
	for (size_t i = 0; i < LIMIT_GIT_REPORTED; i++)
		l->report.keys[i].key[LIMIT_GITCONFIG_KEY - 1] = '\0';
	g->report = l->report;
	g->times += l->put_back;
	/* The same may be written once more before this is compared again. */
	if (l->put_back)
		g->last.size = SIZE_MAX;
	free(l);
	return done;
}

/* ---- Telling ----------------------------------------------------------------------------- */

void git_guard_print(const struct git_guard *g, FILE *to)
{
	const struct git_report *r = &g->report;
	unsigned shown = r->count < LIMIT_GIT_REPORTED ? r->count : LIMIT_GIT_REPORTED;
	char text[4 * LIMIT_GITCONFIG_KEY + 1];
	bool back = r->whole;

	if (r->count == 0 && !r->whole)
		return;
	host_exec_quote(
		strncmp(g->directory, "/app/", 5) == 0 ? g->directory + 4 : g->directory, text,
		sizeof(text));
	fprintf(to, "codex-init: settings in %s/config have changed:\n", text);
	for (unsigned i = 0; i < shown; i++) {
		host_exec_quote(r->keys[i].key, text, sizeof(text));
		back |= r->keys[i].how == GIT_PUT_BACK;
		fprintf(to, "  %-8s %s\n",
			r->keys[i].how == GIT_PUT_BACK ? "undone" : "changed", text);
	}
	if (r->count > shown)
		fprintf(to, "  and %u more\n", r->count - shown);
	if (r->whole)
		fprintf(to, "  undone   all of it: git could not have read it\n");
	if (back)
		fprintf(to, "  hint: what is undone would have made git on your machine run or "
			    "obey something; if you want it, set it there: git config\n");
}
