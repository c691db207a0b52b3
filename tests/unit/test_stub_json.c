/* auth.json: valid and invalid JSON; the expiry of an access token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/auth.h"
#include "../../stub/bounds.h"
#include "../../stub/json.h"

/* From memory of exactly this size, so that an overread is detected. */
static bool is_object(const char *text, size_t size, size_t *position)
{
	char *copy = malloc(size ? size : 1);
	bool good;

	memcpy(copy, text, size);
	good = json_is_object(copy, size, position);
	free(copy);
	return good;
}

static void objects(void **state)
{
	static const char *const good[] = {
		"{}",
		" \t\r\n{ } \n",
		"{\"a\":1}",
		"{\"a\":-0.5e+10,\"b\":[],\"c\":[1,\"x\",null,true,false,{}]}",
		"{\"\":\"\"}",
		"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"}",
		"{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":0}",
		"{\"a\":1E5}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t position;

		if (!is_object(good[i], strlen(good[i]), &position))
			fail_msg("refused at %zu: %s", position, good[i]);
	}
}

static void not_objects(void **state)
{
	static const char *const bad[] = {"", " ", "[]", "\"a\"", "1", "null", "{", "}", "{}}",
		"{} x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}",
		"{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}",
		"{\"a\":-}", "{\"a\":NaN}", "{\"a\":tru}", "{\"a\":truex}", "{\"a\":\"x}",
		"{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\u12\"}",
		"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}",
		"{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xc3", "{\"a\":[1 2]}",
		"{\"a\":[1,]}", "{\"a\":[}", "{\"a\" \"b\"}", "{\"a\":1 \"b\":2}",
		"\xef\xbb\xbf{}", "{/**/}", "{\"a\":\"\\"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t position = 9999;

		if (is_object(bad[i], strlen(bad[i]), &position))
			fail_msg("accepted: %s", bad[i]);
		assert_true(position <= strlen(bad[i]));
	}
	assert_false(is_object("{}\0", 3, &(size_t){0}));
	assert_false(is_object("{\"a\":\"\0\"}", 9, &(size_t){0}));
}

static void every_beginning_of_an_object_is_none(void **state)
{
	static const char whole[] =
		"{\"a\":{\"b\":[1.5e-3,\"\\u00e4\xc3\xa4\",null]},\"c\":\"d\"}";

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		assert_false(is_object(whole, n, &(size_t){0}));
	assert_true(is_object(whole, sizeof(whole) - 1, &(size_t){0}));
}

static void depth_is_bounded(void **state)
{
	char text[200000], *s;

	(void)state;
	for (int depth = BOUND_JSON_DEPTH - 2; depth <= BOUND_JSON_DEPTH + 2; depth++) {
		s = text + sprintf(text, "{\"a\":");
		memset(s, '[', (size_t)depth);
		memset(s + depth, ']', (size_t)depth);
		strcpy(s + 2 * depth, "}");
		assert_int_equal(is_object(text, strlen(text), &(size_t){0}),
			depth + 1 <= BOUND_JSON_DEPTH);
	}
	memset(text, '[', sizeof(text));
	memcpy(text, "{\"a\":", 5);
	assert_false(is_object(text, sizeof(text), &(size_t){0}));
}

static const char *const path_ab[] = {"a", "b", NULL};

static void values_by_their_path(void **state)
{
	static const char text[] = "{\"b\":\"no\",\"a\":{\"x\":{\"b\":\"no\"},\"b\":\"yes\"},"
				   "\"c\":[{\"a\":{\"b\":\"no\"}}]}";
	size_t size;
	const char *found = json_string(text, strlen(text), path_ab, &size);

	(void)state;
	assert_non_null(found);
	assert_int_equal(size, 3);
	assert_memory_equal(found, "yes", 3);
}

static void the_last_of_two_members_counts(void **state)
{
	static const char *const none[] = {"{\"a\":{\"b\":\"x\"},\"a\":{}}",
		"{\"a\":{\"b\":\"x\",\"b\":1}}", "{\"a\":\"b\"}", "{\"a\":[\"b\"]}", "{}",
		"{\"a\":{\"b\":\"x\"}"};
	static const char two[] = "{\"a\":{\"b\":\"x\",\"b\":\"y\"}}";
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(json_string(none[i], strlen(none[i]), path_ab, &size));
	assert_int_equal(*json_string(two, strlen(two), path_ab, &size), 'y');
}

static bool integer(const char *number, int64_t *value)
{
	static const char *const path[] = {"n", NULL};
	char text[100];
	int n = snprintf(text, sizeof(text), "{\"n\":%s}", number);

	return json_integer(text, (size_t)n, path, value);
}

static void integers(void **state)
{
	int64_t value;

	(void)state;
	assert_true(integer("0", &value) && value == 0);
	assert_true(integer("-12", &value) && value == -12);
	assert_true(integer("1790000000", &value) && value == 1790000000);
	assert_false(integer("1.5", &value));
	assert_false(integer("1e3", &value));
	assert_false(integer("\"1\"", &value));
	assert_false(integer("99999999999999999999999999", &value));
	assert_false(integer("9223372036854775808", &value));
}

