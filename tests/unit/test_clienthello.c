/*
 * Hellos: those of real clients (tests/corpus/hello), truncated everywhere and spread over
 * records in every way; and malicious ones, built here octet by octet.
 */
#include "gate_fixture.h"

#include "init/gate/clienthello.h"

static struct octets o, body;
static struct hello got;

static enum hello_result read_some(const struct octets *from, size_t len)
{
	uint8_t *copy = exact(from->at, len);
	enum hello_result r;

	memset(&got, 0x55, sizeof(got));
	r = clienthello_read(copy, len, &got);
	free(copy);
	assert_non_null(memchr(got.name, 0, sizeof(got.name)));
	return r;
}

/* ---- Hellos built here --------------------------------------------------------------- */

static struct octets exts;

static void extension(unsigned type, const void *data, size_t n)
{
	add_number(&exts, type, 2);
	add_number(&exts, n, 2);
	add(&exts, data, n);
}

static void server_name(const void *name, size_t n)
{
	struct octets *e = calloc(1, sizeof(*e));

	add_number(e, n + 3, 2);
	add_number(e, 0, 1);
	add_number(e, n, 2);
	add(e, name, n);
	extension(0, e->at, e->len);
	free(e);
}

/* The handshake message in body, with the extensions there are; as one record in o. */
static void finish(void)
{
	uint8_t filler[32] = {7};
	struct octets *b = &body;

	b->len = 0;
	add_number(b, 1, 1);
	add_number(b, 2 + 32 + 1 + 32 + 2 + 4 + 2 + 2 + exts.len, 3);
	add_number(b, 0x0303, 2);
	add(b, filler, 32);
	add_number(b, 32, 1);
	add(b, filler, 32);
	add_number(b, 4, 2);
	add_number(b, 0x13011302, 4);
	add_number(b, 0x0100, 2);
	add_number(b, exts.len, 2);
	add(b, exts.at, exts.len);
}

static void record(struct octets *to, unsigned type, const void *data, size_t n)
{
	add_number(to, type, 1);
	add_number(to, 0x0301, 2);
	add_number(to, n, 2);
	add(to, data, n);
}

static void wrap(void)
{
	o.len = 0;
	record(&o, 22, body.at, body.len);
}

/* A whole hello with that name, after and before other extensions. */
static void named(const void *name, size_t n)
{
	exts.len = 0;
	extension(0x0a0a, "", 0);
	server_name(name, n);
	extension(43, "\x04\x03\x04\x03\x03", 5);
	finish();
	wrap();
}

static void expect_name(const char *name)
{
	assert_int_equal(read_some(&o, o.len), HELLO_DONE);
	assert_string_equal(got.name, name);
	assert_int_equal(got.length, o.len);
	assert_int_equal(got.reason, GATE_FINE);
}

static void expect_refused(enum gate_reason reason, const char *name)
{
	assert_int_equal(read_some(&o, o.len), HELLO_REFUSED);
	assert_int_equal(got.reason, reason);
	if (name)
		assert_string_equal(got.name, name);
}

/* The message in body as records that end at `first` octets and then every `step`. */
static void spread(size_t first, size_t step)
{
	o.len = 0;
	for (size_t at = 0, n = first; at < body.len; at += n, n = step) {
		if (n > body.len - at)
			n = body.len - at;
		record(&o, 22, body.at + at, n);
	}
}

/* ---- Real clients -------------------------------------------------------------------- */

static const struct {
	const char *file, *name;
} real[] = {
	{"codex", "chatgpt.com"},
	{"codex-shuffled", "chatgpt.com"},
	{"curl-openssl", "shop.example"},
	{"git-gnutls", "shop.example"},
	{"go", "shop.example"},
	{"java", "shop.example"},
	{"node", "shop.example"},
	{"node-https", "shop.example"},
	{"python", "shop.example"},
	{"s_client-tls10", "shop.example"},
	{"s_client-tls12", "shop.example"},
	{"s_client-tls13", "shop.example"},
	{"s_client-upper", "shop.example"},
	{"wget-gnutls", "shop.example"},
};
#define REAL (sizeof(real) / sizeof(real[0]))

