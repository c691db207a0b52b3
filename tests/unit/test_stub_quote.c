/* Quoting of paths: each must be read back unchanged, by the rules of its reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/bounds.h"
#include "../../stub/quote.h"

static struct arena arena;

static int clean(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void csv_quotes_only_where_needed(void **state)
{
	(void)state;
	assert_string_equal(quote_csv(&arena, "source=/a b:c"), "source=/a b:c");
	assert_string_equal(quote_csv(&arena, "source=/a,b"), "\"source=/a,b\"");
	assert_string_equal(quote_csv(&arena, "source=/a\"b"), "\"source=/a\"\"b\"");
	assert_string_equal(quote_csv(&arena, "\",\""), "\"\"\",\"\"\"");
	assert_string_equal(quote_csv(&arena, ""), "");
}

static void shell_leaves_harmless_words_alone(void **state)
{
	(void)state;
	assert_string_equal(quote_shell(&arena, "--cap-add=KILL"), "--cap-add=KILL");
	assert_string_equal(quote_shell(&arena, "/a/b_c.d@e%f+g:h,i"), "/a/b_c.d@e%f+g:h,i");
}

static void shell_quotes_what_a_shell_would_touch(void **state)
{
	(void)state;
	assert_string_equal(quote_shell(&arena, ""), "''");
	assert_string_equal(quote_shell(&arena, "a b"), "'a b'");
	assert_string_equal(quote_shell(&arena, "it's"), "'it'\\''s'");
	assert_string_equal(quote_shell(&arena, "$(x)`y`"), "'$(x)`y`'");
	for (const char *c = " \t\n!\"#$&'()*;<>?[\\]^`{|}~"; *c; c++) {
		char word[] = {*c, '\0'};

		assert_int_equal(quote_shell(&arena, word)[0], '\'');
	}
}

/* What a POSIX shell makes of an argument that we have quoted. */
static void unquote(const char *s, char *out)
{
	bool local_dns = false;

	for (; *s; s++) {
		if (*s == '\'')
			local_dns = !local_dns;
		else if (*s == '\\' && !local_dns)
			*out++ = *++s;
		else
			*out++ = *s;
	}
	*out = '\0';
}

static void shell_reads_every_word_back(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		static const char letters[] = "ab'\"\\ $`\n\t*!#~;&|<>(){}[]?=%\x80\xff";
		char word[17], back[64];
		size_t n = (size_t)rand_r(&seed) % 17;

		for (size_t i = 0; i < n; i++)
			word[i] = letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
		word[n] = '\0';
		unquote(quote_shell(&arena, word), back);
		assert_string_equal(back, word);
		arena_free(&arena);
	}
}

static void toml_escapes(void **state)
{
	(void)state;
	assert_string_equal(quote_toml(&arena, "/app/a b"), "\"/app/a b\"");
	assert_string_equal(quote_toml(&arena, "a\"b\\c"), "\"a\\\"b\\\\c\"");
	assert_string_equal(quote_toml(&arena, "a\tb\x7f"), "\"a\\u0009b\\u007f\"");
}

static void percent_is_what_codex_init_reads(void **state)
{
	(void)state;
	assert_string_equal(quote_percent(&arena, ""), "");
	assert_string_equal(quote_percent(&arena, "/a,\"b:\xc3\xa4"), "/a,\"b:\xc3\xa4");
	assert_string_equal(quote_percent(&arena, "/a b%\n\t\x7f"), "/a%20b%25%0A%09%7F");
}

static void another_home_gives_another_name(void **state)
{
	const char *plain, *one;

	(void)state;
	plain = quote_container_name(&arena, "/w", NULL);
	one = quote_container_name(&arena, "/w", "/h");
	assert_string_not_equal(plain, one);
	assert_string_equal(one, quote_container_name(&arena, "/w", "/h"));
	assert_string_not_equal(one, quote_container_name(&arena, "/w", "/g"));
	assert_string_not_equal(one, quote_container_name(&arena, "/w/h", NULL));
}

