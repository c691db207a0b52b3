#include "trail_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "beneath.h"
#include "json.h"
#include "state.h"

static const char operation[] = "read the events";

/* A copy that moves no cursor. */
static void copy_shown(const char *text, size_t size, char *out, size_t room)
{
	snprintf(out, room, "%.*s", (int)size, text);
	for (; *out; out++)
		if (*out < ' ' || *out > '~')
			*out = '?';
}

static void take_text(const struct trail_event *e, const char *object, const char *name,
	char *out, size_t room)
{
	const char *path[] = {object ? object : name, object ? name : NULL, NULL};
	size_t size = 0;
	const char *text = json_string(e->line, e->size, path, &size);

	copy_shown(text ? text : "", text ? size : 0, out, room);
}

/* 0 if it is missing, or not within this limit. */
static int64_t number(
	const struct trail_event *e, const char *object, const char *name, int64_t most)
{
	const char *path[] = {object ? object : name, object ? name : NULL, NULL};
	int64_t value;

	return json_integer(e->line, e->size, path, &value) && value > 0 && value <= most
		       ? value
		       : 0;
}

bool trail_parse(const char *line, size_t size, struct trail_event *e)
{
	size_t at;

	*e = (struct trail_event){.line = line, .size = size};
	if (!json_is_object(line, size, &at))
		return false;
	take_text(e, NULL, "event", e->event, sizeof(e->event));
	take_text(e, NULL, "name", e->name, sizeof(e->name));
	take_text(e, NULL, "by", e->by, sizeof(e->by));
	take_text(e, NULL, "time", e->time, sizeof(e->time));
	take_text(e, NULL, "address", e->address, sizeof(e->address));
	take_text(e, NULL, "reason", e->reason, sizeof(e->reason));
	take_text(e, NULL, "request", e->request, sizeof(e->request));
	take_text(e, NULL, "rule", e->rule, sizeof(e->rule));
	take_text(e, "who", "program", e->program, sizeof(e->program));
	take_text(e, "who", "line", e->command, sizeof(e->command));
	e->pid = number(e, "who", "pid", INT32_MAX);
	e->port = number(e, NULL, "port", UINT16_MAX);
	e->count = number(e, NULL, "count", INT32_MAX);
	return e->event[0] != '\0';
}

/* The text behind `"name":"`, which can't be within another text: there it has backslashes. */
static void find_text(const struct trail_event *e, const char *before, char *out, size_t room)
{
	const char *at = memmem(e->line, e->size, before, strlen(before)), *end;

	out[0] = '\0';
	if (!at)
		return;
	at += strlen(before);
	end = memchr(at, '"', (size_t)(e->line + e->size - at));
	copy_shown(at, end ? (size_t)(end - at) : 0, out, room);
}

static bool find_names(const char *line, size_t size, struct trail_event *e)
{
	e->line = line;
	e->size = size;
	find_text(e, "\"event\":\"", e->event, sizeof(e->event));
	find_text(e, "\"name\":\"", e->name, sizeof(e->name));
	find_text(e, "\"by\":\"", e->by, sizeof(e->by));
	return e->event[0] != '\0';
}

/* Returns the size with *text allocated, or -1 with errno set. */
static ssize_t read_whole(int fd, char **text)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size > BOUND_TRAIL_READ) {
		errno = EFBIG;
		return -1;
	}
	*text = malloc((size_t)st.st_size + 1);
	return *text ? file_read(fd, *text, (size_t)st.st_size) : -1;
}

static void each_line(
	const char *text, size_t size, enum trail_part part, trail_visit *visit, void *context)
{
	static struct trail_event e;

	while (size > 0) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		if (part == TRAIL_NAMES ? find_names(text, length, &e)
					: trail_parse(text, length, &e))
			visit(context, &e);
		length += end != NULL;
		text += length;
		size -= length;
	}
}

static int open_kept(struct plan *p, const char *name)
{
	const char *path =
		arena_format(&p->arena, "%s/%s/%s", p->state.beneath, p->request.name, name);
	int base = beneath_open_resolved(p->state.base, O_RDONLY | O_DIRECTORY), fd, saved;

	fd = base < 0 ? -1 : beneath_open(base, path, O_RDONLY | O_NONBLOCK, 0);
	saved = errno;
	if (base >= 0)
		close(base);
	errno = saved;
	return fd;
}

/* Returns 1 with the whole of it, which the caller frees; 0 if there is no such file; -1 with
 * *t filled. */
static int read_kept(
	struct plan *p, const char *name, char **text, size_t *size, struct error *t)
{
	int fd = open_kept(p, name);
	ssize_t n;

	*text = NULL;
	if (fd < 0 && errno == ENOENT)
		return 0;
	n = fd < 0 ? -1 : read_whole(fd, text);
	if (n < 0)
		refuse_errno(t, operation, state_path(p, p->request.name));
	if (fd >= 0)
		close(fd);
	*size = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -1 : 1;
}

int trail_read(struct plan *p, unsigned session, enum trail_part part, trail_visit *visit,
	void *context, struct error *t)
{
	const char *name =
		session ? arena_format(&p->arena, "events.%u.jsonl", session) : "events.jsonl";
	char *text;
	size_t size;
	int found = read_kept(p, name, &text, &size, t);

	if (found > 0)
		each_line(text, size, part, visit, context);
	free(text);
	return found;
}

int trail_read_known(struct plan *p, trail_visit_name *visit, void *context, struct error *t)
{
	char *text, *next = NULL;
	size_t size;
	int found = read_kept(p, TRAIL_KNOWN, &text, &size, t);

	if (found > 0) {
		text[size] = '\0';
		for (char *name = strtok_r(text, "\n", &next); name;
			name = strtok_r(NULL, "\n", &next))
			visit(context, name);
	}
	free(text);
	return found;
}
