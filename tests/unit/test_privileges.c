/*
 * Dropping privileges: each one, and each attempt to regain it. Everything happens in
 * children, which report by their exit status; needs root, like the whole suite.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/lib/privileges.h"

#include <cmocka.h>

#define USER  4321
#define GROUP 8765

/* Runs the function in a child: its result, or 1000 + the signal that ended it. */
static int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define CHECK(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition,   \
				errno);                                                        \
			return 1;                                                              \
		}                                                                              \
	} while (0)

/* A line of /proc/self/status as a number of the base. */
static unsigned long long status_value(const char *key, int base)
{
	char line[256];
	unsigned long long value = ~0ULL;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = strtoull(line + strlen(key) + 1, NULL, base);
	if (file)
		fclose(file);
	return value;
}

static int raise_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

	data[capability / 32].permitted = data[capability / 32].effective =
		1U << (capability % 32);
	return (int)syscall(SYS_capset, &header, data);
}

static int keep_only(uint64_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {
		{(uint32_t)set, (uint32_t)set, 0},
		{(uint32_t)(set >> 32), (uint32_t)(set >> 32), 0},
	};

	return (int)syscall(SYS_capset, &header, data);
}

#define BIT(capability) (UINT64_C(1) << (capability))

static int drop(struct failure *f)
{
	memset(f, 0, sizeof(*f));
	return privileges_drop(USER, GROUP, f);
}

static int child_sets_are_empty(void)
{
	struct failure f;

	CHECK(drop(&f) == 0);
	CHECK(status_value("CapInh", 16) == 0);
	CHECK(status_value("CapPrm", 16) == 0);
	CHECK(status_value("CapEff", 16) == 0);
	CHECK(status_value("CapBnd", 16) == 0);
	CHECK(status_value("CapAmb", 16) == 0);
	CHECK(status_value("NoNewPrivs", 10) == 1);
	return 0;
}

static void every_set_is_empty_afterwards(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_sets_are_empty), 0);
}

static int child_ids(void)
{
	const gid_t groups[] = {0, 4, 27};
	struct failure f;
	uid_t r, e, s;
	gid_t gr, ge, gs;

	CHECK(setgroups(3, groups) == 0 && getgroups(0, NULL) == 3);
	CHECK(drop(&f) == 0);
	CHECK(getresuid(&r, &e, &s) == 0 && r == USER && e == USER && s == USER);
	CHECK(getresgid(&gr, &ge, &gs) == 0 && gr == GROUP && ge == GROUP && gs == GROUP);
	CHECK(getgroups(0, NULL) == 0);
	return 0;
}

static void all_ids_change_and_groups_go(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_ids), 0);
}

static int child_ways_back(void)
{
	const gid_t root = 0;
	struct failure f;

	CHECK(drop(&f) == 0);
	CHECK(setuid(0) < 0 && errno == EPERM);
	CHECK(setresuid((uid_t)-1, 0, (uid_t)-1) < 0 && errno == EPERM);
	CHECK(setreuid(0, 0) < 0 && errno == EPERM);
	CHECK(setgid(0) < 0 && errno == EPERM);
	CHECK(setgroups(1, &root) < 0 && errno == EPERM);
	for (int c = 0; c <= CAP_LAST_CAP; c++)
		CHECK(raise_capability(c) < 0 && errno == EPERM);
	CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0);
	CHECK(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0 && errno == EPERM);
	CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 && errno == EPERM);
	return 0;
}

static void privileges_cannot_be_regained(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_ways_back), 0);
}

/* The control: before the drop, root can do all of this. */
static int child_ways_before(void)
{
	CHECK(setresuid((uid_t)-1, USER, (uid_t)-1) == 0 && setuid(0) == 0);
	CHECK(geteuid() == 0 || seteuid(0) == 0);
	CHECK(privileges_have(CAP_SETPCAP));
	CHECK(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) == 0);
	return 0;
}

static void privileges_can_be_regained_before(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_ways_before), 0);
}

static int child_securebits(void)
{
	struct failure f;
	int bits;

	CHECK(drop(&f) == 0);
	bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	CHECK(bits & SECBIT_NOROOT && bits & SECBIT_NOROOT_LOCKED);
	CHECK(bits & SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED);
	return 0;
}

static void secure_bits_are_locked(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_securebits), 0);
}

static int child_setuid_program(void)
{
	static char *const argv[] = {(char *)(uintptr_t) "id", (char *)(uintptr_t) "-u", NULL};
	char path[] = "/tmp/test_privileges.XXXXXX", text[16] = "";
	struct failure f;
	int fds[2], status;
	pid_t pid;

	CHECK(mkdtemp(path) && chmod(path, 0755) == 0);
	CHECK(chdir(path) == 0 && system("cp /usr/bin/id . && chmod 4755 id") == 0);
	CHECK(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		if (drop(&f) < 0 || dup2(fds[1], 1) < 0)
			_exit(99);
		execv("./id", argv);
		_exit(98);
	}
	CHECK(waitpid(pid, &status, 0) == pid && read(fds[0], text, sizeof(text) - 1) > 0);
	unlink("id");
	rmdir(path);
	CHECK(status == 0 && atoi(text) == USER);
	return 0;
}

static void setuid_programs_give_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_setuid_program), 0);
}

static int child_untraceable(void)
{
	struct failure f;

	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
	CHECK(drop(&f) == 0);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	return 0;
}

static void a_dropped_process_is_not_traceable(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_untraceable), 0);
}

static int child_signals(void)
{
	struct failure f;
	pid_t above = getppid();

	CHECK(kill(above, 0) == 0);
	CHECK(drop(&f) == 0);
	CHECK(kill(above, 0) < 0 && errno == EPERM);
	CHECK(ptrace(PTRACE_ATTACH, above, NULL, NULL) < 0);
	return 0;
}

