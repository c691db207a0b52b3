/*
 * The guard of a repository's config where the payload, whose directory it is, makes it hard:
 * it closes the directories, or leaves no room to write. As root, in a mount namespace of its
 * own.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "init/home/git_guard.h"
#include "init/lib/limits.h"

#define USER   1000
#define TOP    "/tmp/test-git-guard"
#define GIT    TOP "/project/.git"
#define CONFIG GIT "/config"
#define TREES  GIT "/worktrees"
#define TREE   TREES "/tree"
#define BEFORE "[core]\n\tbare = false\n"
#define EVIL   BEFORE "\tfsmonitor = touch witness\n"

static struct git_guard *guard;

static void put(const char *path, const char *text)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	assert_int_equal(fputs(text, to) >= 0, 1);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(chown(path, USER, USER), 0);
}

static const char *text_of(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? NULL : text;
}

static const char *config(void)
{
	return text_of(CONFIG);
}

static void make(const char *path)
{
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chown(path, USER, USER), 0);
}

static int set_up(void **state)
{
	struct failure f = {0};

	(void)state;
	mkdir(TOP, 0755);
	assert_int_equal(mount("none", TOP, "tmpfs", 0, "size=128k,mode=755"), 0);
	make(TOP "/project");
	make(GIT);
	make(TREES);
	make(TREE);
	make(TREES "/odd");
	put(TREE "/HEAD", "");
	put(TREE "/commondir", "../..\n");
	put(TREES "/odd/commondir", GIT "\n");
	put(TREES "/odd/config.worktree", BEFORE);
	put(CONFIG, BEFORE);
	assert_int_equal(git_guard_begin(&guard, GIT, USER, USER, &f), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	git_guard_free(guard);
	return umount(TOP);
}

static int look(bool last)
{
	struct failure f = {0};

	return git_guard_look(guard, last, &f);
}

static void what_is_harmless_stays(void **state)
{
	static const char harmless[] = BEFORE "[user]\n\tname = You\n";

	(void)state;
	put(CONFIG, harmless);
	assert_int_equal(look(false), 0);
	assert_string_equal(config(), harmless);
	assert_int_equal(git_guard_times(guard), 0);
}

static void what_runs_something_goes(void **state)
{
	(void)state;
	put(CONFIG, EVIL);
	assert_int_equal(look(false), 0);
	assert_null(strstr(config(), "fsmonitor"));
	assert_int_equal(git_guard_times(guard), 1);
}

/* The host's git needs only to search them. */
static void closed_directories_keep_it_out_of_nothing(void **state)
{
	static const mode_t modes[] = {0311, 0111, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put(CONFIG, EVIL);
		assert_int_equal(chmod(GIT, modes[i]), 0);
		assert_int_equal(chmod(TOP "/project", modes[i]), 0);
		assert_int_equal(look(i == 2), 0);
		assert_null(strstr(config(), "fsmonitor"));
	}
}

/* In a repository of its own git makes neither, and reads another config by each. */
static void what_leads_git_to_another_config_goes(void **state)
{
	static const char *const files[] = {GIT "/commondir", GIT "/config.worktree"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		put(files[i], "../evil\n");
		assert_int_equal(chmod(GIT, 0311), 0);
		assert_int_equal(look(false), 0);
		assert_int_equal(access(files[i], F_OK), -1);
		assert_int_equal(git_guard_times(guard), i + 1);
	}
	assert_int_equal(look(true), 0);
	assert_string_equal(config(), BEFORE);
}

