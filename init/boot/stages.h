/*
 * The stages of the boot and their shared state. Private to boot.c and stage_*.c.
 */
#ifndef INIT_BOOT_STAGES_H
#define INIT_BOOT_STAGES_H

#include <limits.h>

#include "../cell/cell.h"
#include "../gate/gate.h"
#include "../home/environment.h"
#include "../home/git_guard.h"
#include "../home/host_exec.h"
#include "../monitor/asker.h"
#include "../monitor/control.h"
#include "../monitor/events.h"
#include "../monitor/oom.h"
#include "../monitor/pins.h"
#include "../monitor/questions.h"
#include "../monitor/status.h"
#include "../monitor/supervisor.h"
#include "../resolver/resolver.h"
#include "../route/routes.h"
#include "boot.h"
#include "broker_lives.h"
#include "local_dns.h"

#define RUN_DIR "/run/codex"
#define ETC_DIR "/etc/codex"
/* Where the launcher puts what is copied into Codex's home. */
#define DROP_OFF RUN_DIR "/in"

/* Unresolved names reported individually; further ones are counted. */
#define UNRESOLVED_REPORTED 8

/* What codex-init needs to build the wall, drop to another user and signal it. */
#define FIVE_FLAGS                                                                             \
	" --cap-add=NET_ADMIN --cap-add=SETUID --cap-add=SETGID --cap-add=SETPCAP "            \
	"--cap-add=KILL"

/* The last one has the others' last events, and so ends after them. */
enum worker_kind {
	WORKER_RESOLVER,
	WORKER_GATE,
	WORKER_CELL,
	WORKER_BROKER,
	WORKER_TRAIL,
	WORKERS
};

struct boot {
	struct options *o;
	struct monitor *m;
	struct environment env;
	char workdir[PATH_MAX];
	bool mounted;  /* the workdir is in a mount: the host's */
	bool idmapped; /* what the payload creates may be root's on the host */
	const char *home;
	bool codex_home; /* set up the home: it was requested */
	uid_t uid;
	gid_t gid;
	bool hook;            /* the home has an init.sh to run */
	bool ran;             /* something of the user's was run, or attempted */
	char login_link[128]; /* the target of the home's auth.json if it is a link, or "" */
	struct git_guard *git_guard; /* of the repository's config; NULL: there is none */
	struct host_exec *compared[LIMIT_COMPARED]; /* the same for --compare */
	struct host_exec *host_exec; /* state of the files that the host executes; NULL: nothing
					to report */
	struct hosts_entry *hosts;
	struct events *events;
	bool cell;            /* the cell instead of nftables: no wall, no routes */
	bool shared;          /* ... in which all have the same uid (lib/privileges.h) */
	bool stand_ins_given; /* ... and /etc/hosts already had the names */
	bool resolver_came;   /* ... and the engine's came later, which ended the command */
	struct cell calls;
	struct wall *wall;
	struct routes *routes;
	struct wall_config fence;
	struct resolver_config names;
	struct local_dns local_dns; /* DNS servers that aren't queried */
	struct pins pins;
	int pins_timer;     /* for the look at which of them are in use */
	bool pins_watched;  /* it runs */
	bool names_settled; /* all names of the boot are done, or the resolver has ended */
	bool gate_ready;
	struct gate_config gate;    /* counters NULL: no gate */
	struct questions questions; /* those that stand (--ask); gate.ask 0: there are none */
	struct {
		char *token, *account; /* account NULL: it is an API key */
		char *dummy;           /* the auth.json that Codex gets, or NULL: a key's */
		char *roots;           /* what the server is verified by */
		int bundle;            /* BUNDLE for it to write, or -1 */
		int web;               /* where Codex connects to the broker, at: */
		uint16_t port;
		struct broker_lives lives;
		bool ready, settled; /* settled: ready, or it will never be */
		uint32_t tokens;     /* that the one that serves was given later */
		bool renewed;        /* ... and it has kept the last of them */
	} broker;
	bool brokered; /* Codex uses the broker */
	struct supervisor supervisors[WORKERS];
	struct status status;
	bool run_dir;    /* RUN_DIR exists and is writable */
	int report_file; /* for the closing report (home/report_file.h), or -1 */
	int trail;       /* for the events: what holds it (report_file_append()), or -1 */
	struct control *control; /* NULL: not available */
	struct asker *asker;     /* the same */
	int64_t began;           /* clock_ms() at the end of the boot */
	unsigned unresolved;     /* names without an address after the boot; */
	unsigned unanswered;     /* of them, those that no server answered; */
	unsigned not_public;     /* those whose addresses no rule permits; */
	struct resolver_message
		unresolved_first[UNRESOLVED_REPORTED]; /* and the first of them */
	int exit_status; /* the exit status if the current stage fails */
	int ended;       /* the command's status from waitpid(2) */
	bool oom_known;  /* whether the following is known: */
	struct oom oom;  /* what the kernel had killed for lack of memory at the start */
};

/* Returns 0, or -1 with *f filled and b->exit_status the container's exit status. */
typedef int stage_function(struct boot *b, struct failure *f);

