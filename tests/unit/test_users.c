/* The user database: who is codex, and that no other entry is lost. */
#include "home_fixture.h"

#include <pwd.h>

#include "../../init/home/userdb.h"
#include "../../init/lib/limits.h"

#define ROOT "root:x:0:0:root:/root:/bin/bash\n"

static struct failure why;

struct call {
	const char *etc, *home;
	gid_t gid;
	char warning[256];
};

static int call_write(void *context, void *result, struct failure *f)
{
	const struct call *c = context;

	return users_write(c->etc, USER, c->gid, c->home, result, 256, f);
}

static struct call last;

static void write_as(const struct tree *t, gid_t gid, const char *home)
{
	last = (struct call){.etc = t->top, .home = home, .gid = gid};
	if (limited(call_write, &last, last.warning, sizeof(last.warning), &why) < 0)
		fail_msg("%s: %s: %s", why.operation, why.subject, why.reason);
}

static void write_now(const struct tree *t)
{
	write_as(t, GROUP, "/codex_home");
	assert_string_equal(last.warning, "");
}

static const char *passwd(const struct tree *t)
{
	return text_of(at(t, "passwd"));
}

static int etc_make(void **state)
{
	tree_make(state);
	put(at(*state, "passwd"), ROOT, 0644, 0);
	put(at(*state, "group"), "root:x:0:\n", 0644, 0);
	return 0;
}

static void a_new_user_is_added(void **state)
{
	write_now(*state);
	assert_string_equal(
		passwd(*state), ROOT "codex:x:4321:4322:Codex:/codex_home:/bin/bash\n");
	assert_string_equal(text_of(at(*state, "group")), "root:x:0:\ncodex:x:4322:\n");
	assert_owned(at(*state, "passwd"), 0, 0644);
	assert_int_equal(entries(((struct tree *)*state)->top), 4);
}

static void a_codex_of_another_uid_moves(void **state)
{
	put(at(*state, "passwd"), ROOT "codex:x:1000:1000::/home/codex:/bin/zsh\nb:x:5:5::/:\n",
		0644, 0);
	put(at(*state, "group"), "codex:x:1000:\nroot:x:0:\n", 0644, 0);
	write_now(*state);
	assert_string_equal(passwd(*state),
		ROOT "codex:x:4321:4322:Codex:/codex_home:/bin/zsh\nb:x:5:5::/:\n");
	assert_string_equal(text_of(at(*state, "group")), "codex:x:4322:\nroot:x:0:\n");
}

static void whoever_has_the_uid_comes_second(void **state)
{
	const char *text;

	put(at(*state, "passwd"), ROOT "ubuntu:x:4321:9::/home/ubuntu:/bin/sh\n", 0644, 0);
	write_now(*state);
	text = passwd(*state);
	assert_string_equal(text, ROOT "codex:x:4321:4322:Codex:/codex_home:/bin/sh\n"
				       "ubuntu:x:4321:9::/home/ubuntu:/bin/sh\n");
}

static void there_is_one_codex(void **state)
{
	put(at(*state, "passwd"),
		"codex:x:1:1::/:/bin/a\n" ROOT "u:x:4321:9::/:/bin/sh\ncodex:x:2:2::/:/bin/b\n",
		0644, 0);
	write_now(*state);
	assert_string_equal(passwd(*state),
		"codex:x:4321:4322:Codex:/codex_home:/bin/a\n" ROOT "u:x:4321:9::/:/bin/sh\n");
}

