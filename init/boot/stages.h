/*
 * The stages of the boot, and what they hand to each other. Private to boot.c and stage_*.c.
 */
#ifndef INIT_BOOT_STAGES_H
#define INIT_BOOT_STAGES_H

#include <limits.h>

#include "../gate/gate.h"
#include "../home/environment.h"
#include "../home/host_exec.h"
#include "../monitor/control.h"
#include "../monitor/events.h"
#include "../monitor/pins.h"
#include "../monitor/status.h"
#include "../monitor/supervisor.h"
#include "../resolver/resolver.h"
#include "../route/routes.h"
#include "boot.h"
#include "local_dns.h"

#define RUN_DIR "/run/codex"
#define ETC_DIR "/etc/codex"

/* Unresolved names told one by one; of further ones only the number. */
#define TOLD_NAMES 8

enum worker_kind { WORKER_RESOLVER, WORKER_GATE, WORKERS };

struct boot {
	struct options *o;
	struct monitor *m;
	struct environment env;
	char workdir[PATH_MAX];
	bool mounted; /* it is in something that is mounted: the host's */
	const char *home;
	uid_t uid;
	gid_t gid;
	bool hook;            /* the home has an init.sh to run */
	bool ran;             /* something of the user's was run, or nearly */
	char login_link[128]; /* where the home's auth.json leads, when it is a link, or "" */
	struct host_exec
		*host_exec; /* what the host obeys in the project; NULL: nothing to tell */
	struct hosts_entry *hosts;
	struct events *events;
	struct wall *wall;
	struct routes *routes;
	struct wall_config fence;
	struct resolver_config names;
	struct local_dns local_dns; /* DNS servers that are not asked */
	struct pins pins;
	int pins_timer;     /* for the look at which of them are in use */
	bool pins_watched;  /* it runs */
	bool names_settled; /* the boot's names are done with, or the resolver ended before */
	bool gate_ready;
	struct gate_config gate; /* counters NULL: there is none */
	struct supervisor supervisors[WORKERS];
	struct status status;
	int report_file;         /* for the closing report (home/report_file.h), or -1 */
	struct control *control; /* NULL: it could not be had */
	int64_t began;           /* clock_ms(): when the boot was done */
	unsigned unresolved;     /* names that the boot found no address for, ... */
	unsigned unanswered;     /* ... those of them that no server answered about, ... */
	unsigned not_public;     /* ... those whose addresses no rule lets them have, ... */
	struct resolver_message unresolved_first[TOLD_NAMES]; /* ... and the first of them */
	int exit_status; /* what a failing stage ends with */
};

/* Each returns 0, or -1 with *f filled; b->exit_status is then what the container ends with. */
typedef int stage_function(struct boot *b, struct failure *f);

stage_function stage_config; /* stage_config.c: validates; changes nothing */
stage_function stage_wall, stage_routes, stage_verify; /* stage_fence.c */
stage_function stage_resolver, stage_gate;             /* stage_workers.c */
stage_function stage_home, stage_hook, stage_payload;  /* stage_run.c */

/* stage_workers.c: the pids of the workers that run; returns how many. */
size_t stage_workers(const struct boot *b, pid_t out[WORKERS]);

/* end_session.c: to be called once something of the user's has run, also where the init script
 * failed: what it was refused is mostly why. stage, f: which one failed, and why; NULL: none.
 */
void end_session(struct boot *b, const char *stage, const struct failure *f);

/* stage_proxy.c: settles by which proxy the gate goes, if by any, and keeps it from the
 * command: its login, and what the engine put into the environment. */
int stage_proxy_choose(struct boot *b, struct failure *f);

int stage_compile_policy(struct options *o, struct failure *f);

/* stage_deny.c: the memory for what codex-egress denies, and the denying; the answer goes to
 * `to`, what is returned is codex-egress's exit status. */
int stage_deny_open(struct boot *b, struct failure *f);
int stage_deny(struct boot *b, const char *rule, FILE *to);

/* stage_control.c: lets codex-egress ask. Without the socket the sandbox is as safe: a warning.
 */
void stage_control_open(struct boot *b);

#endif