stage_function stage_config; /* stage_config.c: validates; changes nothing */
stage_function stage_wall, stage_routes, stage_verify; /* stage_fence.c */
stage_function stage_cell, stage_verify_cell;          /* stage_cell.c, in their place */
stage_function stage_resolver, stage_gate;             /* stage_workers.c */
stage_function stage_broker_start, stage_broker;       /* stage_broker.c */
stage_function stage_home, stage_hook, stage_payload;  /* stage_run.c */

/* wall_choice.c: whether it will be the cell; and, in it, whether all are to keep uid 0. */
bool wall_is_cell(const struct boot *b);
bool wall_keeps_root(const struct boot *b);

/* stage_cell.c: chooses nftables or the cell. In the cell, what can't work there is refused. */
int stage_cell_choose(struct boot *b, struct failure *f);
/* Fails in the cell if the engine's resolver is there. */
int stage_cell_check(struct boot *b, struct failure *f);
/* ... and for struct program: passes on the program's listener. */
int stage_cell_held(void *context, int listener, struct failure *f);

/* stage_fence.c: leaves out servers inside; the files for people, and the control socket. */
void stage_leave_out_local_dns(struct boot *b);
void stage_write_files(struct boot *b);

/* stage_run.c: the command to run; without one: codex. */
char *const *stages_command(const struct boot *b);

/* stage_trail.c: the worker for the events' copy on the host, if there is one; and its end,
 * once there are no more events: those that are missing are told. */
void stage_trail_start(struct boot *b);
void stage_trail_end(struct boot *b);

/* stage_workers.c: an event about a worker. */
void stage_worker_event(struct boot *b, const char *worker, const char *reason);
/* ... writes the pids of running workers. Returns their number. */
size_t stage_workers(const struct boot *b, pid_t out[WORKERS]);

/*
 * end_session.c: call once something of the user's has run, even if the init script failed:
 * what was refused is usually the reason. stage, f: the stage that failed, and why; NULL:
 * none.
 */
void end_session(struct boot *b, const char *stage, const struct failure *f);

/* report_kills.c: warns about what the kernel killed, the command and others. */
void report_kills(const struct boot *b);

/* stage_proxy.c: chooses the gate's proxy, if any, and hides it from the command: its
 * credentials, and the engine's variables in the environment. */
int stage_proxy_choose(struct boot *b, struct failure *f);

/* config_user.c: the payload's user: --user, else the workdir's owner, else (root's workdir)
 * codex. Where ids can't be changed, the one that there is. */
int config_user_choose(struct boot *b, struct failure *f);
/*
 * A login that can't be stored must not be renewed, since that would invalidate the host's. So
 * the host for renewals is denied, or if denials aren't enforced, Codex is given a URL that
 * leads nowhere. Also finds out whether the working directory is mounted.
 */
int config_user_guard_login(struct boot *b, struct failure *f);

/* config_policy.c: reads resolv.conf and hosts into b->names and b->hosts. */
int config_policy_read_dns(struct boot *b, struct failure *f);
/* Compiles the options' rules; warns about those that can't have the effect that they look
 * like. */
int config_policy_compile(struct options *o, struct failure *f);

/* broker_choice.c: decides whether there is a broker; takes the credential out of the
 * environment for it, and the service's names out of the command's policy. */
int broker_choose(struct boot *b, struct failure *f);
/* stage_broker.c: binds its socket and the gate's for it, before the wall; and tells Codex, in
 * its settings and its home, where the broker is, or that there is none. */
int stage_broker_listen(struct boot *b, struct failure *f);
int stage_broker_settle(struct boot *b, struct failure *f);
/* ... gives it another token, from codex-egress, whose status this returns. */
int stage_broker_renew(struct boot *b, const char *token, FILE *to);

/* stage_rules.c: allocates the memory for runtime rules; carries out a request about one. The
 * answer is written to `to`; the result is codex-egress's exit status. */
int stage_rules_open(struct boot *b, struct failure *f);
int stage_rules_change(struct boot *b, const struct control_request *q, pid_t peer, FILE *to);

/*
 * stage_ask.c. Whether anybody can be asked; what a new watcher gets first; the number of
 * watchers has changed; a rule has; the gate has ended, with all that it held. A message of the
 * gate's about questions: 0, or -1 if it violates the protocol. Who asks. The rule that a
 * watcher's answer gives; false: there is no such question.
 */
int stage_ask_open(struct boot *b, struct failure *f);
void stage_ask_greet(struct boot *b, FILE *to);
void stage_ask_watched(struct boot *b, size_t watchers);
void stage_ask_decided(struct boot *b);
void stage_ask_forget(struct boot *b);
int stage_ask_message(struct boot *b, const struct gate_message *m);
asker_found stage_ask_who;
bool stage_ask_rule(const struct boot *b, const struct control_request *answer,
	struct control_request *out);

/* stage_control.c: opens the control socket for codex-egress. Failure is only a warning: the
 * sandbox is just as safe without it. */
void stage_control_open(struct boot *b);

#endif
