/*
 * What git in the container is told at the lowest level, its system configuration: who the user
 * is on the host, and that the project is to be worked in, whoever owns it. The project's own
 * settings and those of Codex's home win over it.
 */
#ifndef INIT_HOME_GITSETTINGS_H
#define INIT_HOME_GITSETTINGS_H

#include "../lib/say.h"

struct gitsettings {
	const char *name, *email; /* user.name, user.email; NULL: unknown */
	const char *directory;    /* safe.directory, and no other; NULL: none */
};

/* Writes them to path, behind the image's own /etc/gitconfig. What a config can't hold is left
 * out. Returns 0, or -1 with *f filled. */
int gitsettings_write(const char *path, const struct gitsettings *s, struct failure *f);

#endif