/* It has a moment between the guard's opening of the directory and what it removes there. */
static void closes_all_the_time(const char *directory, const char *file)
{
	unsigned left = 0, counted = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		alarm(60);
	while (pid == 0)
		if ((geteuid() == 0 && setuid(USER) < 0) || chmod(directory, 0500) < 0)
			_exit(1);
	for (unsigned i = 0; i < 5000 && left < 20; i++) {
		const unsigned times = git_guard_times(guard);
		struct stat st;

		chmod(directory, 0700);
		put(file, "../evil\n");
		look(false);
		if (stat(file, &st) < 0)
			continue;
		counted += git_guard_times(guard) > times;
		left++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(counted, left);
}

static void who_closes_the_directory_all_the_time_is_counted(void **state)
{
	(void)state;
	closes_all_the_time(GIT, GIT "/commondir");
}

static void so_is_who_closes_a_worktrees(void **state)
{
	(void)state;
	closes_all_the_time(TREE, TREE "/config.worktree");
}

static mode_t mode(void)
{
	struct stat st;

	assert_int_equal(stat(GIT, &st), 0);
	return st.st_mode & 07777;
}

static void the_directory_has_its_mode_at_the_end(void **state)
{
	struct failure f;

	(void)state;
	assert_int_equal(chmod(GIT, 0), 0);
	assert_int_equal(look(false), 0);
	assert_int_equal(mode(), 0700);
	assert_int_equal(look(true), 0);
	assert_int_equal(mode(), 0755);
	/* One that the user has closed; and none, where nothing had to be opened. */
	git_guard_free(guard);
	assert_int_equal(chmod(GIT, 0550), 0);
	assert_int_equal(git_guard_begin(&guard, GIT, USER, USER, &f), 0);
	put(CONFIG, EVIL);
	assert_int_equal(look(true), 0);
	assert_string_equal(config(), BEFORE);
	assert_int_equal(mode(), 0550);
	git_guard_free(guard);
	assert_int_equal(chmod(GIT, 0750), 0);
	assert_int_equal(git_guard_begin(&guard, GIT, USER, USER, &f), 0);
	assert_int_equal(chmod(GIT, 0711), 0);
	assert_int_equal(look(true), 0);
	assert_int_equal(mode(), 0711);
}

/* Who knew when it looks would take back in time what makes no event. */
static void nobody_knows_when_it_looks(void **state)
{
	long least = LONG_MAX, most = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct pollfd p = {.fd = git_guard_timer(guard), .events = POLLIN};
		struct itimerspec left;

		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(look(false), 0);
		assert_int_equal(timerfd_gettime(p.fd, &left), 0);
		assert_int_equal(left.it_value.tv_sec, 0);
		if (left.it_value.tv_nsec < least)
			least = left.it_value.tv_nsec;
		if (left.it_value.tv_nsec > most)
			most = left.it_value.tv_nsec;
	}
	assert_true(most <= 2 * LIMIT_GIT_TICK_MS * 1000000L);
	assert_true(most - least > LIMIT_GIT_TICK_MS * 1000000L / 4);
}

/* What makes the git of a linked worktree read another config than it did. */
static void commondir_says(const char *text)
{
	put(TREE "/commondir", text);
}

static void plant_commondir(void)
{
	commondir_says("../../../evil\n");
}

static void plant_link(void)
{
	put(GIT "/x", "../../../evil\n");
	unlink(TREE "/commondir");
	assert_int_equal(symlink("../../x", TREE "/commondir"), 0);
}

static void plant_repository(void)
{
	unlink(TREE "/commondir");
	make(TREE "/objects");
}

static void plant_moved(void)
{
	assert_int_equal(rename(TREES, GIT "/away"), 0);
	make(TREES);
	make(TREE);
	plant_commondir();
}

static void plant_closed(void)
{
	plant_commondir();
	assert_int_equal(chmod(TREE, 0111), 0);
	assert_int_equal(chmod(TREES, 0311), 0);
}

static void where_a_worktrees_config_is_goes_back(void **state)
{
	static void (*const plants[])(void) = {
		plant_commondir, plant_link, plant_repository, plant_moved, plant_closed};

	(void)state;
	for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		plants[i]();
		assert_int_equal(look(i % 2), 0);
		assert_string_equal(text_of(TREE "/commondir"), "../..\n");
		assert_int_equal(git_guard_times(guard), i + 1);
	}
	assert_int_equal(look(true), 0);
	assert_int_equal(git_guard_times(guard), sizeof(plants) / sizeof(plants[0]));
}

