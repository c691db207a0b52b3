#include "writable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "confirm.h"
#include "exposure.h"
#include "find.h"

static const char operation[] = "use --mount";

static int add(struct plan *p, const char *source, bool writable, struct error *t)
{
	if (mounts_add(&p->mounts, source, arena_format(&p->arena, "/app%s", source), writable,
		    t) < 0)
		return -1;
	/* Whoever may write there could replace it before the engine looks. */
	p->mounts.mount[p->mounts.count - 1].watched = true;
	return 0;
}

/* Mounts one of its files or directories read-only, or only holds it in its place. */
static int protect_one(struct plan *p, int fd, const char *directory, const char *name,
	mode_t kind, struct error *t)
{
	const char *path = arena_format(&p->arena, "%s/%s", directory, name);
	int found = beneath_open(fd, name, O_PATH | O_NOFOLLOW, 0);
	bool missing = found < 0 && (errno == ENOENT || errno == ENOTDIR);
	struct stat st;
	bool good = found >= 0 && fstat(found, &st) == 0 && (st.st_mode & S_IFMT) == kind;

	if (found >= 0)
		close(found);
	if (missing)
		return 0;
	if (good)
		return add(p, path, strcmp(name, ".git") == 0, t);
	refuse(t, operation, path, "it is not %s, and can't be protected from changes",
		kind == S_IFDIR ? "a directory" : "a regular file");
	return refuse_hint(t, "--no-protect mounts the directory all the same");
}

static int protect(struct plan *p, const char *directory, struct error *t)
{
	/* As a mount of its own .git can't be renamed, and replaced by another one. */
	static const struct {
		const char *name;
		mode_t kind;
	} entries[] = {{".codex", S_IFDIR}, {".git", S_IFDIR}, {".git/hooks", S_IFDIR},
		{".git/config", S_IFREG}};
	int fd = beneath_open_resolved(directory, O_RDONLY | O_DIRECTORY), result = 0;

	if (fd < 0)
		return refuse_errno(t, operation, directory);
	for (size_t i = 0; result == 0 && i < sizeof(entries) / sizeof(entries[0]); i++)
		result = protect_one(p, fd, directory, entries[i].name, entries[i].kind, t);
	close(fd);
	return result;
}

static int add_directory(
	struct plan *p, const struct cli *c, const char *wanted, struct error *t)
{
	const char *real = find_named(p, operation, wanted, S_IFDIR, t), *secrets;

	if (!real)
		return -1;
	if (beneath_contains(p->workdir, real))
		return refuse(t, operation, wanted,
			"it is in the workdir, which is writable already");
	if (beneath_contains(real, p->workdir))
		return refuse(t, operation, wanted, "the workdir lies in it");
	secrets = exposure_of(p, real, S_IFDIR);
	if (secrets && confirm_add(p, real, secrets, false, t) < 0)
		return -1;
	if (confirm_outside(p, real, arena_format(&p->arena, "at /app%s", real), t) < 0 ||
		add(p, real, true, t) < 0 || (!c->no_protect && protect(p, real, t) < 0))
		return -1;
	string_list_add(&p->request.writable, arena_format(&p->arena, "/app%s", real));
	return 0;
}

int writable_add(struct plan *p, const struct cli *c, struct error *t)
{
	for (size_t i = 0; i < c->mount.count; i++)
		if (add_directory(p, c, c->mount.word[i], t) < 0)
			return -1;
	return 0;
}
