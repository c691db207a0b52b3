/*
 * The gate as a process, from outside: in a network namespace with nothing in it but lo, where
 * every address of 45.0.0.0/8 is a server of ours, a small DNS server plays the resolver, and
 * what goes to ports 443 and 80 is redirected to the gate as the wall does it. So the gate's
 * own code runs under the sanitizers, with its filter in force. Runs as root.
 *
 * How a server behaves is its address's last octet; a name's first label says which it has.
 */
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
static struct shared {
	struct seen to[256];
	_Atomic unsigned dropped; /* queries that the resolver is to ignore */
	_Atomic bool moved;       /* moves.lab.test is where there is a server */
} * shared;
static pid_t helpers[4];
static size_t helpers_count;
static struct policy policy;
static struct resolvconf conf = {.search = {"lab.test"}, .search_count = 1, .ndots = 1};
static struct gate_config config;
static struct policy_overlay *overlay;
static pid_t gate;
static int channel;

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* ---- The servers --------------------------------------------------------------------- */

static void say(int s, const void *bytes, size_t len)
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
static void server_hello(int s, bool retry)
{
	static const uint8_t magic[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe,
		0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	uint8_t hello[60] = {0x16, 3, 3, 0, 55, 2, 0, 0, 51, 3, 3};

	if (retry)
		memcpy(hello + 11, magic, sizeof(magic));
	say(s, hello, sizeof(hello));
}

static void echo(int s, struct seen *seen)
{
	uint8_t bytes[65536];
	ssize_t n;

	while ((n = recv(s, bytes, sizeof(bytes), 0)) > 0) {
		seen->octets += (size_t)n;
		say(s, bytes, (size_t)n);
	}
}

static void serve(int s, unsigned which, uint16_t port)
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

static int bound(int type, const char *address, uint16_t port)
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

static _Noreturn void web(int listener, uint16_t port)
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
static _Noreturn void resolver(int s)
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

static void help(void (*does)(int s, uint16_t port), int s, uint16_t port)
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

static void help_resolver(int s, uint16_t port)
{
	(void)port;
	resolver(s);
}

static void help_web(int s, uint16_t port)
{
	web(s, port);
}

static int world_up(void **state)
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

static int world_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < helpers_count; i++) {
		kill(helpers[i], SIGKILL);
		waitpid(helpers[i], NULL, 0);
	}
	return 0;
}

/* ---- The gate ------------------------------------------------------------------------ */

static struct gate_message told(int ms)
{
	struct gate_message m = {0};
	struct pollfd p = {.fd = channel, .events = POLLIN};

	if (poll(&p, 1, ms) == 1 && recv(channel, &m, sizeof(m), 0) != sizeof(m))
		memset(&m, 0, sizeof(m));
	return m;
}

static void start(void)
{
	struct failure f;

	gate = gate_start(&config, &channel, &f);
	assert_true(gate > 0);
	assert_int_equal(told(WAIT_MS).type, GATE_READY);
}

static int begin(void **state)
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
static int end(void **state)
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

/* ---- Clients ------------------------------------------------------------------------- */

static int client(const char *address, uint16_t port)
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

