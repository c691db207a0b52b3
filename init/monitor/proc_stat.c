/* See proc_stat.h. */
#include "proc_stat.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/num.h"

/* Fields by their numbers in proc(5); the name is the second. */
#define FIELD_PARENT  4
#define FIELD_IGNORED 33

static bool ignores_term(const char *text, int field)
{
	uint64_t ignored;

	for (; field < FIELD_IGNORED; field++) {
		text = strchr(text, ' ');
		if (!text)
			return false;
		text++;
	}
	return num_read(text, &ignored) && ignored >> (SIGTERM - 1) & 1;
}

bool proc_stat_read(const char *text, struct stat_process *out)
{
	/* After the name there are only numbers, so the last parenthesis ends it. */
	const char *after = strrchr(text, ')');
	uint64_t parent;

	if (!after || after[1] != ' ' || after[2] == '\0' || after[3] != ' ')
		return false;
	/* Above PID_MAX_LIMIT. */
	if (!num_read(after + 4, &parent) || parent > 1u << 22)
		return false;
	*out = (struct stat_process){.state = after[2],
		.parent = (pid_t)parent,
		.ignores_term = ignores_term(after + 4, FIELD_PARENT)};
	return true;
}

bool proc_stat_is_ours(pid_t self)
{
	char text[24] = "";
	uint64_t pid;

	return readlink("/proc/self", text, sizeof(text) - 1) > 0 && num_read(text, &pid) &&
	       (pid_t)pid == self;
}
