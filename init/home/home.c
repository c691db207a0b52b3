/*
 * home_prepare(): copies the drop-off's files into the home, all or none.
 *
 * All files are first written under temporary names, which reveals a full disk or a quota,
 * and then renamed; on failure everything is removed again. Nothing else uses the home yet,
 * but an earlier Codex may have left a trap there: so no link is followed, and everything is
 * done with the user's rights.
 */
#include "home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/file.h"
#include "advice.h"
#include "child.h"
#include "placeholder.h"
#include "safe.h"
#include "sources.h"
#include "toml.h"

struct work {
	const struct home_request *r;
	struct sources *sources;
	int home;
};

static int fail_at(const struct work *w, const char *path, const char *why, struct failure *f)
{
	char on[sizeof(f->subject)];

	snprintf(on, sizeof(on), "%s/%s", w->r->home, path);
	return fail(f, "copy the drop-off into the home", on, "%s", why);
}

static bool is_hook(const struct source *item)
{
	return strcmp(item->path, "init.sh") == 0;
}

static mode_t mode_of(const struct source *item)
{
	if (is_hook(item))
		return 0755;
	/* config.toml may contain keys. */
	return item->depth == 0 ? 0600 : item->program ? 0755 : 0644;
}

/*
 * Whether an item is to be copied: 1 if so, 0 if something exists that must stay, -1 if
 * something is in the way.
 */
static int wanted(const struct work *w, const struct source *item, int dir, const char *last,
	struct failure *f)
{
	struct stat st;

