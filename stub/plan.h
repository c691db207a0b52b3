/*
 * From the options to what will be done: examines the file system, refuses what must not be
 * mounted, and changes nothing. The result is a request for the engine (argv.h), what has to
 * be created first (prepare.h) and what the user has to agree to.
 */
#ifndef STUB_PLAN_H
#define STUB_PLAN_H

#include <stdbool.h>
#include <sys/types.h>

#include "argv.h"
#include "bounds.h"
#include "cli.h"
#include "mounts.h"
#include "log.h"
#include "arena.h"
#include "repository.h"

/*
 * What the user has to agree to: a writable directory outside the workdir, or something
 * read-only that contains secrets. what is a phrase that follows "mounted writable", or
 * "expose".
 */
struct plan_question {
	const char *path, *what;
	bool writable;
	bool optional; /* if declined, continue without it (git_decline()) */
};

/* Where /codex_home/auth.json comes from. */
enum login {
	LOGIN_OWN,  /* nowhere: Codex asks for a login and stores it in its home, or
			the broker has a key for it (api_key.h) */
	LOGIN_FILE, /* a file mounted read-only on it */
	LOGIN_DIR,  /* a link into a directory that is mounted writable */
};

/* A directory or file of root's, and the path of its idmapped mount (idmap.h). */
struct tree {
	const char *source, *place;
};

struct plan {
	struct arena arena;
	struct mounts mounts;
	struct request request;
	bool read_only;      /* Codex must not change the project */
	const char *workdir; /* absolute and resolved */
	int workdir_fd;
	uid_t workdir_uid, uid; /* the workdir's owner; the user that Codex is on the host */
	gid_t workdir_gid, gid;
	bool roots; /* Codex is root on the host and IDMAP_USER in the container (idmap.h) */
	struct tree trees[BOUND_TREES];
	size_t trees_count;
	const char *home;      /* the directory mounted as /codex_home */
	bool home_is_ours;     /* it is WORK_DIR/.codex/.environment */
	const char *home_path; /* if so: its path beneath the workdir, without links */
	const char *dot_codex; /* the same for .codex */
	struct repository repository;
	bool lock_git_config;         /* its config is mounted read-only */
	bool unguarded;               /* the same, since codex-init doesn't guard it */
	const char *worktree_pointer; /* contents of a copy of its gitdir, or NULL */
	const char *hooks;            /* where hooks/ of its git directory, which is missing,
					 will be mounted; or NULL */
	bool declined;                /* an optional question was answered with no */
	enum login login;
	const char *follow; /* the file whose ChatGPT login the broker has, or NULL; */
	const char *follow_token, *follow_account; /* ... as it was */
	const char *here;   /* what a command about this sandbox begins with (hints.h) */
	const char *report; /* the file for the closing report, or NULL (report.h) */
	const char *trail;  /* the file for the events, or NULL (trail.h) */
	int lock;           /* lock.h, or -1 */
	struct {
		const char *base;    /* a directory that exists, without links; its owner: */
		const char *beneath; /* the path of ours in it */
		const char *shown;   /* what stands for base in messages */
		uid_t uid;
		gid_t gid;
	} state;                     /* state.h */
	struct string_list proposed; /* by the project (proposal.h) */
	const char *proposal;        /* the hash of that if nobody has agreed to it, or NULL */
	bool sessions;               /* a directory is mounted on /codex_home/sessions */
	struct plan_question questions[BOUND_QUESTIONS];
	size_t questions_count;
};

/* Everything but the engine, which must not come from what is planned here. Returns 0, or -1
 * with *t filled. Call plan_free() in both cases; the plan owns the request. */
int plan_make(struct plan *p, const struct cli *c, struct error *t);
void plan_free(struct plan *p);

/* Only what tells a sandbox from others: workdir, home and the container's name, as plan_make()
 * works them out, and the mounts by which an engine is judged. The same otherwise. */
int plan_place(struct plan *p, const struct cli *c, struct error *t);

/* Sets the engine: "docker" or "podman", and the program to execute. Returns 0, or -1 with
 * *t filled. */
int plan_engine(struct plan *p, const char *engine, const char *program, struct error *t);

/* Where the directory of --auth_dir is mounted. */
#define PLAN_AUTH_DIR "/codex_auth"
/* The target of auth.json in the home with --auth_dir. */
#define PLAN_AUTH_LINK PLAN_AUTH_DIR "/auth.json"

/* The copy of a worktree's gitdir file, in Codex's home. */
#define PLAN_POINTER "gitdir"

#endif
