/* Which DNS servers are inside the container: according to the kernel's routing and to who
 * listens. */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/boot/local_dns.h"

#define PAYLOAD 1000
#define HEADER                                                                                 \
	"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"

/* A line of the kernel, which writes addresses in host byte order. */
static void line(char *out, size_t size, const char *local, unsigned port, const char *remote,
	unsigned state, unsigned uid)
{
	snprintf(out, size,
		HEADER "  123: %08X:%04X %08X:%04X %02X 00000000:00000000 00:00000000 00000000 "
		       "%5u        0 4711 2 0000000000000000 0\n",
		inet_addr(local), port, inet_addr(remote), remote[0] == '0' ? 0 : 53, state,
		uid);
}

static bool found(char *text)
{
	FILE *f = fmemopen(text, strlen(text), "r");
	bool there = local_dns_embedded(f, PAYLOAD);

	fclose(f);
	return there;
}

static void test_the_engines_socket(void **state)
{
	static const struct {
		const char *local, *remote;
		unsigned state, uid;
		bool there;
	} cases[] = {
		{"127.0.0.11", "0.0.0.0", 7, 0, true},
		{"127.0.0.11", "0.0.0.0", 7, 65534, true}, /* root of another user namespace */
		{"127.0.0.11", "0.0.0.0", 7, PAYLOAD, false},
		{"127.0.0.11", "9.9.9.9", 1, 0, false}, /* a client's */
		{"127.0.0.1", "0.0.0.0", 7, 0, false},
		{"11.0.0.127", "0.0.0.0", 7, 0, false},
		{"0.0.0.0", "0.0.0.0", 7, 0, false},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		line(text, sizeof(text), cases[i].local, 40000, cases[i].remote, cases[i].state,
			cases[i].uid);
		if (found(text) != cases[i].there)
			fail_msg("case %zu", i);
	}
	strcpy(text, HEADER);
	assert_false(found(text));
	strcpy(text, HEADER "  1: 0B00007F:9C40 00000000:0000 07\n");
	assert_false(found(text));
}

static void add_address(const char *device, const char *address)
{
	struct ifreq r = {0};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(r.ifr_name, device);
	*(struct sockaddr_in *)(void *)&r.ifr_addr = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
	assert_int_equal(ioctl(s, SIOCSIFADDR, &r), 0);
	close(s);
}

static int begin(void **state)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int s;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0 || (s = socket(AF_INET, SOCK_DGRAM, 0)) < 0 ||
		ioctl(s, SIOCSIFFLAGS, &r) < 0)
		return -1;
	close(s);
	/* The container's own address; and a route to all others. */
	add_address("lo:1", "45.53.0.2");
	return system(
		"ip link add out type veth peer name peer && ip link set peer up && ip link "
		"set out up &&"
		"ip addr add 10.1.0.5/24 dev out && ip route add default via 10.1.0.1 &&"
		"ip addr add fd00::5/64 dev out nodad && ip -6 route add default via fd00::1");
}

static void set(struct resolvconf *c, const char *text)
{
	resolvconf_parse(text, strlen(text), c);
}

static void left_out(const char *address, size_t expected)
{
	struct resolvconf c;
	struct local_dns in;
	char text[96];

	snprintf(text, sizeof(text), "nameserver %s\n", address);
	set(&c, text);
	assert_int_equal(c.upstreams_count, 1);
	local_dns_leave_out(&c, PAYLOAD, &in);
	if (in.count != expected || c.upstreams_count != 1 - expected || in.embedded)
		fail_msg("%s: %zu left out", address, in.count);
}

static void test_addresses(void **state)
{
	(void)state;
	left_out("127.0.0.53", 1);
	left_out("127.0.0.1", 1);
	left_out("127.0.0.11", 1); /* nothing listens there */
	left_out("::1", 1);
	left_out("0.0.0.0", 1);
	left_out("::", 1);
	left_out("::ffff:127.0.0.53", 1);
	left_out("45.53.0.2", 1);
	left_out("10.1.0.5", 1);
	left_out("fd00::5", 1);
	left_out("10.1.0.1", 0);
	left_out("10.1.0.6", 0);
	left_out("9.9.9.9", 0);
	left_out("::ffff:9.9.9.9", 0);
	left_out("fd00::1", 0);
	left_out("2620:fe::fe", 0);
}

/* The others stay, in their order. */
static void test_some_of_several(void **state)
{
	struct resolvconf c;
	struct local_dns in;

	(void)state;
	set(&c, "nameserver 9.9.9.9\nnameserver 127.0.0.53\nnameserver 10.1.0.1\n");
	local_dns_leave_out(&c, PAYLOAD, &in);
	assert_int_equal(c.upstreams_count, 2);
	assert_int_equal(c.upstreams[0].address.bytes[0], 9);
	assert_int_equal(c.upstreams[1].address.bytes[0], 10);
	assert_int_equal(in.count, 1);
	assert_int_equal(in.left_out[0].address.bytes[3], 53);
}

/* The engine's resolver is where somebody other than the payload listens. */
static void test_the_embedded_resolver(void **state)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.11")};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct resolvconf c;
	struct local_dns in;

	(void)state;
	assert_int_equal(bind(s, (void *)&a, sizeof(a)), 0);
	set(&c, "nameserver 127.0.0.11\n");
	local_dns_leave_out(&c, PAYLOAD, &in);
	assert_true(in.embedded);
	assert_int_equal(in.count, 0);
	assert_int_equal(c.upstreams_count, 1);
	/* Its presence doesn't make other loopback addresses acceptable. */
	set(&c, "nameserver 127.0.0.12\n");
	local_dns_leave_out(&c, PAYLOAD, &in);
	assert_false(in.embedded);
	assert_int_equal(in.count, 1);
	/* Nor other ports of its own. */
	set(&c, "nameserver 127.0.0.11\n");
	c.upstreams[0].port = 5353;
	local_dns_leave_out(&c, PAYLOAD, &in);
	assert_int_equal(in.count, 1);
	set(&c, "nameserver 127.0.0.11\n");
	local_dns_leave_out(&c, getuid(), &in);
	assert_int_equal(in.count, 1);
	close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_engines_socket),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_some_of_several),
		cmocka_unit_test(test_the_embedded_resolver),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
