/* ClientHello: those of real clients, and changed ones. */
#include "clienthello_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
