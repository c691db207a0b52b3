/*
 * codex-init's command line and environment: one table of options, each with the variable
 * that can replace it. The command line takes precedence; repeatable options accumulate.
 */
#ifndef INIT_BOOT_OPTIONS_H
#define INIT_BOOT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/proxy_url.h"
#include "../lib/say.h"
#include "../nft/wall.h"
#include "../policy/policy.h"
#include "../policy/target.h"

enum broker_use { BROKER_AUTO, BROKER_ON, BROKER_OFF };
enum wall_kind { WALL_AUTO, WALL_NFT, WALL_CELL };

struct options {
	struct policy policy; /* owned; not compiled yet */
	enum egress egress;
	enum wall_kind wall;
	enum broker_use broker;
	bool default_rules;
	struct published published[LIMIT_PUBLISHED]; /* --publish */
	size_t published_count;
	struct endpoint upstreams[LIMIT_UPSTREAMS]; /* --upstream; none: those of resolv.conf */
	size_t upstreams_count;
	struct gate_proxy proxy;      /* port 0: none */
	bool proxy_off;               /* ignore the one in the environment as well */
	struct exceptions exceptions; /* names reached without the proxy */
	const char *proxy_url; /* pointer to its text in argv or the environment, or NULL */
	unsigned ask;     /* seconds that whoever watches has to answer; 0: nobody is asked */
	const char *user; /* NULL: the owner of the working directory */
	const char *workdir;    /* NULL: the current directory */
	const char *home_from;  /* NULL: /run/codex/in if it exists */
	const char *events;     /* NULL: /run/codex/events.jsonl */
	const char *git_config; /* the git directory whose config is guarded, or NULL */
	const char *compared[LIMIT_COMPARED]; /* --compare */
	size_t compared_count;
	const char *git_dir; /* the project's git directory where that is elsewhere, or NULL */
	const char *git_name, *git_email; /* for git; NULL: unknown */
	const char *launcher;             /* the launcher's command line, or NULL */
	const char *launcher_here; /* what its commands for this sandbox begin with, or NULL */
	const char *mounts;        /* NULL: no comparison (home/mountcheck.h) */
	bool check;
	bool hosts;   /* with check: print what the cell needs in /etc/hosts */
	bool explain; /* with check: about target */
	struct target target;
	bool require_names;
	bool quiet, verbose;
	bool help, version;
	char **command; /* what follows the options; command[0] NULL: none */
};

/* Reads the environment, then argv. Returns 0, or -1 with *f filled (exit status 100).
 * Pointers in *out refer to argv and the environment; free with options_free(). */
int options_read(struct options *out, int argc, char **argv, struct failure *f);
void options_free(struct options *o);

/* Prints the help text, generated from the table, to stdout. */
void options_help(void);

#endif