static void every_real_hello_names_its_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < REAL; i++) {
		corpus(&o, "hello", real[i].file);
		expect_name(real[i].name);
		assert_false(got.ech);
	}
}

static void every_cut_needs_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < REAL; i++) {
		corpus(&o, "hello", real[i].file);
		for (size_t cut = 0; cut < o.len; cut++)
			assert_int_equal(read_some(&o, cut), HELLO_MORE);
		expect_name(real[i].name);
	}
}

static void it_may_be_spread_over_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < REAL; i++) {
		corpus(&body, "hello", real[i].file);
		body.len -= 5;
		memmove(body.at, body.at + 5, body.len);
		for (size_t cut = 1; cut < body.len; cut++) {
			spread(cut, body.len);
			expect_name(real[i].name);
			/* The first of the two alone isn't a hello. */
			assert_int_equal(read_some(&o, cut + 5), HELLO_MORE);
		}
		for (size_t step = 1; step < 9; step++) {
			spread(step, step);
			expect_name(real[i].name);
			assert_int_equal(read_some(&o, o.len - 1), HELLO_MORE);
		}
	}
}

static void what_follows_in_a_record_of_its_own_is_not_read(void **state)
{
	(void)state;
	corpus(&o, "hello", "codex");
	for (size_t i = 0, whole = o.len; i < 40; i++) {
		add(&o, "\x17", 1);
		assert_int_equal(read_some(&o, o.len), HELLO_DONE);
		assert_int_equal(got.length, whole);
	}
}

static void no_name_is_refused(void **state)
{
	(void)state;
	corpus(&o, "hello", "s_client-noname");
	expect_refused(GATE_NO_NAME, "");
	for (size_t cut = 0; cut < o.len; cut++)
		assert_int_equal(read_some(&o, cut), HELLO_MORE);
}

/* Each real hello with a name that no rule can contain, wrong lengths, or without
 * server_name: refused when it is complete and not before, in one record and in two. */
static void hostile_variants_of_real_hellos(void **state)
{
	enum { LAST = 1000 };
	static const struct {
		int at; /* from the name's beginning; LAST: its last octet */
		uint8_t value;
		enum gate_reason reason;
	} changes[] = {
		{LAST, '/', GATE_BAD_NAME}, {LAST, '\0', GATE_BAD_NAME},
		{0, '\0', GATE_BAD_NAME}, {0, '.', GATE_BAD_NAME}, {1, 0xc3, GATE_BAD_NAME},
		{1, ':', GATE_BAD_NAME}, {1, ' ', GATE_BAD_NAME},
		{-1, 0xff, GATE_MALFORMED}, /* the entry's length */
		{-3, 1, GATE_BAD_NAME},     /* its type */
		{-4, 0, GATE_MALFORMED},    /* the list's length */
		{-9, 0x3a, GATE_NO_NAME},   /* the extension's type */
	};

	(void)state;
	for (size_t i = 0; i < REAL; i++) {
		const char *name = strcmp(real[i].file, "s_client-upper") == 0 ? "Shop.EXAMPLE"
									       : real[i].name;
		uint8_t *at;

		for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++) {
			corpus(&o, "hello", real[i].file);
			at = memmem(o.at, o.len, name, strlen(name));
			assert_non_null(at);
			at += changes[c].at == LAST ? (int)strlen(name) - 1 : changes[c].at;
			*at = changes[c].value;
			for (size_t cut = 0; cut < o.len; cut++)
				assert_int_equal(read_some(&o, cut), HELLO_MORE);
			expect_refused(changes[c].reason, NULL);
			body.len = 0;
			add(&body, o.at + 5, o.len - 5);
			for (size_t cut = 1; cut < body.len; cut++) {
				spread(cut, body.len);
				expect_refused(changes[c].reason, NULL);
			}
		}
	}
}

/* Every octet of a real hello changed to each of some values: the result is a hello with a
 * valid name, or a refusal; and the name is the one in the hello. */
