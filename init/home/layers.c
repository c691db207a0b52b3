/* See layers.h. */
#include "layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "toml.h"

#define FULL_ACCESS "danger-full-access"

/* The image's own files begin with this. */
static const char ours[] = "# codex-sandbox: ";

struct seen {
	bool profiles, profile; /* there is a list of permission profiles; ours is in it */
	bool modes, mode;       /* the same for sandbox modes */
	bool managed;           /* managed_config.toml sets another mode */
};

static bool is(const char *path, const char *key)
{
	return strcmp(path, key) == 0;
}

static bool is_value(const char *value, size_t size, const char *text)
{
	/* A bare word includes trailing blanks. */
	while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
		size--;
	return size == strlen(text) && memcmp(value, text, size) == 0;
}

static bool contains(const char *value, size_t size, const char *text)
{
	const size_t n = strlen(text);

	for (; size >= n; value++, size--)
		if (memcmp(value, text, n) == 0)
			return true;
	return false;
}

static void visit_requirement(void *context, const char *path, const char *value, size_t size)
{
	static const char profiles[] = "allowed_permission_profiles";
	struct seen *seen = context;
	bool top = is(path, "allowed_sandbox_modes");

	if (strncmp(path, profiles, sizeof(profiles) - 1) == 0) {
		seen->profiles = true;
		if (value && is(path + sizeof(profiles) - 1, ".:" FULL_ACCESS))
			seen->profile = is_value(value, size, "true");
	}
	if (top)
		seen->modes = true;
	if (value && (top || is(path, "remote_sandbox_config.allowed_sandbox_modes")))
		seen->mode |= contains(value, size, FULL_ACCESS);
}

static void visit_managed(void *context, const char *path, const char *value, size_t size)
{
	struct seen *seen = context;

	if (value && is(path, "sandbox_mode"))
		seen->managed = !is_value(value, size, FULL_ACCESS);
}

bool layers_permit(const char *text, size_t size)
{
	struct seen seen = {0};

	/* Anything after a syntax error is left for Codex to complain about. */
	toml_scan(text, size, visit_requirement, &seen);
	return (!seen.profiles || seen.profile) && (!seen.modes || seen.mode);
}

bool layers_are_ours(const char *text, size_t size)
{
	return size >= sizeof(ours) - 1 && memcmp(text, ours, sizeof(ours) - 1) == 0;
}

ssize_t layers_read(const char *dir, const char *name, char *text, size_t size)
{
	char path[192];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = file_take(open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), text, size);
	return n < 0 && errno == ENOENT ? 0 : n;
}

/* What can't be read is empty for Codex, too. */
static size_t read_layer(const char *dir, const char *name, char *text)
{
	ssize_t n = layers_read(dir, name, text, LIMIT_TOML_BYTES);

	return n > 0 ? (size_t)n : 0;
}

void layers_look(const char *dir, struct layers *out)
{
	static const char requirements[] = "requirements.toml",
			  managed[] = "managed_config.toml";
	static char text[LIMIT_TOML_BYTES];
	struct seen seen = {0};
	size_t size = read_layer(dir, requirements, text);
	const char *closed = layers_permit(text, size) ? "" : requirements;

	*out = (struct layers){.ours = layers_are_ours(text, size)};
	size = read_layer(dir, managed, text);
	/* This one takes precedence over the other, and the image's comes alone. */
	out->ours |= layers_are_ours(text, size);
	toml_scan(text, size, visit_managed, &seen);
	if (seen.managed)
		closed = managed;
	snprintf(out->closed, sizeof(out->closed), "%s", closed);
}
