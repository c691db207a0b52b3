#include "gitsettings.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/gitconfig.h"

static void put(FILE *file, const char *section, const char *name, const char *value)
{
	char quoted[LIMIT_GITCONFIG_VALUE];

	if (value && gitconfig_quote(value, quoted, sizeof(quoted)))
		fprintf(file, "[%s]\n\t%s = %s\n", section, name, quoted);
}

int gitsettings_write(const char *path, const struct gitsettings *s, struct failure *f)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		fail_errno(f, "tell git who you are", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	fchmod(fd, 0644);
	put(file, "include", "path", "/etc/gitconfig");
	put(file, "safe", "directory", s->directory);
	put(file, "user", "name", s->name);
	put(file, "user", "email", s->email);
	return fclose(file) == 0 ? 0 : fail_errno(f, "tell git who you are", path);
}