static void changed_octets(void **state)
{
	static const uint8_t values[] = {0, 1, 3, 0x16, 0x2e, 0x7f, 0x80, 0xff};
	size_t last; /* octet of the name: a dot there isn't part of it */

	(void)state;
	corpus(&o, "hello", "s_client-tls13");
	last = (size_t)((uint8_t *)memmem(o.at, o.len, "shop.example", 12) - o.at) + 11;
	for (size_t i = 0; i < o.len; i++) {
		uint8_t was = o.at[i];

		for (size_t v = 0; v < sizeof(values); v++) {
			o.at[i] = values[v];
			if (read_some(&o, o.len) == HELLO_DONE)
				assert_int_equal(strlen(got.name),
					strlen("shop.example") - (o.at[last] == '.'));
		}
		o.at[i] = was;
	}
	expect_name("shop.example");
}

/* ---- Names --------------------------------------------------------------------------- */

static void names_that_a_rule_can_hold(void **state)
{
	char longest[255] = "";

	(void)state;
	named("A-b.EXAMPLE", 11);
	expect_name("a-b.example");
	named("_x.example", 10);
	expect_name("_x.example");
	named("xn--bcher-kva.example", 21);
	expect_name("xn--bcher-kva.example");
	named("localhost", 9);
	expect_name("localhost");
	named("A.example.", 10);
	expect_name("a.example");
	named("localhost.", 10);
	expect_name("localhost");
	memset(longest, 'a', 253);
	for (size_t i = 49; i < 253; i += 50)
		longest[i] = '.';
	named(longest, 253);
	expect_name(longest);
	longest[253] = '.';
	named(longest, 254);
	longest[253] = '\0';
	expect_name(longest);
}

static void names_that_it_can_not(void **state)
{
	static const struct {
		const char *name, *told;
		size_t n;
	} bad[] = {
		{"a.example..", "a.example..", 11},
		{".", ".", 1},
		{"..", "..", 2},
		{"1.2.3.4.", "1.2.3.4.", 8},
		{".a.example", ".a.example", 10},
		{"a..example", "a..example", 10},
		{"1.2.3.4", "1.2.3.4", 7},
		{"a.1", "a.1", 3},
		{"::1", "??1", 3},
		{"[::1]", "???1?", 5},
		{"a.example\0", "a.example?", 10},
		{"a.example\0.evil.example", "a.example?.evil.example", 23},
		{"b\xc3\xbc.example", "b??.example", 11},
		{"\xef\xbd\x81.example", "???.example", 11},
		{"a\xe3\x80\x82"
		 "example",
			"a???example", 11},
		{"a.example:443", "a.example?443", 13},
		{"a b.example", "a?b.example", 11},
		{"a.example\r\n", "a.example??", 11},
		{"*.example", "?.example", 9},
		{"-a.example", "-a.example", 10},
		{"xn--.example", "xn--.example", 12},
		{"a/b", "a?b", 3},
		{"user@a.example", "user?a.example", 14},
		{"a.example\x7f", "a.example?", 10},
	};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		named(bad[i].name, bad[i].n);
		expect_refused(GATE_BAD_NAME, bad[i].told);
		for (size_t cut = 0; cut < o.len; cut++)
			assert_int_equal(read_some(&o, cut), HELLO_MORE);
	}
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 49; i < sizeof(longest); i += 50)
		longest[i] = '.';
	named(longest, 254);
	expect_refused(GATE_BAD_NAME, NULL);
	assert_int_equal(strlen(got.name), 253);
	named("", 0);
	expect_refused(GATE_NO_NAME, "");
}

