/* Paths in an untrusted directory: where they lead, and whether that is outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../stub/beneath.h"

/* top/root is the workdir; top/out is outside. */
static char top[64], root[80];

static const char *in(const char *path)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *full = paths[next++ % 4];

	snprintf(full, PATH_MAX, "%s/%s", top, path);
	return full;
}

static int make(void **state)
{
	int fd;

	(void)state;
	strcpy(top, "/tmp/test-beneath-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(root, sizeof(root), "%s/root", top);
	assert_int_equal(mkdir(root, 0755), 0);
	assert_int_equal(mkdir(in("root/dir"), 0755), 0);
	assert_int_equal(mkdir(in("out"), 0755), 0);
	fd = open(in("out/file"), O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	close(fd);
	fd = open(in("root/dir/file"), O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

static int clear(void **state)
{
	(void)state;
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void leads(const char *path, const char *where, bool stray)
{
	char real[PATH_MAX], same[PATH_MAX];
	bool strayed;

	if (beneath_resolve(root, path, real, &strayed) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	assert_string_equal(real, where);
	assert_int_equal(strayed, stray);
	/* Same result as the C library. */
	assert_non_null(realpath(path, same));
	assert_string_equal(real, same);
}

static void fails(const char *path, int error)
{
	char real[PATH_MAX];
	bool strayed;

	assert_int_equal(beneath_resolve(root, path, real, &strayed), -1);
	assert_int_equal(errno, error);
	assert_null(realpath(path, real));
}

static void plain_paths(void **state)
{
	(void)state;
	leads("/", "/", false);
	leads("//", "/", false);
	leads("/..", "/", false);
	leads("/../../.", "/", false);
	leads(in("root//dir/./file"), in("root/dir/file"), false);
	leads(in("root/dir/"), in("root/dir"), false);
	leads(in("root/dir/.."), in("root"), false);
	leads(in("root/dir/../../out/file"), in("out/file"), false);
	fails("", ENOENT);
	fails(in("missing"), ENOENT);
	fails(in("root/missing/../dir"), ENOENT);
	fails(in("root/dir/file/x"), ENOTDIR);
	fails(in("root/dir/file/"), ENOTDIR);
	fails(in("root/dir/file/.."), ENOTDIR);
}

static void relative_paths(void **state)
{
	(void)state;
	assert_int_equal(chdir(in("root/dir")), 0);
	leads("file", in("root/dir/file"), false);
	leads(".", in("root/dir"), false);
	leads("../../out", in("out"), false);
	assert_int_equal(chdir("/"), 0);
	leads("tmp", "/tmp", false);
	leads(".", "/", false);
}

static void links_in_the_workdir(void **state)
{
	(void)state;
	assert_int_equal(symlink("dir", in("root/inside")), 0);
	assert_int_equal(symlink(in("out"), in("root/absolute")), 0);
	assert_int_equal(symlink("../../out/file", in("root/dir/relative")), 0);
	assert_int_equal(symlink("inside/relative", in("root/chained")), 0);
	assert_int_equal(symlink("/", in("root/all")), 0);
	leads(in("root/inside/file"), in("root/dir/file"), false);
	leads(in("root/absolute"), in("out"), true);
	leads(in("root/absolute/file"), in("out/file"), true);
	leads(in("root/dir/relative"), in("out/file"), true);
	leads(in("root/chained"), in("out/file"), true);
	leads(in("root/all"), "/", true);
	leads(in("root/all/tmp"), "/tmp", true);
	/* Out and in again: only the end counts. */
	leads(in("root/absolute/../root/dir"), in("root/dir"), false);
	/* Through a link, and then up: it was the link that led there. */
	leads(in("root/inside/../../out"), in("out"), true);
}

static void links_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(symlink("root/dir", in("way")), 0);
	assert_int_equal(symlink("out", in("other")), 0);
	assert_int_equal(symlink("../../out/file", in("root/dir/trap")), 0);
	leads(in("other/file"), in("out/file"), false);
	leads(in("way/file"), in("root/dir/file"), false);
	leads(in("way/../../out"), in("out"), false);
	/* A link of the host's into the project, and one of the project's out of it. */
	leads(in("way/trap"), in("out/file"), true);
	assert_int_equal(symlink("root/dir/trap", in("innocent")), 0);
	leads(in("innocent"), in("out/file"), true);
	/* A name with the same prefix is another directory. */
	assert_int_equal(mkdir(in("root2"), 0755), 0);
	assert_int_equal(symlink("../out", in("root2/link")), 0);
	leads(in("root2/link"), in("out"), false);
}

static void circles_and_long_paths_end(void **state)
{
	char name[32], target[32];

	(void)state;
	assert_int_equal(symlink("circle", in("root/circle")), 0);
	fails(in("root/circle"), ELOOP);
	assert_int_equal(symlink("dir", in("root/0")), 0);
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "root/%d", i);
		snprintf(target, sizeof(target), "%d", i - 1);
		assert_int_equal(symlink(target, in(name)), 0);
	}
	leads(in("root/39"), in("root/dir"), false);
	fails(in("root/41"), ELOOP);
}

static void long_names_and_paths(void **state)
{
	char path[2 * PATH_MAX], real[PATH_MAX];
	bool strayed;

	(void)state;
	memset(path, 'a', sizeof(path));
	memcpy(path, "/tmp/", 5);
	path[5 + NAME_MAX + 1] = '\0';
	fails(path, ENAMETOOLONG);
	memset(path, '/', PATH_MAX);
	path[PATH_MAX] = '\0';
	assert_int_equal(beneath_resolve(root, path, real, &strayed), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	assert_int_equal(beneath_resolve(root, path, real, &strayed), 0);
	assert_string_equal(real, "/");
}

static void what_is_opened_beneath_has_no_link_in_its_path(void **state)
{
	int directory = open(root, O_RDONLY | O_DIRECTORY), fd;

	(void)state;
	assert_int_equal(symlink("dir", in("root/link")), 0);
	fd = beneath_open(directory, "dir/file", O_RDONLY, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(beneath_open(directory, "link/file", O_RDONLY, 0), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(beneath_open(directory, "../out/file", O_RDONLY, 0), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(beneath_open(directory, in("out/file"), O_RDONLY, 0), -1);
	assert_int_equal(errno, EXDEV);
	close(directory);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, clear)

int main(void)
{
	static const struct CMUnitTest tests[] = {T(plain_paths), T(relative_paths),
		T(links_in_the_workdir), T(links_elsewhere), T(circles_and_long_paths_end),
		T(long_names_and_paths), T(what_is_opened_beneath_has_no_link_in_its_path)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
