#include "kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "bounds.h"
#include "find.h"
#include "kept_text.h"
#include "plan.h"
#include "programs.h"
#include "quote.h"

const char *kept_directory(struct arena *arena)
{
	const char *settings = find_variable("XDG_CONFIG_HOME"), *home = find_variable("HOME");

	if (settings && settings[0] == '/')
		return arena_format(arena, "%s/codex-sandbox", settings);
	return home && home[0] == '/' ? arena_format(arena, "%s/.config/codex-sandbox", home)
				      : NULL;
}

const char *kept_project(struct arena *arena, const char *directory, const char *workdir)
{
	return arena_format(
		arena, "%s/projects/%s", directory, quote_project_name(arena, workdir));
}

static int refuse_link(const char *path, struct error *t)
{
	refuse(t, CLI_READ, path, "it is a symbolic link");
	return refuse_hint(
		t, "put the file itself there, or leave such files out: --no-config");
}

/* The file, and the directories that are ours, must be themselves. Returns 1, or 0 if it is
 * missing, or -1. */
static int check_links(struct arena *arena, const char *path, struct error *t)
{
	char *place = arena_copy(arena, path), *slash;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : refuse_errno(t, CLI_READ, path);
	if (S_ISLNK(st.st_mode))
		return refuse_link(path, t);
	if (!S_ISREG(st.st_mode))
		return refuse(t, CLI_READ, path, "it is not a regular file");
	while ((slash = strrchr(place, '/')) > place) {
		const bool ours = strstr(place, "/codex-sandbox") != NULL;

		*slash = '\0';
		if (ours && lstat(place, &st) == 0 && S_ISLNK(st.st_mode) &&
			strstr(place, "/codex-sandbox"))
			return refuse_link(place, t);
	}
	return 1;
}

/* Nobody but us, or root, may have had a hand in it. */
static int check_owners(const char *path, const char *workdir, struct error *t)
{
	struct plan p = {.workdir_fd = -1, .workdir = workdir};
	char why[2 * PATH_MAX];
	bool ours;

	if (workdir && mounts_add(&p.mounts, workdir, "/app", true, t) < 0)
		return -1;
	ours = programs_ours(&p, path, why, sizeof(why));
	plan_free(&p);
	if (ours)
		return 0;
	refuse(t, CLI_READ, path, "%s", why);
	return refuse_hint(t, "make it yours, and writable by nobody else, or leave such files "
			      "out: --no-config");
}

long kept_read(struct arena *arena, const char *path, const char *workdir, char **text,
	struct error *t)
{
	int there = check_links(arena, path, t);
	ssize_t n;

	*text = NULL;
	if (there <= 0)
		return there;
	if (check_owners(path, workdir, t) < 0)
		return -1;
	*text = arena_bytes(arena, BOUND_KEPT_BYTES + 1);
	n = file_take(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY),
		*text, BOUND_KEPT_BYTES + 1);
	if (n < 0)
		return refuse_errno(t, CLI_READ, path);
	if (n > BOUND_KEPT_BYTES)
		return refuse(
			t, CLI_READ, path, "it is larger than %d KB", BOUND_KEPT_BYTES >> 10);
	(*text)[n] = '\0';
	return n;
}

const char *kept_first_line(struct arena *arena, const char *workdir)
{
	return arena_format(arena, "# %s", quote_shown(arena, workdir));
}

int kept_check_project(struct arena *arena, const char *path, const char *text,
	const char *workdir, struct error *t)
{
	const char *line =
		text ? arena_format(arena, "%.*s", (int)strcspn(text, "\r\n"), text) : "";

	if (strncmp(line, "# /", 3) != 0 || strcmp(line, kept_first_line(arena, workdir)) == 0)
		return 0;
	refuse(t, CLI_READ, path, "its first line says that it is for %s, not for %s", line + 2,
		workdir);
	return refuse_hint(t, "if that is wrong, correct the line; else the names of both "
			      "directories have the same hash: rename this one");
}

static int take_file(
	struct cli *c, const char *path, const char *workdir, bool project, struct error *t)
{
	struct kept_text k;
	char *text;
	long n = kept_read(&c->arena, path, workdir, &text, t);
	int found;

	if (n <= 0)
		return (int)n;
	if (project && kept_check_project(&c->arena, path, text, workdir, t) < 0)
		return -1;
	kept_text_begin(&k, text, (size_t)n);
	while ((found = kept_text_next(&k)) > 0)
		if (cli_keep(c, k.name, k.value, arena_format(&c->arena, "%s:%u", path, k.line),
			    t) < 0)
			return -1;
	return found == 0 ? 0
			  : refuse(t, CLI_READ, arena_format(&c->arena, "%s:%u", path, k.line),
				    "%s", k.why);
}

int kept_take(struct cli *c, struct error *t)
{
	const char *directory = kept_directory(&c->arena), *workdir;
	char real[PATH_MAX];

	if (c->no_config || c->kept || !directory)
		return 0;
	c->kept = true;
	/* One that can't be resolved is refused where it is used. */
	workdir = realpath(c->work_dir ? c->work_dir : ".", real);
	if (workdir &&
		take_file(c, kept_project(&c->arena, directory, workdir), workdir, true, t) < 0)
		return -1;
	return take_file(
		c, arena_format(&c->arena, "%s/defaults", directory), workdir, false, t);
}
