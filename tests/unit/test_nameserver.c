/* How resolv.conf must be changed so that programs' queries get to our resolver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../init/boot/nameserver.h"
#include "../../init/lib/limits.h"

static bool lost(const char *text, bool ipv6)
{
	return nameserver_is_out_of_reach(text, strlen(text), ipv6);
}

static void servers_that_programs_can_ask(void **state)
{
	(void)state;
	assert_false(lost("", false));
	assert_false(lost("nameserver 192.168.1.1\n", false));
	assert_false(lost("nameserver 169.254.169.254", false));
	assert_false(lost("nameserver fd00::53\n", true));
	assert_false(lost("search corp.test\noptions ndots:2\n", false));
	/* Without an address there is no server. */
	assert_false(lost("nameserver fd00::zz\nnameserver\nnameserver \n", false));
	assert_false(lost("# nameserver fd00::53\n;nameserver fd00::53\n", false));
	assert_false(lost("nameservers fd00::53\nnameserver#fd00::53\n", false));
	assert_false(lost("nameserver ::ffff:zz%eth0\n", false));
}

static void servers_that_they_cannot(void **state)
{
	(void)state;
	assert_true(lost("nameserver fd00::53\n", false));
	assert_true(lost("nameserver 2600::53", false));
	assert_true(lost("  nameserver\tfd00::53 # ours\n", false));
	assert_true(lost("nameserver fd00::53;ours\r\n", false));
	assert_true(lost("nameserver 10.0.0.2\nnameserver fd00::53\n", false));
	assert_true(lost("nameserver fe80::1\n", true));
	assert_true(lost("nameserver fe80::1%eth0\n", true));
	assert_true(lost("nameserver fe80::1%eth0\n", false));
}

/* Nothing after the end is read. */
static void the_end_is_the_end(void **state)
{
	static const char text[] = "nameserver fd00::53\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len ? len : 1);

		memcpy(copy, text, len);
		nameserver_is_out_of_reach(copy, len, false);
		free(copy);
	}
	assert_false(nameserver_is_out_of_reach(text, strlen("nameserver "), false));
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AT "/etc/resolv.conf"

static bool engines(const char *table)
{
	FILE *f = fmemopen((void *)(uintptr_t)table, strlen(table), "r");
	bool is;

	assert_non_null(f);
	is = nameserver_is_engines(f, AT);
	fclose(f);
	return is;
}

static void what_the_engine_made(void **state)
{
	(void)state;
	assert_true(
		engines("1 2 8:1 /docker/containers/" ID "/resolv.conf " AT " rw - ext4\n"));
	assert_true(engines("1 2 8:1 /" ID "/userdata/resolv.conf " AT " rw - tmpfs\n"));
	assert_true(engines("9 2 8:1 / / rw\n1 2 8:1 /" ID "/resolv.conf " AT " rw"));
}

static void what_may_be_the_hosts(void **state)
{
	(void)state;
	assert_false(engines("1 2 0:9 / / rw - overlay overlay rw\n"));
	assert_false(engines("1 2 8:1 /etc/resolv.conf " AT " rw - ext4\n"));
	assert_false(engines("1 2 8:1 /home/me/containers/resolv.conf " AT " rw - ext4\n"));
	assert_false(engines("1 2 8:1 /" ID "0/resolv.conf " AT " rw\n"));
	assert_false(engines("1 2 8:1 /x" ID "/resolv.conf " AT " rw\n"));
	assert_false(engines("1 2 8:1 /containers/" ID "/hosts /etc/hosts rw\n"));
	/* Mounted over the engine's, which is hidden. */
	assert_false(engines("1 2 8:1 /" ID "/resolv.conf " AT " rw\n"
			     "3 1 8:1 /srv/resolv.conf " AT " rw\n"));
	assert_false(engines("1 2 8:1 /" ID "\n1 2\n \nx\n"));
}

