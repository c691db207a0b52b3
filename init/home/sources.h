/*
 * The contents of the drop-off, opened: config.toml, AGENTS.md, init.sh, and the files of
 * prompts/, skills/ and rules/.
 *
 * Some can only be read by root (a file of root's with mode 0600), some only by the user
 * (the same for the user, since root in the container has no DAC_OVERRIDE). So it is scanned
 * twice: as root, then as the user for what was denied. Open descriptors survive the change
 * of user.
 */
#ifndef INIT_HOME_SOURCES_H
#define INIT_HOME_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../lib/limits.h"
#include "../lib/say.h"
#include "safe.h"

enum source_state {
	SOURCE_NEW,    /* not visited yet */
	SOURCE_DENIED, /* EACCES so far */
	SOURCE_FILE,   /* a regular file; fd is open for reading */
	SOURCE_DIRECTORY,
	SOURCE_NONE, /* absent, or skipped */
};

struct source {
	enum source_state state;
	char *path;     /* relative to the drop-off and to the home: "prompts/a/b.md" */
	unsigned depth; /* depth of its directory; 0: the drop-off */
	int fd;         /* -1 except for SOURCE_FILE */
	bool users;     /* others than root can write to its directory: root doesn't read it */
	bool program;   /* executable: skills include scripts */
	/* Used while copying. */
	char temporary[SAFE_TEMPORARY]; /* its temporary name in the target's directory, or ""
					 */
	bool made;                      /* we created the target */
};

struct sources {
	const char *from;
	int root; /* the drop-off, or -1 while access is denied */
	size_t count;
	struct source list[LIMIT_HOME_FILES];
	unsigned skipped;       /* number of items skipped in the directories */
	char skipped_path[128]; /* the first of them */
};

/*
 * Scans the drop-off with the caller's rights; with root's only directories that nobody else
 * can write to, since somebody could have moved a file of root's into others. The first call
 * fills *s (zero except for from, and root = -1); the second retries what was denied. last:
 * this is the final call. A symbolic link or special file at the top level is a failure, and
 * so is a file there that is denied or too large. Within the directories these are counted
 * and skipped, as is what exceeds LIMIT_HOME_FILES and LIMIT_HOME_DEPTH: editors, dotfile
 * managers and collections of skills create them, and nobody asked for them by name.
 * skills/.system is skipped as well: Codex has its own. Returns 0, or -1 with *f filled.
 */
int sources_gather(struct sources *s, bool last, struct failure *f);

#endif