static void a_dropped_process_cannot_signal_root(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_signals), 0);
}

static void root_is_refused(void **state)
{
	struct failure f = {0};

	(void)state;
	assert_int_equal(privileges_drop(0, 0, &f), -1);
	assert_string_equal(f.subject, "user 0");
	assert_int_equal(geteuid(), 0);
}

static int child_without_setpcap(void)
{
	struct failure f;

	CHECK(keep_only(BIT(CAP_SETUID) | BIT(CAP_SETGID)) == 0);
	CHECK(drop(&f) < 0);
	CHECK(strstr(f.hint, "--cap-add=SETPCAP"));
	CHECK(geteuid() == 0); /* nothing half done */
	return 0;
}

static int child_without_setgid(void)
{
	struct failure f;

	CHECK(keep_only(BIT(CAP_SETUID) | BIT(CAP_SETPCAP)) == 0);
	CHECK(drop(&f) < 0 && strstr(f.hint, "--cap-add=SETGID"));
	return 0;
}

static int child_without_setuid(void)
{
	struct failure f;

	CHECK(keep_only(BIT(CAP_SETGID) | BIT(CAP_SETPCAP)) == 0);
	CHECK(drop(&f) < 0 && strstr(f.hint, "--cap-add=SETUID"));
	return 0;
}

static void a_missing_capability_is_named(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_without_setpcap), 0);
	assert_int_equal(in_child(child_without_setgid), 0);
	assert_int_equal(in_child(child_without_setuid), 0);
}

static int child_drop_twice(void)
{
	struct failure f;

	CHECK(drop(&f) == 0);
	/* As under `docker run --user`: nothing to drop, no capability to do it with. */
	CHECK(drop(&f) == 0);
	CHECK(privileges_drop(USER + 1, GROUP, &f) < 0);
	CHECK(strstr(f.hint, "SETUID"));
	return 0;
}

static void dropping_what_is_dropped_needs_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_drop_twice), 0);
}

static int child_keep(void)
{
	const uint64_t needed = BIT(CAP_NET_ADMIN) | BIT(CAP_SETUID) | BIT(CAP_SETGID) |
				BIT(CAP_SETPCAP) | BIT(CAP_KILL);
	struct failure f = {0};

	CHECK(privileges_have(CAP_SYS_ADMIN));
	CHECK(privileges_keep_needed(&f) == 0);
	CHECK(status_value("CapEff", 16) == needed && status_value("CapPrm", 16) == needed);
	CHECK(status_value("CapBnd", 16) == needed && status_value("CapInh", 16) == 0);
	CHECK(status_value("NoNewPrivs", 10) == 1);
	CHECK(!privileges_have(CAP_SYS_ADMIN) && privileges_have(CAP_NET_ADMIN));
	CHECK(raise_capability(CAP_SYS_ADMIN) < 0);
	/* What is left is enough to drop the payload's privileges. */
	CHECK(drop(&f) == 0);
	CHECK(status_value("CapBnd", 16) == 0);
	return 0;
}

static void pid_1_keeps_what_it_needs_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_keep), 0);
}

static int child_keep_few(void)
{
	struct failure f = {0};

	CHECK(keep_only(BIT(CAP_SETPCAP) | BIT(CAP_KILL) | BIT(CAP_CHOWN)) == 0);
	CHECK(privileges_keep_needed(&f) == 0);
	CHECK(status_value("CapPrm", 16) == (BIT(CAP_SETPCAP) | BIT(CAP_KILL)));
	return 0;
}

static void pid_1_gains_nothing_by_keeping(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_keep_few), 0);
}

/* As a rootless engine's: uid 0 inside is a user outside. */
static int child_is_a_users_root(void)
{
	static const char map[] = "0 4321 1";
	int fd;

	CHECK(!privileges_root_is_user());
	CHECK(setresuid(USER, USER, USER) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	CHECK(unshare(CLONE_NEWUSER) == 0);
	CHECK((fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC)) >= 0);
	CHECK(write(fd, map, sizeof(map) - 1) == sizeof(map) - 1);
	CHECK(close(fd) == 0 && getuid() == 0);
	CHECK(privileges_root_is_user());
	return 0;
}

static void it_is_known_whether_root_is_a_user(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_is_a_users_root), 0);
}

static int child_keeps_none(void)
{
	struct failure f;

	CHECK(!privileges_shared());
	CHECK(privileges_keep_none(&f) == 0);
	CHECK(privileges_shared() && geteuid() == 0);
	CHECK(status_value("CapPrm", 16) == 0 && status_value("CapBnd", 16) == 0);
	CHECK(raise_capability(CAP_SETUID) < 0 && setuid(USER) < 0);
	return 0;
}

static void root_without_a_right_regains_none(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_keeps_none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_set_is_empty_afterwards),
		cmocka_unit_test(all_ids_change_and_groups_go),
		cmocka_unit_test(privileges_cannot_be_regained),
		cmocka_unit_test(privileges_can_be_regained_before),
		cmocka_unit_test(secure_bits_are_locked),
		cmocka_unit_test(setuid_programs_give_nothing),
		cmocka_unit_test(a_dropped_process_is_not_traceable),
		cmocka_unit_test(a_dropped_process_cannot_signal_root),
		cmocka_unit_test(root_is_refused),
		cmocka_unit_test(a_missing_capability_is_named),
		cmocka_unit_test(dropping_what_is_dropped_needs_nothing),
		cmocka_unit_test(pid_1_keeps_what_it_needs_and_no_more),
		cmocka_unit_test(pid_1_gains_nothing_by_keeping),
		cmocka_unit_test(it_is_known_whether_root_is_a_user),
		cmocka_unit_test(root_without_a_right_regains_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