static void tell(int s, const void *bytes, size_t len)
{
	assert_int_equal(send(s, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads up to len octets, or to the end. */
static size_t take(int s, void *bytes, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len && (n = recv(s, (uint8_t *)bytes + got, len - got, 0)) > 0)
		got += (size_t)n;
	return got;
}

/* Writes a hello for a name; ech: with that extension. Returns its length. */
static size_t hello(uint8_t out[512], const char *name, bool ech)
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

static bool alerted(int s)
{
	uint8_t bytes[64];
	size_t n = take(s, bytes, sizeof(bytes));

	return n == 7 && bytes[0] == 0x15 && bytes[5] == 2;
}

/* Sends a hello for the name to the address, and reads the ServerHello. */
static int greeted(const char *address, const char *name)
{
	uint8_t bytes[512];
	int s = client(address, 443);

	tell(s, bytes, hello(bytes, name, false));
	assert_int_equal(take(s, bytes, 60), 60);
	assert_int_equal(bytes[0], 0x16);
	return s;
}

static void echoes(int s, const char *text)
{
	char back[256] = "";

	tell(s, text, strlen(text));
	take(s, back, strlen(text));
	assert_string_equal(back, text);
}

/* ---- TLS ----------------------------------------------------------------------------- */

static void an_allowed_name_passes_as_it_is(void **state)
{
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);
	int s = greeted("45.0.0.1", "echo.lab.test");

	(void)state;
	assert_int_equal(shared->to[ECHO].first_len, len);
	assert_memory_equal(shared->to[ECHO].first, bytes, len);
	echoes(s, "first");
	echoes(s, "second");
	close(s);
	assert_int_equal(told(50).type, 0);
}

static void another_name_is_refused_with_an_alert(void **state)
{
	static const char *const names[] = {"evil.example", "denied.lab.test", "lab.test",
		"45.0.0.1", "echo.lab.test..", "open.example"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct gate_message m;
		uint8_t bytes[512];
		int s = client("45.0.0.1", 443);

		tell(s, bytes, hello(bytes, names[i], false));
		assert_true(alerted(s));
		close(s);
		m = told(WAIT_MS);
		assert_int_equal(m.type, GATE_REFUSED_TLS);
		assert_int_equal(m.port, 443);
		assert_int_equal(m.address[0], 45);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
}

static void an_address_that_is_not_the_names_is_never_connected_to(void **state)
{
	int s = greeted("45.6.6.6", "echo.lab.test");

	(void)state;
	echoes(s, "by another address");
	close(s);
	assert_int_equal(shared->to[6].connections, 0);
	assert_int_equal(shared->to[ECHO].connections, 1);
}

static void a_short_name_is_completed(void **state)
{
	uint8_t bytes[512];
	int s = greeted("45.0.0.1", "echo");

	(void)state;
	close(s);
	s = client("45.0.0.1", 443);
	tell(s, bytes, hello(bytes, "denied", false));
	assert_true(alerted(s));
	close(s);
}

static void a_hello_may_come_in_any_two_parts(void **state)
{
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);

	(void)state;
	for (size_t i = 1; i < len; i++) {
		uint8_t back[60];
		int s = client("45.0.0.1", 443);

		tell(s, bytes, i);
		usleep(500);
		tell(s, bytes + i, len - i);
		assert_int_equal(take(s, back, sizeof(back)), sizeof(back));
		close(s);
	}
}

static void what_comes_behind_the_hello_is_not_lost(void **state)
{
	uint8_t bytes[1024];
	size_t len = hello(bytes, "echo.lab.test", false);
	char back[6] = "";
	int s = client("45.0.0.1", 443);

	(void)state;
	memcpy(bytes + len, "early!", 6);
	tell(s, bytes, len + 6);
	assert_int_equal(take(s, bytes, 60), 60);
	assert_int_equal(take(s, back, 6), 6);
	assert_memory_equal(back, "early!", 6);
	close(s);
}

static void a_second_hello_must_name_the_same(void **state)
{
	uint8_t bytes[512];
	int s = greeted("45.0.0.2", "retry.lab.test");
	size_t before = shared->to[RETRY].octets, len = hello(bytes, "retry.lab.test", false);

	(void)state;
	tell(s, bytes, len);
	for (int i = 0; i < 200 && shared->to[RETRY].octets < before + len; i++)
		usleep(10000);
	assert_int_equal(shared->to[RETRY].octets, before + len);
	close(s);

	s = greeted("45.0.0.2", "retry.lab.test");
	before = shared->to[RETRY].octets;
	tell(s, bytes, hello(bytes, "echo.lab.test", false));
	assert_true(alerted(s));
	assert_int_equal(shared->to[RETRY].octets, before);
	assert_int_equal(told(WAIT_MS).reason, GATE_NAMES_DIFFER);
	close(s);
}

/* A second hello may not hide a name if the first may not. */
static void a_second_hello_may_hide_what_the_first_may(void **state)
{
	static const struct {
		const char *name;
		bool passes;
	} cases[] = {{"retry.lab.test", false}, {"retry-ech.lab.test", true}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t bytes[512];
		int s = greeted("45.0.0.2", cases[i].name);
		size_t before = shared->to[RETRY].octets;
		size_t len = hello(bytes, cases[i].name, true);

		tell(s, bytes, len);
		if (!cases[i].passes) {
			assert_true(alerted(s));
			assert_int_equal(told(WAIT_MS).reason, GATE_ECH);
			assert_int_equal(shared->to[RETRY].octets, before);
		}
		for (int j = 0; cases[i].passes && j < 500; j++) {
			if (shared->to[RETRY].octets == before + len)
				break;
			usleep(10000);
		}
		assert_int_equal(
			shared->to[RETRY].octets, before + (cases[i].passes ? len : 0));
		close(s);
	}
}

static void a_second_hello_is_not_let_through_early(void **state)
{
	uint8_t bytes[1024];
	size_t first = hello(bytes, "retry.lab.test", false);
	size_t second = hello(bytes + first, "echo.lab.test", false);
	int s = client("45.0.0.2", 443);

	(void)state;
	tell(s, bytes, first + second);
	assert_int_equal(take(s, bytes, 60), 60);
	assert_true(alerted(s));
	assert_int_equal(shared->to[RETRY].octets, first);
	close(s);
}

static void ech_passes_for_its_rule_alone(void **state)
{
	uint8_t bytes[512];
	int s = client("45.0.0.1", 443);

	(void)state;
	tell(s, bytes, hello(bytes, "echo.lab.test", true));
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_ECH);
	close(s);
	s = client("45.0.0.1", 443);
	tell(s, bytes, hello(bytes, "ech.lab.test", true));
	/* It has no address here: only permitted names are resolved. */
	assert_int_equal(take(s, bytes, sizeof(bytes)), 0);
	assert_int_equal(told(WAIT_MS).reason, GATE_UNRESOLVED);
	close(s);
}

