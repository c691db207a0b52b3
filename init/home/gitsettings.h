/*
 * The container's system-wide git configuration: the user's identity on the host, and
 * permission to work in the project whoever owns it. Settings of the project and of Codex's
 * home take precedence.
 */
#ifndef INIT_HOME_GITSETTINGS_H
#define INIT_HOME_GITSETTINGS_H

#include "../lib/say.h"

struct gitsettings {
	const char *name, *email; /* user.name, user.email; NULL: unknown */
	const char *directory;    /* safe.directory, and only this; NULL: none */
};

/* Writes them to path, after an include of the image's /etc/gitconfig. Values that a config
 * can't hold are omitted. Returns 0, or -1 with *f filled. */
int gitsettings_write(const char *path, const struct gitsettings *s, struct failure *f);

#endif
