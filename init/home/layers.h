/*
 * The files for Codex itself in /etc/codex: requirements.toml, which Codex enforces, and
 * managed_config.toml, which older versions use for that. The image's own permit Codex to
 * run without its own sandbox, which can't work inside this one. An organisation's may be
 * there instead.
 */
#ifndef INIT_HOME_LAYERS_H
#define INIT_HOME_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct layers {
	bool ours;       /* the image's own is in force, whatever the user's config.toml says */
	char closed[24]; /* the file that requires Codex's own sandbox, or "" */
};

/* True if the text is the image's own. */
bool layers_are_ours(const char *text, size_t size);

/*
 * True if this requirements.toml permits Codex to run without its own sandbox. If it lists
 * permission profiles, ":danger-full-access" must be among them; if it lists sandbox modes,
 * that list or one of [[remote_sandbox_config]] must have "danger-full-access". Whether one
 * of those applies to this host is left to Codex, which reports it. Pure.
 */
bool layers_permit(const char *text, size_t size);

/* Reads dir/name, a regular file. Returns the number of octets, at most size; 0 if it isn't
 * there; or -1 with errno set. */
ssize_t layers_read(const char *dir, const char *name, char *text, size_t size);

/* Reads dir's files, with the rights that Codex will have. What is missing or isn't a
 * regular file counts as empty. */
void layers_look(const char *dir, struct layers *out);

#endif
