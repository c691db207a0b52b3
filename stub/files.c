#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../init/lib/codex_use.h"
#include "api_key.h"
#include "beneath.h"
#include "confirm.h"
#include "exposure.h"
#include "find.h"
#include "quote.h"
#include "request_env.h"

/* Something is about to be mounted on this, so it must be a plain file or directory. */
static int check_mount_point(
	const struct plan *p, const char *name, mode_t kind, struct error *t)
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

static void warn_of_expiry(
	const struct plan *p, const struct auth_facts *facts, const char *path, bool followed)
{
	int64_t now = (int64_t)time(NULL);

	if (!facts->expires || facts->expires_at > now + 3600)
		return;
	if (facts->expires_at <= now)
		log_warning("the login in %s has expired", path);
	else
		log_warning("the login in %s expires in %d minutes", path,
			(int)((facts->expires_at - now) / 60) + 1);
	if (followed)
		log_hint("renew it on the host (any codex command does): the session then has "
			 "the new one");
	else if (beneath_contains(p->home, path))
		log_hint("Codex can't renew it, since the file is mounted read-only: log in "
			 "again (codex-sandbox login --device-auth), or use --auth_dir");
	else
		log_hint("Codex can't renew it, since the file is mounted read-only: renew it "
			 "on the host (any codex command does), or use --auth_dir");
}

/* A file that we can read may not be readable for Codex's user inside. */
static void warn_of_unreadable(const struct plan *p, const char *path, const char *what)
{
	struct stat st;
	mode_t bit;

	if (stat(path, &st) < 0)
		return;
	bit = st.st_uid == p->uid ? S_IRUSR : st.st_gid == p->gid ? S_IRGRP : S_IROTH;
	if (st.st_mode & bit)
		return;
	log_warning("%s (%s) can't be read by uid %lu, which Codex runs as", path, what,
		(unsigned long)p->uid);
	log_hint("give it a copy of that user's own, or run in a directory that belongs to the "
		 "file's owner");
}

/* For a directory that was given and couldn't be used. */
static int hint_to_create(struct plan *p, const char *path, struct error *t)
{
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		refuse_hint(t, "create it: mkdir -m 700 %s", quote_shell(&p->arena, path));
	return -1;
}

