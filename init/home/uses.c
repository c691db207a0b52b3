/* See uses.h. */
#include "uses.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/provider.h"
#include "child.h"
#include "placeholder.h"
#include "safe.h"
#include "toml.h"

struct uses_places {
	const char *home;
	int from; /* a descriptor, or -1 */
	const char *from_path;
};

static bool names_openai(const char *value, size_t size)
{
	static const char openai[] = "openai";

	return size == sizeof(openai) - 1 && memcmp(value, openai, size) == 0;
}

static void visit(void *context, const char *path, const char *value, size_t size)
{
	struct home_uses *out = context;
	const char *last = strrchr(path, '.');

	last = last ? last + 1 : path;
	for (size_t i = 0; provider_keys[i]; i++)
		out->provider |= value && strcmp(last, provider_keys[i]) == 0 &&
				 !names_openai(value, size);
}

/* Returns whether the file is there. */
static bool look_at_config(int dir, struct home_uses *out)
{
	static char text[LIMIT_TOML_BYTES];
	ssize_t n =
		file_take(safe_open(dir, "config.toml", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0),
			text, sizeof(text));

	if (n > 0)
		toml_scan(text, (size_t)n, visit, out);
	return n >= 0 || errno != ENOENT;
}

static int look(void *context, void *result, struct failure *f)
{
	const struct uses_places *p = context;
	struct home_uses *out = result;
	struct stat st;
	int home = open(p->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (home < 0)
		return fail_errno(f, "look at Codex's home", p->home);
	out->login = fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		     !(S_ISREG(st.st_mode) && (st.st_size == 0 || placeholder_is_there(home)));
	if (!look_at_config(home, out) && p->from >= 0)
		look_at_config(p->from, out);
	return 0;
}

static int open_from(void *context, void *result, struct failure *f)
{
	struct uses_places *p = context;

	(void)result, (void)f;
	if (p->from_path)
		p->from = open(p->from_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

int home_uses(const char *home, const char *from, struct home_uses *out, struct failure *f)
{
	struct uses_places p = {.home = home, .from = -1, .from_path = from};
	struct stat st;

	*out = (struct home_uses){0};
	if (stat(home, &st) < 0)
		return errno == ENOENT ? 0 : fail_errno(f, "look at Codex's home", home);
	if (st.st_uid != 0)
		return child_run_as(
			st.st_uid, st.st_gid, open_from, look, &p, out, sizeof(*out), f);
	open_from(&p, NULL, f);
	return child_run(look, &p, out, sizeof(*out), f);
}
