/*
 * The stages of the boot, and what they hand to each other. Private to boot.c and stage_*.c.
 */
#ifndef INIT_STAGES_H
#define INIT_STAGES_H

#include <limits.h>

#include "boot.h"
#include "control/events.h"
#include "control/status.h"
#include "dns/keeper.h"
#include "home/environment.h"
#include "home/obeyed.h"
#include "wall/routes.h"

#define RUN_DIR "/run/codex"
#define ETC_DIR "/etc/codex"

struct boot {
	struct options *o;
	struct monitor *m;
	struct environment env;
	char workdir[PATH_MAX];
	bool mounted; /* it is in something that is mounted: the host's */
	const char *home;
	uid_t uid;
	gid_t gid;
	bool hook;             /* the home has an init.sh to run */
	char login_link[128];  /* where the home's auth.json leads, when it is a link, or "" */
	struct obeyed *obeyed; /* what the host obeys in the project; NULL: nothing to tell */
	struct hosts_entry *hosts;
	struct events *events;
	struct wall *wall;
	struct routes *routes;
	struct wall_config fence;
	struct keeper keeper;
	struct status status;
	unsigned unresolved; /* names told as unresolved at boot */
	int exit_status;     /* what a failing stage ends with */
};

/* Each returns 0, or -1 with *f filled; b->exit_status is then what the container ends with. */
typedef int stage_function(struct boot *b, struct failure *f);

stage_function stage_config; /* stage_config.c: validates; changes nothing */
stage_function stage_wall, stage_routes, stage_resolver, stage_verify; /* stage_fence.c */
stage_function stage_home, stage_hook, stage_payload;                  /* stage_run.c */

int stage_compile_policy(struct options *o, struct failure *f);

#endif
