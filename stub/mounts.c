#include "mounts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

static int refuse_place(const struct mount *taken, const char *source, struct error *t)
{
	return refuse(t, "mount", source, "its place in the container, %s, is taken by %s (%s)",
		taken->target, taken->source, taken->writable ? "writable" : "read-only");
}

int mounts_add(struct mounts *m, const char *source, const char *target, bool writable,
	struct error *t)
{
	const char *why;

	if (!quote_mountable(source, &why) || !quote_mountable(target, &why))
		return refuse(t, "mount", source, "%s", why);
	if (strlen(target) >= PATH_MAX)
		return refuse(t, "mount", source,
			"its place in the container would have a path of more than %d bytes",
			PATH_MAX - 1);
	for (size_t i = 0; i < m->count; i++) {
		const struct mount *other = &m->mount[i];

		if (strcmp(other->target, target) != 0)
			continue;
		if (strcmp(other->source, source) == 0 && other->writable == writable)
			return 0;
		return refuse_place(other, source, t);
	}
	if (m->count == m->room) {
		size_t room = m->room ? 2 * m->room : 16;
		struct mount *grown = realloc(m->mount, room * sizeof(*grown));

		if (!grown) {
			refuse(t, "mount", source, "out of memory");
			return refuse_no_sandbox(t);
		}
		m->mount = grown;
		m->room = room;
	}
	m->mount[m->count++] =
		(struct mount){.source = source, .target = target, .writable = writable};
	return 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

void mounts_remove(struct mounts *m, const char *target)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->mount[i].target, target) == 0) {
			memmove(&m->mount[i], &m->mount[i + 1],
				(m->count - i - 1) * sizeof(m->mount[0]));
			m->count--;
			break;
		}
}

void mounts_sort(struct mounts *m)
{
	/* Insertion sort: it is stable, and there are a dozen. */
	for (size_t i = 1; i < m->count; i++) {
		struct mount moving = m->mount[i];
		size_t j = i;

		for (; j > 0 && depth(m->mount[j - 1].target) > depth(moving.target); j--)
			m->mount[j] = m->mount[j - 1];
		m->mount[j] = moving;
	}
}

void mounts_free(struct mounts *m)
{
	free(m->mount);
	*m = (struct mounts){0};
}
