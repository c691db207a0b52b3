/* See file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "num.h"

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

int file_write(int fd, const void *bytes, size_t size)
{
	size_t total = 0;

	while (total < size) {
		ssize_t n = write(fd, (const char *)bytes + total, size - total);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0) /* which no file system does */
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		total += (size_t)n;
	}
	return 0;
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

bool file_two_numbers(const char *path, uint64_t out[2])
{
	char text[64], *field[2];
	ssize_t n = file_take(open(path, O_RDONLY | O_CLOEXEC), text, sizeof(text) - 1);
	const char *end = "";

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	file_fields(text, field, 2);
	for (int i = 0; i < 2 && end && !*end; i++)
		end = num_read(field[i], &out[i]);
	return end && !*end;
}
