/*
 * The stage `config`: reads and validates everything that can be known in advance, and
 * changes nothing visible except the event log.
 */
#include "stages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../cell/hosts.h"
#include "../lib/file.h"
#include "../home/home.h"
#include "../home/mountcheck.h"
#include "../home/mounts.h"
#include "../home/report_file.h"
#include "../lib/privileges.h"
#include "netns.h"

#define EVENTS_FILE  RUN_DIR "/events.jsonl"
#define DEFAULT_HOME "/codex_home"
#define AUTH_HOST    "auth.openai.com"
#define AUTH_REASON                                                                            \
	"auth.json is mounted read-only: a renewed login could not be stored, and the "        \
	"host's would be spent; --auth_dir gives a login that renews itself"

/*
 * The URL from which Codex renews its login, if set. Nothing answers on port 0, and nothing
 * in the container can listen there.
 */
#define RENEWAL_VARIABLE "CODEX_REFRESH_TOKEN_URL_OVERRIDE"
#define RENEWAL_NOWHERE  "http://127.0.0.1:0/"

/* PROC_PID_INIT_INO: the inode of the machine's initial pid namespace. */
#define MACHINE_PID_NAMESPACE "pid:[4026531836]"

/* Reads a small file; a missing one counts as empty. Returns its length, or -1. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	n = file_read(fd, text, size);
	close(fd);
	return n;
}

/* The wall belongs in a container's network. On the machine itself it would cut off
 * everything. */
static int refuse_machine(struct failure *f)
{
	char link[64];
	ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (n < 0)
		return fail_errno(
			f, "find out which pid namespace this is", "/proc/self/ns/pid");
	link[n] = '\0';
	if (strcmp(link, MACHINE_PID_NAMESPACE) != 0)
		return 0;
	fail(f, "build the wall", "", "this is the machine itself, not a container");
	return fail_hint(f,
		"run it as a container's entry point, or with --egress=off as a plain "
		"init; --check validates rules anywhere");
}

static int need_capabilities(struct failure *f)
{
	static const struct {
		int number;
		const char *name;
	} needed[] = {{CAP_NET_ADMIN, "NET_ADMIN"}, {CAP_SETUID, "SETUID"},
		{CAP_SETGID, "SETGID"}, {CAP_SETPCAP, "SETPCAP"}, {CAP_KILL, "KILL"}};
	char missing[96] = "", flags[192] = "";

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (privileges_have(needed[i].number))
			continue;
		snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s",
			needed[i].name);
		snprintf(flags + strlen(flags), sizeof(flags) - strlen(flags), " --cap-add=%s",
			needed[i].name);
	}
	if (!missing[0])
		return 0;
	fail(f, "build the sandbox", "", "the container lacks these capabilities:%s", missing);
	/* An image with USER: --cap-add gives its processes nothing. */
	if (geteuid() != 0)
		return fail_hint(f,
			"start the container as root with --user 0%s; the command still runs "
			"as uid %u with -e CODEX_INIT_USER=%u",
			flags, (unsigned)geteuid(), (unsigned)geteuid());
	return fail_hint(f, "start the container as root with%s", flags);
}

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
				"the container gives no right to become another");
			return fail_hint(f, "start it with that user, or as root with "
					    "--cap-add=SETUID --cap-add=SETGID "
					    "--cap-add=SETPCAP --cap-add=KILL");
		}
	}
	if (b->uid == 0)
		say_warning("config", "the command runs as uid 0, without a capability: %s",
			privileges_root_is_user()
				? "outside, that is who runs the engine"
				: "the container gives no right to become another");
	return 0;
}

/* The payload's user: --user, else the workdir's owner, else (root's workdir) codex. */
static int choose_user(struct boot *b, struct failure *f)
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
		b->uid == UID_CELL)
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
	char home[PATH_MAX];

	/* The list has resolved paths. If the home doesn't exist, nothing is mounted in it. Two
	 * slashes in front are one to Linux, but not to musl's realpath(3). */
	if (realpath(b->home + strspn(b->home, "/") - 1, home))
		snprintf(seen.login, sizeof(seen.login), "%s/auth.json", home);
	if (mounts_each(check_mount, &seen) < 0)
		return -1;
	*login_is_read_only = seen.login_is_read_only;
	return 0;
}

/*
 * A login that can't be stored must not be renewed, since that would invalidate the host's.
 * So the host for renewals is denied, or if denials aren't enforced, Codex is given a URL
 * that leads nowhere.
 */
