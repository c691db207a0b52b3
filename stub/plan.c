#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth.h"
#include "beneath.h"
#include "find.h"
#include "protect.h"
#include "quote.h"
#include "surroundings.h"

/* Codex's user in the image, for a workdir that belongs to root. */
#define IMAGE_USER 1000

static const char use_workdir[] = "use the workdir";

static int check_root_dir(const struct plan *p, struct trouble *t)
{
	const char *root = find_variable("WORKSPACE_ROOT_DIR");
	char real[PATH_MAX];

	if (!root)
		return 0;
	if (!realpath(root, real))
		return refuse_errno(t, "use WORKSPACE_ROOT_DIR", root);
	if (beneath_contains(real, p->workdir))
		return 0;
	return refuse(
		t, use_workdir, p->workdir, "it isn't inside WORKSPACE_ROOT_DIR (%s)", real);
}

static int plan_workdir(struct plan *p, const char *wanted, struct trouble *t)
{
	const char *why, *home = find_variable("HOME");
	struct stat st;

	p->workdir = find_named(&p->pool, use_workdir, wanted ? wanted : ".", S_IFDIR, t);
	if (!p->workdir)
		return -1;
	if (strcmp(p->workdir, "/") == 0) {
		refuse(t, use_workdir, "/",
			"that would hand the whole machine to the container");
		return refuse_hint(t, "start in a project, or name one with --work_dir");
	}
	if (!quote_mountable(p->workdir, &why))
		return refuse(t, use_workdir, p->workdir, "%s", why);
	if (check_root_dir(p, t) < 0)
		return -1;
	p->workdir_fd = open(p->workdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->workdir_fd < 0 || fstat(p->workdir_fd, &st) < 0)
		return refuse_errno(t, use_workdir, p->workdir);
	p->workdir_uid = st.st_uid;
	p->workdir_gid = st.st_gid;
	if (home && strcmp(home, p->workdir) == 0)
		note_warning("the workdir is your home directory: everything in it, keys and "
			     "passwords too, is within Codex's reach");
	p->request.directory = pool_format(&p->pool, "/app%s", p->workdir);
	p->request.name = quote_container_name(&p->pool, p->workdir);
	return mounts_add(&p->mounts, p->workdir, p->request.directory, true, t);
}

/* Codex must own its home, so we have to know the user that codex-init will choose. */
static int plan_user(struct plan *p, const struct cli *c, struct trouble *t)
{
	const char *user = surroundings_setting(&c->env, "CODEX_INIT_USER");
	const char *egress = surroundings_setting(&c->env, "CODEX_INIT_EGRESS");

	p->uid = p->workdir_uid;
	p->gid = p->workdir_gid;
	if (p->uid == 0)
		p->uid = p->gid = IMAGE_USER;
	if (user && strcmp(user, "codex") == 0)
		p->uid = p->gid = IMAGE_USER;
	else if (user && !surroundings_ids(user, &p->uid, &p->gid)) {
		refuse(t, "use CODEX_INIT_USER", user,
			"Codex's home has to be given to that "
			"user, and the name is the image's");
		return refuse_hint(t, "give it as UID:GID");
	}
	if (!user && p->workdir_uid == 0)
		note_warning(
			"%s belongs to root: Codex runs as uid %d there and can change only "
			"what every user may",
			p->workdir, IMAGE_USER);
	/* As a plain init, codex-init stays root unless it is told who to become. */
	if (!user && !c->audit && egress && strcmp(egress, "off") == 0)
		p->request.user = pool_format(
			&p->pool, "%lu:%lu", (unsigned long)p->uid, (unsigned long)p->gid);
	return 0;
}

/* A directory beneath the workdir that we may create: its path without links. */
static int look_at_own(struct plan *p, const char *relative, const char **clean, bool *there,
	struct trouble *t)
{
	char real[PATH_MAX];
	struct stat st;

