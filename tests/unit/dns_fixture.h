/* The resolver as its tests have it: PID 1's end of the channel, played by the test, and a
 * client. */
#ifndef TESTS_UNIT_DNS_FIXTURE_H
#define TESTS_UNIT_DNS_FIXTURE_H

#include "dns_servers_fixture.h"

/* ---- The resolver, and PID 1 as the test plays it ------------------------------------ */

#define MESSAGES 4096

struct play {
	struct policy policy;
	struct resolver_config config;
	pid_t pid;
	int channel;
	bool hold;       /* don't acknowledge pin requests */
	uint32_t accept; /* mask of what to acknowledge as open */
	struct resolver_message got[MESSAGES];
	unsigned count;
};

static void allow(struct play *p, const char *rule)
{
	struct rule_error e;

	if (policy_add(&p->policy, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e) < 0)
		fail_msg("%s: %s", rule, e.reason);
}

static struct play *play_new(void)
{
	struct play *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	policy_init(&p->policy);
	p->accept = UINT32_MAX;
	p->channel = -1;
	p->config.policy = &p->policy;
	p->config.conf.upstreams[0] = server_endpoint(0);
	p->config.conf.upstreams[1] = server_endpoint(1);
	p->config.conf.upstreams_count = 1;
	shared->count = 0;
	shared->delay_ms = 0;
	shared->no_edns = shared->small = shared->no_tcp = shared->drops_edns = false;
	shared->slow_ms = 0;
	memset(shared->down, 0, sizeof(shared->down));
	return p;
}

static void play_start(struct play *p, bool boot)
{
	struct failure f = {0};

	assert_int_equal(policy_compile(&p->policy), 0);
	if (resolver_listen(&p->config.sockets, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
	p->config.rations = ration_new(resolver_rations(&p->policy));
	assert_non_null(p->config.rations);
	p->pid = resolver_start(&p->config, boot, &p->channel, &f);
	if (p->pid < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
}

static void play_acknowledge(struct play *p, const struct resolver_message *m)
{
	struct resolver_pinned reply = {m->sequence, p->accept & ((1U << m->count) - 1)};

	assert_int_equal(send(p->channel, &reply, sizeof(reply), MSG_NOSIGNAL), sizeof(reply));
}

/* Receives one datagram, waiting at most ms. Returns the type of its last message, or 0. */
static uint32_t play_take(struct play *p, int ms)
{
	struct pollfd f = {p->channel, POLLIN, 0};
	struct resolver_message *m = &p->got[p->count];

	if (poll(&f, 1, ms) != 1)
		return 0;
	assert_true(p->count + RESOLVER_BATCH < MESSAGES);
	ssize_t n = recv(p->channel, m, RESOLVER_BATCH * sizeof(*m), MSG_DONTWAIT);

	if (n == 0)
		fail_msg("the resolver has ended");
	assert_true(n > 0 && (size_t)n % sizeof(*m) == 0);
	for (; n > 0; n -= (ssize_t)sizeof(*m), m++, p->count++)
		if (m->type == RESOLVER_PIN && !p->hold)
			play_acknowledge(p, m);
	return p->got[p->count - 1].type;
}

/* Serves the channel until RESOLVER_BOOTED; returns its count. */
static __attribute__((unused)) int play_booted(struct play *p)
{
	int64_t until = clock_ms() + RESOLVER_BOOT_MS + 500;

	while (clock_ms() < until)
		if (play_take(p, (int)(until - clock_ms())) == RESOLVER_BOOTED)
			return (int)p->got[p->count - 1].count;
	fail_msg("no RESOLVER_BOOTED");
	return -1;
}

/* The last message of this type about this name, or NULL. */
static const struct resolver_message *play_find(
	const struct play *p, uint32_t type, const char *name)
{
	for (unsigned i = p->count; i-- > 0;)
		if (p->got[i].type == type && strcmp(p->got[i].name, name) == 0)
			return &p->got[i];
	return NULL;
}

static void play_end(struct play *p)
{
	int status;

	close(p->channel);
	/* It ends by itself without an error when PID 1 is gone. */
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(p->config.sockets.udp4);
	close(p->config.sockets.tcp4);
	close(p->config.sockets.udp6);
	close(p->config.sockets.tcp6);
	policy_free(&p->policy);
	free(p);
}

/* ---- A client ------------------------------------------------------------------------ */

struct reply {
	size_t len; /* 0: none */
	uint8_t packet[2000];
	int rcode;
	unsigned count; /* records in the answer */
	enum dns_outcome outcome;
	struct dns_answer answer;
};

static int client_socket(const struct play *p, int type)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(p->config.sockets.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(connect(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static void client_send(int fd, uint16_t id, const char *name, uint16_t type, bool edns)
{
	uint8_t packet[300];
	size_t len = dns_write_query(id, name, type, edns, packet, sizeof(packet));

	assert_true(len > 0);
	assert_int_equal(send(fd, packet, len, 0), len);
}

/* Waits for the answer while serving the channel. */
static void client_take(struct play *p, int fd, uint16_t id, const char *name, uint16_t type,
	int ms, struct reply *r)
{
	int64_t until = clock_ms() + ms;

	memset(r, 0, sizeof(*r));
	for (;;) {
		struct pollfd f[2] = {{fd, POLLIN, 0}, {p->channel, POLLIN, 0}};
		int left = (int)(until - clock_ms());

		if (left < 0 || poll(f, 2, left) <= 0)
			return;
		if (f[1].revents)
			play_take(p, 0);
		if (f[0].revents)
			break;
	}
	ssize_t n = recv(fd, r->packet, sizeof(r->packet), 0);

	if (n < 12)
		return;
	r->len = (size_t)n;
	r->rcode = r->packet[3] & 15;
	r->count = (unsigned)(r->packet[6] << 8 | r->packet[7]);
	r->outcome = dns_read_response(r->packet, r->len, id, name, type, &r->answer);
}

static __attribute__((unused)) struct reply ask_for(
	struct play *p, const char *name, uint16_t type, bool edns)
{
	static uint16_t id = 100;
	struct reply r;
	int fd = client_socket(p, SOCK_DGRAM);

	client_send(fd, ++id, name, type, edns);
	client_take(p, fd, id, name, type, 6000, &r);
	close(fd);
	if (!r.len)
		fail_msg("no answer for %s", name);
	return r;
}

static __attribute__((unused)) bool has_text(const struct reply *r, const char *text)
{
	return memmem(r->packet, r->len, text, strlen(text)) != NULL;
}

static __attribute__((unused)) void drain(struct play *p, int ms)
{
	int64_t until = clock_ms() + ms;

	while (clock_ms() < until)
		play_take(p, (int)(until - clock_ms()));
}

#endif