static void exactly_one_entry(void **state)
{
	static const uint8_t two[] = {
		0, 14, 0, 0, 3, 'a', '.', 'b', 0, 0, 5, 'e', '.', 'e', 'v', 'l'};
	static const uint8_t same[] = {0, 12, 0, 0, 3, 'a', '.', 'b', 0, 0, 3, 'a', '.', 'b'};
	static const uint8_t other[] = {0, 6, 1, 0, 3, 'a', '.', 'b'};
	static const uint8_t both[] = {0, 12, 0, 0, 3, 'a', '.', 'b', 1, 0, 3, 'c', '.', 'd'};
	static const uint8_t none[] = {0, 0};
	static const uint8_t shorter[] = {0, 5, 0, 0, 3, 'a', '.', 'b'};
	static const uint8_t longer[] = {0, 7, 0, 0, 3, 'a', '.', 'b'};
	static const uint8_t beyond[] = {0, 6, 0, 0, 4, 'a', '.', 'b'};
	static const uint8_t good[] = {0, 6, 0, 0, 3, 'a', '.', 'b'};
	static const struct {
		const uint8_t *data;
		size_t n;
		enum gate_reason reason;
	} cases[] = {
		{two, sizeof(two), GATE_NAMES_DIFFER},
		{same, sizeof(same), GATE_NAMES_DIFFER},
		{both, sizeof(both), GATE_NAMES_DIFFER},
		{other, sizeof(other), GATE_BAD_NAME},
		{none, sizeof(none), GATE_NO_NAME},
		{none, 0, GATE_MALFORMED},
		{none, 1, GATE_MALFORMED},
		{shorter, sizeof(shorter), GATE_MALFORMED},
		{longer, sizeof(longer), GATE_MALFORMED},
		{beyond, sizeof(beyond), GATE_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		exts.len = 0;
		extension(0, cases[i].data, cases[i].n);
		finish();
		wrap();
		expect_refused(cases[i].reason, NULL);
		spread(1, 7);
		expect_refused(cases[i].reason, NULL);
	}
	exts.len = 0;
	extension(0, good, sizeof(good));
	finish();
	wrap();
	expect_name("a.b");
}

static void an_extension_twice(void **state)
{
	(void)state;
	exts.len = 0;
	server_name("a.example", 9);
	server_name("evil.example", 12);
	finish();
	wrap();
	expect_refused(GATE_NAMES_DIFFER, "a.example");
	exts.len = 0;
	server_name("a.example", 9);
	extension(0x2a2a, "", 0);
	extension(0x2a2a, "", 0);
	finish();
	wrap();
	expect_refused(GATE_MALFORMED, "a.example");
	exts.len = 0;
	server_name("a.example", 9);
	extension(0x2a2a, "", 0);
	extension(0x2a2b, "", 0);
	finish();
	wrap();
	expect_name("a.example");
}

static void a_hidden_hello_is_reported(void **state)
{
	static const unsigned hidden[] = {
		0xffce, 0xff02, 0xfe08, 0xfe09, 0xfe0a, 0xfe0b, 0xfe0c, 0xfe0d};
	/* Their neighbours, renegotiation_info among them, and GREASE. */
	static const unsigned others[] = {
		0xfe07, 0xfe0e, 0xff01, 0xff03, 0xffcd, 0xffcf, 0x0a0a, 0xfafa};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		exts.len = 0;
		server_name("a.example", 9);
		extension(others[i], "\0", 1);
		finish();
		wrap();
		expect_name("a.example");
		assert_false(got.ech);
	}
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		for (int before = 0; before < 2; before++) {
			exts.len = 0;
			if (before)
				extension(hidden[i], "\0", 1);
			server_name("a.example", 9);
			if (!before)
				extension(hidden[i], "\0", 1);
			finish();
			wrap();
			expect_name("a.example");
			assert_true(got.ech);
		}
	}
	named("a.example", 9);
	expect_name("a.example");
	assert_false(got.ech);
}

/* ---- Form ---------------------------------------------------------------------------- */

static void what_is_no_hello(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"GET / HTTP/1.1\r\n", 16},
		{"\x80\x2e\x01\x03\x01", 5}, /* SSLv2 */
		{"\x16\x02\x00\x00\x05", 5},
		{"\x16\x03\x00\x00\x05", 5}, /* SSLv3 */
		{"\x16\x03\x04\x00\x05", 5},
		{"\x16\x03\x01\x00\x00", 5}, /* an empty record */
		{"\x16\x03\x01\x40\x01", 5}, /* beyond 2^14 */
		{"\x16\x03\x01\x00\x05\x02", 6},
		{"\x16\x03\x01\x00\x05\x00", 6},
		{"\x15\x03\x01\x00\x02", 5},
		{"\x14\x03\x03\x00\x01\x01", 6},
		{"\x17\x03\x03\x00\x01\x01", 6},
		{"SSH-2.0-x\r\n", 11},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.len = 0;
		add(&o, bad[i].bytes, bad[i].n);
		expect_refused(GATE_MALFORMED, "");
	}
	o.len = 0;
	add(&o, "\x16\x03\x01\x40\x00\x01", 6);
	assert_int_equal(read_some(&o, 3), HELLO_MORE);
	assert_int_equal(read_some(&o, 0), HELLO_MORE);
	/* A record of 2^14 can't end within the limit with its header. */
	expect_refused(GATE_TOO_LONG, "");
}

