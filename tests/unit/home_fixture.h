/*
 * A directory tree for a test, and calls made with the capabilities of a container's root:
 * no DAC_OVERRIDE, no CHOWN. The fixture itself is built with full privileges.
 */
#ifndef TESTS_HOME_FIXTURE_H
#define TESTS_HOME_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../init/home/child.h"
#include "../../init/home/home.h"
#include "../../init/lib/privileges.h"

#define USER  4321
#define GROUP 4322

struct tree {
	char top[64]; /* root's, 0755 */
};

__attribute__((format(printf, 2, 3))) static inline const char *at(
	const struct tree *t, const char *format, ...)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];
	int n = snprintf(path, PATH_MAX, "%s/", t->top);
	va_list ap;

	va_start(ap, format);
	vsnprintf(path + n, PATH_MAX - (size_t)n, format, ap);
	va_end(ap);
	return path;
}

static inline void put(const char *path, const char *text, mode_t mode, uid_t uid)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(chown(path, uid, uid == USER ? GROUP : 0), 0);
}

static inline void make_dir(const char *path, mode_t mode, uid_t uid)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(chown(path, uid, uid == USER ? GROUP : 0), 0);
}

static inline const char *text_of(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static inline bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static inline void assert_owned(const char *path, uid_t uid, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_mode & 07777, mode);
}

static inline int tree_make(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	snprintf(t->top, sizeof(t->top), "/tmp/test-home-XXXXXX");
	assert_non_null(mkdtemp(t->top));
	assert_int_equal(chmod(t->top, 0755), 0);
	make_dir(at(t, "in"), 0755, 0);
	make_dir(at(t, "home"), 0700, USER);
	*state = t;
	return 0;
}

static inline int remove_one(
	const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

static inline int tree_remove(void **state)
{
	struct tree *t = *state;

	while (umount2(at(t, "home"), MNT_DETACH) == 0)
		;
	nftw(t->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

/* A call with the container's capabilities, in a child. */
struct limited {
	int (*call)(void *context, void *result, struct failure *f);
	void *context;
};

static inline int limited_child(void *context, void *result, struct failure *f)
{
	struct limited *l = context;

	if (privileges_keep_needed(f) < 0)
		return -1;
	return l->call(l->context, result, f);
}

static inline int limited(int (*call)(void *context, void *result, struct failure *f),
	void *context, void *result, size_t size, struct failure *f)
{
	struct limited l = {call, context};

	*f = (struct failure){.reason = ""};
	return child_run(limited_child, &l, result, size, f);
}

#define assert_in(text, part)                                                                  \
	do {                                                                                   \
		if (!strstr((text), (part)))                                                   \
			fail_msg("\"%s\" lacks \"%s\"", (text), (part));                       \
	} while (0)

#endif