/* Each port has its own rules, in a first hello, after a CONNECT and in a second hello. */
static void ech_passes_on_its_rules_port_alone(void **state)
{
	static const char request[] = "CONNECT echo-half.lab.test:80 HTTP/1.1\r\n"
				      "Host: echo-half.lab.test:80\r\n\r\n";
	uint8_t bytes[512], back[60];
	size_t len = hello(bytes, "echo-half.lab.test", true), seen;
	struct gate_message m;
	int s;

	(void)state;
	for (int tunnel = 0; tunnel < 2; tunnel++) {
		s = client("45.0.0.1", 80);
		if (tunnel) {
			tell(s, request, sizeof(request) - 1);
			assert_int_equal(take(s, back, 39), 39);
		}
		tell(s, bytes, len);
		assert_true(alerted(s));
		m = told(WAIT_MS);
		assert_int_equal(m.reason, GATE_ECH);
		assert_int_equal(m.port, 80);
		close(s);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
	s = client("45.0.0.1", 443);
	tell(s, bytes, len);
	assert_int_equal(take(s, back, sizeof(back)), sizeof(back));
	close(s);

	s = client("45.0.0.2", 80);
	tell(s, bytes, hello(bytes, "retry-half.lab.test", false));
	assert_int_equal(take(s, back, sizeof(back)), sizeof(back));
	seen = shared->to[RETRY].octets;
	tell(s, bytes, hello(bytes, "retry-half.lab.test", true));
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_ECH);
	assert_int_equal(shared->to[RETRY].octets, seen);
	close(s);
}

/* A name whose addresses don't accept connections is resolved again, even before its TTL has
 * passed. */
static void dead_addresses_are_looked_up_again(void **state)
{
	uint8_t bytes[512];
	int s = client("45.0.0.9", 443);

	(void)state;
	tell(s, bytes, hello(bytes, "moves.lab.test", false));
	assert_int_equal(take(s, bytes, sizeof(bytes)), 0);
	assert_int_equal(told(WAIT_MS).reason, GATE_UNREACHABLE);
	close(s);
	shared->moved = true;
	s = greeted("45.0.0.9", "moves.lab.test");
	echoes(s, "at another place");
	close(s);
}

static void a_dead_address_is_gone_by(void **state)
{
	int s = greeted("45.0.0.9", "gone-echo.lab.test");

	(void)state;
	echoes(s, "by the second");
	close(s);
}