	*clean = relative;
	*there = false;
	switch (beneath_look(p->workdir_fd, p->workdir, relative, real)) {
	case BENEATH_ABSENT:
		return 0;
	case BENEATH_INSIDE:
		break;
	case BENEATH_NOWHERE:
		return refuse(t, use_workdir, p->workdir,
			"%s is a symbolic link to something that isn't there", relative);
	case BENEATH_OUTSIDE:
		refuse(t, use_workdir, p->workdir, "%s is a symbolic link that leads out of it",
			relative);
		return refuse_hint(t, "remove the link; the directory is then created");
	}
	if (stat(real, &st) < 0)
		return refuse_errno(t, use_workdir, real);
	if (!S_ISDIR(st.st_mode) || strcmp(real, p->workdir) == 0)
		return refuse(
			t, use_workdir, p->workdir, "%s is no directory of its own", relative);
	*clean = pool_copy(&p->pool, real + strlen(p->workdir) + 1);
	*there = true;
	return 0;
}

static int check_home_owner(struct plan *p, bool there, struct trouble *t)
{
	static const char tried[] = "use Codex's home";
	unsigned long uid = p->uid, gid = p->gid;
	uid_t owner = geteuid();
	struct stat st;

	if (there) {
		if (stat(p->home, &st) < 0)
			return refuse_errno(t, tried, p->home);
		owner = st.st_uid;
	} else if (owner == 0) {
		return 0; /* it is created, and given away */
	}
	if (owner == p->uid)
		return 0;
	if (!there) {
		refuse(t, tried, p->home,
			"Codex runs as uid %lu here and must own it, and only root can create "
			"it "
			"for another user",
			uid);
		return refuse_hint(t, "with CODEX_INIT_USER=%lu:%lu Codex runs as you",
			(unsigned long)geteuid(), (unsigned long)getegid());
	}
	refuse(t, tried, p->home, "it belongs to uid %lu, and Codex, as uid %lu, must own it",
		(unsigned long)owner, uid);
	return refuse_hint(
		t, "as root: chown -R %lu:%lu %s", uid, gid, quote_shell(&p->pool, p->home));
}

static void add_outside(struct plan *p, const char *path, const char *what)
{
	if (!beneath_contains(p->workdir, path))
		p->outside[p->outside_count++] = (struct outside){path, what};
}

static int plan_own_home(struct plan *p, bool *there, struct trouble *t)
{
	bool dot_codex_there;

	if (look_at_own(p, ".codex", &p->dot_codex, &dot_codex_there, t) < 0)
		return -1;
	p->home_path = pool_format(&p->pool, "%s/.environment", p->dot_codex);
	if (look_at_own(p, p->home_path, &p->home_path, there, t) < 0)
		return -1;
	p->home_is_ours = true;
	p->home = pool_format(&p->pool, "%s/%s", p->workdir, p->home_path);
	p->request.env_dir =
		pool_format(&p->pool, "%s/.codex/.environment", p->request.directory);
	return 0;
}

static int plan_home(struct plan *p, const struct cli *c, struct trouble *t)
{
	bool there = true;
	const char *path;

	if (plan_own_home(p, &there, t) < 0)
		return -1;
	if (beneath_refuse_links(
		    p->workdir_fd, p->workdir, p->dot_codex, ".environment", true, t) < 0)
		return -1;
	if (c->codex_home) {
		path = find_named(&p->pool, "use --codex-home", c->codex_home, S_IFDIR, t);
		if (!path)
			return -1;
		p->home = path;
		p->home_is_ours = false;
		p->request.env_dir = "/codex_home";
		there = true;
		add_outside(p, path, "as Codex's home");
	} else if (beneath_refuse_links(p->workdir_fd, p->workdir, p->home_path, "auth.json",
			   false, t) < 0) {
		return -1;
	}
	if (check_home_owner(p, there, t) < 0)
		return -1;
	return mounts_add(&p->mounts, p->home, "/codex_home", true, t);
}

