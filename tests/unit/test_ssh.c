/* The refusal for an SSH client on a web port, parsed as such a client does. */
#include "gate_fixture.h"

#include "init/gate/ssh.h"

static size_t number(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* RFC 4253 §4.2, §6, §11.1: a version, one whole packet, a reason and a text. */
static const char *told(const char *orig_dst, uint16_t port)
{
	static char text[SSH_REFUSAL_SIZE];
	uint8_t out[SSH_REFUSAL_SIZE];
	struct address a = {0};
	size_t len, at, packet, padding, n;

	if (orig_dst)
		assert_true(address_parse(orig_dst, strlen(orig_dst), &a));
	len = ssh_refusal_write(&a, port, out);
	assert_true(len <= sizeof(out));
	assert_memory_equal(out, "SSH-2.0-codex-sandbox\r\n", 23);
	at = 23;
	packet = number(out + at);
	padding = out[at + 4];
	assert_int_equal(at + 4 + packet, len);
	assert_int_equal((4 + packet) % 8, 0);
	assert_true(padding >= 4 && packet >= 16);
	assert_int_equal(out[at + 5], 1);          /* SSH_MSG_DISCONNECT */
	assert_int_equal(number(out + at + 6), 1); /* HOST_NOT_ALLOWED_TO_CONNECT */
	n = number(out + at + 10);
	memcpy(text, out + at + 14, n);
	text[n] = '\0';
	assert_int_equal(number(out + at + 14 + n), 0); /* no language */
	assert_int_equal(1 + 1 + 4 + 4 + n + 4 + padding, packet);
	for (size_t i = 0; i < n; i++)
		assert_true(text[i] >= ' ' && text[i] <= '~');
	return text;
}

static void it_says_what_helps(void **state)
{
	(void)state;
	assert_string_equal(told("140.82.112.35", 443),
		"codex-sandbox: ssh names no host that could be checked on port 443: use port "
		"22 with --allow NAME:22, or allow everything at this address with --allow "
		"140.82.112.35:443");
	assert_non_null(strstr(told("2a00:1450::1", 80), "--allow [2a00:1450::1]:80"));
	assert_non_null(strstr(told("10.0.0.5", 443), "--allow 10.0.0.5:443+private"));
	assert_non_null(strstr(told("fd11:1111:2222:3333:4444:5555:6666:7777", 65535),
		":7777]:65535+private"));
}

/* No rule that would be rejected, or would open the wrong place. */
static void it_says_nothing_that_can_not_help(void **state)
{
	static const char *const aims[] = {
		NULL, "127.0.0.1", "::1", "169.254.169.254", "fe80::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(aims) / sizeof(aims[0]); i++) {
		const char *text = told(aims[i], 443);

		assert_non_null(strstr(text, "--allow NAME:22"));
		assert_null(strstr(text, "this address"));
	}
}

static void who_speaks_ssh(void **state)
{
	(void)state;
	assert_true(ssh_begins((const uint8_t *)"SSH-2.0-OpenSSH_9.2p1\r\n", 23));
	assert_true(ssh_begins((const uint8_t *)"SSH-", 4));
	assert_false(ssh_begins((const uint8_t *)"SSH-", 3));
	assert_false(ssh_begins((const uint8_t *)"ssh-2.0", 7));
	assert_false(ssh_begins((const uint8_t *)"SSH / HTTP/1.1", 14));
	assert_false(ssh_begins((const uint8_t *)"\x16\3\1\0", 4));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_helps),
		cmocka_unit_test(it_says_nothing_that_can_not_help),
		cmocka_unit_test(who_speaks_ssh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
