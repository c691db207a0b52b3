/* Uses lstat(2) on each component, and environ(7). See programs.h. */
#include "programs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "find.h"

static const char default_path[] =
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The check of one path. */
struct program_search {
	const struct plan *plan;
	bool users_too;         /* reject other users, not only the sandbox */
	char sticky[PATH_MAX];  /* the directory of the last step, if everybody may create files
				   in it */
	char why[2 * PATH_MAX]; /* "": no objection */
};

__attribute__((format(printf, 2, 3))) static int set_objection(
	struct program_search *w, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	vsnprintf(w->why, sizeof(w->why), why, ap);
	va_end(ap);
	errno = EPERM;
	return -1;
}

/* The directory writable by the sandbox, or by another session's, that this is, or NULL.
 * Compared by device and inode: a bind mount of the same directory counts. */
static const char *sandbox_place(const struct plan *p, const struct stat *st)
{
	for (size_t i = 0; i < p->mounts.count; i++) {
		const struct mount *m = &p->mounts.mount[i];
		struct stat own;

		if ((m->writable || m->source == p->workdir) && stat(m->source, &own) == 0 &&
			own.st_dev == st->st_dev && own.st_ino == st->st_ino)
			return m->source;
	}
	return NULL;
}

/* A user's private group, which has the user's number, doesn't count as others. Root's does,
 * since root has no need of it. */
static bool others_may_write(const struct stat *st)
{
	uid_t us = geteuid();

	if (st->st_mode & S_IWOTH)
		return true;
	return (st->st_mode & S_IWGRP) && (us == 0 || st->st_gid != us || getegid() != us);
}

static int judge_step(void *context, const char *real, const struct stat *st)
{
	struct program_search *w = context;
	const char *place = sandbox_place(w->plan, st);

	if (place)
		return set_objection(w, "it lies in %s, where the sandbox can write", place);
	if (!w->users_too)
		return 0;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return set_objection(
			w, "%s belongs to uid %lu", real, (unsigned long)st->st_uid);
	/* In /tmp nobody can replace a directory of ours, but anybody can add a link or a
	 * file. */
	if (w->sticky[0] && !S_ISDIR(st->st_mode))
		return set_objection(w, "every user may put files into %s", w->sticky);
	w->sticky[0] = '\0';
	if (S_ISLNK(st->st_mode) || !others_may_write(st))
		return 0;
	if (!S_ISDIR(st->st_mode) || !(st->st_mode & S_ISVTX))
		return set_objection(w, "other users may change %s (mode %04o)", real,
			(unsigned)st->st_mode & 07777);
	snprintf(w->sticky, sizeof(w->sticky), "%s", real);
	return 0;
}

/* True if what is at this absolute path may be run, or searched. */
static bool is_ours(struct program_search *w, const struct plan *p, const char *path)
{
	*w = (struct program_search){.plan = p, .users_too = true};
	if (beneath_trace(path, judge_step, w) < 0) {
		if (!w->why[0])
			set_objection(w, "%s", strerror(errno));
		return false;
	}
	if (w->sticky[0])
		set_objection(w, "every user may put files into it");
	return !w->why[0];
}

bool programs_ours(const struct plan *p, const char *path, char *why, size_t size)
{
	struct program_search program_search;
	const bool ours = is_ours(&program_search, p, path);

	snprintf(why, size, "%s", program_search.why);
	return ours;
}

const char *programs_find(struct plan *p, const char *name, bool *passed_over)
{
	const char *path = getenv("PATH");
	struct program_search program_search;

	for (const char *s = path ? path : default_path; *s;) {
		size_t n = strcspn(s, ":");
		struct stat st;

		if (*s == '/') {
			const char *program =
				arena_format(&p->arena, "%.*s/%s", (int)n, s, name);

			if (stat(program, &st) == 0 && S_ISREG(st.st_mode) &&
				access(program, X_OK) == 0) {
				if (is_ours(&program_search, p, program))
					return program;
				log_warning("%s is skipped: %s", program, program_search.why);
				*passed_over = true;
			}
		}
		s += n + (s[n] == ':');
	}
	return NULL;
}

/* The entries of a list that may be searched, separated by ':'. */
static const char *clean_list(
	struct plan *p, const char *list, const char *separators, bool names)
{
	const char *kept = "";
	struct program_search program_search;