static void records_of_another_kind_in_between(void **state)
{
	(void)state;
	named("a.example", 9);
	for (size_t cut = 1; cut < body.len; cut++) {
		static const char *const between[] = {"\x14\x03\x03\x00\x01\x01",
			"\x15\x03\x03\x00\x02\x01\x00", "\x17\x03\x03\x00\x01\x01",
			"\x16\x03\x03\x00\x00"};
		static const size_t n[] = {6, 7, 6, 5};

		for (size_t i = 0; i < 4; i++) {
			o.len = 0;
			record(&o, 22, body.at, cut);
			add(&o, between[i], n[i]);
			record(&o, 22, body.at + cut, body.len - cut);
			expect_refused(GATE_MALFORMED, NULL);
		}
	}
}

static void what_stands_behind_it_in_its_record(void **state)
{
	struct octets *twice = calloc(1, sizeof(*twice));

	(void)state;
	named("a.example", 9);
	add(twice, body.at, body.len);
	add(twice, body.at, body.len);
	for (size_t extra = 1; extra <= body.len; extra++) {
		o.len = 0;
		record(&o, 22, twice->at, body.len + extra);
		expect_refused(GATE_MALFORMED, NULL);
		/* As soon as the record header says so. */
		assert_int_equal(read_some(&o, 9), HELLO_REFUSED);
		o.len = 0;
		record(&o, 22, twice->at, 100);
		record(&o, 22, twice->at + 100, body.len + extra - 100);
		expect_refused(GATE_MALFORMED, NULL);
	}
	free(twice);
}

/* RFC 8446 §4.1.2: at most 32 octets, which the others of the fields are right behind. */
static void a_session_has_a_bound(void **state)
{
	(void)state;
	for (unsigned length = 0; length <= 40; length++) {
		const size_t at = 39, behind = at + 32;
		uint8_t rest[256];
		size_t n;

		named("a.example", 9);
		n = body.len - behind;
		assert_true(n < sizeof(rest) && body.at[at - 1] == 32);
		memcpy(rest, body.at + behind, n);
		body.at[at - 1] = (uint8_t)length;
		memset(body.at + at, 's', length);
		memcpy(body.at + at + length, rest, n);
		body.len = at + length + n;
		body.at[2] = (uint8_t)((body.len - 4) >> 8);
		body.at[3] = (uint8_t)(body.len - 4);
		wrap();
		if (length <= 32)
			expect_name("a.example");
		else
			expect_refused(GATE_MALFORMED, NULL);
	}
}

/* Each length in the message, and each part of it, one more and one less. */
static void lengths_that_do_not_add_up(void **state)
{
	(void)state;
	for (int by = -1; by <= 1; by += 2) {
		static const size_t at[] = {38 /* session id */, 72 /* suites */,
			77 /* compression */, 80 /* extensions */, 84 /* the first one's */};

		for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
			named("a.example", 9);
			body.at[at[i]] = (uint8_t)(body.at[at[i]] + by);
			wrap();
			expect_refused(GATE_MALFORMED, NULL);
		}
	}
	for (size_t n = 4; n < 80; n++) {
		named("a.example", 9);
		body.len = n;
		body.at[3] = (uint8_t)(n - 4);
		wrap();
		assert_int_equal(read_some(&o, o.len), HELLO_REFUSED);
	}
	named("a.example", 9);
	body.at[78] = 1; /* no null compression */
	wrap();
	expect_refused(GATE_MALFORMED, NULL);
	named("a.example", 9);
	body.at[4] = 2; /* a version of no TLS */
	wrap();
	expect_refused(GATE_MALFORMED, NULL);
	named("a.example", 9);
	expect_name("a.example");
}

