/* The resolver and its clients: audit, addresses' names, TCP, floods, malformed questions. */
#include "resolver_fixture.h"

static void test_audit_lets_through_and_reports(void **state)
{
	struct play *p = play_new();
	struct reply r;

	(void)state;
	allow(p, "good.test");
	p->config.audit = true;
	play_start(p, true);
	play_booted(p);
	r = ask_for(p, "unknown.test", DNS_A, false);
	assert_int_equal(r.answer.count, 1);
	drain(p, 50);
	assert_non_null(play_find(p, RESOLVER_REFUSED, "unknown.test"));
	assert_null(play_find(p, RESOLVER_PIN, "unknown.test"));
	r = ask_for(p, "good.test", DNS_A, false);
	assert_null(play_find(p, RESOLVER_REFUSED, "good.test"));
	play_end(p);
}

#define NIBBLES "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2."

/* From our own table, and never from an upstream: a series of PTR queries can carry any
 * secret. */
static void test_names_of_addresses(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = shared->count;
	uint8_t a[4];
	char name[80];
	struct reply r;

	(void)state;
	address_for("good.test", a);
	snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
	r = ask_for(p, name, DNS_PTR, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 1);
	assert_true(has_text(&r, "\4good\4test"));
	r = ask_for(p, NIBBLES "ip6.arpa", DNS_PTR, false); /* 2606:4700::1 */
	assert_int_equal(r.count, 1);
	assert_true(has_text(&r, "\4good\4test"));
	r = ask_for(
		p, NIBBLES "ip6.arpa", DNS_A, false); /* the name is there, the type isn't */
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	r = ask_for(p, "0." NIBBLES "ip6.arpa", DNS_PTR, false); /* a digit too many */
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	r = ask_for(p, "1.2.3.4.in-addr.arpa", DNS_PTR, false);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	r = ask_for(p, "1.2.3.4.5.in-addr.arpa", DNS_PTR, false);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, before);
	play_end(p);
}

/* Only the name and the type of the client's packet are forwarded. */
static void test_letter_case_and_options_stay_here(void **state)
{
	struct play *p = SERVING(false, "good.test");
	int fd = client_socket(p, SOCK_DGRAM);
	uint8_t packet[128] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, *end;
	struct reply r;

	(void)state;
	end = add16(add16(add_name(packet + 12, "GoOd.TeSt"), 1), 1);
	memcpy(end, "hidden secret", 13); /* after the end: ignored */
	assert_true(send(fd, packet, (size_t)(end + 13 - packet), 0) > 0);
	client_take(p, fd, 0x1234, "good.test", DNS_A, 3000, &r);
	assert_int_equal(r.answer.count, 1);
	assert_true(has_text(&r, "\4GoOd\4TeSt")); /* the client's own case is returned */
	assert_false(has_text(&r, "secret"));
	assert_string_equal(shared->log[0].name, "good.test");
	assert_int_not_equal(shared->log[0].id, 0x1234);
	close(fd);
	play_end(p);
}

static void test_tcp(void **state)
{
	struct play *p = SERVING(false, "good.test");
	int fd = client_socket(p, SOCK_STREAM);
	uint8_t packet[300];

	(void)state;
	/* Two queries in one segment, the second octet by octet; two answers in order. */
	for (int i = 0; i < 2; i++) {
		size_t len = dns_write_query((uint16_t)(i + 1), i ? "no.test" : "good.test",
			DNS_A, true, packet + 2, sizeof(packet) - 2);

		packet[0] = (uint8_t)(len >> 8);
		packet[1] = (uint8_t)len;
		if (i == 0)
			assert_int_equal(send(fd, packet, len + 2, 0), len + 2);
		for (size_t j = 0; i == 1 && j < len + 2; j++)
			assert_int_equal(send(fd, packet + j, 1, 0), 1);
	}
	for (int i = 0; i < 2; i++) {
		struct reply r = {0};
		size_t got = 0, want = 2;

		while (got < want) {
			struct pollfd f[2] = {{fd, POLLIN, 0}, {p->channel, POLLIN, 0}};
			ssize_t n;

			assert_true(poll(f, 2, 3000) > 0);
			if (f[1].revents)
				play_take(p, 0);
			if (!f[0].revents)
				continue;
			n = recv(fd, r.packet + got, want - got, 0);
			assert_true(n > 0);
			got += (size_t)n;
			if (got == 2)
				want = 2 + (size_t)(r.packet[0] << 8 | r.packet[1]);
		}
		assert_int_equal(r.packet[3], i + 1); /* the id */
		assert_int_equal(r.packet[5] & 15, i ? RCODE_NXDOMAIN : RCODE_NOERROR);
	}
	/* An impossible length closes the connection. */
	assert_int_equal(send(fd, "\xff\xff", 2, 0), 2);
	assert_int_equal(poll(&(struct pollfd){fd, POLLIN, 0}, 1, LIMIT_CLIENT_TCP_MS / 2), 1);
	assert_int_equal(recv(fd, packet, 1, 0), 0);
	close(fd);
	play_end(p);
}

/* Unlimited connections, kept open: the newest still gets its answer. */
static void test_tcp_flood(void **state)
{
	struct play *p = SERVING(true, "good.test");
	static int fds[3 * LIMIT_CLIENT_TCP];

	(void)state;
	for (int i = 0; i < 3 * LIMIT_CLIENT_TCP; i++)
		fds[i] = client_socket(p, SOCK_STREAM);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	for (int i = 0; i < 3 * LIMIT_CLIENT_TCP; i++)
		close(fds[i]);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	play_end(p);
}

