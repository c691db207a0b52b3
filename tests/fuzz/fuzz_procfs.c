/*
 * Lines of /proc that PID 1 reads as root: mounts, with paths that the payload's user may
 * have chosen, and a process's stat, with a name that it has chosen.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/home/mounts.h"
#include "init/monitor/proc_stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = text_of(data, size), *stat = text_of(data, size);
	struct mounts_entry e = {0};
	struct stat_process p;

	if (mounts_read(line, &e)) {
		/* Within the line, and no longer than it was. */
		if (e.place <= line || e.place > line + size || strlen(e.place) > size)
			abort();
		if (e.readonly && !memmem(data, size, " ro", 3))
			abort();
		if (e.idmapped && !memmem(data, size, "idmapped", 8))
			abort();
	}
	if (proc_stat_read(stat, &p)) {
		const char *after = strrchr(stat, ')');

		if (!after || p.state == '\0' || p.parent < 0 || after[2] != p.state)
			abort();
	}
	free(line);
	free(stat);
	return 0;
}
