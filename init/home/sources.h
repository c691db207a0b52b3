/*
 * What lies in the drop-off, opened: config.toml, AGENTS.md, init.sh, and the files of
 * prompts/, skills/ and rules/.
 *
 * Some of it only root can read (a 0600 file of root's), some only the user can (his own 0600
 * file, since root in the container has no DAC_OVERRIDE). So it is looked through twice: as
 * root, then as the user for what was denied. Open descriptors outlive the change of user.
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
	SOURCE_NEW,    /* not looked at yet */
	SOURCE_DENIED, /* EACCES so far */
	SOURCE_FILE,   /* regular; fd is open for reading */
	SOURCE_DIRECTORY,
	SOURCE_NONE, /* absent, or left out */
};

struct source {
	enum source_state state;
	char *path;     /* beneath the drop-off, and beneath the home: "prompts/a/b.md" */
	unsigned depth; /* of the directory that it is in; 0: the drop-off itself */
	int fd;         /* -1 but for SOURCE_FILE */
	bool users;     /* it lies where others than root may write: root doesn't read it */
	bool program;   /* it may be executed: skills bring scripts along */
	/* Used while it is copied. */
	char temporary[SAFE_TEMPORARY]; /* its name for now, in the target's directory, or "" */
	bool made;                      /* the target was made by us */
};

struct sources {
	const char *from;
	int root; /* the drop-off, or -1 while it is denied */
	size_t count;
	struct source list[LIMIT_HOME_FILES];
	unsigned odd;       /* what was left out in the directories */
	char odd_path[128]; /* the first of them */
};

/*
 * Looks through the drop-off with the caller's rights; with root's only what lies in
 * directories that root alone may write to, since somebody else could have moved a file of
 * root's there. The first call fills *s (all zero but from and root = -1); a second one retries
 * what was denied. last: what is denied now stays so. A symbolic link or an odd file in the
 * place of one of the names themselves is a failure, and so is a file there that is denied or
 * too large. Within the directories such are counted and left out, as is what is beyond
 * LIMIT_HOME_FILES and LIMIT_HOME_DEPTH: editors, dotfile managers and collections of skills
 * leave them, and nobody has named them. skills/.system is left out as well: Codex brings its
 * own.
 */
int sources_gather(struct sources *s, bool last, struct failure *f);

#endif
