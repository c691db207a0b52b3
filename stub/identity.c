#include "identity.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "../init/lib/gitconfig.h"
#include "find.h"

struct identity {
	struct plan *p;
	const char *home;         /* NULL: there is none */
	const char *name, *email; /* NULL: not set */
	unsigned files;           /* read so far */
};

static void read_file(struct identity *id, const char *path, unsigned depth);

/* Supports "~/" and paths relative to the file. "~user/" would need the user database. */
static void include(struct identity *id, const char *from, const char *path, unsigned depth)
{
	struct arena *arena = &id->p->arena;

	if (path[0] == '~' && path[1] == '/' && id->home)
		path = arena_format(arena, "%s%s", id->home, path + 1);
	else if (path[0] != '/' && path[0] != '~')
		path = arena_format(
			arena, "%.*s/%s", (int)(strrchr(from, '/') - from), from, path);
	if (path[0] == '/')
		read_file(id, path, depth + 1);
}

/* The value will be in an environment and in commits. */
static const char *plain(struct arena *arena, const char *value)
{
	if (!*value || strlen(value) > BOUND_GIT_IDENTITY)
		return NULL;
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return NULL;
	return arena_copy(arena, value);
}

/*
 * includeIf "gitdir:PATTERN", which people use for one address per place. '*' also matches a
 * slash, as only "**" does in git. Other conditions are false.
 */
static bool is_met(const struct identity *id, const char *from, const char *condition)
{
	struct arena *arena = &id->p->arena;
	const char *git = id->p->repository.git, *pattern;
	const bool folded = strncmp(condition, "gitdir/i:", 9) == 0;
	const size_t size = strlen(condition);

	if (!git || (!folded && strncmp(condition, "gitdir:", 7) != 0) ||
		strcmp(condition + size - 5, ".path") != 0)
		return false;
	pattern = arena_format(arena, "%.*s", (int)size - 5, condition) + (folded ? 9 : 7);
	if (strncmp(pattern, "~/", 2) == 0 && id->home)
		pattern = arena_format(arena, "%s%s", id->home, pattern + 1);
	else if (strncmp(pattern, "./", 2) == 0)
		pattern = arena_format(
			arena, "%.*s%s", (int)(strrchr(from, '/') - from), from, pattern + 1);
	else if (pattern[0] != '/')
		pattern = arena_format(arena, "**/%s", pattern);
	if (pattern[0] && pattern[strlen(pattern) - 1] == '/')
		pattern = arena_format(arena, "%s**", pattern);
	return fnmatch(pattern, git, folded ? FNM_CASEFOLD : 0) == 0;
}

static void take(
	struct identity *id, const char *from, const struct gitconfig_entry *e, unsigned depth)
{
	static const char condition[] = "includeif.";
	const size_t n = strlen(condition);

	if (strcmp(e->key, "user.name") == 0)
		id->name = plain(&id->p->arena, e->value);
	else if (strcmp(e->key, "user.email") == 0)
		id->email = plain(&id->p->arena, e->value);
	else if (strcmp(e->key, "include.path") == 0)
		include(id, from, e->value, depth);
	else if (strncmp(e->key, condition, n) == 0 && is_met(id, from, e->key + n))
		include(id, from, e->value, depth);
}

/* It may be anything: don't wait for a FIFO, don't read a device. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)size)
		n = file_read(fd, text, size);
	close(fd);
	return n;
}

static void read_file(struct identity *id, const char *path, unsigned depth)
{
	struct arena *arena = &id->p->arena;
	struct gitconfig_entry e;
	struct gitconfig c;
	ssize_t n;
	char *text;

	if (depth > BOUND_GIT_DEPTH || id->files++ >= BOUND_GIT_FILES)
		return;
	text = arena_bytes(arena, BOUND_GIT_BYTES);
	n = read_text(path, text, BOUND_GIT_BYTES);
	if (n <= 0)
		return;
	gitconfig_begin(&c, text, (size_t)n);
	while (gitconfig_next(&c, &e) == 1)
		take(id, path, &e, depth);
}

static void read_all(struct identity *id)
{
	const char *system = find_variable("GIT_CONFIG_SYSTEM");
	const char *global = find_variable("GIT_CONFIG_GLOBAL");
	const char *settings = find_variable("XDG_CONFIG_HOME");
	struct arena *arena = &id->p->arena;

	if (!find_variable("GIT_CONFIG_NOSYSTEM"))
		read_file(id, system ? system : "/etc/gitconfig", 0);
	if (global) {
		read_file(id, global, 0);
		return;
	}
	if (settings)
		read_file(id, arena_format(arena, "%s/git/config", settings), 0);
	else if (id->home)
		read_file(id, arena_format(arena, "%s/.config/git/config", id->home), 0);
	if (id->home)
		read_file(id, arena_format(arena, "%s/.gitconfig", id->home), 0);
}

void identity_take(struct plan *p)
{
	struct identity id = {.p = p, .home = find_variable("HOME")};

	if (id.home && id.home[0] != '/')
		id.home = NULL;
	read_all(&id);
	argv_pass(&p->request, "CODEX_INIT_GIT_NAME", id.name);
	argv_pass(&p->request, "CODEX_INIT_GIT_EMAIL", id.email);
}