static void the_limit(void **state)
{
	static uint8_t padding[LIMIT_GATE_HELLO];

	(void)state;
	exts.len = 0;
	server_name("a.example", 9);
	finish();
	size_t plain = body.len;
	/* Exactly the limit, its record's header included, and one more. */
	for (size_t more = 0; more < 2; more++) {
		size_t n = LIMIT_GATE_HELLO - 5 - plain - 4 + more;

		exts.len = 0;
		server_name("a.example", 9);
		extension(21, padding, n);
		finish();
		wrap();
		assert_int_equal(o.len, LIMIT_GATE_HELLO + more);
		if (!more) {
			expect_name("a.example");
			assert_int_equal(read_some(&o, o.len - 1), HELLO_MORE);
		} else {
			expect_refused(GATE_TOO_LONG, NULL);
			assert_int_equal(read_some(&o, 9), HELLO_REFUSED);
		}
	}
	/* Announces a megabyte; and records so small that their headers exceed the limit. */
	o.len = 0;
	add(&o, "\x16\x03\x01\x20\x00\x01\x10\x00\x00", 9);
	expect_refused(GATE_TOO_LONG, "");
	o.len = 0;
	add(&o, "\x16\x03\x01\x20\x00\x01\x00\x30\x00", 9);
	assert_int_equal(read_some(&o, o.len), HELLO_MORE);
	exts.len = 0;
	server_name("a.example", 9);
	extension(21, padding, 4000);
	finish();
	spread(1, 1);
	expect_refused(GATE_TOO_LONG, NULL);
	spread(4, 4);
	expect_name("a.example");
}

/* ---- The second hello ---------------------------------------------------------------- */

static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe,
	0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c,
	0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static void server_hello(const uint8_t random[32])
{
	body.len = 0;
	add_number(&body, 2, 1);
	add_number(&body, 2 + 32 + 1 + 3 + 2, 3);
	add_number(&body, 0x0303, 2);
	add(&body, random, 32);
	add_number(&body, 0, 1);
	add_number(&body, 0x130100, 3);
	add_number(&body, 0, 2);
	wrap();
}

static enum hello_retry retry(size_t len)
{
	uint8_t *copy = exact(o.at, len);
	enum hello_retry r = clienthello_retry_read(copy, len);

	free(copy);
	return r;
}

static void a_retry_is_seen(void **state)
{
	uint8_t random[32];

	(void)state;
	server_hello(retry_random);
	assert_int_equal(retry(o.len), RETRY_ASKED);
	for (size_t cut = 0; cut < 43; cut++)
		assert_int_equal(retry(cut), RETRY_MORE);
	for (size_t cut = 43; cut < o.len; cut++)
		assert_int_equal(retry(cut), RETRY_ASKED);
	for (size_t i = 0; i < 32; i++) {
		memcpy(random, retry_random, 32);
		random[i] ^= 1;
		server_hello(random);
		assert_int_equal(retry(o.len), RETRY_NO);
	}
}