static void container_names_are_what_an_engine_takes(void **state)
{
	static const char *const paths[] = {"/home/u/my project", "/a",
		"/\xc3\xa4/\xf0\x9f\x98\x80",
		"/very/long/path/that/goes/on/and/on/and/never/seems/to/end/until/it/does/end"};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *name = quote_container_name(&arena, paths[i], NULL);
		size_t n = strlen(name);

		assert_int_equal(strncmp(name, "codex_", 6), 0);
		assert_true(n <= 6 + BOUND_NAME_TEXT + 9);
		assert_int_equal(
			strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_.-"),
			n);
		assert_int_equal(name[n - 9], '_');
		assert_int_equal(strspn(name + n - 8, "0123456789abcdef"), 8);
	}
	/* The published test vector of FNV-1a for "a" is e40c292c; a path is hashed whole. */
	assert_string_equal(quote_container_name(&arena, "a", NULL), "codex_a_e40c292c");
}

static void paths_that_read_alike_have_two_names(void **state)
{
	(void)state;
	assert_string_not_equal(quote_container_name(&arena, "/a b", NULL),
		quote_container_name(&arena, "/a_b", NULL));
	assert_string_not_equal(quote_container_name(&arena, "/a/b", NULL),
		quote_container_name(&arena, "/a_b", NULL));
}

static void some_paths_cannot_be_passed_to_an_engine(void **state)
{
	static const char *const good[] = {"/a", "/a b", "/a,b", "/a\"b", "/a:b", "/a\tb",
		"/\xc3\xa4", "/\xe2\x82\xac", "/\xf0\x9f\x98\x80", "/\xed\x9f\xbf", "/ a"};
	static const char *const bad[] = {"/a\nb", "/a\rb", "/a ", "/a\t", "/\xff", "/\xc3",
		"/\xc0\xaf", "/\xed\xa0\x80", "/\xf4\x90\x80\x80", "/\xe0\x80\x80", "/\x80"};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(quote_mountable(good[i], &why));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_false(quote_mountable(bad[i], &why));
		assert_non_null(why);
	}
}

static void what_is_shown_moves_no_cursor(void **state)
{
	(void)state;
	assert_string_equal(quote_shown(&arena, "/a b/\xc3\xa4"), "/a b/\xc3\xa4");
	assert_string_equal(quote_shown(&arena, "/\033[2J\a\n\x7f"), "/?[2J???");
	assert_string_equal(quote_shown(&arena, "/\xc2\x9b"
						"2J\x9b\xc3"),
		"/?2J??");
	assert_string_equal(quote_shown(&arena, "a\xe2\x80\xae"
						"b"),
		"a?b");
	assert_string_equal(quote_shown(&arena, ""), "");
}

static void names_of_variables(void **state)
{
	(void)state;
	assert_true(quote_is_variable("A_1", 3));
	assert_true(quote_is_variable("_=x", 1));
	assert_false(quote_is_variable("", 0));
	assert_false(quote_is_variable("1A", 2));
	assert_false(quote_is_variable("A-B", 3));
	assert_false(quote_is_variable("A*", 2));
}

#define TEST(f) cmocka_unit_test_teardown(f, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(csv_quotes_only_where_needed),
		TEST(shell_leaves_harmless_words_alone),
		TEST(shell_quotes_what_a_shell_would_touch),
		TEST(shell_reads_every_word_back),
		TEST(toml_escapes),
		TEST(percent_is_what_codex_init_reads),
		TEST(another_home_gives_another_name),
		TEST(container_names_are_what_an_engine_takes),
		TEST(paths_that_read_alike_have_two_names),
		TEST(some_paths_cannot_be_passed_to_an_engine),
		TEST(what_is_shown_moves_no_cursor),
		TEST(names_of_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
