#include "git_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../lib/file.h"
#include "child.h"
#include "git_judge.h"
#include "git_worktrees.h"
#include "host_exec.h"
#include "safe.h"

static const char tried[] = "guard the repository's config";
static const char ids[] = "the user's ids can't be taken";

struct text {
	size_t size;
	mode_t mode;
	bool there;  /* as a regular file that isn't too large */
	bool absent; /* there is nothing of that name; neither: what it is can't be judged */
	char bytes[LIMIT_GITCONFIG_BYTES];
};

struct git_guard {
	const char *directory;
	uid_t uid;
	gid_t gid;
	int at; /* the directory, which the payload may close, and those above it */
	mode_t mode;
	bool ours, opened; /* the payload's user owns it; we changed its mode */
	int events;        /* inotify(7) */
	int timer;         /* what is written by mmap(2), or by another name, makes no event */
	unsigned times;
	struct text before, now, last; /* last: what was looked at last */
	struct git_report report;
	struct git_worktrees worktrees;
};

/* What a look found; from child to parent. */
struct look {
	struct git_report report;
	bool last; /* nobody writes any more */
	bool put_back;
};

/* Files are opened, and made, as the payload's from here on; signals still find root's uid. */
static bool take_ids(const struct git_guard *g)
{
	setfsgid(g->gid);
	setfsuid(g->uid);
	return (uid_t)setfsuid((uid_t)-1) == g->uid && (gid_t)setfsgid((gid_t)-1) == g->gid;
}

static void give_ids_back(void)
{
	setfsuid(geteuid());
	setfsgid(getegid());
}

static void read_config(int directory, struct text *t)
{
	int fd = openat(directory, "config", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	t->there = false;
	t->size = 0;
	t->mode = 0644;
	t->absent = fd < 0 && errno == ENOENT;
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

/* At a time that the payload can't foresee: it would take back until then what it has planted
 * without an event. */
static int set_timer(const struct git_guard *g)
{
	const long most = 2 * LIMIT_GIT_TICK_MS * 1000000L;
	struct itimerspec next = {{0, most}, {0, most}};
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) == sizeof(random))
		next.it_value.tv_nsec = 1 + random % most;
	return timerfd_settime(g->timer, 0, &next, NULL);
}