/* What is about to be mounted over must be ours to mount over: no link, no odd file. */
static int check_mount_point(
	const struct plan *p, const char *name, mode_t kind, struct trouble *t)
{
	char path[PATH_MAX + 16], link[sizeof(PLAN_AUTH_LINK) + 1];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", p->home, name);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : refuse_errno(t, "use Codex's home", path);
	if ((st.st_mode & S_IFMT) == kind)
		return 0;
	n = S_ISLNK(st.st_mode) ? readlink(path, link, sizeof(link)) : -1;
	if (kind == S_IFREG && n == (ssize_t)strlen(PLAN_AUTH_LINK) &&
		memcmp(link, PLAN_AUTH_LINK, (size_t)n) == 0)
		return 0; /* ours, from a run with --auth_dir */
	if (S_ISLNK(st.st_mode))
		return refuse(t, "use Codex's home", path, "it is a symbolic link");
	return refuse(t, "use Codex's home", path, "it is not %s",
		kind == S_IFREG ? "a regular file" : "a directory");
}

static void warn_of_expiry(const struct auth_facts *facts, const char *path)
{
	int64_t left = facts->expires_at - (int64_t)time(NULL);

	if (!facts->expires || left > 3600)
		return;
	if (left <= 0)
		note_warning("the login in %s has run out", path);
	else
		note_warning(
			"the login in %s runs out in %d minutes", path, (int)(left / 60) + 1);
	note_hint("Codex can't renew it, since the file is mounted read-only: renew it on the "
		  "host (any codex command does), or use --auth_dir");
}

/* Not every file that we can read can be read by Codex's user inside. */
static void warn_of_unreadable(const struct plan *p, const char *path, const char *what)
{
	struct stat st;
	mode_t bit;

	if (stat(path, &st) < 0)
		return;
	bit = st.st_uid == p->uid ? S_IRUSR : st.st_gid == p->gid ? S_IRGRP : S_IROTH;
	if (st.st_mode & bit)
		return;
	note_warning("%s (%s) can't be read by uid %lu, which Codex runs as", path, what,
		(unsigned long)p->uid);
	note_hint(
		"give it a copy of that user's own, or run in a directory that belongs to the "
		"file's owner");
}

static int plan_auth_dir(struct plan *p, const char *wanted, struct trouble *t)
{
	const char *path = find_named(&p->pool, "use --auth_dir", wanted, S_IFDIR, t);
	struct auth_facts facts;
	struct stat st;

	if (!path) {
		if (errno == ENOENT)
			refuse_hint(
				t, "create it: mkdir -m 700 %s", quote_shell(&p->pool, wanted));
		return -1;
	}
	if (auth_look(pool_format(&p->pool, "%s/auth.json", path), &facts, t) == AUTH_BAD)
		return -1;
	if (stat(path, &st) == 0 && st.st_uid != p->uid)
		note_warning("%s belongs to uid %lu: Codex, as uid %lu, may be unable to renew "
			     "the login there",
			path, (unsigned long)st.st_uid, (unsigned long)p->uid);
	p->login = LOGIN_DIR;
	add_outside(p, path, "for the login");
	return mounts_add(&p->mounts, path, PLAN_AUTH_DIR, true, t);
}

static int plan_login(struct plan *p, const struct cli *c, struct search *s, struct trouble *t)
{
	const char *named = c->auth_file ? c->auth_file : find_variable("CODEX_AUTH_FILE");
	const char *path;
	struct auth_facts facts;

	if (check_mount_point(p, "auth.json", S_IFREG, t) < 0)
		return -1;
	if (c->auth_dir)
		return plan_auth_dir(p, c->auth_dir, t);
	if (find_auth(s, named, p->home, &path, &facts, t) < 0)
		return -1;
	if (!path)
		return 0;
	warn_of_expiry(&facts, path);
	warn_of_unreadable(p, path, "the credentials");
	p->login = LOGIN_FILE;
	return mounts_add(&p->mounts, path, "/codex_home/auth.json", false, t);
}

