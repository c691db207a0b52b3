/*
 * The closing report's file: what is accepted as one, and that it is written with its
 * owner's rights if root's don't suffice, as in a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/home/report_file.h"
#include "../../init/lib/limits.h"

#include <cmocka.h>

#define OWNER 4321

struct place {
	char directory[64], file[96];
	struct failure f;
};

static int make(void **state)
{
	static struct place p;

	strcpy(p.directory, "/tmp/test_report_file_XXXXXX");
	if (!mkdtemp(p.directory) || chmod(p.directory, 0755) < 0)
		return -1;
	snprintf(p.file, sizeof(p.file), "%s/%s", p.directory, REPORT_FILE_NAME);
	*state = &p;
	return 0;
}

static int take_away(void **state)
{
	const struct place *p = *state;

	if (unlink(p->file) < 0)
		rmdir(p->file);
	return rmdir(p->directory);
}

static void put(const struct place *p, uid_t owner)
{
	int fd = open(p->file, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, owner, owner), 0);
	close(fd);
}

static void expect(const struct place *p, const char *text)
{
	char seen[256] = "";
	int fd = open(p->file, O_RDONLY);

	assert_true(fd >= 0 && read(fd, seen, sizeof(seen) - 1) >= 0);
	close(fd);
	assert_string_equal(seen, text);
}

static void none_is_no_failure(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(report_file_open("/nowhere", REPORT_FILE_NAME, &p->f), -1);
	assert_string_equal(p->f.reason, "");
	assert_int_equal(report_file_open(p->directory, REPORT_FILE_NAME, &p->f), -1);
	assert_string_equal(p->f.reason, "");
	/* What may be put there later is unreachable nevertheless. */
	assert_int_equal(stat(p->directory, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

/* As root in a container: no DAC_OVERRIDE, no DAC_READ_SEARCH. */
static void without_override(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t gone = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(90);
	data[0].effective &= ~gone;
	data[0].permitted &= ~gone;
	data[0].inheritable &= ~gone;
	if (syscall(SYS_capset, &header, data) < 0)
		_exit(91);
}

static int keep(struct place *p)
{
	int fd;

	without_override();
	fd = report_file_open(p->directory, REPORT_FILE_NAME, &p->f);
	if (fd < 0)
		return 1;
	if (report_file_write(fd, "one\n", 4, &p->f) < 0 ||
		report_file_write(fd, "two\n", 4, &p->f) < 0)
		return 3;
	return geteuid() == 0 ? 0 : 4;
}

static void it_is_written_as_its_owner(void **state)
{
	const uid_t owners[] = {OWNER, 0};
	struct place *p = *state;
	struct stat st;
	int status;

	for (size_t i = 0; i < 2; i++) {
		pid_t pid;

		put(p, owners[i]);
		pid = fork();
		if (pid == 0)
			_exit(keep(p));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		expect(p, "one\ntwo\n");
		assert_int_equal(stat(p->file, &st), 0);
		assert_int_equal(st.st_uid, owners[i]);
		assert_int_equal(st.st_mode & 07777, 0600);
		unlink(p->file);
	}
	put(p, 0);
}

static void only_a_file_will_do(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdir(p->file, 0700), 0);
	assert_int_equal(report_file_open(p->directory, REPORT_FILE_NAME, &p->f), -1);
	assert_string_not_equal(p->f.reason, "");
	rmdir(p->file);
	assert_int_equal(mkfifo(p->file, 0600), 0);
	assert_int_equal(report_file_open(p->directory, REPORT_FILE_NAME, &p->f), -1);
	assert_string_not_equal(p->f.reason, "");
	unlink(p->file);
	assert_int_equal(symlink("/etc/passwd", p->file), 0);
	assert_int_equal(report_file_open(p->directory, REPORT_FILE_NAME, &p->f), -1);
	assert_string_not_equal(p->f.reason, "");
}

static void a_directory_of_anothers_will_not(void **state)
{
	struct place *p = *state;

	put(p, 0);
	assert_int_equal(chown(p->directory, OWNER, OWNER), 0);
	assert_int_equal(report_file_open(p->directory, REPORT_FILE_NAME, &p->f), -1);
	assert_string_not_equal(p->f.reason, "");
}

static void what_was_removed_meanwhile_is_reported(void **state)
{
	struct place *p = *state;
	int fd;

	put(p, OWNER);
	fd = report_file_open(p->directory, REPORT_FILE_NAME, &p->f);
	assert_true(fd >= 0);
	unlink(p->file);
	assert_int_equal(report_file_write(fd, "x", 1, &p->f), -1);
	assert_non_null(strstr(p->f.reason, "removed"));
	close(fd);
	put(p, OWNER);
}

static void what_cannot_be_written_is_reported(void **state)
{
	struct place *p = *state;
	int fd;

	put(p, OWNER);
	assert_int_equal(chmod(p->file, 0400), 0);
	fd = report_file_open(p->directory, REPORT_FILE_NAME, &p->f);
	assert_true(fd >= 0);
	assert_int_equal(report_file_write(fd, "x", 1, &p->f), -1);
	assert_non_null(strstr(p->f.reason, "Permission denied"));
	close(fd);
	expect(p, "");
}

/* Reads a file of this size and mode, without root's right to read what it may not. */
static int read_in_a_child(struct place *p, size_t size, mode_t mode)
{
	pid_t pid;
	int status, fd;

	put(p, OWNER);
	assert_int_equal(chmod(p->file, mode), 0);
	assert_int_equal(truncate(p->file, (off_t)size), 0);
	pid = fork();
	if (pid == 0) {
		char *text;

		without_override();
		fd = report_file_open(p->directory, REPORT_FILE_NAME, &p->f);
		text = report_file_read(fd, &p->f);
		_exit(fd < 0 ? 9 : text ? text[0] == '\n' : p->f.reason[0] ? 2 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	unlink(p->file);
	return WEXITSTATUS(status);
}

static void it_is_read_within_a_limit(void **state)
{
	struct place *p = *state;

	assert_int_equal(read_in_a_child(p, 1, 0644), 1);
	assert_int_equal(read_in_a_child(p, LIMIT_KNOWN, 0644), 1);
	/* None, which is no failure. */
	assert_int_equal(read_in_a_child(p, 0, 0644), 3);
	assert_int_equal(read_in_a_child(p, LIMIT_KNOWN + 1, 0644), 3);
	assert_int_equal(read_in_a_child(p, 1, 0600), 2);
	put(p, OWNER);
}

/* With a lease on it, opening it for writing takes 45 seconds (/proc/sys/fs/lease-break-time).
 */
static void what_hangs_is_not_waited_for(void **state)
{
	struct place *p = *state;
	int fd, leased;

	put(p, OWNER);
	fd = report_file_open(p->directory, REPORT_FILE_NAME, &p->f);
	leased = open(p->file, O_RDONLY);
	signal(SIGIO, SIG_IGN);
	assert_int_equal(fcntl(leased, F_SETLEASE, F_RDLCK), 0);
	assert_int_equal(report_file_write(fd, "x", 1, &p->f), -1);
	assert_non_null(strstr(p->f.reason, "takes too long"));
	close(leased);
	assert_int_equal(report_file_write(fd, "x", 1, &p->f), 0);
	assert_string_equal(p->f.reason, "");
	close(fd);
	expect(p, "x");
}

/* Whoever has the file open waits for the disk when it ends: we don't have it open. */
static void it_is_held_without_being_open(void **state)
{
	struct place *p = *state;
	char before, name[64], at[256] = "";
	int fd, held, copy, next = dup(0);

	put(p, OWNER);
	close(next);
	fd = report_file_open(p->directory, REPORT_FILE_NAME, &p->f);
	held = report_file_append(fd, &p->f);
	assert_true(held >= 0);
	assert_string_equal(p->f.reason, "");
	close(fd);
	for (int i = next; i < next + 8; i++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", i);
		assert_true(readlink(name, at, sizeof(at) - 1) < 0 || !strstr(at, p->file));
	}
	for (int i = 0; i < 2; i++) {
		copy = report_file_copy(held);
		assert_int_equal(write(copy, "line\n", 5), 5);
		assert_true(fcntl(copy, F_GETFD) & FD_CLOEXEC);
		close(copy);
	}
	assert_int_equal(read(held, &before, 1), 1); /* and with the socket it goes */
	assert_int_equal(report_file_copy(held), -1);
	close(held);
	expect(p, "line\nline\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none_is_no_failure, make, take_away),
		cmocka_unit_test_setup_teardown(it_is_written_as_its_owner, make, take_away),
		cmocka_unit_test_setup_teardown(only_a_file_will_do, make, take_away),
		cmocka_unit_test_setup_teardown(
			a_directory_of_anothers_will_not, make, take_away),
		cmocka_unit_test_setup_teardown(
			what_was_removed_meanwhile_is_reported, make, take_away),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_written_is_reported, make, take_away),
		cmocka_unit_test_setup_teardown(it_is_read_within_a_limit, make, take_away),
		cmocka_unit_test_setup_teardown(what_hangs_is_not_waited_for, make, take_away),
		cmocka_unit_test_setup_teardown(it_is_held_without_being_open, make, take_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
