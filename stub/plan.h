/*
 * From what was asked for to what will be done: looks at the file system, refuses what must not
 * be mounted, and changes nothing. The result is a request for the engine (argv.h), what has to
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

/* What the user has to agree to: a writable directory outside the workdir, or something
 * read-only that holds secrets. what goes on from "mounted writable", or from "expose". */
struct plan_question {
	const char *path, *what;
	bool writable;
	bool optional; /* with a no it goes on without (git_decline()) */
};

/* Where /codex_home/auth.json comes from. */
enum login {
	LOGIN_OWN,  /* nowhere: Codex shows its login and keeps the result in its home */
	LOGIN_FILE, /* a file mounted read-only on it */
	LOGIN_DIR,  /* a link into a directory that is mounted writable */
};

struct plan {
	struct arena arena;
	struct mounts mounts;
	struct request request;
	bool read_only;      /* Codex is to leave the project as it is */
	const char *workdir; /* absolute and resolved */
	int workdir_fd;
	uid_t workdir_uid, uid; /* the workdir's owner; who Codex will run as */
	gid_t workdir_gid, gid;
	const char *home;      /* the directory behind /codex_home */
	bool home_is_ours;     /* it is WORK_DIR/.codex/.environment */
	const char *home_path; /* then: its path beneath the workdir, without links */
	const char *dot_codex; /* the same for .codex */
	struct repository repository;
	const char *worktree_pointer; /* a copy of its gitdir is made with this text, or NULL */
	bool declined;                /* an optional question was answered with no */
	enum login login;
	const char *report;      /* where the closing report goes, or NULL (report.h) */
	const char *report_home; /* the home directory, without links, and its owner */
	uid_t report_uid;
	gid_t report_gid;
	bool sessions; /* a directory is mounted on /codex_home/sessions */
	struct plan_question questions[BOUND_QUESTIONS];
	size_t questions_count;
};

/* All but the engine, which must not come from what is planned here. Returns 0, or -1 with *t
 * filled. Free with plan_free() in both cases; the request is the plan's. */
int plan_make(struct plan *p, const struct cli *c, struct error *t);
void plan_free(struct plan *p);

/* The engine: "docker" or "podman", and the word that starts it. Returns 0, or -1 with *t
 * filled. */
int plan_engine(struct plan *p, const char *engine, const char *program, struct error *t);

/* Where the directory of --auth_dir is mounted. */
#define PLAN_AUTH_DIR "/codex_auth"
/* What auth.json in the home then points to. */
#define PLAN_AUTH_LINK PLAN_AUTH_DIR "/auth.json"

/* The copy of a worktree's file gitdir, in Codex's home. */
#define PLAN_POINTER "gitdir"

#endif
