/* Who else is in a network namespace, according to the kernel's tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "init/lib/limits.h"
#include "init/boot/netns.h"

#define HEAD                                                                                   \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "  \
	"timeout inode\n"
#define LINE(local, uid, inode)                                                                \
	"   0: " local " 00000000:0000 0A 00000000:00000000 00:00000000 00000000 " uid         \
	"        0 " inode " 1 0000000000000000 100 0 0 10 0\n"

static bool inet(const char *text, char on[NETNS_TEXT])
{
	FILE *table = fmemopen((void *)text, strlen(text), "r");
	bool taken;

	assert_non_null(table);
	taken = netns_inet_taken(table, "tcp", on);
	fclose(table);
	return taken;
}

static bool local(const char *text, char on[NETNS_TEXT])
{
	FILE *table = fmemopen((void *)text, strlen(text), "r");
	bool taken;

	assert_non_null(table);
	taken = netns_unix_taken(table, on);
	fclose(table);
	return taken;
}

static void sockets_of_others_are_found(void **state)
{
	char on[NETNS_TEXT];

	(void)state;
	assert_true(inet(HEAD LINE("00000000:1538", "999", "4711"), on));
	assert_string_equal(on, "tcp socket 00000000:1538 of uid 999");
	/* One of root's, after one without an owner. */
	assert_true(
		inet(HEAD LINE("0100007F:0050", "0", "0") LINE("0100007F:1F40", "0", "7"), on));
	assert_string_equal(on, "tcp socket 0100007F:1F40 of uid 0");
	/* A neighbour of 127.0.0.11 isn't the engine's resolver. */
	assert_true(inet(HEAD LINE("0C00007F:0035", "0", "7"), on));
	assert_true(inet(HEAD LINE("0B00007F0000000000000000:0035", "0", "7"), on));
	assert_true(inet(HEAD LINE("00000000000000000000000000000000:0016", "0", "7"), on));
}

static void what_is_nobodys_is_left(void **state)
{
	char on[NETNS_TEXT];

	(void)state;
	assert_false(inet(HEAD, on));
	assert_false(inet("rubbish\n\n  0: x\n", on));
	/* The engine's resolver; a connection in TIME_WAIT. */
	assert_false(inet(HEAD LINE("0B00007F:B9C1", "0", "4711"), on));
	assert_false(inet(HEAD LINE("0200FE0A:9C40", "0", "0"), on));
}

static void services_of_a_machine_are_found(void **state)
{
	static const char *const paths[] = {"/run/systemd/private",
		"/run/dbus/system_bus_socket", "/run/docker.sock", "/lab/docker.sock",
		"/run/containerd/containerd.sock", "/run/crio/crio.sock",
		"/run/podman/podman.sock", "/var/run/docker/libnetwork/7ded.sock"};
	char text[256], on[NETNS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(text, sizeof(text),
			"Num       RefCount Protocol Flags    Type St Inode Path\n"
			"0000000000000000: 00000002 00000000 00010000 0001 01 12345 %s\n",
			paths[i]);
		assert_true(local(text, on));
		assert_string_equal(on, paths[i]);
	}
}

static void other_unix_sockets_are_left(void **state)
{
	char on[NETNS_TEXT];

	(void)state;
	assert_false(
		local("Num       RefCount Protocol Flags    Type St Inode Path\n"
		      "0000000000000000: 00000003 00000000 00000000 0001 03 23456\n"
		      "0000000000000000: 00000002 00000000 00010000 0001 01 12 @abstract\n"
		      "0000000000000000: 00000002 00000000 00010000 0001 01 12 /tmp/a.sock\n",
			on));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_of_others_are_found),
		cmocka_unit_test(what_is_nobodys_is_left),
		cmocka_unit_test(services_of_a_machine_are_found),
		cmocka_unit_test(other_unix_sockets_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
