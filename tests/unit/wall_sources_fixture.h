/*
 * The payload's source addresses: every packet of its sockets has a source that it may use,
 * on lo as on the wire, and nothing that it does interferes with the workers' queries.
 * Tested as in test_wall_pins.c, and with sockets that would receive forged packets. Runs as
 * root.
 */
#ifndef TESTS_UNIT_WALL_SOURCES_FIXTURE_H
#define TESTS_UNIT_WALL_SOURCES_FIXTURE_H

#include "wall_fixture.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#define GATE      UID_GATE
#define GATE_PORT 5443

/* In the workers' range (init/lib/worker.h), and the last one below it. */
#define WORKERS_PORT 61234
#define UPSTREAM4    "9.9.9.9"
#define UPSTREAM6    "2620:fe::fe"

static __attribute__((unused)) void upstream(const char *address, uint16_t port)
{
	config.upstreams[config.upstreams_count++] = (struct endpoint){addr(address), port};
}

static __attribute__((unused)) void pin(const char *address, uint16_t port)
{
	struct pin p = {addr(address), port, PIN_PUBLIC, 60};

	assert_ok(wall_pin(wall, &p, 1, f));
}

static __attribute__((unused)) void build(void)
{
	assert_ok(wall_build(wall, &config, f));
	assert_ok(wall_verify(wall, &config, f));
	pin("20.1.2.3", 22);
	pin("2600::7", 22);
	captured(NULL, false);
}

/* conntrack -F: entries of one test would affect the next. */
static __attribute__((unused)) void forget_connections(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} m = {{sizeof(m), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
		       NLM_F_REQUEST | NLM_F_ACK, 1, 0},
		{AF_UNSPEC, NFNETLINK_V0, 0}};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer;
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	assert_int_equal(send(s, &m, sizeof(m), 0), sizeof(m));
	assert_true(recv(s, &answer, sizeof(answer), 0) > 0);
	assert_int_equal(answer.error.error, 0);
	close(s);
}

static __attribute__((unused)) int begin(void **state)
{
	(void)state;
	wall_config_new();
	config.gate_uid = GATE;
	config.gate_port = GATE_PORT;
	config.embedded_dns = true;
	upstream("127.0.0.11", 53);
	upstream(UPSTREAM4, 53);
	upstream(UPSTREAM6, 53);
	assert_int_equal(policy_compile(&policy), 0);
	assert_ok(wall_open(&wall, f));
	forget_connections();
	return 0;
}

static __attribute__((unused)) int end(void **state)
{
	(void)state;
	return wall_end();
}

static __attribute__((unused)) int world(void **state)
{
	world_up(state);
	attempt_ms = 400; /* what is dropped is never answered */
	/* As engines set it. */
	run("echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start");
	return 0;
}

static __attribute__((unused)) const struct forged {
	const char *source;
	uint16_t port;
	const char *to;
} forged[] = {
	{"127.0.0.11", 53, "127.0.0.1"},
	{"127.0.0.11", 0, "127.0.0.1"},
	{"127.0.0.11", 53, "172.30.0.2"},
	{UPSTREAM6, 53, "::1"},
	{UPSTREAM6, 53, "2001:db8:9::2"},
	{"2001:db8:9::1", 0, "::1"}, /* the gateway's */
	{"2001:db8:dead::1", 0, "::1"},
	{"2001:db8:dead::1", 0, "2001:db8:9::2"},
	{"fd00::1", 7000, "::1"},
	{"2600::7", 443, "::1"},
};

/* Sends a datagram with that source to our socket; whether it arrives. */
static __attribute__((unused)) bool arrives(uid_t uid, const struct forged *x)
{
	struct attempt t = {
		.uid = uid, .type = SOCK_DGRAM, .source = x->source, .from = x->port};
	int s = listener(strchr(x->to, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 7777);
	char text[8];
	bool got;

	attempt(&t, x->to, 7777);
	got = recv(s, text, sizeof(text), MSG_DONTWAIT) == 6;
	close(s);
	return got;
}

/* The same by TCP; a foreign source gets no answer, so the listener can't tell for IPv6. */
static __attribute__((unused)) bool connects(uid_t uid, const struct forged *x)
{
	struct attempt t = {
		.uid = uid, .type = SOCK_STREAM, .source = x->source, .from = x->port};
	int s = listener(strchr(x->to, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 7777);
	bool done = attempt(&t, x->to, 7777) == 0;

	close(s);
	return done;
}

static __attribute__((unused)) bool got(int s, int type)
{
	struct pollfd p = {.fd = s, .events = POLLIN};
	char text[8];
	int c;

	if (poll(&p, 1, 100) != 1)
		return false;
	if (type == SOCK_DGRAM)
		return recv(s, text, sizeof(text), 0) == 6;
	c = accept(s, NULL, NULL);
	close(c);
	return c >= 0;
}

#endif
