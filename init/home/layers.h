/*
 * What is in /etc/codex for Codex itself: requirements.toml, to which it is held, and
 * managed_config.toml, which older versions have for that. The image's own let Codex leave its
 * own sandbox off, which can't work inside this one. An organisation's may stand in their
 * place.
 */
#ifndef INIT_HOME_LAYERS_H
#define INIT_HOME_LAYERS_H

#include <stdbool.h>
#include <stddef.h>

struct layers {
	bool ours;       /* the image's own is in force, whatever a user's config.toml says */
	char closed[24]; /* the file that insists on Codex's own sandbox, or "" */
};

/* Is the text the image's own? */
bool layers_are_ours(const char *text, size_t size);

/*
 * May Codex do without its own sandbox under this requirements.toml? Where permission profiles
 * are listed, ":danger-full-access" has to be among them; where sandbox modes are, the list or
 * one of [[remote_sandbox_config]] has to have "danger-full-access". Whether one of those is
 * for this host is left to Codex, which says so itself. Pure.
 */
bool layers_permit(const char *text, size_t size);

/* Reads dir's files, with the rights that Codex will have. What isn't there, or is no file, is
 * as if it were empty. */
void layers_look(const char *dir, struct layers *out);

#endif
