/* See stages.h. Who the command runs as, and what is mounted for it. */
#include "stages.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../home/home.h"
#include "../home/mounts.h"
#include "../lib/privileges.h"

#define AUTH_HOST "auth.openai.com"
#define AUTH_REASON                                                                            \
	"auth.json is mounted read-only: a renewed login could not be stored, and the "        \
	"host's would be spent; --auth_dir gives a login that renews itself"

/*
 * The URL from which Codex renews its login, if set. Nothing answers on port 0, and nothing
 * in the container can listen there.
 */
#define RENEWAL_VARIABLE "CODEX_REFRESH_TOKEN_URL_OVERRIDE"
#define RENEWAL_NOWHERE  "http://127.0.0.1:0/"

/* If ids can't be changed there is no choice. */
static int keep_user(struct boot *b, struct failure *f)
{
	b->uid = geteuid();
	b->gid = getegid();
	if (b->o->user) {
		uid_t uid;
		gid_t gid;

		if (users_find("/etc", b->o->user, &uid, &gid, f) < 0)
			return -1;
		if (uid != b->uid) {
			fail(f, "choose the user", b->o->user,
				"the container lacks the capabilities to change its user");
			return fail_hint(f, "start it with that user, or as root with "
					    "--cap-add=SETUID --cap-add=SETGID "
					    "--cap-add=SETPCAP --cap-add=KILL");
		}
	}
	if (b->uid == 0)
		say_warning("config", "the command runs as uid 0, without a capability: %s",
			privileges_root_is_user()
				? "outside, that is who runs the engine"
				: "the container lacks the capabilities to change its user");
	return 0;
}

int config_user_choose(struct boot *b, struct failure *f)
{
	struct failure unknown = {0};
	struct stat st;
	char codex[16];

	if (b->shared)
		return keep_user(b, f);
	if (b->o->user) {
		if (users_find("/etc", b->o->user, &b->uid, &b->gid, f) < 0)
			return -1;
	} else {
		if (stat(b->workdir, &st) < 0)
			return fail_errno(
				f, "find the owner of the working directory", b->workdir);
		b->uid = st.st_uid;
		b->gid = st.st_gid;
		if (b->uid == 0) {
			if (users_find("/etc", "codex", &b->uid, &b->gid, &unknown) < 0 &&
				(snprintf(codex, sizeof(codex), "%d", UID_CODEX) < 0 ||
					users_find("/etc", codex, &b->uid, &b->gid, f) < 0))
				return -1;
			/* The image's own /workspace belongs to codex, so this is a mount. */
			say_warning("config",
				"%s belongs to root, and the command does not run as root but "
				"as "
				"uid %lu: it may be unable to change files there",
				b->workdir, (unsigned long)b->uid);
		}
	}
	if (b->uid == 0) {
		fail(f, "choose the user", b->o->user ? b->o->user : b->workdir,
			"the command never runs as root");
		return fail_hint(f, "give --user another name or number");
	}
	if (b->uid == UID_PROBE || b->uid == UID_RESOLVER || b->uid == UID_GATE ||
		b->uid == UID_CELL || b->uid == UID_BROKER)
		return fail(f, "choose the user", "",
			"uid %lu is one of codex-init's own workers", (unsigned long)b->uid);
	/* Group 0 would give access to what root's group may read. */
	if (b->gid == 0)
		b->gid = b->uid;
	return 0;
}

static bool is_beneath(const char *directory, const char *path)
{
	size_t n = strlen(directory);

	return n > 1 && strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

struct mounts_seen {
	struct boot *b;
	char login[PATH_MAX + sizeof("/auth.json")];
	bool login_is_read_only;
};

static void check_mount(void *context, const struct mounts_entry *e)
{
	struct mounts_seen *seen = context;

	if (strcmp(e->place, seen->login) == 0)
		seen->login_is_read_only = e->readonly;
	seen->b->mounted |= is_beneath(e->place, seen->b->workdir);
	seen->b->idmapped |= e->idmapped;
}

/*
 * Finds out from the list of mounts whether auth.json is mounted read-only, and whether the
 * working directory is in a mount, and thus the host's.
 */
static int read_mounts(struct boot *b, bool *login_is_read_only)
{
	struct mounts_seen seen = {.b = b};
	char link[32], home[PATH_MAX];
	int fd = open(b->home, O_PATH | O_CLOEXEC);
	ssize_t n;

	/* The list has resolved paths. If the home doesn't exist, nothing is mounted in it. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, home, sizeof(home));
	if (n > 0)
		snprintf(seen.login, sizeof(seen.login), "%.*s/auth.json", (int)n, home);
	if (fd >= 0)
		close(fd);
	if (mounts_each(check_mount, &seen) < 0)
		return -1;
	*login_is_read_only = seen.login_is_read_only;
	return 0;
}

int config_user_guard_login(struct boot *b, struct failure *f)
{
	const bool fenced = b->o->egress != EGRESS_OFF;
	bool readonly = false;

	/* A plain init in another image doesn't check any further. */
	if (!fenced && access(b->home, F_OK) < 0)
		return 0;
	if (read_mounts(b, &readonly) < 0) {
		if (fenced)
			return fail_errno(f, "read the table of mounts", "/proc/self/mounts");
		b->idmapped = true; /* in doubt */
	}
	if (!readonly)
		return 0;
	if (fenced && policy_deny_because(&b->o->policy, AUTH_HOST, AUTH_REASON) < 0)
		return fail_errno(f, "deny " AUTH_HOST, "");
	if ((!fenced || b->o->egress == EGRESS_AUDIT) &&
		!environment_get(&b->env, RENEWAL_VARIABLE) &&
		environment_set(&b->env, RENEWAL_VARIABLE, RENEWAL_NOWHERE) < 0)
		return fail_errno(f, "set the environment", RENEWAL_VARIABLE);
	return 0;
}