static int plan_sessions(struct plan *p, const struct cli *c, struct trouble *t)
{
	const char *path;

	if (!c->sessions_path)
		return 0;
	path = find_named(&p->pool, "use --sessions-path", c->sessions_path, S_IFDIR, t);
	if (!path) {
		if (errno == ENOENT)
			refuse_hint(t, "create it: mkdir %s",
				quote_shell(&p->pool, c->sessions_path));
		return -1;
	}
	if (check_mount_point(p, "sessions", S_IFDIR, t) < 0)
		return -1;
	p->sessions = true;
	add_outside(p, path, "for Codex's sessions");
	return mounts_add(&p->mounts, path, "/codex_home/sessions", true, t);
}

/* config.toml, prompts/ and init.sh: codex-init copies them from here into the home. */
static int plan_drop_off(
	struct plan *p, const struct cli *c, struct search *s, struct trouble *t)
{
	const char *config, *prompts, *script;

	if (find_config(s, &config, t) < 0 || find_prompts(s, &prompts, t) < 0)
		return -1;
	if (config && mounts_add(&p->mounts, config, "/run/codex/in/config.toml", false, t) < 0)
		return -1;
	if (prompts && mounts_add(&p->mounts, prompts, "/run/codex/in/prompts", false, t) < 0)
		return -1;
	if (!c->init_script)
		return 0;
	script = find_named(&p->pool, "use the init script", c->init_script, S_IFREG, t);
	return script ? mounts_add(&p->mounts, script, "/run/codex/in/init.sh", false, t) : -1;
}

/* The place of --read-only P is /appP, as P was written where that is an absolute path. */
static const char *read_only_place(struct plan *p, const char *wanted, const char *real)
{
	const char *place = wanted;
	size_t n;

	if (*wanted != '/' || strstr(wanted, "//") || strstr(wanted, "/../") ||
		strstr(wanted, "/./"))
		place = real;
	n = strlen(place);
	if ((n >= 3 && strcmp(place + n - 3, "/..") == 0) ||
		(n >= 2 && strcmp(place + n - 2, "/.") == 0))
		place = real, n = strlen(real);
	if (n > 1 && place[n - 1] == '/')
		n--;
	return pool_format(&p->pool, "/app%.*s", (int)n, place);
}

static int plan_read_only(struct plan *p, const char *wanted, struct trouble *t)
{
	const char *real = find_named(&p->pool, "use --read-only", wanted, 0, t);

	if (!real)
		return -1;
	if (strcmp(real, "/") == 0)
		return refuse(t, "use --read-only", wanted,
			"that would show the whole machine to the container");
	return mounts_add(&p->mounts, real, read_only_place(p, wanted, real), false, t);
}

static int plan_files(struct plan *p, const struct cli *c, struct trouble *t)
{
	struct search s;
	int result = find_begin(&s, &p->pool, p->workdir, c->config, t);

	if (result == 0)
		result = plan_login(p, c, &s, t);
	if (result == 0)
		result = plan_drop_off(p, c, &s, t);
	find_free(&s);
	for (size_t i = 0; result == 0 && i < c->read_only.count; i++)
		result = plan_read_only(p, c->read_only.word[i], t);
	return result;
}

int plan_make(struct plan *p, const struct cli *c, const char *engine, struct trouble *t)
{
	*p = (struct plan){.workdir_fd = -1};
	p->request.engine = engine;
	/* Without root, podman would make the user's own files root's inside. */
	p->request.keep_id = strcmp(engine, "podman") == 0 && geteuid() != 0;
	if (plan_workdir(p, c->work_dir, t) < 0 || plan_user(p, c, t) < 0 ||
		plan_home(p, c, t) < 0 || plan_sessions(p, c, t) < 0 ||
		plan_files(p, c, t) < 0 || surroundings_take(&p->request, &p->pool, c, t) < 0)
		return -1;
	if (!c->no_protect && protect_add(p, t) < 0)
		return -1;
	mounts_sort(&p->mounts);
	p->request.mounts = p->mounts.mount;
	p->request.mounts_count = p->mounts.count;
	return 0;
}

void plan_free(struct plan *p)
{
	if (p->workdir_fd >= 0)
		close(p->workdir_fd);
	mounts_free(&p->mounts);
	words_free(&p->request.env);
	words_free(&p->request.allow);
	words_free(&p->request.deny);
	pool_free(&p->pool);
}
