/* See oom.h. */
#include "oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/num.h"

/* Anything above this means no limit: v1 then has the largest multiple of a page. */
#define NO_LIMIT (UINT64_C(1) << 60)

static const struct {
	const char *controller, *mount, *count, *limit;
} hierarchies[] = {
	{"", "/sys/fs/cgroup", "memory.events", "memory.max"},
	{"memory", "/sys/fs/cgroup/memory", "memory.oom_control", "memory.limit_in_bytes"},
};

static bool read_text(const char *path, char *text, size_t size)
{
	ssize_t n = file_take(open(path, O_RDONLY | O_CLOEXEC), text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

bool oom_count(const char *text, uint64_t *kills)
{
	static const char word[] = "oom_kill ";

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, word, sizeof(word) - 1) == 0) {
			num_read(text + sizeof(word) - 1, kills);
			return true;
		}
	}
	return false;
}

/* True if word is in the comma-separated list that ends at `end`. */
static bool is_listed(const char *list, const char *end, const char *word)
{
	const size_t length = strlen(word);

	while (list <= end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const char *stop = comma ? comma : end;

		if ((size_t)(stop - list) == length && memcmp(list, word, length) == 0)
			return true;
		list = stop + 1;
	}
	return false;
}

bool oom_path(const char *text, const char *controller, char *out, size_t size)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *list = memchr(text, ':', (size_t)(end - text));
		const char *path =
			list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;

		if (path && is_listed(list + 1, path, controller)) {
			size_t length = (size_t)(end - path - 1);

			if (length == 1)
				length = 0;
			if (length >= size)
				return false;
			memcpy(out, path + 1, length);
			out[length] = '\0';
			return !strstr(out, "/..");
		}
		text = *end ? end + 1 : end;
	}
	return false;
}

/* Reads one directory, if it is the right one. */
static bool read_group(size_t kind, const char *below, struct oom *out)
{
	char path[LIMIT_CGROUP_PATH + 64], text[LIMIT_CGROUP_TEXT];

	snprintf(path, sizeof(path), "%s%s/%s", hierarchies[kind].mount, below,
		hierarchies[kind].count);
	if (!read_text(path, text, sizeof(text)) || !oom_count(text, &out->kills))
		return false;
	snprintf(path, sizeof(path), "%s%s/%s", hierarchies[kind].mount, below,
		hierarchies[kind].limit);
	if (!read_text(path, text, sizeof(text)) || !num_read(text, &out->limit) /* "max" */ ||
		out->limit >= NO_LIMIT)
		out->limit = 0;
	return true;
}

/* Engines mount the container's own part of the hierarchy or, with the host's cgroup
 * namespace and v2, all of it. */
bool oom_read(struct oom *out)
{
	char text[LIMIT_CGROUP_PATH * 4], below[LIMIT_CGROUP_PATH];

	if (!read_text("/proc/self/cgroup", text, sizeof(text)))
		text[0] = '\0';
	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
		if ((oom_path(text, hierarchies[i].controller, below, sizeof(below)) &&
			    read_group(i, below, out)) ||
			read_group(i, "", out))
			return true;
	return false;
}
