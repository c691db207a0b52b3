/*
 * The cell's stages, which replace `wall` and `verify` in a container without NET_ADMIN.
 * There are no routes to add, and what isn't possible without nftables is refused here.
 */
#include "stages.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../cell/cell_rules.h"
#include "../cell/hosts.h"
#include "../cell/probe.h"
#include "../lib/file.h"
#include "../lib/privileges.h"
#include "nameserver.h"

#define HOSTS       "/etc/hosts"
#define RESOLV      "/etc/resolv.conf"
#define EVENTS_READ 64 /* of the kernel's at a time */
#define WITH_NFT    "nftables can: start the container as root with" FIVE_FLAGS

/* ---- Which wall ---- */

static int cannot(struct failure *f, const char *on, const char *why)
{
	fail(f, "use the cell", on, "%s", why);
	return fail_hint(f, WITH_NFT);
}

int stage_cell_choose(struct boot *b, struct failure *f)
{
	const struct policy *p = &b->o->policy;
	char text[LIMIT_RULE_TEXT];

	b->cell = wall_is_cell(b);
	b->status.wall = b->cell ? "cell" : "nft";
	if (!b->cell)
		return 0;
	if (wall_keeps_root(b) && privileges_keep_none(f) < 0)
		return -1;
	b->shared = privileges_shared();
	if (b->o->egress == EGRESS_AUDIT)
		return cannot(
			f, "--egress=audit", "it can't let anything through, only refuse");
	if (b->o->egress == EGRESS_PIN)
		return cannot(f, "--egress=pin",
			"in the cell every connection goes through the gate");
	if (b->o->published_count)
		return cannot(f, "--publish", "in the cell servers listen on loopback only");
	for (size_t i = 0; i < p->count; i++) {
		const char *reason = cell_rules_refuses(&p->rules[i], false);

		rule_text(&p->rules[i], text, sizeof(text));
		if (reason)
			return cannot(f, text, reason);
	}
	return 0;
}

/* ---- Names ---- */

/* In place, because the engine has mounted that very file. */
static int write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, len);
	if (n >= 0 && ftruncate(fd, n) < 0)
		n = -1;
	close(fd);
	return n == (ssize_t)len ? 0 : -1;
}

/* The file's contents, without the changes of an earlier codex-init in this container. */
static size_t read_file(const char *path, char *text, size_t size)
{
	ssize_t n = file_take(open(path, O_RDONLY | O_CLOEXEC), text, size);

	return n < 0 ? 0 : (size_t)n;
}

static bool rewrite(struct boot *b, const char *path, bool hosts)
{
	static char old[LIMIT_HOSTS_BYTES];
	size_t len = read_file(path, old, sizeof(old)), size = 0;
	char *text = NULL;
	FILE *to;
	bool done;

	if (!nameserver_may_write(path) || len == sizeof(old) ||
		!(to = open_memstream(&text, &size)))
		return false;
	if (!hosts)
		hosts_resolv_undo(old, len);
	if (hosts)
		hosts_write(&b->o->policy, old, len, to);
	else
		hosts_resolv_write(old, len, to);
	done = fclose(to) == 0 && write_file(path, text, size) == 0;
	free(text);
	return done;
}

static bool leads_already(void)
{
	static char text[LIMIT_RESOLV_CONF_BYTES];

	return hosts_resolv_leads(text, read_file(RESOLV, text, sizeof(text)));
}

/*
 * There is no IPv6 in here, and no UDP with which libc could detect that (RFC 6724), so
 * servers would listen on :: first.
 */
static void prefer_ipv4(void)
{
	static const char path[] = "/etc/gai.conf", line[] = "precedence ::ffff:0:0/96 100\n";
	int fd =
		file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644, RESOLVE_NO_XDEV);

	if (fd < 0 || write(fd, line, sizeof(line) - 1) < 0)
		say_detail("wall",
			"%s can't be written: some servers find no address to listen on", path);
	if (fd >= 0)
		close(fd);
}

/* Exact names through the hosts file, others through our resolver; programs that use neither
 * need the proxy. */
