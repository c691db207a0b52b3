/* See proc_stat.h. Not sscanf(): the C library's scanner is 10 KB of the binary. */
#include "proc_stat.h"

#include <stdint.h>
#include <string.h>

bool proc_stat_read(const char *text, char *state, pid_t *parent)
{
	/* Behind the name there are numbers only, so the last bracket ends it. */
	const char *after = strrchr(text, ')');
	uint32_t pid = 0;

	if (!after || after[1] != ' ' || after[2] == '\0' || after[3] != ' ' ||
		after[4] < '0' || after[4] > '9')
		return false;
	*state = after[2];
	for (after += 4; *after >= '0' && *after <= '9'; after++) {
		pid = pid * 10 + (uint32_t)(*after - '0');
		/* Beyond what a kernel hands out (PID_MAX_LIMIT). */
		if (pid > 1u << 22)
			return false;
	}
	*parent = (pid_t)pid;
	return true;
}
