/*
 * The gate as a process, from outside: in a network namespace with nothing in it but lo, where
 * every address of 45.0.0.0/8 is a server of ours, a small DNS server plays the resolver, and
 * what goes to ports 443 and 80 is redirected to the gate as the wall does it. So the gate's
 * own code runs under the sanitizers, with its filter in force. Runs as root.
 *
 * How a server behaves is its address's last octet; a name's first label says which it has.
 */
#ifndef TESTS_UNIT_GATE_PROCESS_FIXTURE_H
#define TESTS_UNIT_GATE_PROCESS_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/lib/dns_message.h"
#include "init/gate/gate.h"

#define WAIT_MS 5000
#define BULK    (20 * 1024 * 1024)

/* Servers, by the last octet of their address. */
enum { ECHO = 1, RETRY = 2, BIG = 3, ANSWERS = 4, COUNTS = 5, CLOSES = 7, HANGS = 8, GONE = 9 };

struct seen {
	_Atomic unsigned connections;
	_Atomic size_t octets;
	uint8_t first[8192]; /* what the last connection said first */
	_Atomic size_t first_len;
};

static __attribute__((unused)) struct shared {
	struct seen to[256];
	_Atomic unsigned dropped; /* queries that the resolver is to ignore */
	_Atomic bool moved;       /* moves.lab.test is where there is a server */
} * shared;
static __attribute__((unused)) pid_t helpers[4];
static __attribute__((unused)) size_t helpers_count;
static __attribute__((unused)) struct policy policy;
static __attribute__((unused)) struct resolvconf conf = {
	.search = {"lab.test"}, .search_count = 1, .ndots = 1};
static __attribute__((unused)) struct gate_config config;
static __attribute__((unused)) struct policy_overlay *overlay;
static __attribute__((unused)) pid_t gate;
static __attribute__((unused)) int channel;

static __attribute__((unused)) void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static __attribute__((unused)) void say(int s, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = send(s, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(0);
		at += n;
		len -= (size_t)n;
	}
}

/* A ServerHello, as far as the gate looks; retry: the one that asks for a second hello. */
static __attribute__((unused)) void server_hello(int s, bool retry)
{
	static const uint8_t magic[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe,
		0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	uint8_t hello[60] = {0x16, 3, 3, 0, 55, 2, 0, 0, 51, 3, 3};

	if (retry)
		memcpy(hello + 11, magic, sizeof(magic));
	say(s, hello, sizeof(hello));
}

static __attribute__((unused)) void echo(int s, struct seen *seen)
{
	uint8_t bytes[65536];
	ssize_t n;

	while ((n = recv(s, bytes, sizeof(bytes), 0)) > 0) {
		seen->octets += (size_t)n;
		say(s, bytes, (size_t)n);
	}
}

static __attribute__((unused)) void serve(int s, unsigned which, uint16_t port)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct seen *seen = &shared->to[which];
	uint8_t bytes[65536];
	ssize_t n = recv(s, seen->first, sizeof(seen->first), 0);

	seen->first_len = n > 0 ? (size_t)n : 0;
	seen->octets += seen->first_len;
	if (port == 443 || which == RETRY)
		server_hello(s, which == RETRY);
	if (port == 22)
		say(s, seen->first, seen->first_len);
	if (which == RETRY || which == COUNTS) {
		while ((n = recv(s, bytes, sizeof(bytes), 0)) > 0)
			seen->octets += (size_t)n;
	} else if (which == BIG) {
		for (size_t i = 0; i < BULK / sizeof(bytes); i++) {
			memset(bytes, (int)i, sizeof(bytes));
			say(s, bytes, sizeof(bytes));
		}
	} else if (which == ANSWERS) {
		say(s, answer, sizeof(answer) - 1);
		while ((n = recv(s, bytes, sizeof(bytes), 0)) > 0)
			seen->octets += (size_t)n;
	} else if (which == CLOSES) {
		say(s, answer, sizeof(answer) - 1);
	} else {
		echo(s, seen);
	}
}

static __attribute__((unused)) int bound(int type, const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	inet_pton(AF_INET, address, &a.sin_addr);
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		(type == SOCK_STREAM && listen(s, 1024) < 0))
		fail_msg("bind %s:%u: %s", address, port, strerror(errno));
	return s;
}

static __attribute__((unused)) _Noreturn void web(int listener, uint16_t port)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct sockaddr_in a = {0};
		socklen_t len = sizeof(a);
		int s = accept(listener, NULL, NULL);
		unsigned which;

		if (s < 0)
			continue;
		getsockname(s, (struct sockaddr *)&a, &len);
		which = ntohl(a.sin_addr.s_addr) & 0xff;
		shared->to[which].connections++;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			serve(s, which, port);
			_exit(0);
		}
		close(s);
	}
}