static void redirect_programs(struct boot *b)
{
	const bool listens = b->names.sockets.tcp4 >= 0;

	prefer_ipv4();
	if (!b->stand_ins_given && !rewrite(b, HOSTS, true)) {
		say_warning("wall", HOSTS
			" can't be written: only programs that use HTTPS_PROXY find names");
		say_hint("codex-init --check --hosts prints the options that put them there");
	}
	if (listens && !leads_already() && !rewrite(b, RESOLV, false))
		say_detail("wall", RESOLV " can't be written: only programs that use "
					  "HTTPS_PROXY find names under wildcards");
}

/* Entries of the hosts file that no rule is about: the container itself. */
static void add_own_names(const struct boot *b, char *text, size_t size)
{
	for (size_t i = 0; i < b->names.hosts_count; i++) {
		const struct hosts_entry *h = &b->hosts[i];
		char address[ADDRESS_TEXT];
		size_t len = strlen(text);

		if (h->address.family != 4 ||
			address_classify(&h->address) == ADDRESS_LOOPBACK ||
			policy_check_name(&b->o->policy, h->name).allowed)
			continue;
		if (snprintf(text + len, size - len, ",%s,%s", h->name,
			    address_text(&h->address, address)) >= (int)(size - len))
			text[len] = '\0';
	}
}

static int set_proxy_variables(struct boot *b, struct failure *f)
{
	static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY",
		"https_proxy", "ALL_PROXY", "all_proxy"};
	char url[40], here[512] = "localhost,127.0.0.1,127.0.0.0/8,::1";
	int done = 0;

	add_own_names(b, here, sizeof(here));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", b->gate.sockets.port);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		done |= environment_set(&b->env, names[i], url);
	done |= environment_set(&b->env, "NO_PROXY", here) |
		environment_set(&b->env, "no_proxy", here);
	return done ? fail_errno(f, "set the environment", "HTTPS_PROXY") : 0;
}

/* ---- The engine's resolver ---- */

/*
 * On a user-defined network it is on loopback, and carries anybody's questions out. Without
 * NET_ADMIN a socket can be kept from one address of lo (TCP_MD5SIG), but not those that the
 * kernel makes of it for accept(2), which can connect as well once they are disconnected.
 */
static bool resolver_is_there(void)
{
	return local_dns_embedded_is_there((uid_t)-1, true);
}

int stage_cell_check(struct boot *b, struct failure *f)
{
	static const char why[] =
		"on a user-defined network the engine's resolver is there, and would carry the "
		"command's questions out; on the default network it isn't";

	return b->cell && resolver_is_there() ? cannot(f, "127.0.0.11", why) : 0;
}

/* A network connected while the command runs: the engine starts its resolver first. */
static void network_changed(void *context, int fd)
{
	struct boot *b = context;
	char octet;

	for (int i = 0; i < EVENTS_READ && recv(fd, &octet, 1, MSG_DONTWAIT) >= 0; i++)
		;
	if (!resolver_is_there())
		return;
	b->resolver_came = true;
	monitor_kill_remaining(b->m);
}

static int watch_networks(struct boot *b, struct failure *f)
{
	const struct sockaddr_nl of = {
		.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&of, sizeof(of)) < 0 ||
		monitor_watch(b->m, fd, network_changed, b) < 0)
		return fail_errno(f, "watch for further networks", "");
	return stage_cell_check(b, f);
}

/* ---- The stages ---- */

/* With this setting the kernel forwards packets that arrive on lo from one of our addresses. */
static int check_lo(const struct boot *b, struct failure *f)
{
	static const char *const settings[] = {"/proc/sys/net/ipv4/conf/all/accept_local",
		"/proc/sys/net/ipv4/conf/lo/accept_local"};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char value = '0';

		if (read_file(settings[i], &value, 1) == 1 && value != '0')
			return cannot(
				f, settings[i], "it is set, so packets on lo could leave");
		if (b->shared && access(settings[i], W_OK) == 0)
			return cannot(f, settings[i], "the command could set it");
	}
	return 0;
}