static void what_is_right_is_not_written(void **state)
{
	struct stat before, after;

	write_now(*state);
	assert_int_equal(stat(at(*state, "passwd"), &before), 0);
	write_now(*state);
	assert_int_equal(stat(at(*state, "passwd"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void the_shell_is_the_image_s(void **state)
{
	put(at(*state, "passwd"), "root:x:0:0:root:/root:/bin/ash\n", 0644, 0);
	write_now(*state);
	assert_in(passwd(*state), ":/codex_home:/bin/ash\n");
	put(at(*state, "passwd"), "root:x:0:0:root:/root\nx:x:4321:4:::not a path\n", 0644, 0);
	write_now(*state);
	assert_in(passwd(*state), ":/codex_home:\n");
}

static void unknown_lines_stay(void **state)
{
	static const char odd[] = "\n:x:4321:\n+::::::\ncodexx:x:7:7::/:\n# codex\ncodex\n"
				  "a:x:99999999999:1::/:\na:x:-1:1::/:\nx:x:4294967295:1::/:";

	put(at(*state, "passwd"), odd, 0644, 0);
	write_now(*state);
	assert_int_equal(strncmp(passwd(*state), odd, strlen(odd)), 0);
	assert_string_equal(
		passwd(*state) + strlen(odd), "\ncodex:x:4321:4322:Codex:/codex_home:\n");
}

static void group_0_stays_root_s(void **state)
{
	write_as(*state, 0, "/codex_home");
	assert_string_equal(text_of(at(*state, "group")), "root:x:0:\n");
	assert_in(passwd(*state), "codex:x:4321:0:");
}

static void no_files_at_all_is_fine(void **state)
{
	assert_int_equal(unlink(at(*state, "passwd")), 0);
	assert_int_equal(unlink(at(*state, "group")), 0);
	write_now(*state);
	assert_string_equal(passwd(*state), "codex:x:4321:4322:Codex:/codex_home:\n");
}

static void no_etc_is_a_warning(void **state)
{
	const struct tree t = {.top = "/nowhere/at/all"};

	(void)state;
	write_as(&t, GROUP, "/codex_home");
	assert_in(last.warning, "No such file");
}

static void a_home_that_breaks_the_line_is_a_warning(void **state)
{
	write_as(*state, GROUP, "/a:b");
	assert_in(last.warning, "could not be changed");
	write_as(*state, GROUP, "/a\nroot::0:0::/:/bin/sh");
	assert_in(last.warning, "could not be changed");
	assert_string_equal(passwd(*state), ROOT);
}

static void a_mounted_passwd_is_a_warning(void **state)
{
	const struct tree *t = *state;

	put(at(t, "mounted"), ROOT, 0644, 0);
	assert_int_equal(mount(at(t, "mounted"), at(t, "passwd"), NULL, MS_BIND, NULL), 0);
	write_as(t, GROUP, "/codex_home");
	assert_int_equal(umount(at(t, "passwd")), 0);
	assert_in(last.warning, "busy");
	assert_string_equal(passwd(t), ROOT);
	/* passwd, group, mounted, in, home: no temporary file. */
	assert_int_equal(entries(t->top), 5);
}

static void a_read_only_etc_is_a_warning(void **state)
{
	const struct tree *t = *state;
	struct tree home;

	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", 0, "size=64k,mode=0755"), 0);
	put(at(t, "home/passwd"), ROOT, 0644, 0);
	put(at(t, "home/group"), "", 0644, 0);
	assert_int_equal(mount(NULL, at(t, "home"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	strcpy(home.top, at(t, "home"));
	write_as(&home, GROUP, "/codex_home");
	assert_in(last.warning, "Read-only");
}

static void a_full_disk_is_a_failure_and_changes_nothing(void **state)
{
	const struct tree *t = *state;
	struct tree etc;
	char *fill = calloc(1, 60 * 1024 + 1);

	memset(fill, 'x', 60 * 1024);
	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", 0, "size=64k,mode=0755"), 0);
	put(at(t, "home/passwd"), ROOT, 0644, 0);
	put(at(t, "home/fill"), fill, 0644, 0);
	free(fill);
	strcpy(etc.top, at(t, "home"));
	last = (struct call){.etc = etc.top, .home = "/codex_home", .gid = GROUP};
	assert_int_equal(
		limited(call_write, &last, last.warning, sizeof(last.warning), &why), -1);
	assert_in(why.reason, "No space");
	assert_string_equal(text_of(at(t, "home/passwd")), ROOT);
	assert_int_equal(entries(at(t, "home")), 2);
}

static void a_huge_passwd_is_a_failure(void **state)
{
	assert_int_equal(truncate(at(*state, "passwd"), LIMIT_PASSWD_BYTES + 1), 0);
	last = (struct call){
		.etc = ((struct tree *)*state)->top, .home = "/codex_home", .gid = GROUP};
	assert_int_equal(
		limited(call_write, &last, last.warning, sizeof(last.warning), &why), -1);
}

/* users_find() */
static int find(const struct tree *t, const char *text, uid_t *uid, gid_t *gid)
{
	*uid = *gid = 77;
	return users_find(t->top, text, uid, gid, &why);
}

static void users_are_found(void **state)
{
	static const struct {
		const char *text;
		uid_t uid;
		gid_t gid;
	} good[] = {{"codex", 1000, 50}, {"1000", 1000, 50}, {"1001", 1001, 1001},
		{"1000:7", 1000, 7}, {"1001:0", 1001, 0}, {"0", 0, 0}, {"root", 0, 0},
		{"4294967294:4294967294", 4294967294, 4294967294}};
	uid_t uid;
	gid_t gid;

	put(at(*state, "passwd"), ROOT "codex:x:1000:50::/:/bin/sh\n", 0644, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (find(*state, good[i].text, &uid, &gid) < 0)
			fail_msg("%s: %s", good[i].text, why.reason);
		assert_int_equal(uid, good[i].uid);
		assert_int_equal(gid, good[i].gid);
	}
}

static void nonsense_is_no_user(void **state)
{
	static const char *const bad[] = {"", ":", "nobody-here", "1000:", ":1000", "-1",
		"4294967295", "4294967296", "99999999999", "1000:x", "1000:-1", "root:0", "1 ",
		" 1", "0x10", "1000:1:1", "+1", "root "};
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (find(*state, bad[i], &uid, &gid) == 0)
			fail_msg("\"%s\" was taken for %u:%u", bad[i], uid, gid);
		assert_int_equal(uid, 77);
		assert_int_equal(gid, 77);
	}
}

static void a_number_needs_no_passwd(void **state)
{
	const struct tree t = {.top = "/nowhere/at/all"};
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(find(&t, "1234", &uid, &gid), 0);
	assert_int_equal(gid, 1234);
	assert_int_equal(find(&t, "codex", &uid, &gid), -1);
}

/* How the C library reads what was written. */
static void the_home_of_a_uid(void **state)
{
	const struct tree *t = *state;
	char home[16] = "";

	put(at(t, "passwd"),
		ROOT "odd:x:2:2\nrelative:x:3:3::home:/bin/sh\n"
		     "long:x:4:4::/home/that/is/longer:/bin/sh\napp:x:5:5::/home/app:/bin/sh\n",
		0644, 0);
	assert_true(users_home(t->top, 0, home, sizeof(home)));
	assert_string_equal(home, "/root");
	assert_true(users_home(t->top, 5, home, sizeof(home)));
	assert_string_equal(home, "/home/app");
	for (uid_t uid = 1; uid <= 4; uid++)
		assert_false(users_home(t->top, uid, home, sizeof(home)));
	assert_false(users_home("/no/such/etc", 0, home, sizeof(home)));
}

static void assert_shell(const struct tree *t, const char *passwd, const char *shell)
{
	char found[16] = "";

	put(at(t, "passwd"), passwd, 0644, 0);
	assert_int_equal(users_shell(t->top, 5, found, sizeof(found)), shell[0] != '\0');
	assert_string_equal(found, shell);
}

static void the_shell_of_a_user(void **state)
{
	const char app[] = "app:x:5:5::/:/bin/a\n", root[] = "root:x:0:0::/root:/bin/r\n";
	char both[128], all[256];

	snprintf(both, sizeof(both), "%s%s", root, app);
	snprintf(all, sizeof(all), "%scodex:x:7:7::/:/bin/c\n", both);
	assert_shell(*state, all, "/bin/c");
	assert_shell(*state, both, "/bin/a");
	assert_shell(*state, root, "/bin/r");
	assert_shell(*state, "app:x:5:5::/:\n", "");
	assert_shell(*state, "app:x:5:5::/:relative\n", "");
	assert_shell(*state, "app:x:5:5::/:/that/is/much/too/long\n", "");
	assert_shell(*state, "", "");
}

static void getpwuid_says_codex(void **state)
{
	struct passwd *p;
	FILE *f;

	put(at(*state, "passwd"), ROOT "ubuntu:x:4321:9::/home/ubuntu:/bin/sh", 0644, 0);
	write_now(*state);
	f = fopen(at(*state, "passwd"), "r");
	while ((p = fgetpwent(f)) && p->pw_uid != USER)
		;
	assert_non_null(p);
	assert_string_equal(p->pw_name, "codex");
	assert_string_equal(p->pw_dir, "/codex_home");
	fclose(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, etc_make, tree_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {T(a_new_user_is_added),
		T(a_codex_of_another_uid_moves), T(whoever_has_the_uid_comes_second),
		T(there_is_one_codex), T(what_is_right_is_not_written),
		T(the_shell_is_the_image_s), T(unknown_lines_stay), T(group_0_stays_root_s),
		T(no_files_at_all_is_fine), T(no_etc_is_a_warning),
		T(a_home_that_breaks_the_line_is_a_warning), T(a_mounted_passwd_is_a_warning),
		T(a_read_only_etc_is_a_warning),
		T(a_full_disk_is_a_failure_and_changes_nothing), T(a_huge_passwd_is_a_failure),
		T(users_are_found), T(nonsense_is_no_user), T(a_number_needs_no_passwd),
		T(the_home_of_a_uid), T(the_shell_of_a_user), T(getpwuid_says_codex)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
