/* See placeholder.h. */
#include "placeholder.h"

#include <string.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/placeholder_login.h"
#include "safe.h"

static const char text[] = PLACEHOLDER_LOGIN;

bool placeholder_is_there(int home)
{
	char found[sizeof(text)];
	ssize_t n = file_take(safe_open(home, "auth.json", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0),
		found, sizeof(found));

	return n == sizeof(text) - 1 && memcmp(found, text, sizeof(text) - 1) == 0;
}

int placeholder_settle(int home, bool wanted)
{
	char temporary[SAFE_TEMPORARY];
	int fd, done;

	if (!wanted)
		return placeholder_is_there(home) ? unlinkat(home, "auth.json", 0) : 0;
	if (faccessat(home, "auth.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	fd = safe_create(home, temporary, 0600);
	if (fd < 0)
		return -1;
	done = write(fd, text, sizeof(text) - 1) == sizeof(text) - 1 ? 0 : -1;
	close(fd);
	if (done == 0)
		done = safe_place_new(home, temporary, "auth.json");
	if (done < 0)
		unlinkat(home, temporary, 0);
	return done;
}
