/*
 * What a session has changed in a repository's config: which of it stands, which is reported,
 * and which is put back, since git or another program on the host would run or obey it. By a
 * list of what is harmless; whatever isn't on it is put back. Pure.
 */
#ifndef INIT_HOME_GIT_JUDGE_H
#define INIT_HOME_GIT_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/limits.h"

enum git_change {
	GIT_REPORTED, /* stands, and the user is to know */
	GIT_PUT_BACK,
};

struct git_report {
	unsigned count; /* of keys; those beyond the limit are only counted */
	struct {
		enum git_change how;
		char key[LIMIT_GITCONFIG_KEY];
	} keys[LIMIT_GIT_REPORTED];
	bool added; /* now makes something run that before didn't */
	bool whole; /* the text could not be read, and was put back as a whole */
};

/*
 * before: the config as it was; now: as it is. Adds to *r what differs, each key once, and
 * writes the text that is to stand into out, of at least LIMIT_GITCONFIG_BYTES +
 * before_size + 1 bytes; returns its length, which is now_size with the same bytes where
 * nothing has to be put back. What is put back is, for git, exactly what stood before: the same
 * settings of that kind in the same order.
 */
size_t git_judge(const char *before, size_t before_size, const char *now, size_t now_size,
	char *out, struct git_report *r);

/* Adds a key to the report, unless it is there. */
void git_report_add(struct git_report *r, enum git_change how, const char *key);

#endif