static void a_lost_query_is_sent_again(void **state)
{
	int s;

	(void)state;
	shared->dropped = 2;
	s = greeted("45.0.0.1", "echo.lab.test");
	close(s);
}

/* ---- HTTP ---------------------------------------------------------------------------- */

static char *answer_of(int s)
{
	static char text[4096];
	size_t n = take(s, text, sizeof(text) - 1);

	text[n] = '\0';
	return text;
}

static void each_request_is_checked(void **state)
{
	static const char first[] = "GET /1 HTTP/1.1\r\nHost: answers.lab.test\r\n\r\n";
	static const char second[] = "GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	int s = client("45.0.0.4", 80);
	const char *answer;

	(void)state;
	tell(s, first, sizeof(first) - 1);
	tell(s, second, sizeof(second) - 1);
	answer = answer_of(s);
	assert_non_null(strstr(answer, "200 OK"));
	assert_non_null(strstr(answer, "403"));
	assert_non_null(strstr(answer, "--allow evil.example"));
	assert_true(strstr(answer, "200 OK") < strstr(answer, "403"));
	assert_int_equal(shared->to[ANSWERS].octets, sizeof(first) - 1);
	close(s);
}

/* The refusal is sent although the server has closed its half, after its response. */
static void a_refusal_comes_when_the_server_is_done(void **state)
{
#define FIRST "GET /1 HTTP/1.1\r\nHost: closes.lab.test\r\n\r\n"
	static const char both[] = FIRST "GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	int s = client("45.0.0.7", 80);
	const char *answer;

	(void)state;
	tell(s, both, sizeof(both) - 1);
	answer = answer_of(s);
	assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "okHTTP/1.1 403"));
	assert_int_equal(shared->to[CLOSES].first_len, sizeof(FIRST) - 1);
#undef FIRST
	close(s);
}

static void a_body_is_no_request(void **state)
{
	static const char request[] =
		"POST / HTTP/1.1\r\nHost: counts.lab.test\r\nContent-Length: 38"
		"\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: counts.lab.test\r\n\r\n";
	int s = client("45.0.0.5", 80);

	(void)state;
	tell(s, request, sizeof(request) - 1);
	for (int i = 0; i < 200 && shared->to[COUNTS].octets < sizeof(request) - 1; i++)
		usleep(10000);
	assert_int_equal(shared->to[COUNTS].octets, sizeof(request) - 1);
	close(s);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: echo.lab.test\r\nHost: evil.example\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: echo.lab.test\r\nContent-Length: "
		"5\r\nTransfer-Encoding: "
		"chunked\r\n\r\n0\r\n\r\n",
		"GET http://evil.example/ HTTP/1.1\r\nHost: echo.lab.test\r\n\r\n",
		"GET / HTTP/1.1\nHost: echo.lab.test\n\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int s = client("45.0.0.1", 80);
		const char *answer;

		tell(s, requests[i], strlen(requests[i]));
		answer = answer_of(s);
		if (!strstr(answer, "HTTP/1.1 40"))
			fail_msg("%s: %s", requests[i], answer);
		close(s);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
}

static void connect_leads_to_allowed_ports(void **state)
{
	static const char request[] = "CONNECT echo.many.example:22 HTTP/1.1\r\n"
				      "Host: echo.many.example:22\r\n\r\n";
	static const char web[] =
		"CONNECT echo.lab.test:443 HTTP/1.1\r\nHost: echo.lab.test:443\r\n\r\n";
	static const char evil[] =
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n";
	uint8_t bytes[512];
	int s = client("45.0.0.1", 80);

	(void)state;
	tell(s, request, sizeof(request) - 1);
	assert_int_equal(take(s, bytes, 39), 39);
	assert_memory_equal(bytes, "HTTP/1.1 200", 12);
	echoes(s, "raw");
	close(s);

	s = client("45.0.0.1", 80);
	tell(s, web, sizeof(web) - 1);
	assert_int_equal(take(s, bytes, 39), 39);
	tell(s, bytes, hello(bytes, "evil.example", false));
	assert_true(alerted(s));
	close(s);

	s = client("45.0.0.1", 80);
	tell(s, evil, sizeof(evil) - 1);
	assert_non_null(strstr(answer_of(s), "HTTP/1.1 403"));
	close(s);
}

