/* See nameserver.h. */
#include "nameserver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/address.h"
#include "../lib/file.h"
#include "../lib/limits.h"

#define OPERATION  "let programs use the resolver"
#define FIRST_LINE "nameserver 127.0.0.1\n"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The address in a nameserver line; NULL for other lines. */
static const char *server_of(const char *line, size_t len, size_t *length)
{
	static const char keyword[] = "nameserver";
	const char *end = line + len;

	while (line < end && is_blank(*line))
		line++;
	if ((size_t)(end - line) <= strlen(keyword) ||
		memcmp(line, keyword, strlen(keyword)) != 0 || !is_blank(line[strlen(keyword)]))
		return NULL;
	line += strlen(keyword);
	while (line < end && is_blank(*line))
		line++;
	*length = 0;
	while (line + *length < end && !is_blank(line[*length]) && line[*length] != '#' &&
		line[*length] != ';')
		++*length;
	return line;
}

/* C libraries skip what isn't an address. */
static bool out_of_reach(const char *server, size_t len, bool ipv6)
{
	const char *scope = memchr(server, '%', len);
	struct address a;

	if (!address_parse(server, scope ? (size_t)(scope - server) : len, &a))
		return false;
	return a.family == 6 && (!ipv6 || address_classify(&a) == ADDRESS_LINK_LOCAL);
}

bool nameserver_is_out_of_reach(const char *text, size_t len, bool ipv6)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		const size_t line = end ? (size_t)(end - text) : len;
		size_t length;
		const char *server = server_of(text, line, &length);

		if (server && out_of_reach(server, length, ipv6))
			return true;
		text += line + (end != NULL);
		len -= line + (end != NULL);
	}
	return false;
}

/* Container ids of Docker, Podman, containerd and CRI-O: 64 hexadecimal digits. */
#define ID_DIGITS 64

static bool has_id(const char *path)
{
	for (; *path; path += strcspn(path, "/")) {
		path += strspn(path, "/");
		if (strcspn(path, "/") == ID_DIGITS &&
			strspn(path, "0123456789abcdef") == ID_DIGITS)
			return true;
	}
	return false;
}

bool nameserver_is_engines(FILE *mountinfo, const char *path)
{
	char *line = NULL;
	size_t room = 0;
	bool is = false;

	while (getline(&line, &room, mountinfo) > 0) {
		char *field[5]; /* mount id, parent, device, root, mount point */

		file_fields(line, field, 5);
		/* The last mount at a path is the visible one. */
		if (strcmp(field[4], path) == 0)
			is = has_id(field[3]);
	}
	free(line);
	return is;
}

bool nameserver_is_engines_own(const char *path)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	bool is = table && nameserver_is_engines(table, path);

	if (table)
		fclose(table);
	return is;
}

bool nameserver_may_write(const char *path)
{
	int fd = file_open(AT_FDCWD, path, O_PATH, 0, RESOLVE_NO_XDEV);

	if (fd < 0)
		return nameserver_is_engines_own(path);
	close(fd);
	return true;
}

int nameserver_redirect(const char *path, bool ipv6, struct failure *f)
{
	static char text[sizeof(FIRST_LINE) + LIMIT_RESOLV_CONF_BYTES];
	const size_t first = strlen(FIRST_LINE);
	size_t len = first;
	ssize_t n = file_take(open(path, O_RDONLY | O_CLOEXEC), text + len, sizeof(text) - len);
	int fd;

	if (n < 0)
		return errno == ENOENT ? 0 : fail_errno(f, OPERATION, path);
	memcpy(text, FIRST_LINE, first);
	len += (size_t)n;
	if (!nameserver_is_out_of_reach(text + first, len - first, ipv6))
		return 0;
	if (!nameserver_is_engines_own(path))
		return fail(f, OPERATION, path,
			"it names an IPv6 server that they can't reach, and it isn't the "
			"engine's own file, which could be changed");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(f, OPERATION, path);
	/* In place, because the engine has bind-mounted this file; the text only grows, so
	 * nothing has to be truncated. */
	n = file_write(fd, text, len);
	if (close(fd) < 0 || n < 0)
		return fail_errno(f, OPERATION, path);
	return 0;
}
