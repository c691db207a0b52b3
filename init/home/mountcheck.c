/* See mountcheck.h. */
#include "mountcheck.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "../lib/num.h"
#include "child.h"

/* Reads digits up to a colon. Returns what follows it, or NULL. */
static const char *read_number(const char *s, uint64_t most, uint64_t *out)
{
	const char *begin = s;

	for (*out = 0; *s >= '0' && *s <= '9'; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (*out > (most - digit) / 10)
			return NULL;
		*out = 10 * *out + digit;
	}
	return s > begin && *s == ':' ? s + 1 : NULL;
}

/* Decodes up to a blank or the end. Returns what follows, or NULL. */
static const char *read_path(const char *s, char *path, size_t size)
{
	size_t n = 0;

	if (*s != '/')
		return NULL;
	for (; *s && *s != ' '; s++) {
		char c = *s;

		if ((unsigned char)c < ' ' || n == size - 1)
			return NULL;
		if (c == '%') {
			int high = num_hex(s[1]), low = high < 0 ? -1 : num_hex(s[2]);

			if (low < 0 || high + low == 0)
				return NULL;
			c = (char)(16 * high + low);
			s += 2;
		}
		path[n++] = c;
	}
	path[n] = '\0';
	return s;
}

static const char kernel[] = "kernel=";

const char *mountcheck_entries(const char *list)
{
	const char *blank =
		strncmp(list, kernel, strlen(kernel)) == 0 ? strchr(list, ' ') : NULL;

	return blank ? blank + 1 : list;
}

/* True if the list was made on this kernel, or doesn't say. */
static bool is_of_here(const char *list)
{
	const char *entries = mountcheck_entries(list), *release = list + strlen(kernel);
	struct utsname us;
	size_t n;

	if (entries == list)
		return true;
	n = (size_t)(entries - 1 - release);
	return uname(&us) == 0 && strlen(us.release) == n &&
	       memcmp(us.release, release, n) == 0;
}

const char *mountcheck_next(const char *text, struct mountcheck_entry *e)
{
	uint64_t major, minor;

	text = read_number(text, UINT32_MAX, &major);
	text = text ? read_number(text, UINT32_MAX, &minor) : NULL;
	text = text ? read_number(text, UINT64_MAX, &e->inode) : NULL;
	text = text ? read_path(text, e->path, sizeof(e->path)) : NULL;
	if (!text)
		return NULL;
	e->major = (uint32_t)major;
	e->minor = (uint32_t)minor;
	if (*text == ' ' && *++text == '\0')
		return NULL; /* a trailing blank: the list was truncated */
	return text;
}

bool mountcheck_valid(const char *list)
{
	struct mountcheck_entry e;
	unsigned n = 0;

	list = mountcheck_entries(list);
	do {
		if (n++ == LIMIT_MOUNTS || !(list = mountcheck_next(list, &e)))
			return false;
	} while (*list);
	return true;
}

/* A comparison in progress. */
struct mount_comparison {
	const char *list;
	bool last;     /* nobody else will check what we can't reach */
	uint64_t seen; /* entries that are done, as bits */
};

_Static_assert(LIMIT_MOUNTS <= 64, "a bit for each");

static int compare_one(struct mount_comparison *c, unsigned n, const struct mountcheck_entry *e,
	struct failure *f)
{
	static const char operation[] = "compare the mounts with what codex-sandbox checked";
	struct stat st;

	if (lstat(e->path, &st) < 0) {
		if (errno == EACCES && !c->last)
			return 0;
		return fail_errno(f, operation, e->path);
	}
	if (major(st.st_dev) != e->major || minor(st.st_dev) != e->minor ||
		st.st_ino != e->inode) {
		fail(f, operation, e->path, "this is a different file");
		return fail_hint(f,
			"something in the project was replaced while the container was "
			"starting: start again. If it happens each time, the engine numbers "
			"this machine's files differently: CODEX_INIT_MOUNTS= in front of "
			"codex-sandbox skips this check");
	}
	c->seen |= UINT64_C(1) << n;
	return 0;
}

static int compare(struct mount_comparison *c, struct failure *f)
{
	struct mountcheck_entry e;
	const char *rest = c->list;

	for (unsigned n = 0; n < LIMIT_MOUNTS && *rest; n++) {
		rest = mountcheck_next(rest, &e);
		if (!rest)
			return fail(f, "read the list of mounts", "", "it is malformed");
		if (!(c->seen >> n & 1) && compare_one(c, n, &e, f) < 0)
			return -1;
	}
	return 0;
}

static int compare_as_root(void *context, void *result, struct failure *f)
{
	(void)result;
	return compare(context, f);
}

static int compare_as_user(void *context, void *result, struct failure *f)
{
	struct mount_comparison *c = context;

	(void)result;
	c->last = true;
	return compare(c, f);
}

int mountcheck_run(const char *list, bool as_user, uid_t uid, gid_t gid, struct failure *f)
{
	struct mount_comparison c = {.list = mountcheck_entries(list), .last = !as_user};

	if (!is_of_here(list))
		return 0;
	if (!as_user)
		return compare(&c, f);
	return child_run_as(uid, gid, compare_as_root, compare_as_user, &c, NULL, 0, f);
}