static void what_ends_the_matter(void **state)
{
	(void)state;
	o.len = 0;
	add(&o, "\x15\x03\x03\x00\x02\x02\x28", 7);
	for (size_t cut = 1; cut <= o.len; cut++)
		assert_int_equal(retry(cut), RETRY_NO);
	o.len = 0;
	add_text(&o, "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(retry(o.len), RETRY_NO);
}

static void what_is_unclear(void **state)
{
	(void)state;
	server_hello(retry_random);
	for (size_t n = 1; n < 38; n++) {
		o.len = 0;
		record(&o, 22, body.at, n);
		record(&o, 22, body.at + n, body.len - n);
		assert_int_equal(retry(o.len), RETRY_UNCLEAR);
		assert_int_equal(retry(5), RETRY_UNCLEAR);
	}
	o.len = 0;
	record(&o, 22, body.at, 38); /* the random is in there */
	record(&o, 22, body.at + 38, body.len - 38);
	assert_int_equal(retry(o.len), RETRY_ASKED);
	o.len = 0;
	add(&o, "\x14\x03\x03\x00\x01\x01", 6); /* clients accept that */
	assert_int_equal(retry(o.len), RETRY_UNCLEAR);
	body.at[0] = 0; /* HelloRequest */
	wrap();
	assert_int_equal(retry(o.len), RETRY_UNCLEAR);
	o.len = 0;
	add(&o, "\x16\x03\x03\x40\x01", 5);
	assert_int_equal(retry(o.len), RETRY_UNCLEAR);
}

static enum hello_result second(size_t len, size_t *at)
{
	uint8_t *copy = exact(o.at, len);
	enum hello_result r = clienthello_second_find(copy, len, at);

	free(copy);
	return r;
}

static void the_second_hello_is_found(void **state)
{
	size_t at, ends[] = {0, 6, 6 + 25, 6 + 25 + 7};

	(void)state;
	named("a.example", 9);
	struct octets *hello = calloc(1, sizeof(*hello));

	add(hello, o.at, o.len);
	o.len = 0;
	add(&o, "\x14\x03\x03\x00\x01\x01", 6);
	record(&o, 23, "twenty octets of data", 20);
	add(&o, "\x15\x03\x03\x00\x02\x01\x00", 7);
	for (size_t cut = 0; cut <= o.len; cut++) {
		size_t whole = 0;

		for (size_t i = 0; i < 4; i++)
			if (ends[i] <= cut)
				whole = ends[i];
		assert_int_equal(second(cut, &at), HELLO_MORE);
		assert_int_equal(at, whole);
	}
	add(&o, hello->at, hello->len);
	for (size_t cut = ends[3] + 1; cut <= o.len; cut++) {
		assert_int_equal(second(cut, &at), HELLO_DONE);
		assert_int_equal(at, ends[3]);
	}
	assert_int_equal(clienthello_read(o.at + at, o.len - at, &got), HELLO_DONE);
	assert_string_equal(got.name, "a.example");
	free(hello);
}

static void what_can_not_be_before_one(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"\x18\x03\x03\x00\x01\x01", 6},
		{"\x00", 1},
		{"GET", 3},
		{"\x14\x02\x03\x00\x01\x01", 6},
		{"\x14\x03\x03\x00\x02\x01\x01", 7},
		{"\x14\x03\x03\x00\x00", 5},
		{"\x15\x03\x03\x00\x03\x01\x01\x01", 8},
		{"\x17\x03\x03\x00\x00", 5},
		{"\x17\x03\x03\x41\x01", 5},
	};
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.len = 0;
		add(&o, bad[i].bytes, bad[i].n);
		assert_int_equal(second(o.len, &at), HELLO_REFUSED);
	}
	o.len = 0;
	add(&o, "\x17\x03\x03\x41\x00", 5);
	assert_int_equal(second(o.len, &at), HELLO_MORE);
}

static void an_alert(void **state)
{
	uint8_t alert[HELLO_ALERT_SIZE];

	(void)state;
	clienthello_alert(ALERT_UNRECOGNIZED_NAME, alert);
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x70", HELLO_ALERT_SIZE);
	clienthello_alert(ALERT_DECODE_ERROR, alert);
	assert_int_equal(alert[6], 50);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_real_hello_names_its_host),
		cmocka_unit_test(every_cut_needs_more),
		cmocka_unit_test(it_may_be_spread_over_records),
		cmocka_unit_test(what_follows_in_a_record_of_its_own_is_not_read),
		cmocka_unit_test(no_name_is_refused),
		cmocka_unit_test(hostile_variants_of_real_hellos),
		cmocka_unit_test(changed_octets),
		cmocka_unit_test(names_that_a_rule_can_hold),
		cmocka_unit_test(names_that_it_can_not),
		cmocka_unit_test(exactly_one_entry),
		cmocka_unit_test(an_extension_twice),
		cmocka_unit_test(a_hidden_hello_is_reported),
		cmocka_unit_test(what_is_no_hello),
		cmocka_unit_test(records_of_another_kind_in_between),
		cmocka_unit_test(what_stands_behind_it_in_its_record),
		cmocka_unit_test(a_session_has_a_bound),
		cmocka_unit_test(lengths_that_do_not_add_up),
		cmocka_unit_test(the_limit),
		cmocka_unit_test(a_retry_is_seen),
		cmocka_unit_test(what_ends_the_matter),
		cmocka_unit_test(what_is_unclear),
		cmocka_unit_test(the_second_hello_is_found),
		cmocka_unit_test(what_can_not_be_before_one),
		cmocka_unit_test(an_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
