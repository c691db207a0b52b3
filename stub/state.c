#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "find.h"
#include "prepare.h"

/* The directory that is there already, and what is beneath it. */
static const char *base_of(struct plan *p)
{
	const char *state = find_variable("XDG_STATE_HOME"), *home = find_variable("HOME");

	/* The specification has relative paths ignored. */
	if (state && state[0] == '/') {
		p->state.beneath = "codex-sandbox";
		p->state.shown = "";
		return state;
	}
	p->state.beneath = ".local/state/codex-sandbox";
	p->state.shown = "~/";
	return home && home[0] == '/' ? home : NULL;
}

static const char within_reach[] =
	"its place in your home directory can be reached from the sandbox";

/* True if the sandbox could change what is there. */
static bool is_within_reach(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->mounts.count; i++)
		if (p->mounts.mount[i].writable &&
			beneath_contains(p->mounts.mount[i].source, path))
			return true;
	return false;
}

const char *state_find(struct plan *p)
{
	const char *base = base_of(p);
	char real[PATH_MAX];
	struct stat st;
	int fd;

	if (!base)
		return "HOME isn't set";
	fd = realpath(base, real) ? beneath_open_resolved(real, O_RDONLY | O_DIRECTORY) : -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return arena_format(&p->arena, "%s: %s", base, strerror(errno));
	close(fd);
	p->state.base = arena_copy(&p->arena, real);
	p->state.uid = st.st_uid;
	p->state.gid = st.st_gid;
	return is_within_reach(p, state_path(p, "")) ? within_reach : NULL;
}

const char *state_path(struct plan *p, const char *below)
{
	return arena_format(&p->arena, "%s/%s/%s",
		strcmp(p->state.base, "/") == 0 ? "" : p->state.base, p->state.beneath, below);
}

/* The next longer beginning of a path that ends with a whole component, or NULL after the last.
 */
static const char *next_step(struct plan *p, const char *path, size_t *length)
{
	if (*length && !path[*length])
		return NULL;
	*length += path[*length] == '/';
	*length += strcspn(path + *length, "/");
	return arena_format(&p->arena, "%.*s", (int)*length, path);
}

/* Those of the directories that exist must be plain directories of the owner's, and the last of
 * them writable for us. */
static const char *check_steps(struct plan *p, int base, const char *path)
{
	int fd = dup(base), next;
	const char *why = NULL, *step;
	struct stat st;
	size_t length = 0;

	while (fd >= 0 && !why && (step = next_step(p, path, &length))) {
		next = beneath_open(base, step, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOENT)
			break;
		close(fd);
		fd = next;
		if (fd < 0 && errno == ELOOP)
			return arena_format(
				&p->arena, "%s%s is a symbolic link", p->state.shown, step);
		if (fd < 0 || fstat(fd, &st) < 0 ||
			(st.st_uid != p->state.uid && st.st_uid != geteuid()))
			why = arena_format(&p->arena, "%s%s: %s", p->state.shown, step,
				fd < 0 ? strerror(errno) : "it is another user's");
	}
	if (!why && faccessat(fd, ".", W_OK | X_OK, 0) < 0)
		why = arena_format(&p->arena, "%s can't be written to: %s",
			p->state.shown[0] ? "your home directory" : p->state.base,
			strerror(errno));
	if (fd >= 0)
		close(fd);
	return why;
}

const char *state_check(struct plan *p, const char *below)
{
	const char *path = state_path(p, below), *why;
	int base;

	if (is_within_reach(p, path))
		return within_reach;
	base = beneath_open_resolved(p->state.base, O_RDONLY | O_DIRECTORY);
	if (base < 0)
		return arena_format(&p->arena, "%s: %s", p->state.base, strerror(errno));
	why = check_steps(p, base, arena_format(&p->arena, "%s/%s", p->state.beneath, below));
	close(base);
	return why;
}

int state_open(struct plan *p, const char *below)
{
	const char *path = arena_format(&p->arena, "%s/%s", p->state.beneath, below), *step;
	int fd = beneath_open_resolved(p->state.base, O_RDONLY | O_DIRECTORY), parent;
	size_t length = 0;

	while (fd >= 0 && (step = next_step(p, path, &length))) {
		const char *name = strrchr(step, '/');

		parent = fd;
		fd = prepare_directory(
			parent, name ? name + 1 : step, 0700, p->state.uid, p->state.gid);
		close(parent);
	}
	/* It may have been created by hand. */
	if (fd >= 0 && fchmod(fd, 0700) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int state_give(const struct plan *p, int fd)
{
	return geteuid() == 0 ? fchown(fd, p->state.uid, p->state.gid) : 0;
}
