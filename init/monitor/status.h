/*
 * The files that describe the sandbox: /run/codex/status.json for programs and
 * /etc/codex/allowed_domains.txt for people. Owned by root, world-readable, replaced
 * atomically.
 */
#ifndef INIT_MONITOR_STATUS_H
#define INIT_MONITOR_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#include "../lib/say.h"
#include "../policy/policy.h"

#define STATUS_STAGES 12

struct status {
	const char *version, *egress;
	const char *wall; /* how it is enforced: "nft", "cell", or "none" */
	bool keyless;     /* the payload doesn't have the API key */
	struct {
		const char *name;
		uint64_t microseconds;
	} stages[STATUS_STAGES];
	size_t stages_count;
	size_t names;    /* exact names of the policy */
	uint32_t pinned; /* those with an address at the end of the boot */
	uint64_t refused;
	uid_t uid;
	gid_t gid;
	int exit_status; /* -1 while the payload runs */
};

/* Writes dir/status.json. Returns 0, or -1 with *f filled. */
int status_write(const char *dir, const struct status *s, struct failure *f);

/* Writes dir/allowed_domains.txt: the effective rules as printed by policy_print(). Returns
 * 0, or -1 with *f filled. */
int status_write_rules(const char *dir, const struct policy *p, struct failure *f);

#endif
