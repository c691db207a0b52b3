/*
 * --notify COMMAND: a program on this machine that gets each question of a sandbox that asks
 * (--ask), for a desktop's dialogue or a webhook, and may answer it.
 *
 * A process of ours that stays while the sandbox runs listens as `codex-sandbox watch` does,
 * and runs the command: no shell, no terminal, in /, with the question as one JSON line on its
 * standard input. `allow` or `deny` on its standard output, and exit status 0, is an answer;
 * anything else is none, and somebody else may still answer. A command that runs longer than
 * the question waits is killed, with its process group.
 */
#ifndef STUB_WATCH_NOTIFY_H
#define STUB_WATCH_NOTIFY_H

#include "../arena.h"
#include "../cli.h"
#include "../log.h"
#include "../plan.h"
#include "../reaper.h"
#include "questions.h"

struct notify {
	const char *program;
	struct string_list argv;
	const char *container, *workdir; /* for the JSON */
};

/*
 * For launch() (struct companion); state is a struct notify. Takes the command of --notify, if
 * there is one, apart at its blanks, and finds its program in PATH, or at its absolute
 * path. Returns 0, or -1 with *t filled: there is none, or the sandbox or another user could
 * change it (programs.h), or one of its arguments is a path where the sandbox can write. Call
 * notify_free() in the end.
 */
int notify_plan(void *state, struct plan *p, const struct cli *c, struct error *t);
void notify_free(struct notify *n);

/* Starts the process, if there is a command. Returns 0, or -1 with *t filled. */
int notify_start(void *state, const struct reaper *r, struct error *t);

/* The line for the command, in memory of the arena. Pure. */
const char *notify_question(
	const struct notify *n, const struct question *q, int64_t now, struct arena *arena);

enum notify_answer { NOTIFY_NONE, NOTIFY_ALLOW, NOTIFY_DENY };
/* What the command has said: one word, with blanks and line feeds around it. Pure. */
enum notify_answer notify_answer(const char *said, size_t size);

/* The variables of `from` that the command gets: where the user and the desktop are, and the
 * language; nothing that may be a secret. Pure. */
void notify_environment(char *const *from, struct string_list *out);

#endif