/* An inherited descriptor might be a connection. */
static int check_descriptors(struct failure *f)
{
	for (int fd = 0; fd <= 2; fd++) {
		int domain = AF_UNSPEC;
		socklen_t len = sizeof(domain);
		char on[24];

		snprintf(on, sizeof(on), "descriptor %d", fd);
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
			domain != AF_UNIX)
			return cannot(
				f, on, "it is a connection, and the command would inherit it");
	}
	return 0;
}

static int listen_all(struct boot *b, struct failure *f)
{
	int missing;

	if (resolver_listen_inward(&b->names.sockets, f) < 0 ||
		gate_listen(&b->gate.sockets, f) < 0 ||
		(b->brokered && stage_broker_listen(b, f) < 0))
		return -1;
	missing = gate_listen_inward(&b->gate.sockets, &b->o->policy, f);
	if (missing > 0 || (missing == 0 && b->names.sockets.tcp4 < 0)) {
		say_warning("wall",
			"%d ports of rules%s can't be listened on: on these, only programs "
			"that use HTTPS_PROXY reach names",
			missing, b->names.sockets.tcp4 < 0 ? " and DNS's" : "");
		say_hint("start the container with --sysctl "
			 "net.ipv4.ip_unprivileged_port_start=0");
	}
	return missing < 0 ? -1 : 0;
}

static pid_t start_cell(void *context, bool first, int *channel, struct failure *f)
{
	struct boot *b = context;

	(void)first;
	return cell_start(&b->calls, channel, f);
}

/* It sends no messages. */
static int take_cell(void *context, const void *message, size_t size)
{
	(void)context;
	(void)message;
	(void)size;
	return -1;
}

static void tell_cell(void *context, const char *reason, bool dead)
{
	struct boot *b = context;
	struct event e = {.kind = EVENT_WORKER, .name = "cell", .reason = reason};

	(void)dead;
	if (b->supervisors[WORKER_CELL].down)
		cell_shut(&b->calls);
	events_add(b->events, &e);
}

/* PID 1 passes on a program's listener: the hook's, the command's. */
int stage_cell_held(void *context, int listener, struct failure *f)
{
	struct boot *b = context;

	return cell_add(&b->calls, b->supervisors[WORKER_CELL].channel, listener, f);
}

int stage_cell(struct boot *b, struct failure *f)
{
	say_warning("wall",
		"%s: the command is in the cell: its sockets lead to codex-init alone",
		b->o->wall == WALL_CELL ? "as told" : "without NET_ADMIN");
	stage_leave_out_local_dns(b);
	if (watch_networks(b, f) < 0 || check_lo(b, f) < 0 || check_descriptors(f) < 0 ||
		listen_all(b, f) < 0 || set_proxy_variables(b, f) < 0 ||
		cell_open(&b->calls, f) < 0)
		return -1;
	b->gate.counters = gate_counters_new();
	if (!b->gate.counters)
		return fail_errno(f, "allocate memory for the gate's counters", "");
	if (stage_rules_open(b, f) < 0)
		return -1;
	b->names.cell = b->gate.cell = true;
	b->fence.policy = &b->o->policy;
	memcpy(b->fence.upstreams, b->names.conf.upstreams, sizeof(b->fence.upstreams));
	b->fence.upstreams_count = b->names.conf.upstreams_count;
	redirect_programs(b);
	return 0;
}

/* Once the broker has the credential: a worker is a copy of PID 1. */
static int start_worker(struct boot *b, struct failure *f)
{
	static const struct supervisor_worker worker = {
		"cell", start_cell, take_cell, NULL, tell_cell, 0};
	struct supervisor *k = &b->supervisors[WORKER_CELL];

	k->worker = &worker;
	k->context = b;
	k->monitor = b->m;
	return supervisor_start(k, f);
}

int stage_verify_cell(struct boot *b, struct failure *f)
{
	/* First, since it protects us from other processes of our uid. */
	if (b->shared && privileges_shed(f) < 0)
		return -1;
	if (start_worker(b, f) < 0 || cell_probe(&b->calls, b->supervisors[WORKER_CELL].channel,
					      b->uid, b->gid, b->gate.sockets.port, f) < 0)
		return -1;
	if (!b->shared && privileges_keep_needed(f) < 0)
		return -1;
	stage_write_files(b);
	return 0;
}