static int plan_auth_dir(struct plan *p, const char *wanted, struct error *t)
{
	const char *path = find_named(p, "use --auth_dir", wanted, S_IFDIR, t);
	const char *own = arena_format(&p->arena, "%s/auth.json", p->home);
	struct auth_facts facts;
	struct stat st;

	if (!path)
		return hint_to_create(p, wanted, t);
	if (lstat(own, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		refuse(t, "use --auth_dir", wanted, "Codex's home has a login of its own in %s",
			own);
		return refuse_hint(t, "move that file there: mv %s %s",
			quote_shell(&p->arena, own), quote_shell(&p->arena, path));
	}
	if (find_look(p, arena_format(&p->arena, "%s/auth.json", path), &facts, t) == AUTH_BAD)
		return -1;
	if (stat(path, &st) == 0 && st.st_uid != p->uid)
		log_warning("%s belongs to uid %lu: Codex, as uid %lu, may be unable to renew "
			    "the login there",
			path, (unsigned long)st.st_uid, (unsigned long)p->uid);
	if (lstat(arena_format(&p->arena, "%s/config.toml", path), &st) == 0)
		log_warning(
			"%s holds more than a login: what runs in the container could change "
			"the settings that Codex on this machine obeys",
			path);
	p->login = LOGIN_DIR;
	if (confirm_outside(p, path, "for the login", t) < 0)
		return -1;
	return mounts_add(&p->mounts, path, PLAN_AUTH_DIR, true, t);
}

/*
 * `codex login` and `codex logout` change the login that Codex keeps in its home. A
 * read-only one mounted on it would make them fail, after the user has been through a
 * browser.
 */
static bool changes_login(const struct cli *c)
{
	char *const *command = codex_use_command(c->rest);

	if (c->exec || !command[0])
		return false;
	if (strcmp(command[0], "login") == 0)
		return !command[1] || strcmp(command[1], "status") != 0;
	return strcmp(command[0], "logout") == 0;
}

/* After logging in, that login would not be the one that is used. */
static void warn_of_other_login(
	struct plan *p, const struct cli *c, struct search *s, const char *named)
{
	struct error ignored; /* reported when it is about to be used */
	struct auth_facts facts;
	const char *path;

	if (strcmp(*codex_use_command(c->rest), "login") != 0 ||
		find_auth(s, named, p->home, &path, &facts, &ignored) < 0 || !path ||
		beneath_contains(p->home, path))
		return;
	log_warning("sessions use the login in %s, which is found first, not the one that this "
		    "stores in %s",
		path, p->home);
	log_hint("--auth_dir DIR, here and for the sessions, gives the sandbox a login of its "
		 "own");
}

static int plan_login(struct plan *p, const struct cli *c, struct search *s, struct error *t)
{
	const char *named = c->auth_file ? c->auth_file : find_variable("CODEX_AUTH_FILE");
	const char *path;
	struct auth_facts facts;
	bool followed;

	if (check_mount_point(p, "auth.json", S_IFREG, t) < 0)
		return -1;
	if (c->auth_dir)
		return plan_auth_dir(p, c->auth_dir, t);
	if (changes_login(c)) {
		warn_of_other_login(p, c, s, named);
		return 0;
	}
	if (find_auth(s, named, p->home, &path, &facts, t) < 0)
		return -1;
	if (!path)
		return 0;
	if (api_key_hand_over(s, c, path, &facts)) {
		p->request.key = arena_copy(&p->arena, facts.key);
		return 0;
	}
	followed = api_key_chatgpt(p, c, path, &facts);
	warn_of_expiry(p, &facts, path, followed);
	if (followed) {
		p->request.chatgpt = arena_format(&p->arena, "%s %s %s", facts.chatgpt.token,
			facts.chatgpt.account, facts.chatgpt.claims);
		p->follow = path;
		p->follow_token = arena_copy(&p->arena, facts.chatgpt.token);
		p->follow_account = arena_copy(&p->arena, facts.chatgpt.account);
		return 0;
	}
	warn_of_unreadable(p, path, "the credentials");
	p->login = LOGIN_FILE;
	return mounts_add(&p->mounts, path, "/codex_home/auth.json", false, t);
}

static int plan_sessions(struct plan *p, const struct cli *c, struct error *t)
{
	const char *path;

	if (!c->sessions_path)
		return 0;
	path = find_named(p, "use --sessions-path", c->sessions_path, S_IFDIR, t);
	if (!path)
		return hint_to_create(p, c->sessions_path, t);
	if (check_mount_point(p, "sessions", S_IFDIR, t) < 0)
		return -1;
	p->sessions = true;
	if (confirm_outside(p, path, "for Codex's sessions", t) < 0)
		return -1;
	return mounts_add(&p->mounts, path, "/codex_home/sessions", true, t);
}

/* Prompts, and skills, which replace them since Codex 0.117. */
static int plan_instructions(struct plan *p, struct search *s, struct error *t)
{
	static const struct {
		const char *name;
		mode_t kind;
	} carried[] = {{"prompts", S_IFDIR}, {"AGENTS.md", S_IFREG}, {"skills", S_IFDIR},
		{"rules", S_IFDIR}};
	const char *path;

	for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		const char *name = carried[i].name;

		if (find_first(s, name, carried[i].kind, &path, t) < 0)
			return -1;
		if (path && mounts_add(&p->mounts, path,
				    arena_format(&p->arena, "/run/codex/in/%s", name), false,
				    t) < 0)
			return -1;
	}
	return 0;
}

/* An existing copy is never overwritten, so later changes have no effect. */
static void warn_of_older_copy(struct plan *p, const char *config)
{
	const char *copy = arena_format(&p->arena, "%s/config.toml", p->home);
	struct stat ours, its;

	if (stat(config, &ours) < 0 || lstat(copy, &its) < 0 || !S_ISREG(its.st_mode) ||
		ours.st_mtime <= its.st_mtime)
		return;
	log_warning("%s is newer than the copy that Codex uses, %s", config, copy);
	log_hint("to have it copied again: rm %s", quote_shell(&p->arena, copy));
}