/* The test's own directory, with what an engine has on the host. */
static char place[] = "/tmp/test-nameserver-XXXXXX";
static char path[64], engines_own[192];

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void assert_there(const char *want)
{
	char got[1024] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(got, want);
}

static void it_is_put_first_where_it_has_to_be(void **state)
{
	struct failure f = {0};

	(void)state;
	assert_true(nameserver_may_write(path));
	put("search corp.test\nnameserver fd00::53\n");
	assert_int_equal(nameserver_redirect(path, true, &f), 0);
	assert_there("search corp.test\nnameserver fd00::53\n");
	assert_int_equal(nameserver_redirect(path, false, &f), 0);
	assert_there("nameserver 127.0.0.1\nsearch corp.test\nnameserver fd00::53\n");
	put("nameserver 10.0.0.2\n");
	assert_int_equal(nameserver_redirect(path, false, &f), 0);
	assert_there("nameserver 10.0.0.2\n");
}

static void what_cannot_be_written_is_reported(void **state)
{
	struct failure f = {0};

	(void)state;
	put("nameserver fd00::53\n");
	run("mount -o remount,bind,ro %s", path);
	assert_int_equal(nameserver_redirect(path, false, &f), -1);
	assert_string_equal(f.subject, path);
	/* And if nothing needs to be written, it can't fail. */
	assert_int_equal(nameserver_redirect(path, true, &f), 0);
	run("mount -o remount,bind,rw %s", path);
	assert_there("nameserver fd00::53\n");
}

/* Somebody's file on the host, mounted writable. */
static void what_is_not_the_engines_is_left_alone(void **state)
{
	struct failure f = {0};
	char own[96];

	(void)state;
	snprintf(own, sizeof(own), "%s/own", place);
	run("echo 'nameserver fd00::53' >%s && mount --bind %s %s", own, own, path);
	assert_int_equal(nameserver_redirect(path, false, &f), -1);
	assert_non_null(strstr(f.reason, "isn't the engine's"));
	assert_false(nameserver_may_write(path));
	assert_there("nameserver fd00::53\n");
	run("umount %s", path);
}

static void a_file_that_is_not_there_or_very_long(void **state)
{
	struct failure f = {0};
	FILE *out;

	(void)state;
	assert_int_equal(nameserver_redirect("/nonexistent/resolv.conf", false, &f), 0);
	put("nameserver fd00::53\n");
	out = fopen(path, "a");
	assert_non_null(out);
	for (int i = 0; i < LIMIT_RESOLV_CONF_BYTES; i++)
		fputs("#\n", out);
	fclose(out);
	assert_int_equal(nameserver_redirect(path, false, &f), 0);
	out = fopen(path, "r");
	assert_non_null(out);
	assert_int_equal(fgetc(out), 'n');
	fclose(out);
}

static int begin(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(place));
	snprintf(path, sizeof(path), "%s/resolv.conf", place);
	snprintf(engines_own, sizeof(engines_own), "%s/" ID, place);
	/* The mounts end with this process. */
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	run("mount --make-rprivate / && mkdir %s && touch %s/resolv.conf %s", engines_own,
		engines_own, path);
	run("mount --bind %s/resolv.conf %s", engines_own, path);
	return 0;
}

static int end(void **state)
{
	(void)state;
	run("umount %s && rm -r %s", path, place);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_that_programs_can_ask),
		cmocka_unit_test(servers_that_they_cannot),
		cmocka_unit_test(the_end_is_the_end),
		cmocka_unit_test(what_the_engine_made),
		cmocka_unit_test(what_may_be_the_hosts),
		cmocka_unit_test(it_is_put_first_where_it_has_to_be),
		cmocka_unit_test(what_cannot_be_written_is_reported),
		cmocka_unit_test(what_is_not_the_engines_is_left_alone),
		cmocka_unit_test(a_file_that_is_not_there_or_very_long),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