static int begin(struct git_guard *g, struct failure *f)
{
	struct stat st;

	if (!take_ids(g))
		return fail(f, tried, g->directory, ids);
	g->at = open(g->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	g->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	g->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (g->at < 0 || g->events < 0 || g->timer < 0 || set_timer(g) < 0 ||
		fstat(g->at, &st) < 0 ||
		inotify_add_watch(g->events, g->directory,
			IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO) < 0)
		return fail_errno(f, tried, g->directory);
	g->mode = st.st_mode & 07777;
	g->ours = st.st_uid == g->uid;
	read_config(g->at, &g->before);
	g->last = g->before;
	git_worktrees_begin(&g->worktrees, g->at, g->events);
	return g->before.there ? 0 : fail(f, tried, g->directory, "config can't be read");
}

int git_guard_begin(
	struct git_guard **out, const char *directory, uid_t uid, gid_t gid, struct failure *f)
{
	struct git_guard *g = calloc(1, sizeof(*g));
	int done;

	*out = NULL;
	if (!g)
		return fail_errno(f, tried, directory);
	g->directory = directory;
	g->uid = uid;
	g->gid = gid;
	g->at = g->events = g->timer = -1;
	done = begin(g, f);
	give_ids_back();
	if (done == 0)
		*out = g;
	else
		git_guard_free(g);
	return done;
}

void git_guard_free(struct git_guard *g)
{
	if (g && g->at >= 0)
		close(g->at);
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

/* The payload may close its own directory to itself, and so to us. Git needs only to search it.
 */
static void open_up(struct git_guard *g)
{
	struct stat st;

	if (fstat(g->at, &st) == 0 && (st.st_mode & 0700) != 0700)
		g->opened |= fchmod(g->at, (st.st_mode & 07777) | 0700) == 0;
}

/* At the end: as it was at the beginning. */
static void close_again(const struct git_guard *g)
{
	if (take_ids(g) && g->opened)
		fchmod(g->at, g->mode);
	give_ids_back();
}

static int write_config(int directory, const char *text, size_t size, mode_t mode)
{
	char name[SAFE_TEMPORARY] = "";
	int fd = safe_create(directory, name, mode), error;
	bool written;

	written = fd >= 0 && file_write(fd, text, size) == 0 && fchmod(fd, mode) == 0;
	if (fd >= 0)
		close(fd);
	if (written && renameat(directory, name, directory, "config") == 0)
		return 0;
	error = errno;
	/* It is no file, or there is no room for another: git is to obey nothing rather than
	 * this, so it goes aside, or if that name is taken, away. */
	if ((renameat(directory, "config", directory, "config.planted") == 0 ||
		    unlinkat(directory, "config", 0) == 0) &&
		written && renameat(directory, name, directory, "config") == 0)
		return 0;
	unlinkat(directory, name, 0);
	errno = error;
	return -1;
}

/* Judges what was seen: by now the payload may have taken it back for a moment. */
static int look(void *context, void *result, struct failure *f)
{
	const struct git_guard *g = context;
	const struct text *now = &g->now;
	struct look *l = result;
	char *out = malloc(2 * LIMIT_GITCONFIG_BYTES + 1);
	size_t n;

	if (!out)
		return fail_errno(f, tried, g->directory);
	if (!take_ids(g))
		return fail(f, tried, g->directory, ids);
	/* One that isn't there, or is something else, is none that git could read. */
	n = git_judge(g->before.bytes, g->before.size, now->there ? now->bytes : "\n[",
		now->there ? now->size : 2, out, &l->report);
	if (now->there && n == now->size && memcmp(out, now->bytes, n) == 0)
		return 0;
	/* What is only missing may be written in a moment. What can't be judged git may read:
	 * it follows a link, and has other limits. */
	if (!l->last && !l->report.added && (now->absent || !l->report.whole)) {
		l->report = (struct git_report){0};
		return 0;
	}
	l->put_back = true;
	return write_config(g->at, out, n, now->there ? now->mode : g->before.mode) == 0
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

/* By these git reads another config as well, or instead. It makes none of them here; one of the
 * user's is a mount, which stays. */
static void remove_others(struct git_guard *g)
{
	static const char *const others[] = {"commondir", "config.worktree"};

	for (int i = 0; i < 2; i++)
		if (unlinkat(g->at, others[i], 0) == 0) {
			git_report_add(&g->report, GIT_PUT_BACK, others[i]);
			g->times++;
		} else if (errno == EACCES && g->ours) {
			g->times++; /* the directory has just been closed again */
		}
}

/* Undoes what needs no judging, and reads the config. False if the user's ids can't be taken.
 */
static bool see(struct git_guard *g)
{
	const bool taken = take_ids(g);

	if (taken) {
		open_up(g);
		remove_others(g);
		g->times += git_worktrees_look(&g->worktrees, g->at, &g->report);
		read_config(g->at, &g->now);
	}
	give_ids_back();
	return taken;
}

/* Has the config other bytes than at the last look? They are compared, not read. */
static bool is_changed(struct git_guard *g)
{
	const struct text *now = &g->now;
	struct text *last = &g->last;

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

	if (drain(g->timer))
		set_timer(g);
	drain(g->events);
	if (!see(g)) {
		g->times++;
		return fail(f, tried, g->directory, ids);
	}
	if (!is_changed(g) && !always)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return fail_errno(f, tried, g->directory);
	l->last = always;
	done = child_run(look, g, l, sizeof(*l), f);
	if (always)
		close_again(g);
	/* What only stands in the config is what does so at the end; what was put back is
	 * remembered. */
	for (unsigned i = 0; i < g->report.count && i < LIMIT_GIT_REPORTED; i++)
		if (g->report.keys[i].how == GIT_PUT_BACK)
			git_report_add(&l->report, GIT_PUT_BACK, g->report.keys[i].key);
	l->report.whole |= g->report.whole;
	for (size_t i = 0; i < LIMIT_GIT_REPORTED; i++)
		l->report.keys[i].key[LIMIT_GITCONFIG_KEY - 1] = '\0';
	g->report = l->report;
	/* The same may be written once more before this is compared again; and what couldn't be
	 * judged (the payload may take up all processes, or the disk) hasn't been. */
	if (l->put_back || done < 0) {
		g->last.size = SIZE_MAX;
		g->times += l->put_back || !g->now.absent;
	}
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
