/* The payload's seccomp filter and socket options. */
#include "filters_fixture.h"

/* On no socket: without the filter the error is EBADF, whatever the option. */
static struct call set_option(const struct option_case *o, char text[static 64])
{
	snprintf(text, 64, "setsockopt(%ld, %ld)", o->level, o->name);
	return (struct call){text, SYS_setsockopt, {-1, o->level, o->name, BAD, 4}};
}

/* By number (linux/in.h, in6.h, tcp.h, udp.h, asm-generic/socket.h), so that a macro with
 * another value in filters_gen.c is detected. */
static void payload_sets_no_option_that_no_tool_needs(void **state)
{
	static const struct option_case refused[] = {
		/* FREEBIND, TRANSPARENT, JOIN_ANYCAST, SO_MARK */
		{0, 15},
		{0, 19},
		{41, 78},
		{41, 75},
		{41, 27},
		{1, 36},
		/* OPTIONS, RETOPTS, ROUTER_ALERT, HDRINCL, NODEFRAG */
		{0, 4},
		{0, 7},
		{0, 5},
		{0, 3},
		{0, 22},
		/* RTHDR, HOPOPTS, DSTOPTS, RTHDRDSTOPTS; RFC 2292's forms, PKTOPTIONS */
		{41, 57},
		{41, 54},
		{41, 59},
		{41, 55},
		{41, 3},
		{41, 4},
		{41, 5},
		{41, 6},
		/* CHECKSUM, NEXTHOP, AUTHHDR, ROUTER_ALERT, its ISOLATE, HDRINCL */
		{41, 7},
		{41, 9},
		{41, 10},
		{41, 22},
		{41, 30},
		{41, 36},
		/* FLOWLABEL_MGR, ADDRFORM */
		{41, 32},
		{41, 1},
		/* IPSEC_POLICY, XFRM_POLICY, MD5SIG, MD5SIG_EXT, UDP_ENCAP */
		{0, 16},
		{0, 17},
		{41, 34},
		{41, 35},
		{6, 14},
		{6, 32},
		{17, 100},
		/* REPAIR and related ones, ULP */
		{6, 19},
		{6, 20},
		{6, 21},
		{6, 22},
		{6, 29},
		{6, 31},
		/* ATTACH_FILTER, ATTACH_BPF, REUSEPORT_CBPF, REUSEPORT_EBPF, MSFILTER */
		{1, 26},
		{1, 50},
		{1, 51},
		{1, 52},
		{0, 41},
		{0, 48},
		{41, 48},
		/* IP6T_SO_SET_REPLACE, _ADD_COUNTERS */
		{41, 64},
		{41, 65},
	};
	static const struct option_case unknown[] = {
		{0, 53},
		{0, 64},
		{0, 200},
		{0, 1088},
		{0, -1},
		{41, 79},
		{41, 200},
		{41, 1000},
		{6, 37},
		{6, 38},
		{6, 100},
		{17, 105},
		{1, 78},
		{1, 1000},
		{271, 1},
		{282, 1},
		{284, 1},
		{-1, 1},
	};
	char text[64];

	(void)state;
	for
		EACH(refused)
		{
			struct option_case high = {
				refused[i].level + HIGH, refused[i].name + HIGH};
			struct call k = set_option(&refused[i], text);

			expect_refused(FILTER_PAYLOAD, &k, EPERM);
			k = set_option(&high, text);
			assert_int_not_equal(outcome(FILTER_PAYLOAD, &k), EBADF);
		}
	for
		EACH(unknown)
		{
			struct call k = set_option(&unknown[i], text);

			expect_refused(FILTER_PAYLOAD, &k, ENOPROTOOPT);
		}
}

static void payload_sets_what_tools_set(void **state)
{
	static const struct option_case cases[] = {
		/* REUSEADDR, KEEPALIVE, BROADCAST, LINGER, RCVTIMEO, BINDTODEVICE, REUSEPORT */
		{1, 2},
		{1, 9},
		{1, 6},
		{1, 13},
		{1, 20},
		{1, 25},
		{1, 15},
		{1, 16},
		{1, 77},
		/* TOS, TTL, PKTINFO, MTU_DISCOVER, RECVERR, BIND_ADDRESS_NO_PORT, multicast */
		{0, 1},
		{0, 2},
		{0, 8},
		{0, 10},
		{0, 11},
		{0, 24},
		{0, 32},
		{0, 35},
		{0, 42},
		{0, 51},
		{0, 52},
		/* UNICAST_HOPS, multicast, MTU_DISCOVER, RECVERR, V6ONLY, RECVPKTINFO, PKTINFO,
		 * TCLASS, ADDR_PREFERENCES, UNICAST_IF, FLOWINFO_SEND (Java's setTrafficClass)
		 */
		{41, 16},
		{41, 17},
		{41, 20},
		{41, 23},
		{41, 25},
		{41, 26},
		{41, 49},
		{41, 50},
		{41, 67},
		{41, 72},
		{41, 76},
		{41, 33},
		/* NODELAY, CORK, KEEPIDLE, DEFER_ACCEPT, QUICKACK, CONGESTION, USER_TIMEOUT,
		 * FASTOPEN, FASTOPEN_CONNECT, INQ */
		{6, 1},
		{6, 3},
		{6, 4},
		{6, 9},
		{6, 12},
		{6, 13},
		{6, 18},
		{6, 23},
		{6, 30},
		{6, 36},
		/* CORK, SEGMENT, GRO; NETLINK_EXT_ACK */
		{17, 1},
		{17, 103},
		{17, 104},
		{270, 11},
	};
	char text[64];

	(void)state;
	for
		EACH(cases)
		{
			struct call k = set_option(&cases[i], text);

			expect_open(FILTER_PAYLOAD, &k);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_sets_no_option_that_no_tool_needs),
		cmocka_unit_test(payload_sets_what_tools_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