static void base64url(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(auth_base64url("", 0, out, sizeof(out)), 0);
	assert_int_equal(auth_base64url("Zg", 2, out, sizeof(out)), 1);
	assert_memory_equal(out, "f", 1);
	assert_int_equal(auth_base64url("Zm9vYmFy", 8, out, sizeof(out)), 6);
	assert_memory_equal(out, "foobar", 6);
	assert_int_equal(auth_base64url("-_-_", 4, out, sizeof(out)), 3);
	assert_memory_equal(out, "\xfb\xff\xbf", 3);
	assert_int_equal(auth_base64url("Z", 1, out, sizeof(out)), -1);
	assert_int_equal(auth_base64url("Zg==", 4, out, sizeof(out)), -1);
	assert_int_equal(auth_base64url("+/+/", 4, out, sizeof(out)), -1);
	assert_int_equal(auth_base64url("Zm9vYmFy", 8, out, 5), -1);
	assert_int_equal(auth_base64url("Zm\0v", 4, out, sizeof(out)), -1);
}

static bool expiry(const char *token, int64_t *at)
{
	char text[500];
	int n = snprintf(text, sizeof(text), "{\"tokens\":{\"access_token\":%s}}", token);

	return auth_expiry(text, (size_t)n, at);
}

static void the_end_of_a_token(void **state)
{
	int64_t at;

	(void)state;
	/* The claims are {"exp":100}. */
	assert_true(expiry("\"h.eyJleHAiOjEwMH0.s\"", &at) && at == 100);
	assert_true(expiry("\".eyJleHAiOjEwMH0.\"", &at) && at == 100);
	assert_false(expiry("\"h.eyJleHAiOjEwMH0\"", &at));
	assert_false(expiry("\"eyJleHAiOjEwMH0\"", &at));
	assert_false(expiry("\"\"", &at));
	assert_false(expiry("\"..\"", &at));
	assert_false(expiry("null", &at));
	assert_false(expiry("\"h.e30.s\"", &at)); /* {} */
	assert_false(expiry("\"h.!!!!.s\"", &at));
}

static void a_key_that_codex_uses(void **state)
{
	char text[BOUND_KEY_BYTES + 200], key[BOUND_KEY_BYTES + 1];
	static const struct {
		const char *text;
		bool used;
	} cases[] = {
		{"{\"OPENAI_API_KEY\":\"12345678\"}", true},
		{"{\"OPENAI_API_KEY\":\"1234567\"}", false},
		{"{\"OPENAI_API_KEY\":\"1234567\\n\"}", false},
		{"{\"OPENAI_API_KEY\":\"12345678 \"}", false},
		{"{\"OPENAI_API_KEY\":12345678}", false},
		{"{\"OPENAI_API_KEY\":\"12345678\"", false},
		{"{\"OPENAI_API_KEY\":\"12345678\",\"auth_mode\":\"apikey\"}", true},
		{"{\"OPENAI_API_KEY\":\"12345678\",\"auth_mode\":\"apikeys\"}", false},
		{"{\"OPENAI_API_KEY\":\"12345678\",\"auth_mode\":\"\"}", false},
		{"{\"OPENAI_API_KEY\":\"12345678\",\"tokens\":{\"access_token\":\"a\"}}",
			false},
		{"{\"OPENAI_API_KEY\":\"12345678\",\"OPENAI_API_KEY\":null}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(
			auth_key(cases[i].text, strlen(cases[i].text), key) == cases[i].used);
		assert_string_equal(key, cases[i].used ? "12345678" : "");
	}
	for (int size = BOUND_KEY_BYTES; size <= BOUND_KEY_BYTES + 1; size++) {
		int n = snprintf(text, sizeof(text), "{\"OPENAI_API_KEY\":\"%0*d\"}", size, 0);

		assert_true(auth_key(text, (size_t)n, key) == (size == BOUND_KEY_BYTES));
	}
}

static void a_chatgpt_login_without_its_refresh_token(void **state)
{
#define LOGIN(mode, access, account, id)                                                       \
	"{" mode "\"tokens\":{\"access_token\":\"" access "\",\"account_id\":\"" account       \
	"\",\"refresh_token\":\"r\",\"id_token\":\"" id "\"}}"
	static const char good[] =
		LOGIN("\"auth_mode\":\"chatgpt\",", "a.b.c", "1-2", "h.claims.s");
	static const char *const bad[] = {"{}", "{\"tokens\":1}",
		LOGIN("\"auth_mode\":\"apikey\",", "a.b.c", "1-2", "h.claims.s"),
		LOGIN("", "a b", "1-2", "h.claims.s"), LOGIN("", "", "1-2", "h.claims.s"),
		LOGIN("", "a", "1 2", "h.claims.s"), LOGIN("", "a", "", "h.claims.s"),
		LOGIN("", "a", "1", "claims"), LOGIN("", "a", "1", "h.claims"),
		LOGIN("", "a", "1", "h..s"), LOGIN("", "a", "1", "h.c\\\"l.s")};
	static struct auth_chatgpt out;

	(void)state;
	assert_true(auth_chatgpt(good, strlen(good), &out));
	assert_string_equal(out.token, "a.b.c");
	assert_string_equal(out.account, "1-2");
	assert_string_equal(out.claims, "claims");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(auth_chatgpt(bad[i], strlen(bad[i]), &out));
		assert_string_equal(out.token, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects),
		cmocka_unit_test(not_objects),
		cmocka_unit_test(every_beginning_of_an_object_is_none),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(values_by_their_path),
		cmocka_unit_test(the_last_of_two_members_counts),
		cmocka_unit_test(integers),
		cmocka_unit_test(base64url),
		cmocka_unit_test(the_end_of_a_token),
		cmocka_unit_test(a_key_that_codex_uses),
		cmocka_unit_test(a_chatgpt_login_without_its_refresh_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
