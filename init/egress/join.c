/* See join.h. What PID 1 gave the payload it wrote into its status file, which is root's. */
#include "join.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../home/environment.h"
#include "../home/home.h"
#include "../home/mounts.h"
#include "../lib/execute.h"
#include "../lib/exit_status.h"
#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/num.h"
#include "../lib/placeholder_login.h"
#include "../lib/privileges.h"

#define STATUS_FILE "/run/codex/status.json"

/* The number after `key` in text; false if there is none. */
static bool number_after(const char *text, const char *key, uint64_t *n)
{
	const char *at = strstr(text, key);

	return at && num_read(at + strlen(key), n) && *n > 0 && *n < UINT32_MAX;
}

struct payload {
	uid_t uid;
	gid_t gid;
	bool keyless; /* it doesn't have the API key */
};

/* Returns NULL, or why nobody can join. */
static const char *who(struct payload *p)
{
	char text[LIMIT_STATUS_BYTES + 1];
	uint64_t user, group;
	ssize_t n = file_take(
		file_open(AT_FDCWD, STATUS_FILE, O_RDONLY, 0, 0), text, sizeof(text) - 1);

	if (n < 0)
		return "codex-init has no wall here, or hasn't finished starting";
	text[n] = '\0';
	if (strstr(text, "\"wall\":\"cell\"") || privileges_shared())
		return "in the cell a new process would be outside of it: only what the "
		       "session itself starts is inside";
	if (!number_after(text, "\"uid\":", &user) || !number_after(text, "\"gid\":", &group))
		return "nothing is known of the payload's user";
	*p = (struct payload){
		(uid_t)user, (gid_t)group, strstr(text, "\"keyless\":false") == NULL};
	return NULL;
}

static void see_mount(void *context, const struct mounts_entry *e)
{
	*(bool *)context |= e->idmapped;
}

/* As the payload's (monitor/spawn.c). */
static int confine(uid_t uid, gid_t gid, struct failure *f)
{
	bool idmapped = false;

	if (mounts_each(see_mount, &idmapped) < 0)
		idmapped = true; /* in doubt */
	if (privileges_drop(uid, gid, f) < 0 ||
		(idmapped && filters_install(FILTER_MODES, f) < 0))
		return -1;
	return filters_install(FILTER_PAYLOAD, f);
}

static int set_environment(struct environment *e, bool keyless)
{
	static const char *const ours[] = {
		/* With its password, which the payload could read from what runs as its
		 * user (boot/stage_proxy.c). */
		"CODEX_INIT_PROXY", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy",
		"ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy",
		/* A ChatGPT login, which is the broker's or nobody's. */
		"CODEX_INIT_LOGIN",
		/* The engine gives them to whatever it starts; the payload may be without. */
		"OPENAI_API_KEY", "CODEX_API_KEY"};
	const size_t keys = 2, count = sizeof(ours) / sizeof(ours[0]);
	const char *home;

	if (environment_copy(e, environ) < 0 ||
		(access(BROKER_BUNDLE, F_OK) == 0 &&
			(environment_set(e, "CODEX_CA_CERTIFICATE", BROKER_BUNDLE) < 0 ||
				environment_set(e, "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
					BROKER_RENEWAL_URL) < 0)))
		return -1;
	environment_unset_told(e);
	for (size_t i = 0; i < (keyless ? count : count - keys); i++)
		environment_unset(e, ours[i]);
	home = environment_get(e, "CODEX_HOME");
	return home && home[0] == '/' ? environment_sandbox(e, home) : 0;
}

int join_run(char *const *argv, const char **why)
{
	static struct failure f;
	static char shell[PATH_MAX];
	static char *alone[] = {shell, NULL};
	struct environment e = {0};
	struct payload p;

	*why = who(&p);
	if (*why)
		return EXIT_SANDBOX;
	if (!argv[0] && !users_shell("/etc", p.uid, shell, sizeof(shell))) {
		*why = "/etc/passwd names no shell for the payload's user: name a command";
		return EXIT_NOT_FOUND;
	}
	*why = f.reason;
	if (confine(p.uid, p.gid, &f) < 0)
		return EXIT_SANDBOX;
	if (set_environment(&e, p.keyless) < 0) {
		*why = strerror(ENOMEM);
		return EXIT_SANDBOX;
	}
	*why = f.reason;
	return execute(argv[0] ? argv : alone, e.vars, &f);
}
