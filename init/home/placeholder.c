/* See placeholder.h. */
#include "placeholder.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/placeholder_login.h"
#include "safe.h"

const char *placeholder_read(int home)
{
	static char text[LIMIT_LOGIN_BYTES + 1];
	ssize_t n = file_take(safe_open(home, "auth.json", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0),
		text, LIMIT_LOGIN_BYTES);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

bool placeholder_is_there(int home)
{
	return strstr(placeholder_read(home), PLACEHOLDER_WORD) != NULL;
}

/* What the engine left there as a mount point, or an earlier session of ours. */
static void remove_ours(int home)
{
	struct stat st;

	if ((fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    st.st_size == 0) ||
		placeholder_is_there(home))
		unlinkat(home, "auth.json", 0);
}

int placeholder_settle(int home, const char *text)
{
	char temporary[SAFE_TEMPORARY];
	struct stat st;
	int fd, done;

	if (!text)
		return placeholder_is_there(home) ? unlinkat(home, "auth.json", 0) : 0;
	remove_ours(home);
	if (fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	fd = safe_create(home, temporary, 0600);
	if (fd < 0)
		return -1;
	done = file_write(fd, text, strlen(text));
	close(fd);
	if (done == 0)
		done = safe_place_new(home, temporary, "auth.json");
	if (done < 0)
		unlinkat(home, temporary, 0);
	return done;
}
