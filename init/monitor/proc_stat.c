/* See proc_stat.h. */
#include "proc_stat.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fields by their numbers in proc(5); the name is the second. */
#define FIELD_PARENT  4
#define FIELD_IGNORED 33

/* Parses a number and the blank after it, if any. Returns what follows, or NULL. */
static const char *read_number(const char *text, uint64_t *out)
{
	if (*text < '0' || *text > '9')
		return NULL;
	for (*out = 0; *text >= '0' && *text <= '9'; text++) {
		*out = *out * 10 + (uint64_t)(*text - '0');
		if (*out > UINT32_MAX)
			return NULL;
	}
	return *text == ' ' ? text + 1 : text;
}

static bool ignores_term(const char *text, int field)
{
	uint64_t ignored;

	for (; field < FIELD_IGNORED; field++) {
		text = strchr(text, ' ');
		if (!text)
			return false;
		text++;
	}
	return read_number(text, &ignored) && ignored >> (SIGTERM - 1) & 1;
}

bool proc_stat_read(const char *text, struct stat_process *out)
{
	/* After the name there are only numbers, so the last parenthesis ends it. */
	const char *after = strrchr(text, ')'), *rest;
	uint64_t parent;

	if (!after || after[1] != ' ' || after[2] == '\0' || after[3] != ' ')
		return false;
	rest = read_number(after + 4, &parent);
	/* Above PID_MAX_LIMIT. */
	if (!rest || parent > 1u << 22)
		return false;
	*out = (struct stat_process){.state = after[2],
		.parent = (pid_t)parent,
		.ignores_term = ignores_term(after + 4, FIELD_PARENT)};
	return true;
}

bool proc_stat_is_ours(pid_t self)
{
	char text[24] = "";

	return readlink("/proc/self", text, sizeof(text) - 1) > 0 && atoi(text) == self;
}