	for (const char *s = list; *s;) {
		size_t n = strcspn(s, separators);
		const char *entry = arena_format(&p->arena, "%.*s", (int)n, s);
		bool plain = names && *entry && !strchr(entry, '/');

		if (plain || is_ours(&program_search, p, entry))
			kept = arena_format(&p->arena, "%s%s%s", kept, *kept ? ":" : "", entry);
		s += n + (s[n] != '\0');
	}
	return kept;
}

int programs_clean_environment(struct plan *p, struct error *t)
{
	/* execvp(3), ld.so(8): a library without a path is searched for in the system's own
	 * directories and in those of LD_LIBRARY_PATH. */
	static const struct {
		const char *name, *separators;
		bool names;
	} searched[] = {{"PATH", ":", false}, {"LD_LIBRARY_PATH", ":;", false},
		{"LD_PRELOAD", ": ", true}, {"LD_AUDIT", ":", true}};

	for (size_t i = 0; i < sizeof(searched) / sizeof(searched[0]); i++) {
		const char *name = searched[i].name, *list = getenv(name), *kept;

		if (!list)
			continue;
		kept = clean_list(p, list, searched[i].separators, searched[i].names);
		if (!*kept && i == 0)
			kept = default_path;
		if ((*kept ? setenv(name, kept, 1) : unsetenv(name)) < 0) {
			refuse_errno(t, "set", name);
			return refuse_no_sandbox(t);
		}
	}
	return 0;
}

/* The path that a variable contains, or NULL. */
static const char *setting(struct plan *p, const char *variable, const char *rest)
{
	const char *value = find_variable(variable);
	char here[PATH_MAX];

	if (value && strncmp(value, "unix://", 7) == 0)
		value += 7;
	else if (value && strstr(value, "://"))
		return NULL;
	if (value && *value != '/') {
		if (!getcwd(here, sizeof(here)))
			return NULL;
		value = arena_format(&p->arena, "%s/%s", here, value);
	}
	return value ? arena_format(&p->arena, "%s%s", value, rest) : NULL;
}

int programs_check_settings(struct plan *p, const char *engine, struct error *t)
{
	/* docker(1), containers.conf(5), containers-storage.conf(5). `unless` takes
	 * precedence. */
	static const struct {
		const char *engine, *variable, *rest, *unless;
	} settings[] = {
		{"docker", "DOCKER_CONFIG", "", NULL},
		{"docker", "HOME", "/.docker", "DOCKER_CONFIG"},
		{"docker", "DOCKER_CERT_PATH", "", NULL},
		{"docker", "DOCKER_HOST", "", NULL},
		{"podman", "CONTAINER_HOST", "", NULL},
		{"podman", "CONTAINERS_CONF", "", NULL},
		{"podman", "CONTAINERS_CONF_OVERRIDE", "", NULL},
		{"podman", "CONTAINERS_STORAGE_CONF", "", NULL},
		{"podman", "CONTAINERS_REGISTRIES_CONF", "", NULL},
		{"podman", "REGISTRY_AUTH_FILE", "", NULL},
		{"podman", "DOCKER_CONFIG", "", NULL},
		{"podman", "XDG_CONFIG_HOME", "/containers", NULL},
		{"podman", "HOME", "/.config/containers", "XDG_CONFIG_HOME"},
		{"podman", "XDG_DATA_HOME", "/containers", NULL},
		{"podman", "HOME", "/.local/share/containers", "XDG_DATA_HOME"},
		{"podman", "XDG_RUNTIME_DIR", "/containers", NULL},
		/* The next start's options (kept.h). */
		{NULL, "XDG_CONFIG_HOME", "/codex-sandbox", NULL},
		{NULL, "HOME", "/.config/codex-sandbox", "XDG_CONFIG_HOME"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct program_search program_search = {.plan = p};
		const char *path, *unless = settings[i].unless, *whose = settings[i].engine;

		if ((whose && strcmp(whose, engine) != 0) || (unless && find_variable(unless)))
			continue;
		path = setting(p, settings[i].variable, settings[i].rest);
		/* What doesn't exist, the sandbox could create. */
		if (!path || beneath_trace(path, judge_step, &program_search) == 0 ||
			!program_search.why[0])
			continue;
		refuse(t, whose ? "use the container engine's settings" : "keep options", path,
			"%s: %s would obey what it puts there", program_search.why,
			whose ? engine : "the next start");
		return refuse_hint(t,
			"work in another directory, or set %s to a place outside this one",
			unless ? unless : settings[i].variable);
	}
	return 0;
}