static int guard_login(struct boot *b, struct failure *f)
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

static int read_dns_files(struct boot *b, struct failure *f)
{
	static char text[LIMIT_HOSTS_BYTES];
	struct resolver_config *c = &b->names;
	ssize_t n = read_file("/etc/resolv.conf", text, LIMIT_RESOLV_CONF_BYTES);

	if (n < 0)
		return fail_errno(f, "read", "/etc/resolv.conf");
	if (b->cell)
		hosts_resolv_undo(text, (size_t)n);
	resolvconf_parse(text, (size_t)n, &c->conf);
	if (b->o->upstreams_count) {
		memcpy(c->conf.upstreams, b->o->upstreams, sizeof(b->o->upstreams));
		c->conf.upstreams_count = b->o->upstreams_count;
	}
	n = read_file("/etc/hosts", text, sizeof(text));
	if (n < 0)
		return fail_errno(f, "read", "/etc/hosts");
	b->hosts = calloc(LIMIT_HOSTS, sizeof(*b->hosts));
	if (!b->hosts)
		return fail_errno(f, "read", "/etc/hosts");
	c->hosts = b->hosts;
	c->hosts_count = resolvconf_parse_hosts(text, (size_t)n, b->hosts, LIMIT_HOSTS);
	if (!b->cell)
		return 0;
	b->stand_ins_given = hosts_complete(&b->o->policy, b->hosts, c->hosts_count);
	c->hosts_count = hosts_without_fake_ips(b->hosts, c->hosts_count);
	return 0;
}

/* Documentation networks are accepted, since examples use them; but with a warning. */
static void warn_of_examples(const struct policy *p)
{
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind != RULE_NETWORK || r->effect != RULE_ALLOW ||
			address_classify_network(&r->network, r->prefix) != ADDRESS_EXAMPLE)
			continue;
		rule_text(r, text, sizeof(text));
		say_warning("config",
			"allow %s: this allows nothing: these addresses are for %s", text,
			address_network_name(&r->network, r->prefix));
	}
}

static bool is_localhost(const char *name)
{
	static const char localhost[] = "localhost";
	size_t n = strlen(name), size = strlen(localhost);

	return n >= size && strcmp(name + n - size, localhost) == 0 &&
	       (n == size || name[n - size - 1] == '.');
}

/* localhost is the container itself, and no host (RFC 6761 section 6.3). */
static void warn_of_localhost(const struct policy *p)
{
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];
		const char *port;

		if (r->kind == RULE_NETWORK || r->effect != RULE_ALLOW ||
			!is_localhost(r->name))
			continue;
		rule_text(r, text, sizeof(text));
		port = strchr(text, ':');
		say_warning("config",
			"allow %s: this allows nothing: localhost is the container itself, "
			"where every port is open",
			text);
		say_hint("the machine that the engine runs on: --allow host.docker.internal%.*s"
			 "+private",
			port ? (int)strcspn(port, "+") : 0, port ? port : "");
	}
}

/* A rule that denies what Codex itself connects to. */
static void warn_of_denied_service(const struct options *o)
{
	static const struct {
		const char *name, *login;
	} services[] = {{"api.openai.com", "an API key"}, {"chatgpt.com", "a ChatGPT login"}};

	for (size_t i = 0; o->default_rules && i < sizeof(services) / sizeof(services[0]); i++)
		if (!policy_check_name(&o->policy, services[i].name).allowed)
			say_warning("config", "deny %s: with %s, Codex can't work without it",
				services[i].name, services[i].login);
}

int stage_compile_policy(struct options *o, struct failure *f)
{
	if (o->proxy.port)
		policy_set_proxy(&o->policy, o->proxy.name, o->proxy.port, &o->exceptions);
	if (policy_compile(&o->policy) < 0)
		return fail_errno(f, "compile the policy", "");
	warn_of_examples(&o->policy);
	warn_of_localhost(&o->policy);
	warn_of_denied_service(o);
	return 0;
}

/* If it can't be created, everything in it is missing: one warning is enough. */
static bool make_run_directory(struct boot *b)
{
	b->run_dir = (mkdir("/run", 0755) == 0 || errno == EEXIST) &&
		     (mkdir(RUN_DIR, 0755) == 0 || errno == EEXIST) &&
		     access(RUN_DIR, W_OK | X_OK) == 0;
	if (b->run_dir)
		return true;
	say_warning("config",
		"create %s: %s: there is no status file and no codex-egress, and events are "
		"only "
		"counted",
		RUN_DIR, strerror(errno));
	say_hint(geteuid() == 0 ? "give the container one: --tmpfs /run"
				: "give the container one that its user can write: --tmpfs "
				  "/run:mode=1777");
	return false;
}

