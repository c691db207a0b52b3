/*
 * From a request that is complete to the words of the engine's command. Pure: looks at nothing
 * but the request, so that the whole command can be tested word by word.
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
	bool writable;
	bool optional; /* the user may not want it (git_decline()) */
	bool remade;   /* prepare.c makes it anew */
	bool watched;  /* in the workdir or not: somebody may swap it (workdir.h) */
	/* What the source was when it was looked at; codex-init is told (workdir.h). */
	bool stamped;
	dev_t device;
	ino_t inode;
};

/* Processes and threads in the container at one time, where nothing else is said. Without a
 * limit, a payload that forks without end takes the machine with it. */
#define ARGV_PIDS_LIMIT "4096"

/* What a session writes to its terminal is the engine's log as well, for `docker logs`. By
 * itself that file grows without end. */
#define ARGV_LOG_BYTES "10m"

/* Docker holds back the first of its keys for detaching (Ctrl-P, which is Codex's) until it has
 * seen the next one. It can't be told to have none, so these are some that nobody types;
 * podman has none where the list is empty. */
#define ARGV_DETACH_KEYS "ctrl-^,ctrl-@,ctrl-^,ctrl-@,ctrl-^"

/* The variable by which a container is known to be this run's: its name may be the next one's
 * by then. */
#define ARGV_RUN "CODEX_INIT_RUN"

/* The name by which a container of Docker's knows the machine that it runs on, where it is told
 * to. Podman's is host.containers.internal, which it adds by itself. */
#define ARGV_HOST_NAME "host.docker.internal"

/* What codex-init is told by a variable: set in our own environment, unless the user has set it
 * there, and handed on by its name alone. */
struct told {
	const char *name, *value;
};

struct request {
	const char *engine;  /* "docker" or "podman" */
	const char *program; /* the first word of the command: engine, or a path to it */
	bool keep_id;        /* podman without root: the user's own ids inside as well */
	const char *image;
	const char *name;       /* the container's: a hash stands behind its last '_' */
	const char *directory;  /* the workdir's place in the container */
	const char *env_dir;    /* SANDBOX_ENV_DIR */
	const char *network;    /* NULL: the engine's default */
	bool host_name;         /* a rule allows ARGV_HOST_NAME: the engine is to add it */
	const char *pids_limit; /* a number or "max"; NULL: ARGV_PIDS_LIMIT */
	const char *memory, *cpus, *shm_size; /* as the engines spell them; NULL: its default */
	struct string_list add_host;          /* NAME:ADDRESS, for the container's hosts file */
	bool input, terminal; /* stdin is to be forwarded; stdin and stdout are a terminal */
	struct mount *mounts;
	size_t mounts_count;
	struct string_list env;      /* NAME or NAME=VALUE, for the container */
	struct string_list file_env; /* NAME=VALUE, of --env-file */
	const char *env_file; /* where the engine finds these; NULL: said by name alone, since
			       * --dry-run shows no values */
	struct string_list allow, deny; /* rules for codex-init */
	const char *user;               /* for codex-init's --user; NULL: it finds out itself */
	const char *selinux; /* "disable", "relabel" or NULL: nothing is said about labels */
	bool audit;
	bool trust; /* have codex trust `directory` */
	bool exec;  /* rest is the command; else it is codex's arguments */
	struct string_list rest;
	struct told told[BOUND_TOLD];
	size_t told_count;
};

/* Has codex-init told value by the variable `name`; NULL: there is nothing to tell. */
void argv_tell(struct request *r, const char *name, const char *value);

/* Appends the words to *argv. They belong to the pool, the
 * request or the real command line. */
void argv_build(const struct request *r, struct arena *p, struct string_list *argv);

/* The words on one line, quoted for a POSIX shell. */
const char *argv_line(const struct string_list *argv, struct arena *p);

#endif
