/*
 * One name, parsed by everything that decides about it: a rule, the resolver (a query), the
 * gate (a hello, a Host field, a target, a CONNECT). They all accept the same names, with
 * the same result. The names go through the real parsers, as octets on the wire.
 */
#include "gate_fixture.h"

#include "init/lib/dns_message.h"
#include "init/gate/clienthello.h"
#include "init/gate/http.h"
#include "init/policy/rule.h"

enum { BY_RULE, BY_DNS, BY_HELLO, BY_HOST, BY_TARGET, BY_CONNECT, READERS };

static const char *const readers[READERS] = {
	"a rule", "a question", "a hello", "Host", "a target", "CONNECT"};

static bool by_rule(const char *text, size_t len, char name[NAME_TEXT])
{
	struct rule_error e;
	struct rule r;
	bool taken = rule_read(text, len, RULE_ALLOW, &r, &e) == 0 && r.kind == RULE_NAME;

	memcpy(name, r.name, sizeof(r.name));
	return taken;
}

/* The labels of a name as a C library sends them, without a final dot. False if a label is
 * empty or too long, so that there is no such query. */
static bool by_dns(const char *text, size_t len, char name[NAME_TEXT])
{
	struct octets *o = calloc(1, sizeof(*o));
	struct dns_query q = {0};
	bool sound = len > 0;

	if (len > 0 && text[len - 1] == '.')
		len--;
	add(o, "\x12\x34\1\0\0\1\0\0\0\0\0\0", DNS_HEADER);
	for (size_t from = 0; from <= len;) {
		const char *dot = memchr(text + from, '.', len - from);
		size_t n = (dot ? (size_t)(dot - text) : len) - from;

		sound &= n > 0 && n <= LIMIT_LABEL;
		add_number(o, n, 1);
		add(o, text + from, n);
		from += n + 1;
	}
	add(o, "\0\0\1\0\1", 5);
	sound = sound && dns_read_query(o->at, o->len, &q) == RCODE_NOERROR && q.plain;
	memcpy(name, q.name, sizeof(q.name));
	free(o);
	return sound;
}

static bool by_hello(const char *text, size_t len, char name[NAME_TEXT])
{
	static const uint8_t filler[32];
	struct octets *o = calloc(1, sizeof(*o));
	struct hello h;
	bool taken;

	add(o, "\x16\3\1", 3);
	add_number(o, 56 + len, 2);
	add(o, "\1", 1);
	add_number(o, 52 + len, 3);
	add(o, "\3\3", 2);
	add(o, filler, 32);
	add(o, "\0\0\2\x13\1\1\0", 7); /* no session, one cipher suite, no compression */
	add_number(o, 9 + len, 2);
	add_number(o, 0, 2); /* server_name */
	add_number(o, 5 + len, 2);
	add_number(o, 3 + len, 2);
	add_number(o, 0, 1);
	add_number(o, len, 2);
	add(o, text, len);
	taken = clienthello_read(o->at, o->len, &h) == HELLO_DONE;
	memcpy(name, h.name, sizeof(h.name));
	free(o);
	return taken;
}

/* A request with the name in Host and, between the two texts, in its target; target NULL:
 * only in Host. */
static bool by_http(const char *before, const char *target, size_t len, const char *behind,
	const char *host, char name[NAME_TEXT])
{
	struct octets *o = calloc(1, sizeof(*o));
	struct http_head h;
	bool taken;

	add_text(o, before);
	if (target)
		add(o, target, len);
	add_text(o, behind);
	add_text(o, " HTTP/1.1\r\nHost: ");
	add(o, host, len);
	add_text(o, "\r\n\r\n");
	taken = http_head_read(o->at, o->len, false, &h) == HTTP_WHOLE;
	memcpy(name, h.name, sizeof(h.name));
	free(o);
	return taken;
}

static bool read_by(int reader, const char *text, size_t len, char name[NAME_TEXT])
{
	switch (reader) {
	case BY_RULE:
		return by_rule(text, len, name);
	case BY_DNS:
		return by_dns(text, len, name);
	case BY_HELLO:
		return by_hello(text, len, name);
	case BY_HOST:
		return by_http("GET /", NULL, len, "", text, name);
	case BY_TARGET:
		return by_http("GET http://", text, len, "/", text, name);
	default:
		return by_http("CONNECT ", text, len, ":443", text, name);
	}
}

