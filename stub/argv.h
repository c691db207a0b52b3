/*
 * From a complete request to the arguments of the engine's command. Pure: depends on nothing
 * but the request, so that the whole command line can be tested.
 */
#ifndef STUB_ARGV_H
#define STUB_ARGV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bounds.h"
#include "arena.h"

/* A bind mount. Both paths are absolute and have passed quote_mountable(). */
struct mount {
	const char *source, *target;
	const char *shown; /* the path for the engine instead of source, or NULL (idmap.h) */
	bool writable;
	bool optional; /* the user may decline it (git_decline()) */
	bool remade;   /* prepare.c creates it */
	bool watched;  /* in the workdir or not: it may be replaced meanwhile (workdir.h) */
	/* Device and inode of the source when it was checked, passed on to codex-init
	 * (workdir.h). */
	bool stamped;
	dev_t device;
	ino_t inode;
};

/* Processes and threads in the container at one time, unless something else is requested.
 * Without a limit, a fork bomb takes the machine down with it. */
#define ARGV_PIDS_LIMIT "4096"

/* What a session writes to its terminal also goes to the engine's log, for `docker logs`. By
 * default that file grows without limit. */
#define ARGV_LOG_BYTES "10m"

/*
 * Docker holds back the first of its detach keys (Ctrl-P, which Codex uses) until it has
 * seen the next key. It doesn't accept an empty list, so this is a sequence that nobody
 * types. podman accepts an empty list.
 */
#define ARGV_DETACH_KEYS "ctrl-^,ctrl-@,ctrl-^,ctrl-@,ctrl-^"

/* The variable that identifies a container as this run's, since a later container may have
 * the same name. */
#define ARGV_RUN "CODEX_INIT_RUN"

/* Labels of our containers: by them the launcher's commands know whose they are, and where they
 * work. Only who may use the engine can set them. */
#define ARGV_LABEL_UID     "codex-sandbox.uid"
#define ARGV_LABEL_WORKDIR "codex-sandbox.workdir"
#define ARGV_LABEL_WALL    "codex-sandbox.wall"

/* codex-egress in the container, where the payload can put no other. */
#define ARGV_EGRESS "/sbin/codex-egress"

/* The name by which a Docker container can reach its host, if Docker is asked to add it.
 * Podman's is host.containers.internal, which it adds by itself. */
#define ARGV_HOST_NAME "host.docker.internal"

/* A variable for codex-init: set in our own environment, unless the user has set it, and
 * passed on by name only. */
struct passed {
	const char *name, *value;
};

struct request {
	const char *engine;  /* "docker" or "podman" */
	const char *program; /* argv[0]: engine, or a path to it */
	bool keep_id;        /* rootless podman: the user's own ids inside as well */
	const char *image;
	const char *name;       /* the container's; a hash follows its last '_' */
	const char *directory;  /* the workdir's path in the container */
	uid_t caller;           /* who starts it, for ARGV_LABEL_UID */
	const char *env_dir;    /* SANDBOX_ENV_DIR */
	const char *network;    /* NULL: the engine's default */
	bool host_name;         /* a rule allows ARGV_HOST_NAME, so the engine has to add it */
	const char *pids_limit; /* a number or "max"; NULL: ARGV_PIDS_LIMIT */
	const char *memory, *cpus, *shm_size; /* in the engines' syntax; NULL: their default */
	struct string_list writable;          /* --mount: their places in the container */
	struct string_list publish;           /* in --publish's syntax */
	struct string_list add_host;          /* NAME:ADDRESS, for the container's hosts file */
	bool input, terminal; /* forward stdin; stdin and stdout are a terminal */
	struct mount *mounts;
	size_t mounts_count;
	struct string_list env;      /* NAME or NAME=VALUE, for the container */
	struct string_list file_env; /* NAME=VALUE, from --env-file */
	const char *env_file; /* the file that the engine reads them from; NULL: print only the
				 names, since --dry-run shows no values */
	struct string_list allow, deny; /* rules for codex-init */
	const char *user;               /* for codex-init's --user; NULL: it chooses */
	const char *ask;                /* seconds, or NULL: it doesn't ask */
	const char *broker;             /* "on", "off", "auto", or NULL: as auto */
	const char *key;                /* for OPENAI_API_KEY, or NULL (api_key.h) */
	const char *chatgpt;            /* for CODEX_INIT_LOGIN, or NULL (the same) */
	const char *wall;               /* "nft", "cell" (no capabilities), or NULL: as nft */
	const char *enforces;           /* the same in words, for ARGV_LABEL_WALL */
	const char *selinux;            /* "disable", "relabel" or NULL: leave labels alone */
	const char *git_config; /* codex-init is to guard the config in there; or NULL */
	bool audit;
	bool trust; /* have codex trust `directory` */
	bool exec;  /* rest is the command; otherwise codex's arguments */
	struct string_list rest;
	struct passed passed[BOUND_VARIABLES];
	size_t passed_count;
};

/* Passes value to codex-init in the variable `name`. Does nothing if value is NULL. */
void argv_pass(struct request *r, const char *name, const char *value);

/* Appends the arguments to *argv. They belong to the arena, the request or the real command
 * line. */
void argv_build(const struct request *r, struct arena *p, struct string_list *argv);

/* The arguments on one line, quoted for a POSIX shell. */
const char *argv_line(const struct string_list *argv, struct arena *p);

#endif