/* ---- SSH ----------------------------------------------------------------------------- */

/* Octet by octet, and after a CONNECT: refused at once, in its own protocol. */
static void ssh_is_refused_in_its_own_protocol(void **state)
{
	static const char version[] = "SSH-2.0-OpenSSH_9.2p1\r\n";
	static const char request[] =
		"CONNECT echo.lab.test:443 HTTP/1.1\r\nHost: echo.lab.test:443\r\n\r\n";

	(void)state;
	for (int tunnel = 0; tunnel < 2; tunnel++) {
		int s = client("45.0.0.1", tunnel ? 80 : 443);
		char text[1024] = "";
		struct gate_message m;
		size_t n;

		if (tunnel) {
			tell(s, request, sizeof(request) - 1);
			assert_int_equal(take(s, text, 39), 39);
		}
		for (size_t i = 0; i < 4; i++) {
			tell(s, version + i, 1);
			usleep(1000);
		}
		n = take(s, text, sizeof(text) - 1);
		assert_memory_equal(text, "SSH-2.0-codex-sandbox\r\n", 23);
		assert_non_null(memmem(text, n, "--allow NAME:22", 15));
		/* In a tunnel the address isn't the destination. */
		assert_int_equal(memmem(text, n, "--allow 45.0.0.1:443", 20) == NULL, tunnel);
		m = told(WAIT_MS);
		assert_int_equal(m.reason, GATE_SSH);
		assert_int_equal(m.port, 443);
		close(s);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
}

/* ---- Bytes --------------------------------------------------------------------------- */

static void bulk_arrives_whole_and_in_order(void **state)
{
	static uint8_t bytes[65536];
	int s = greeted("45.0.0.3", "big.lab.test");

	(void)state;
	/* Meanwhile data in transit has to wait, in part in a pipe. */
	usleep(200000);
	for (size_t i = 0; i < BULK / sizeof(bytes); i++) {
		assert_int_equal(take(s, bytes, sizeof(bytes)), sizeof(bytes));
		assert_int_equal(bytes[0], (uint8_t)i);
		assert_int_equal(bytes[sizeof(bytes) - 1], (uint8_t)i);
	}
	assert_int_equal(take(s, bytes, 1), 0);
	close(s);
}

static void a_half_that_ends_leaves_the_other(void **state)
{
	int s = greeted("45.0.0.1", "echo.lab.test");
	char back[8] = "";

	(void)state;
	tell(s, "last", 4);
	shutdown(s, SHUT_WR);
	assert_int_equal(take(s, back, sizeof(back)), 4);
	close(s);
}

static void uploads_arrive_whole(void **state)
{
	static uint8_t bytes[65536];
	int s = greeted("45.0.0.5", "counts.lab.test");
	size_t before = shared->to[COUNTS].octets;

	(void)state;
	for (size_t i = 0; i < 64; i++)
		tell(s, bytes, sizeof(bytes));
	shutdown(s, SHUT_WR);
	assert_int_equal(take(s, bytes, sizeof(bytes)), 0);
	assert_int_equal(shared->to[COUNTS].octets - before, 64 * sizeof(bytes));
	close(s);
}

/* ---- Hostile clients ----------------------------------------------------------------- */

static void a_hello_without_end_is_refused(void **state)
{
	uint8_t record[5 + 16384] = {0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, 3, 3};
	int s = client("45.0.0.1", 443);

	(void)state;
	for (int i = 0; i < 64; i++)
		if (send(s, record, sizeof(record), MSG_NOSIGNAL) < 0)
			break;
	close(s);
	assert_int_equal(told(WAIT_MS).type, GATE_REFUSED_TLS);
	close(greeted("45.0.0.1", "echo.lab.test"));
	assert_int_equal(shared->to[ECHO].connections, 1);
}

static void thousands_that_say_nothing_or_half_hold_nobody_up(void **state)
{
	static int fds[3000];
	struct rlimit files = {8192, 8192};
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);

	(void)state;
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		fds[i] = client("45.0.0.1", 443);
		if (i % 2)
			tell(fds[i], bytes, len / 2);
		if (i % 100 == 0)
			close(greeted("45.0.0.1", "echo.lab.test"));
	}
	close(greeted("45.0.0.1", "echo.lab.test"));
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
}