/* Of the launcher's, where it has made them; before anything unprivileged runs. */
static void open_host_files(struct boot *b)
{
	struct failure f = {0};
	int fd;

	b->report_file = report_file_open(REPORT_FILE_DIRECTORY, REPORT_FILE_NAME, &f);
	if (b->report_file < 0 && f.reason[0])
		say_failure_warning("config", &f);
	fd = report_file_open(REPORT_FILE_DIRECTORY, REPORT_FILE_EVENTS, &f);
	if (fd >= 0) {
		events_copy(b->events, report_file_append(fd, &f));
		close(fd);
	}
	if (f.reason[0])
		say_failure_warning("config", &f);
}

static int open_events(struct boot *b, const char *path, struct failure *f)
{
	struct utsname host = {0};

	if (events_open(&b->events, path, f) < 0) {
		/* A file that the user asked for is mandatory; the default one is optional. */
		if (b->o->events)
			return -1;
		say_warning("config", "%s: %s: %s; events are only counted", f->operation,
			f->subject, f->reason);
		if (events_open(&b->events, NULL, f) < 0)
			return -1;
	}
	open_host_files(b);
	uname(&host);
	events_context(b->events, host.nodename, b->workdir, &b->o->policy);
	return 0;
}

/* Validates everything and opens the event log; changes nothing else that is visible. */
int stage_config(struct boot *b, struct failure *f)
{
	const char *home = getenv("CODEX_HOME"), *events = b->o->events;
	bool fenced = b->o->egress != EGRESS_OFF, closed;

	/* A plain init's start is measured in microseconds, and this takes a hundred. */
	b->oom_known = fenced && oom_read(&b->oom);
	b->exit_status = EXIT_OPTIONS;
	closed = b->o->workdir && chdir(b->o->workdir) < 0;
	if (closed && errno != EACCES)
		return fail_errno(f, "go to the working directory", b->o->workdir);
	if (closed)
		snprintf(b->workdir, sizeof(b->workdir), "%s", b->o->workdir);
	/* Without a wall nobody asks where it is: it may have been removed. */
	else if ((fenced || b->o->user) && !getcwd(b->workdir, sizeof(b->workdir)))
		return fail_errno(f, "find the working directory", "");
	b->home = home && home[0] == '/' ? home : DEFAULT_HOME;
	/* Without any of these it isn't our image: its users and HOME stay. */
	b->codex_home = (home && home[0]) || b->o->home_from ||
			access(DEFAULT_HOME, F_OK) == 0 || access(DROP_OFF, F_OK) == 0;
	if (environment_copy(&b->env, environ) < 0)
		return fail_errno(f, "copy the environment", "");
	/* Of no use to anybody else. */
	environment_unset(&b->env, "CODEX_INIT_MOUNTS");
	environment_unset(&b->env, "CODEX_INIT_LAUNCHER");
	environment_unset(&b->env, "CODEX_INIT_RUN");
	environment_unset(&b->env, "CODEX_INIT_GIT_DIR");
	environment_unset(&b->env, "CODEX_INIT_GIT_NAME");
	environment_unset(&b->env, "CODEX_INIT_GIT_EMAIL");
	if (stage_proxy_choose(b, f) < 0 || guard_login(b, f) < 0 ||
		stage_compile_policy(b->o, f) < 0 || (fenced && stage_cell_choose(b, f) < 0))
		return -1;
	b->exit_status = EXIT_SANDBOX;
	if (fenced && ((!b->cell && need_capabilities(f) < 0) || refuse_machine(f) < 0 ||
			      netns_alone(f) < 0 || read_dns_files(b, f) < 0))
		return -1;
	b->exit_status = EXIT_OPTIONS;
	if ((fenced || b->o->user) && choose_user(b, f) < 0)
		return -1;
	b->exit_status = EXIT_SANDBOX;
	if (b->o->mounts &&
		mountcheck_run(b->o->mounts, fenced || b->o->user, b->uid, b->gid, f) < 0)
		return -1;
	if (fenced && make_run_directory(b) && !events)
		events = EVENTS_FILE;
	return open_events(b, events, f);
}