static void test_malformed_questions(void **state)
{
	struct play *p = SERVING(true, "good.test");
	int fd = client_socket(p, SOCK_DGRAM);
	uint8_t packet[300];
	size_t len = dns_write_query(9, "good.test", DNS_A, true, packet, sizeof(packet));
	struct reply r;

	(void)state;
	/* Every truncation of a query: FORMERR, or silence below a header. */
	for (size_t i = 1; i < len; i++) {
		send(fd, packet, i, 0);
		client_take(p, fd, 9, "good.test", DNS_A, i < 12 ? 20 : 1000, &r);
		assert_int_equal(r.len > 0, i >= 12);
		if (i >= 12)
			assert_int_equal(r.rcode, RCODE_FORMERR);
	}
	packet[2] = 0x81; /* a reply: answering could make a loop */
	send(fd, packet, len, 0);
	client_take(p, fd, 9, "good.test", DNS_A, 50, &r);
	assert_int_equal(r.len, 0);
	packet[2] = 0x29; /* opcode UPDATE */
	send(fd, packet, len, 0);
	client_take(p, fd, 9, "good.test", DNS_A, 1000, &r);
	assert_int_equal(r.rcode, RCODE_NOTIMP);
	packet[2] = 1;
	packet[12 + 11 + 3] = 3; /* class CHAOS */
	send(fd, packet, len, 0);
	client_take(p, fd, 9, "good.test", DNS_A, 1000, &r);
	assert_int_equal(r.rcode, RCODE_REFUSED);
	close(fd);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	play_end(p);
}

/* More clients than places to wait: those get SERVFAIL at once, the others their answer. */
static void test_flood_of_waiters(void **state)
{
	struct play *p = SERVING(false, "good.test", "silent.test");
	int fd = client_socket(p, SOCK_DGRAM);
	unsigned failed = 0;
	struct reply r;

	(void)state;
	for (int i = 0; i < LIMIT_WAITERS + 200; i++) {
		client_send(fd, (uint16_t)i, "silent.test", DNS_A, false);
		if (i % 50 == 0)
			assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	}
	for (;;) {
		client_take(p, fd, 0, "silent.test", DNS_A, 200, &r);
		if (!r.len)
			break;
		failed += r.rcode == RCODE_SERVFAIL;
	}
	assert_true(failed > 0);
	close(fd);
	play_end(p);
}

/* A flood that arrives while the resolver isn't scheduled takes no places of others. */
static void test_flood_while_it_does_not_run(void **state)
{
	struct play *p = SERVING(true, "good.test");
	int flood = client_socket(p, SOCK_DGRAM), fd = client_socket(p, SOCK_DGRAM);
	struct reply r;

	(void)state;
	assert_int_equal(kill(p->pid, SIGSTOP), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(send(flood, "x", 1, 0), 1);
	client_send(fd, 7, "good.test", DNS_A, false);
	assert_int_equal(kill(p->pid, SIGCONT), 0);
	client_take(p, fd, 7, "good.test", DNS_A, 3000, &r);
	assert_int_equal(r.answer.count, 1);
	close(flood);
	close(fd);
	play_end(p);
}

static void test_broken_protocol_ends_it(void **state)
{
	struct play *p = SERVING(true, "good.test");
	struct resolver_pinned m = {.sequence = 12345};
	int status;

	(void)state;
	assert_int_equal(send(p->channel, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(p->channel);
	p->pid = resolver_start(&p->config, false, &p->channel, &(struct failure){0});
	assert_int_equal(send(p->channel, &m, sizeof(m) - 1, 0), sizeof(m) - 1);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(p->channel);
	/* Restarted on the same sockets, it serves. */
	p->pid = resolver_start(&p->config, false, &p->channel, &(struct failure){0});
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).answer.count, 1);
	play_end(p);
}

static void test_it_has_nothing_left_to_lose(void **state)
{
	struct play *p = SERVING(true, "good.test");
	char path[64], line[256];
	unsigned checked = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned a, b, c;

		if (sscanf(line, "Uid: %u %u %u", &a, &b, &c) == 3) {
			assert_true(a == UID_RESOLVER && b == a && c == a);
			checked++;
		}
		if (strncmp(line, "CapEff:", 7) == 0 || strncmp(line, "CapPrm:", 7) == 0 ||
			strncmp(line, "CapBnd:", 7) == 0) {
			assert_non_null(strstr(line, "\t0000000000000000"));
			checked++;
		}
		if (strncmp(line, "Seccomp:", 8) == 0) {
			assert_non_null(strstr(line, "2"));
			checked++;
		}
	}
	fclose(f);
	assert_int_equal(checked, 5);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_audit_lets_through_and_reports),
		cmocka_unit_test(test_letter_case_and_options_stay_here),
		cmocka_unit_test(test_names_of_addresses),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp_flood),
		cmocka_unit_test(test_malformed_questions),
		cmocka_unit_test(test_flood_of_waiters),
		cmocka_unit_test(test_flood_while_it_does_not_run),
		cmocka_unit_test(test_broken_protocol_ends_it),
		cmocka_unit_test(test_it_has_nothing_left_to_lose),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
