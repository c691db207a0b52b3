/* See file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int file_open(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

ssize_t file_read(int fd, void *bytes, size_t size)
{
	size_t total = 0;

	while (total < size) {
		ssize_t n = read(fd, (char *)bytes + total, size - total);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		total += (size_t)n;
	}
	return (ssize_t)total;
}

ssize_t file_take(int fd, void *bytes, size_t size)
{
	ssize_t n = fd < 0 ? -1 : file_read(fd, bytes, size);
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return n;
}

void file_fields(char *line, char *field[], size_t n)
{
	static const char blanks[] = " \t\n";

	for (size_t i = 0; i < n; i++) {
		field[i] = line + strspn(line, blanks);
		line = field[i] + strcspn(field[i], blanks);
		if (*line)
			*line++ = '\0';
	}
}

bool file_two_numbers(const char *path, unsigned long out[2])
{
	FILE *f = fopen(path, "re");
	char line[64], *field[2], *end = NULL;
	bool there = f && fgets(line, sizeof(line), f);

	if (f)
		fclose(f);
	if (!there)
		return false;
	file_fields(line, field, 2);
	for (int i = 0; i < 2; i++) {
		out[i] = strtoul(field[i], &end, 10);
		there &= end != field[i] && *end == '\0';
	}
	return there;
}