static void a_config_of_a_worktrees_own_goes(void **state)
{
	(void)state;
	put(TREE "/config.worktree", EVIL);
	assert_int_equal(look(false), 0);
	assert_int_equal(access(TREE "/config.worktree", F_OK), -1);
	/* One that was there stays as it was. */
	assert_string_equal(text_of(TREES "/odd/config.worktree"), BEFORE);
	put(TREES "/odd/config.worktree", EVIL);
	assert_int_equal(look(false), 0);
	assert_int_equal(access(TREES "/odd/config.worktree", F_OK), -1);
	assert_int_equal(git_guard_times(guard), 2);
}

static void a_link_in_the_place_of_a_worktree_goes(void **state)
{
	(void)state;
	assert_int_equal(rename(TREE, GIT "/evil"), 0);
	assert_int_equal(symlink("../evil", TREE), 0);
	assert_int_equal(look(false), 0);
	assert_int_equal(readlink(TREE, (char[8]){0}, 8), -1);
	assert_int_equal(rename(TREES, GIT "/away"), 0);
	assert_int_equal(symlink("away", TREES), 0);
	assert_int_equal(look(false), 0);
	assert_int_equal(access(TREES, F_OK), -1);
	assert_int_equal(git_guard_times(guard), 2);
}

/* As git makes and removes worktrees, one of a known name too; and as somebody has made one. */
static void ordinary_worktrees_stay(void **state)
{
	(void)state;
	assert_int_equal(unlink(TREE "/commondir"), 0);
	assert_int_equal(look(false), 0);
	assert_int_equal(access(TREE "/commondir", F_OK), -1);
	assert_int_equal(unlink(TREE "/HEAD"), 0);
	assert_int_equal(rmdir(TREE), 0);
	assert_int_equal(look(false), 0);
	make(TREE);
	commondir_says("");
	assert_int_equal(look(false), 0);
	assert_string_equal(text_of(TREE "/commondir"), "");
	commondir_says("../..\n");
	make(TREES "/new");
	put(TREES "/new/config.worktree", BEFORE);
	assert_int_equal(look(false), 0);
	assert_string_equal(text_of(TREES "/new/config.worktree"), BEFORE);
	assert_string_equal(text_of(TREES "/odd/commondir"), GIT "\n");
	assert_int_equal(git_guard_times(guard), 0);
}

static void fill(void)
{
	static char block[4096];
	int fd = open(TOP "/filler", O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

/* It is rather gone than obeyed; and comes back when there is room. */
static void a_full_disk_keeps_nothing_that_runs(void **state)
{
	(void)state;
	put(CONFIG, EVIL);
	fill();
	assert_int_equal(look(false), -1);
	assert_null(config());
	assert_int_equal(unlink(TOP "/filler"), 0);
	assert_int_equal(look(true), 0);
	assert_string_equal(config(), BEFORE);
	/* Nor is it kept because the name that it would get is taken. */
	unlink(CONFIG ".planted");
	assert_int_equal(mkdir(CONFIG ".planted", 0755), 0);
	put(CONFIG ".planted/x", "");
	put(CONFIG, EVIL);
	plant_commondir();
	fill();
	assert_int_equal(look(false), -1);
	assert_null(config());
	assert_int_equal(access(TREE "/HEAD", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_harmless_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_runs_something_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			closed_directories_keep_it_out_of_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_leads_git_to_another_config_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_closes_the_directory_all_the_time_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			so_is_who_closes_a_worktrees, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_directory_has_its_mode_at_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_knows_when_it_looks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			where_a_worktrees_config_is_goes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_config_of_a_worktrees_own_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_link_in_the_place_of_a_worktree_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ordinary_worktrees_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_full_disk_keeps_nothing_that_runs, set_up, tear_down),
	};

	if (unshare(CLONE_NEWNS) < 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("a mount namespace");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