/* These and init.sh: codex-init copies them into the home. */
static int plan_drop_off(struct plan *p, const struct cli *c, struct search *s, struct error *t)
{
	const char *config, *script;

	if (find_config(s, &config, t) < 0)
		return -1;
	if (config)
		warn_of_older_copy(p, config);
	if (config && mounts_add(&p->mounts, config, "/run/codex/in/config.toml", false, t) < 0)
		return -1;
	if (plan_instructions(p, s, t) < 0)
		return -1;
	if (!c->init_script)
		return 0;
	script = find_named(p, "use the init script", c->init_script, S_IFREG, t);
	return script ? mounts_add(&p->mounts, script, "/run/codex/in/init.sh", false, t) : -1;
}

/* Absolute, without empty, "." or ".." components (one slash at the end is fine). */
static bool is_plain(const char *path)
{
	if (*path != '/')
		return false;
	while (*path++ == '/' && *path) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n <= 2 && strncmp(path, "..", n) == 0))
			return false;
		path += n;
	}
	return true;
}

/* --read-only P is mounted at /appP, by the name given even if that contains a link, because
 * scripts in the container use that name. */
static const char *read_only_place(struct plan *p, const char *wanted, const char *real)
{
	const char *path = is_plain(wanted) ? wanted : real;
	size_t n = strlen(path);

	if (path[n - 1] == '/')
		n--;
	return arena_format(&p->arena, "/app%.*s", (int)n, path);
}

/* Settings of tools that read them from the home, which differs in the container. */
static void hint_at_settings(struct plan *p, const struct cli *c, const char *place)
{
	static const struct {
		const char *name, *tool, *variable, *option;
	} settings[] = {
		{".npmrc", "npm", "NPM_CONFIG_USERCONFIG", NULL},
		{"pip.conf", "pip", "PIP_CONFIG_FILE", NULL},
		{".pypirc", "twine", NULL, "twine upload --config-file"},
		{"settings.xml", "Maven", NULL, "mvn -s"},
	};
	const char *name = strrchr(place, '/') + 1;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(settings[i].name, name) != 0 ||
			(settings[i].variable &&
				request_env_setting(&c->env, settings[i].variable)))
			continue;
		log_warning("%s in the container: %s looks for it in its home, /codex_home",
			place, settings[i].tool);
		if (settings[i].variable)
			log_hint("to have it used: -e %s=%s", settings[i].variable,
				quote_shell(&p->arena, place));
		else
			log_hint("to have it used there: %s %s", settings[i].option,
				quote_shell(&p->arena, place));
	}
}

static int plan_read_only(
	struct plan *p, const struct cli *c, const char *wanted, struct error *t)
{
	const char *real = find_named(p, "use --read-only", wanted, FIND_SHARED, t), *what,
		   *place;
	struct stat st;

	if (!real)
		return -1;
	if (lstat(real, &st) < 0)
		return refuse_errno(t, "use --read-only", wanted);
	what = exposure_of(p, real, st.st_mode);
	if (what && confirm_add(p, real, what, false, t) < 0)
		return -1;
	place = read_only_place(p, wanted, real);
	hint_at_settings(p, c, place);
	return mounts_add(&p->mounts, real, place, false, t);
}

int files_add(struct plan *p, const struct cli *c, struct error *t)
{
	struct search s;
	int result = find_begin(&s, p, c->config, t);

	if (result == 0)
		result = plan_login(p, c, &s, t);
	if (result == 0)
		result = plan_sessions(p, c, t);
	if (result == 0)
		result = plan_drop_off(p, c, &s, t);
	find_free(&s);
	for (size_t i = 0; result == 0 && i < c->read_only.count; i++)
		result = plan_read_only(p, c, c->read_only.word[i], t);
	return result;
}