/* "echo.lab.test" is 45.0.0.1, "gone-echo.lab.test" 45.0.0.9 and then 45.0.0.1, and so on. */
static __attribute__((unused)) _Noreturn void resolver(int s)
{
	struct {
		const char *label;
		uint8_t octet;
	} names[] = {{"moves", GONE}, {"echo", ECHO}, {"retry", RETRY}, {"big", BIG},
		{"answers", ANSWERS}, {"counts", COUNTS}, {"closes", CLOSES}, {"hangs", HANGS},
		{"gone", GONE}};

	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		uint8_t in[1232], out[1232], addresses[64];
		struct dns_query q;
		struct dns_reply r = {.ttl = 60, .ede = -1, .addresses = addresses};
		ssize_t n = recvfrom(s, in, sizeof(in), 0, (struct sockaddr *)&from, &len);

		if (n < 0 || dns_read_query(in, (size_t)n, &q) != RCODE_NOERROR)
			continue;
		if (shared->dropped) {
			shared->dropped--;
			continue;
		}
		r.type = q.type;
		names[0].octet = shared->moved ? ECHO : GONE;
		for (const char *label = q.name; q.type == DNS_A && label; label++) {
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
				size_t l = strlen(names[i].label);

				if (strncmp(label, names[i].label, l) != 0 ||
					!strchr("-.", label[l]))
					continue;
				memcpy(addresses + 4 * r.count,
					(uint8_t[]){45, 0, 0, names[i].octet}, 4);
				r.count++;
			}
			label = strpbrk(label, "-.");
			if (!label || *label == '.')
				break;
		}
		n = (ssize_t)dns_write_reply(&q.asked, &r, out, sizeof(out));
		sendto(s, out, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

static __attribute__((unused)) void help(
	void (*does)(int s, uint16_t port), int s, uint16_t port)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		does(s, port);
		_exit(0);
	}
	helpers[helpers_count++] = pid;
	close(s);
}

static __attribute__((unused)) void help_resolver(int s, uint16_t port)
{
	(void)port;
	resolver(s);
}

static __attribute__((unused)) void help_web(int s, uint16_t port)
{
	web(s, port);
}

static __attribute__((unused)) int world_up(void **state)
{
	char command[512];
	struct failure f;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up && ip route add local 45.0.0.0/8 dev lo");
	help(help_web, bound(SOCK_STREAM, "0.0.0.0", 443), 443);
	help(help_web, bound(SOCK_STREAM, "0.0.0.0", 80), 80);
	help(help_web, bound(SOCK_STREAM, "0.0.0.0", 22), 22);
	help(help_resolver, bound(SOCK_DGRAM, "127.0.0.1", 5300), 0);
	assert_int_equal(gate_listen(&config.sockets, &f), 0);
	snprintf(command, sizeof(command),
		"nft 'add table ip t; add chain ip t o { type nat hook output priority -105; "
		"}; "
		"add rule ip t o tcp dport { 80, 443 } meta skuid != %d redirect to :%u; "
		"add chain ip t f { type filter hook output priority 0; }; "
		"add rule ip t f ip daddr 45.0.0.9 meta skuid %d reject with tcp reset; "
		"add set ip t tried { type inet_service; flags dynamic; }; "
		"add chain ip t i { type filter hook input priority 0; }; "
		"add rule ip t i ip daddr 45.0.0.8 add @tried { tcp sport } drop'",
		UID_GATE, config.sockets.port, UID_GATE);
	run(command);
	return 0;
}

static __attribute__((unused)) int world_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < helpers_count; i++) {
		kill(helpers[i], SIGKILL);
		waitpid(helpers[i], NULL, 0);
	}
	return 0;
}

static __attribute__((unused)) struct gate_message told(int ms)
{
	struct gate_message m = {0};
	struct pollfd p = {.fd = channel, .events = POLLIN};

	if (poll(&p, 1, ms) == 1 && recv(channel, &m, sizeof(m), 0) != sizeof(m))
		memset(&m, 0, sizeof(m));
	return m;
}

static __attribute__((unused)) void start(void)
{
	struct failure f;

	gate = gate_start(&config, &channel, &f);
	assert_true(gate > 0);
	assert_int_equal(told(WAIT_MS).type, GATE_READY);
}