	if (fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 1 : fail_at(w, item->path, strerror(errno), f);
	if (item->depth > 0)
		return 0;
	if (S_ISLNK(st.st_mode))
		return fail_at(w, item->path, "a symbolic link is in the way", f);
	if (!S_ISREG(st.st_mode))
		return fail_at(w, item->path, "something that isn't a file is in the way", f);
	return is_hook(item);
}

/* Returns 0, or -1 with errno; EFBIG if the source grew beyond the limit. */
static int copy_bytes(int from, int to)
{
	static char buffer[64 * 1024];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(from, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		total += (size_t)n;
		if (total > LIMIT_HOME_BYTES) {
			errno = EFBIG;
			return -1;
		}
		if (file_write(to, buffer, (size_t)n) < 0)
			return -1;
	}
}

static bool is_config(const struct source *item)
{
	return strcmp(item->path, "config.toml") == 0;
}

/* Copies the first part of a config.toml, changing a setting with which Codex wouldn't
 * start. */
static int copy_mended(int from, int to)
{
	static char text[LIMIT_TOML_BYTES];
	ssize_t n = file_read(from, text, sizeof(text));

	if (n < 0)
		return -1;
	advice_mend(text, (size_t)n);
	return file_write(to, text, (size_t)n);
}

static int write_temporary(struct source *item, int dir)
{
	int fd = safe_create(dir, item->temporary, 0600), saved;

	if (fd < 0) {
		item->temporary[0] = '\0';
		return -1;
	}
	if ((is_config(item) && copy_mended(item->fd, fd) < 0) ||
		copy_bytes(item->fd, fd) < 0 || fchmod(fd, mode_of(item)) < 0 ||
		fsync(fd) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return close(fd);
}

/* First pass: creates directories, and writes files under temporary names. */
static int write_one(const struct work *w, struct source *item, struct failure *f)
{
	const char *last;
	int dir = safe_open_parent(w->home, item->path, &last), done = 0;

	if (dir < 0)
		return fail_at(w, item->path,
			errno == ELOOP ? "a symbolic link is in the way" : strerror(errno), f);
	if (item->state == SOURCE_DIRECTORY) {
		item->made = mkdirat(dir, last, 0755) == 0;
		if (!item->made && errno != EEXIST)
			done = fail_at(w, item->path, strerror(errno), f);
	} else {
		done = wanted(w, item, dir, last, f);
		if (done == 1)
			done = write_temporary(item, dir) < 0
				       ? fail_at(w, item->path, strerror(errno), f)
				       : 0;
	}
	close(dir);
	return done;
}

/* Second pass: renames. Only init.sh replaces an existing file. */
static int place_one(const struct work *w, struct source *item, struct failure *f)
{
	const char *last;
	int dir = safe_open_parent(w->home, item->path, &last), done;

	if (dir < 0)
		return fail_at(w, item->path, strerror(errno), f);
	done = is_hook(item) ? renameat(dir, item->temporary, dir, last)
			     : safe_place_new(dir, item->temporary, last);
	if (done < 0)
		fail_at(w, item->path, strerror(errno), f);
	else {
		item->temporary[0] = '\0';
		item->made = true;
		fsync(dir);
	}
	close(dir);
	return done;
}

/* Removes what was created, in reverse order, so that directories are empty when they are
 * removed. An init.sh that has been replaced is complete and stays. */
static void undo(const struct work *w)
{
	for (size_t i = w->sources->count; i-- > 0;) {
		struct source *item = &w->sources->list[i];
		const char *last;
		int dir;

		if (!item->temporary[0] && !item->made)
			continue;
		dir = safe_open_parent(w->home, item->path, &last);
		if (dir < 0)
			continue;
		if (item->temporary[0])
			unlinkat(dir, item->temporary, 0);
		else if (!is_hook(item))
			unlinkat(dir, last, item->state == SOURCE_DIRECTORY ? AT_REMOVEDIR : 0);
		close(dir);
	}
}

static int copy_all(const struct work *w, struct failure *f)
{
	struct sources *s = w->sources;

	for (size_t i = 0; i < s->count; i++)
		if ((s->list[i].state == SOURCE_FILE || s->list[i].state == SOURCE_DIRECTORY) &&
			write_one(w, &s->list[i], f) < 0)
			return -1;
	/* The init script comes last, because it can't be undone. */
	for (int hook = 0; hook < 2; hook++)
		for (size_t i = 0; i < s->count; i++) {
			struct source *item = &s->list[i];

			if (!item->temporary[0] || is_hook(item) != (hook == 1))
				continue;
			if (place_one(w, item, f) < 0)
				return -1;
		}
	return 0;
}

static int open_home(struct work *w, struct failure *f)
{
	static const char operation[] = "open the home";
	const struct home_request *r = w->r;
	struct stat st;

	w->home = open(r->home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w->home < 0) {
		if (errno == ELOOP || errno == ENOTDIR)
			return fail(f, operation, r->home, "it is not a directory");
		return fail_errno(f, operation, r->home);
	}
	if (fstat(w->home, &st) < 0)
		return fail_errno(f, operation, r->home);
	if (st.st_uid == r->uid)
		return 0;
	fail(f, operation, r->home, "it belongs to uid %u, not to the user, uid %u",
		(unsigned int)st.st_uid, (unsigned int)r->uid);
	return fail_hint(f, "give the directory that is mounted there to uid %u (chown)",
		(unsigned int)r->uid);
}

/*
 * init.sh may be a link to a script in the project: it runs with the user's rights anyway. One
 * that is meant to be run, and can't be for its place (noexec), isn't passed over.
 */
static void find_hook(const struct work *w, struct home_result *out)
{
	struct stat st;

	if (fstatat(w->home, "init.sh", &st, 0) < 0 || !S_ISREG(st.st_mode))
		return;
	out->hook = st.st_mode & 0111;
	if (!out->hook && !out->warning[0])
		snprintf(out->warning, sizeof(out->warning),
			"%.150s/init.sh is not executable, so it is not run", w->r->home);
}

/* By the text, with which Codex has nothing to do: a wrong guess costs a message. */
static bool has_key(int home)
{
	static const char name[] = "\"OPENAI_API_KEY\"";
	const char *at = strstr(placeholder_read(home), name);

	return at && at[strlen(name) + strspn(at + strlen(name), ": \t\r\n")] == '"';
}

/* Follows a link: a login may be stored in a directory of its own. */
static void find_login(const struct work *w, struct home_result *out)
{
	struct stat st;
	ssize_t n = readlinkat(w->home, "auth.json", out->login_link, sizeof(out->login_link));

	/* A longer target isn't one of ours. */
	out->login_link[n > 0 && n < (ssize_t)sizeof(out->login_link) ? n : 0] = '\0';
	out->login = fstatat(w->home, "auth.json", &st, 0) == 0 && st.st_size > 0 &&
		     !placeholder_is_there(w->home);
	out->key = out->login && n < 0 && has_key(w->home);
}

static void check_provider(void *context, const char *path, const char *value, size_t size)
{
	(void)value, (void)size;
	if (strcmp(path, "model_provider") == 0)
		*(bool *)context = true;
}

/* The config in use, which may be older than the drop-off's. */
static void check_config(const struct work *w, struct home_result *out)
{
	static char text[LIMIT_TOML_BYTES];
	/* A regular file is read completely; anything else is ignored. */
	ssize_t n = file_take(
		safe_open(w->home, "config.toml", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0), text,
		sizeof(text));

	if (n <= 0)
		return;
	out->advice = advice_find(text, (size_t)n, out->layers.ours);
	toml_scan(text, (size_t)n, check_provider, &out->provider);
}

static int as_root(void *context, void *result, struct failure *f)
{
	struct work *w = context;
	struct rlimit limit;

	(void)result;
	if (!w->r->from)
		return 0;
	/* A descriptor for each file is kept across the change of user. */
	if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		prlimit(0, RLIMIT_NOFILE, &limit, NULL);
	}
	return sources_gather(w->sources, false, f);
}

static int as_user(void *context, void *result, struct failure *f)
{
	struct work *w = context;
	struct home_result *out = result;

	umask(022);
	if (open_home(w, f) < 0)
		return -1;
	if (w->r->from) {
		if (sources_gather(w->sources, true, f) < 0)
			return -1;
		if (copy_all(w, f) < 0) {
			undo(w);
			*out = (struct home_result){0};
			return -1;
		}
		if (w->sources->skipped)
			snprintf(out->warning, sizeof(out->warning),
				"%u files of prompts, skills or rules were not copied (not "
				"regular files, or too many): %.110s%s",
				w->sources->skipped, w->sources->skipped_path,
				w->sources->skipped > 1 ? " and more" : "");
	}
	find_hook(w, out);
	find_login(w, out);
	if (placeholder_settle(w->home, w->r->placeholder) < 0)
		return fail_at(w, "auth.json", strerror(errno), f);
	layers_look(w->r->etc, &out->layers);
	check_config(w, out);
	return 0;
}

int home_prepare(const struct home_request *r, struct home_result *out, struct failure *f)
{
	struct sources *sources = calloc(1, sizeof(*sources));
	struct work w = {.r = r, .sources = sources, .home = -1};
	int done;

	*out = (struct home_result){0};
	if (!sources)
		return fail_errno(f, "prepare the home", r->home);
	sources->from = r->from;
	sources->root = -1;
	done = child_run_as(r->uid, r->gid, as_root, as_user, &w, out, sizeof(*out), f);
	out->warning[sizeof(out->warning) - 1] = '\0';
	out->login_link[sizeof(out->login_link) - 1] = '\0';
	out->layers.closed[sizeof(out->layers.closed) - 1] = '\0';
	free(sources);
	return done;
}