/* A client leaves unread data in a pipe, which the next one gets. */
static void data_left_in_a_pipe_is_discarded(void **state)
{
	const struct linger now = {.l_onoff = 1};
	static uint8_t bytes[65536];

	(void)state;
	for (int i = 0; i < 3; i++) {
		int s = greeted("45.0.0.3", "big.lab.test");

		usleep(200000); /* the server's octets fill all buffers in between */
		setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(s);
		s = greeted("45.0.0.3", "big.lab.test");
		usleep(200000);
		for (size_t j = 0; j < BULK / sizeof(bytes); j++) {
			assert_int_equal(take(s, bytes, sizeof(bytes)), sizeof(bytes));
			for (size_t k = 0; k < sizeof(bytes); k++)
				if (bytes[k] != (uint8_t)j)
					fail_msg(
						"octet %zu of block %zu is %u", k, j, bytes[k]);
		}
		assert_int_equal(take(s, bytes, 1), 0);
		close(s);
	}
}

/* So that it can read the reason, some of what a refused client still sends is discarded. */
static void a_refused_client_is_not_listened_to_for_ever(void **state)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: evil.example\r\n"
				      "Content-Length: 1000000000\r\n\r\n";
	static const uint8_t bytes[65536];
	const size_t most = 64 * 1024 * 1024; /* far more than the sockets in between hold */
	int s = client("45.0.0.1", 80);
	size_t sent = 0;
	ssize_t n;

	(void)state;
	tell(s, request, sizeof(request) - 1);
	while (sent < most && (n = send(s, bytes, sizeof(bytes), MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	assert_in_range(sent, LIMIT_GATE_DISCARD / 2, most - 1);
	assert_true(errno == ECONNRESET || errno == EPIPE);
	close(s);
}

/* Whichever cache entry a name gets, it is used for its own clients only. */
static void every_cache_entry_is_used(void **state)
{
	int idle = greeted("45.0.0.1", "echo.lab.test");
	siginfo_t ended = {0};
	uint8_t bytes[512];
	char name[64];

	(void)state;
	for (int i = 0; i < 4 * LIMIT_GATE_NAMES; i++) {
		int s = client("45.0.0.1", 443);

		snprintf(name, sizeof(name), "n%d.lab.test", i);
		tell(s, bytes, hello(bytes, name, false));
		assert_int_equal(take(s, bytes, sizeof(bytes)), 0); /* it has no address */
		close(s);
		assert_int_equal(
			waitid(P_PID, (id_t)gate, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
		assert_int_equal(ended.si_pid, 0);
	}
	echoes(idle, "still there");
	close(idle);
}

static void clients_that_never_read_hold_nobody_up(void **state)
{
	int fds[32];

	(void)state;
	for (size_t i = 0; i < 32; i++)
		fds[i] = greeted("45.0.0.3", "big.lab.test");
	usleep(100000);
	for (int i = 0; i < 10; i++) {
		int s = greeted("45.0.0.1", "echo.lab.test");

		echoes(s, "still there");
		close(s);
	}
	for (size_t i = 0; i < 32; i++)
		close(fds[i]);
}

/* ---- Audit, reports ------------------------------------------------------------------ */

static int begin_audit(void **state)
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

static void audit_lets_through_and_reports(void **state)
{
	int s = greeted("45.0.0.1", "evil.example");
	struct gate_message m = told(WAIT_MS);

	(void)state;
	assert_int_equal(m.type, GATE_REFUSED_TLS);
	assert_string_equal(m.name, "evil.example");
	echoes(s, "through");
	close(s);
	s = client("45.0.0.5", 443);
	tell(s, "SSH-2.0-x\r\n", 11);
	assert_int_equal(told(WAIT_MS).reason, GATE_SSH);
	for (int i = 0; i < 200 && shared->to[COUNTS].octets < 11; i++)
		usleep(10000);
	assert_memory_equal(shared->to[COUNTS].first, "SSH-2.0-x\r\n", 11);
	close(s);
	s = client("45.0.0.1", 80);
	tell(s, "what is this?\r\n\r\n", 17);
	assert_int_equal(told(WAIT_MS).type, GATE_REFUSED_HTTP);
	close(s);
}

/* The host that it wanted isn't the destination, so it can't be let through. */
static void audit_lets_no_tunnel_go_astray(void **state)
{
	static const char request[] =
		"CONNECT echo.lab.test:443 HTTP/1.1\r\nHost: echo.lab.test:443\r\n\r\n";
	uint8_t bytes[512];
	int s = client("45.0.0.5", 80);

	(void)state;
	tell(s, request, sizeof(request) - 1);
	assert_int_equal(take(s, bytes, 39), 39);
	tell(s, bytes, hello(bytes, "evil.example", false));
	assert_true(alerted(s));
	assert_string_equal(told(WAIT_MS).name, "evil.example");
	assert_int_equal(shared->to[COUNTS].connections, 0);
	close(s);
}

static void repeats_are_counted_and_none_is_lost(void **state)
{
	uint32_t count = 0;
	uint8_t bytes[512];
	size_t len = hello(bytes, "evil.example", false);
	unsigned lines = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		int s = client("45.0.0.1", 443);
		uint8_t back[7];

		tell(s, bytes, len);
		take(s, back, sizeof(back));
		close(s);
	}
	while (count < 300) {
		struct gate_message m = told(WAIT_MS);

		assert_int_equal(m.type, GATE_REFUSED_TLS);
		count += m.count;
		lines++;
	}
	assert_int_equal(count, 300);
	assert_true(lines < 30);
}

static bool is_over(int s)
{
	char c;

	return recv(s, &c, 1, 0) <= 0;
}

/* Notifies the gate; returns how many connections it reports as ended, and the last one's
 * name. */
static uint32_t ring(char name[256])
{
	uint32_t count = 0;

	assert_int_equal(send(channel, "", 1, MSG_NOSIGNAL), 1);
	for (;;) {
		struct gate_message m = told(WAIT_MS);

		if (m.type == GATE_READY)
			return count;
		assert_true(m.type == GATE_REFUSED_TLS || m.type == GATE_REFUSED_HTTP);
		assert_int_equal(m.reason, GATE_REVOKED);
		memcpy(name, m.name, sizeof(m.name));
		count += m.count;
	}
}

static void what_is_denied_ends(void **state)
{
	static const char request[] = "GET /1 HTTP/1.1\r\nHost: answers.lab.test\r\n\r\n";
	int bad = greeted("45.0.0.1", "echo.lab.test"),
	    good = greeted("45.0.0.1", "echo-more.lab.test");
	int silent = client("45.0.0.1", 443), half = client("45.0.0.1", 443);
	int kept = client("45.0.0.4", 80);
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);
	struct policy_change change;
	struct rule_error e;
	char name[256] = "", c;

	(void)state;
	tell(kept, request, sizeof(request) - 1);
	assert_int_equal(recv(kept, &c, 1, MSG_PEEK), 1);
	tell(half, bytes, 20);
	echoes(bad, "bad");
	/* Nothing is denied: nothing ends. */
	assert_int_equal(ring(name), 0);
	echoes(bad, "still");
	assert_int_equal(
		policy_say(&policy, "echo.lab.test", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 1);
	assert_string_equal(name, "echo.lab.test");
	assert_true(is_over(bad));
	echoes(good, "good");
	/* A client with an incomplete hello gets the same. */
	tell(half, bytes + 20, len - 20);
	assert_true(alerted(half));
	assert_int_equal(told(WAIT_MS).reason, GATE_DENIED);
	/* Requests end, too, also because of a denied address. */
	assert_int_equal(
		policy_say(&policy, "45.0.0.4:80", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 1);
	assert_string_equal(name, "answers.lab.test");
	while (recv(kept, bytes, sizeof(bytes), 0) > 0)
		;
	assert_true(is_over(kept));
	echoes(good, "good");
	close(silent);
	close(half);
	close(bad);
	close(good);
	close(kept);
}

/* The number of ports from which the gate has tried the server that never answers. */
static int attempts(void)
{
	FILE *p = popen("nft list set ip t tried | sed -n '/elements/,$p' | grep -oE "
			"'[0-9]{5}' | wc -l",
		"r");
	int count = -1;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &count), 1);
	pclose(p);
	return count;
}

/* An attempt that began before the wall had the rule wasn't checked by the wall. */
static void attempts_begin_anew_when_something_is_denied(void **state)
{
	uint8_t bytes[512];
	char name[256] = "";
	struct policy_change change;
	struct rule_error e;
	int s = client("45.0.0.8", 443);

	(void)state;
	tell(s, bytes, hello(bytes, "hangs.lab.test", false));
	for (int i = 0; i < 100 && attempts() < 1; i++)
		usleep(50000);
	usleep(1200000); /* the SYN has been sent again by now, from the same port */
	assert_int_equal(attempts(), 1);
	assert_int_equal(
		policy_say(&policy, "evil.example", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 0);
	for (int i = 0; i < 100 && attempts() < 2; i++)
		usleep(50000);
	assert_int_equal(attempts(), 2);
	close(s);
}

/* The same pages as the parent's, at the same address. */
static void the_gate_can_only_read_what_is_denied(void **state)
{
	char path[32], line[256], mine[32], mode[8] = "";
	FILE *maps;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)gate);
	snprintf(mine, sizeof(mine), "%lx-", (unsigned long)(uintptr_t)overlay);
	maps = fopen(path, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strncmp(line, mine, strlen(mine)) == 0)
			sscanf(line, "%*s %7s", mode);
	fclose(maps);
	assert_string_equal(mode, "r--s");
}

static void audit_ends_nothing(void **state)
{
	int s = greeted("45.0.0.1", "echo.lab.test");
	struct policy_change change;
	struct rule_error e;
	char name[256];

	(void)state;
	assert_int_equal(
		policy_say(&policy, "echo.lab.test", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ring(name), 0);
	echoes(s, "through");
	close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(an_allowed_name_passes_as_it_is),
		T(another_name_is_refused_with_an_alert),
		T(an_address_that_is_not_the_names_is_never_connected_to),
		T(a_short_name_is_completed),
		T(a_hello_may_come_in_any_two_parts),
		T(what_comes_behind_the_hello_is_not_lost),
		T(a_second_hello_must_name_the_same),
		T(a_second_hello_may_hide_what_the_first_may),
		T(a_second_hello_is_not_let_through_early),
		T(ech_passes_for_its_rule_alone),
		T(ech_passes_on_its_rules_port_alone),
		T(a_dead_address_is_gone_by),
		T(dead_addresses_are_looked_up_again),
		T(a_lost_query_is_sent_again),
		T(each_request_is_checked),
		T(a_refusal_comes_when_the_server_is_done),
		T(a_body_is_no_request),
		T(what_could_be_read_in_two_ways_is_refused),
		T(connect_leads_to_allowed_ports),
		T(ssh_is_refused_in_its_own_protocol),
		T(bulk_arrives_whole_and_in_order),
		T(a_half_that_ends_leaves_the_other),
		T(uploads_arrive_whole),
		T(a_hello_without_end_is_refused),
		T(thousands_that_say_nothing_or_half_hold_nobody_up),
		T(data_left_in_a_pipe_is_discarded),
		T(a_refused_client_is_not_listened_to_for_ever),
		T(every_cache_entry_is_used),
		T(clients_that_never_read_hold_nobody_up),
		cmocka_unit_test_setup_teardown(
			audit_lets_through_and_reports, begin_audit, end),
		cmocka_unit_test_setup_teardown(
			audit_lets_no_tunnel_go_astray, begin_audit, end),
		T(repeats_are_counted_and_none_is_lost),
		T(what_is_denied_ends),
		T(attempts_begin_anew_when_something_is_denied),
		T(the_gate_can_only_read_what_is_denied),
		cmocka_unit_test_setup_teardown(audit_ends_nothing, begin_audit, end),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