static __attribute__((unused)) int begin(void **state)
{
	static const char *const allow[] = {"*.lab.test", "open.example:22", "ech.lab.test+ech",
		"retry-ech.lab.test+ech", "*.many.example:22", "echo-half.lab.test:443+ech",
		"echo-half.lab.test:80", "retry-half.lab.test:443+ech",
		"retry-half.lab.test:80", NULL};
	struct rule_error e;

	(void)state;
	memset(shared, 0, sizeof(*shared));
	policy_init(&policy);
	for (size_t i = 0; allow[i]; i++)
		assert_int_equal(policy_add(&policy, allow[i], RULE_ALLOW, ORIGIN_OPTION, NULL,
					 NULL, &e),
			0);
	assert_int_equal(policy_add(&policy, "denied.lab.test", RULE_DENY, ORIGIN_OPTION, NULL,
				 NULL, &e),
		0);
	assert_int_equal(policy_compile(&policy), 0);
	overlay = mmap(NULL, sizeof(*overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(overlay != MAP_FAILED);
	policy.overlay = overlay;
	config.policy = &policy;
	config.conf = &conf;
	config.resolver_port = 5300;
	config.audit = false;
	config.counters = gate_counters_new();
	assert_non_null(config.counters);
	start();
	return 0;
}

/* It ends when the channel is closed, and in no other way. */
static __attribute__((unused)) int end(void **state)
{
	int status;

	(void)state;
	close(channel);
	assert_int_equal(waitpid(gate, &status, 0), gate);
	policy_free(&policy);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		print_error("the gate ended with wait status %#x\n", status);
		return -1;
	}
	return 0;
}

static __attribute__((unused)) int client(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in from = {.sin_family = AF_INET};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = {.tv_sec = WAIT_MS / 1000};

	/* Since everything is local, the kernel would choose the server's own address. */
	inet_pton(AF_INET, "45.0.255.1", &from.sin_addr);
	inet_pton(AF_INET, address, &a.sin_addr);
	if (bind(s, (struct sockaddr *)&from, sizeof(from)) < 0)
		fail_msg("bind: %s", strerror(errno));
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail_msg("connect %s:%u: %s", address, port, strerror(errno));
	return s;
}

static __attribute__((unused)) void tell(int s, const void *bytes, size_t len)
{
	assert_int_equal(send(s, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads up to len octets, or to the end. */
static __attribute__((unused)) size_t take(int s, void *bytes, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len && (n = recv(s, (uint8_t *)bytes + got, len - got, 0)) > 0)
		got += (size_t)n;
	return got;
}

/* Writes a hello for a name; ech: with that extension. Returns its length. */
static __attribute__((unused)) size_t hello(uint8_t out[512], const char *name, bool ech)
{
	size_t n = strlen(name), at = 0, extensions = 9 + n + (ech ? 8 : 0);
	size_t body = 2 + 32 + 1 + 4 + 2 + 2 + extensions;

#define PUT(...)                                                                               \
	do {                                                                                   \
		const uint8_t put_[] = {__VA_ARGS__};                                          \
		memcpy(out + at, put_, sizeof(put_));                                          \
		at += sizeof(put_);                                                            \
	} while (0)
#define TWO(v) (uint8_t)((v) >> 8), (uint8_t)(v)
	PUT(0x16, 3, 1, TWO(body + 4), 1, 0, TWO(body), 3, 3);
	memset(out + at, 'r', 32);
	at += 32;
	PUT(0, 0, 2, 0x13, 1, 1, 0, TWO(extensions));
	if (ech)
		PUT(0xfe, 0x0d, 0, 4, 1, 2, 3, 4);
	PUT(0, 0, TWO(n + 5), TWO(n + 3), 0, TWO(n));
	memcpy(out + at, name, n);
	return at + n;
}

static __attribute__((unused)) bool alerted(int s)
{
	uint8_t bytes[64];
	size_t n = take(s, bytes, sizeof(bytes));

	return n == 7 && bytes[0] == 0x15 && bytes[5] == 2;
}

/* Sends a hello for the name to the address, and reads the ServerHello. */
static __attribute__((unused)) int greeted(const char *address, const char *name)
{
	uint8_t bytes[512];
	int s = client(address, 443);

	tell(s, bytes, hello(bytes, name, false));
	assert_int_equal(take(s, bytes, 60), 60);
	assert_int_equal(bytes[0], 0x16);
	return s;
}

static __attribute__((unused)) void echoes(int s, const char *text)
{
	char back[256] = "";

	tell(s, text, strlen(text));
	take(s, back, strlen(text));
	assert_string_equal(back, text);
}

static __attribute__((unused)) int begin_audit(void **state)
{
	begin(state);
	end(state);
	begin(state);
	close(channel);
	waitpid(gate, NULL, 0);
	config.audit = true;
	start();
	return 0;
}

#endif