/* as: the expected result, NULL: rejected. but: a parser that differs. */
static void expect(const char *text, size_t len, const char *as, int but)
{
	for (int reader = 0; reader < READERS; reader++) {
		char name[NAME_TEXT];
		bool taken = read_by(reader, text, len, name);

		if (reader == but)
			continue;
		if (taken != (as != NULL))
			fail_msg("%s: %s by %s", text, taken ? "taken" : "refused",
				readers[reader]);
		if (as && strcmp(name, as) != 0)
			fail_msg("%s: %s by %s", text, name, readers[reader]);
	}
}

static void names_that_all_take(void **state)
{
	static const struct {
		const char *text, *as;
	} cases[] = {
		{"example.com", "example.com"},
		{"Example.COM", "example.com"},
		{"example.com.", "example.com"},
		{"db", "db"},
		{"DB.", "db"},
		{"postgres_db", "postgres_db"},
		{"my_bucket.s3.example", "my_bucket.s3.example"},
		{"_acme-challenge.a.example", "_acme-challenge.a.example"},
		{"a_.b_", "a_.b_"},
		{"_", "_"},
		{"name-.example", "name-.example"},
		{"a.-b.example", "a.-b.example"},
		{"r3---sn-x.example", "r3---sn-x.example"},
		{"1.example", "1.example"},
		{"0x7f.example", "0x7f.example"},
		{"4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"},
		{"xn--bcher-kva.de", "xn--bcher-kva.de"},
		{"XN--BCHER-KVA.de", "xn--bcher-kva.de"},
		{"prod-ap-southeast-1-starport-layer-bucket.s3.example",
			"prod-ap-southeast-1-starport-layer-bucket.s3.example"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].text, strlen(cases[i].text), cases[i].as, READERS);
}

static void names_that_none_takes(void **state)
{
	static const char *const cases[] = {
		"",
		".",
		"..",
		"example.com..",
		".example.com",
		"a..example",
		"-",
		"-a.example",
		"--allow",
		"1.2.3.4",
		"1.2.3.4.",
		"127.1",
		"a.1",
		"0x7f000001",
		"a.0x",
		"xn--.example",
		"xn--99999999.example",
		"xn--abc-.example",
		"a.xn--bcher-kv9",
		"a b.example",
		"a/b.example",
		"a@b.example",
		"a%2eb.example",
		"a\\b.example",
		"a~b.example",
		"a\x7f.example",
		"a\x01.example",
		"*.example",
		"a!.example",
		"a,b.example",
		"a;b.example",
		"\"a.example\"",
		"a\t.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i], strlen(cases[i]), NULL, READERS);
	expect("a\0b.example", 11, NULL, READERS);
	/* A person may write letters that no program sends. */
	expect("b\xc3\xbc"
	       "cher.de",
		10, NULL, BY_RULE);
}

static void the_longest_of_each(void **state)
{
	char text[300], as[301] = "";

	(void)state;
	/* Labels of 63, and a name of 253 octets, with and without a final dot. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 64 == 63 ? '.' : 'a';
	memcpy(as, text, 254);
	for (size_t n = 250; n < 254; n++) {
		as[n] = '\0';
		expect(text, n, as, READERS);
		text[n] = '.';
		expect(text, n + 1, as, READERS);
		text[n] = as[n] = n % 64 == 63 ? '.' : 'a';
	}
	expect(text, 254, NULL, READERS);
	memset(text, 'a', sizeof(text));
	text[64] = '.';
	expect(text, 66, NULL, READERS);
}

/* Every octet, first, within and last in a label: all agree. */
static void every_octet(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 3; at++) {
			char text[] = "abcd.example", as[] = "abcd.example";
			bool host = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				    (c >= '0' && c <= '9') || c == '_' ||
				    (c == '-' && at > 0) || (c == '.' && at > 0);

			text[at] = (char)c;
			as[at] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
			/* In a rule and in a target ':' and '/' have a special meaning. */
			if (c == ':' || c == '/' || c == '?' || c == '+' || c == '@' ||
				c == '[')
				continue;
			/* Blanks around a field's value aren't part of it. */
			expect(text, 12, host ? as : NULL,
				at == 0 && (c == ' ' || c == '\t') ? BY_HOST : READERS);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_all_take),
		cmocka_unit_test(names_that_none_takes),
		cmocka_unit_test(the_longest_of_each),
		cmocka_unit_test(every_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
