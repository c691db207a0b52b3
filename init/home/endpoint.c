/* See endpoint.h. */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/replace.h"
#include "layers.h"

#define FILE_NAME "managed_config.toml"

static const char heading[] = "# codex-sandbox: where the broker is in this session\n";
/* Preceded by a line break: a version of Codex that has this file from the image keeps it. */
static const char key[] = "\nopenai_base_url = ";

/* The image's config.toml belongs to the versions that know this key. */
bool endpoint_settable(const char *dir)
{
	static char text[LIMIT_AGENT_FILE];
	ssize_t n = layers_read(dir, "config.toml", text, sizeof(text));

	if (n <= 0 || !layers_are_ours(text, (size_t)n) || access(dir, W_OK) < 0)
		return false;
	n = layers_read(dir, FILE_NAME, text, sizeof(text));
	return n == 0 ||
	       (n > 0 && n < (ssize_t)sizeof(text) && layers_are_ours(text, (size_t)n));
}

int endpoint_write(const char *dir, uint16_t port, struct failure *f)
{
	static char text[LIMIT_AGENT_FILE];
	ssize_t n = layers_read(dir, FILE_NAME, text, sizeof(text));
	struct replacement r;
	const char *earlier;
	size_t kept; /* what isn't ours to change */

	if (n < 0 || n == sizeof(text))
		return port ? fail_errno(f, "read", FILE_NAME) : 0;
	text[n] = '\0';
	earlier = strstr(text, key);
	kept = earlier ? (size_t)(earlier - text) + 1 : (size_t)n;
	if (!port && (!layers_are_ours(text, (size_t)n) || kept == (size_t)n))
		return 0;
	if (replace_begin(&r, dir, FILE_NAME, f) < 0)
		return -1;
	fwrite(text, 1, kept, r.file);
	if (kept == 0)
		fputs(heading, r.file);
	if (port)
		fprintf(r.file, "%s\"http://127.0.0.1:%u/v1\"\n", key + 1, port);
	return replace_end(&r, !ferror(r.file), f);
}
