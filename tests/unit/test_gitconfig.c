/* A git configuration file, key by key, compared with the host's git. */
#include "home_fixture.h"

#include "../../init/lib/gitconfig.h"

/* Every setting as git lists it with -z: key, line break, value, NUL. Returns the length, or
 * -1 if the text is rejected. */
static long list(const char *text, size_t size, char *out, size_t room)
{
	static struct gitconfig_entry e;
	struct gitconfig c;
	size_t n = 0, last = 0;
	int done;

	gitconfig_begin(&c, text, size);
	while ((done = gitconfig_next(&c, &e)) == 1) {
		assert_true(e.begin >= last && e.end > e.begin && e.end <= size);
		last = e.end;
		n += (size_t)snprintf(
			     out + n, room - n, "%s%s%s", e.key, e.bare ? "" : "\n", e.value) +
		     1;
		assert_true(n < room);
	}
	return done < 0 ? -1 : (long)n;
}

static const struct {
	const char *text, *settings; /* NULL: refused */
} cases[] = {
	{"", ""},
	{"[core]\n\tbare = false\n", "core.bare\nfalse;"},
	{"[Core]Bare=FALSE", "core.bare\nFALSE;"},
	{"[core] a=1\nb\n", "core.a\n1;core.b;"},
	{"[branch \"a.B \\\"c\"]\r\nmerge = x # no\r\n", "branch.a.B \"c.merge\nx;"},
	{"[a.B]\nc = d ; e\n", "a.b.c\nd;"},
	{"[a]\nb = \" c \" d  \n", "a.b\n c  d;"},
	{"[a]\nb = c\\\n d\n", "a.b\nc d;"},
	{"[a]\nb = \\t\\n\\\\\\\"\n", "a.b\n\t\n\\\";"},
	{"# [a]\n;b = c\n[d]e=f#g", "d.e\nf;"},
	{"\xef\xbb\xbf[a]b=c", "a.b\nc;"},
	{"[a]\nb = \"c\n", NULL},
	{"[a]\nb = \\x\n", NULL},
	{"[a\nb = c\n", NULL},
	{"[a b]\n", NULL},
	{"[a]\n1 = 2\n", NULL},
	{"[a]\nb c\n", NULL},
	{"b = c\n", NULL},
};

static void settings_are_read(void **state)
{
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		long n = list(cases[i].text, strlen(cases[i].text), out, sizeof(out));

		if (!cases[i].settings) {
			assert_int_equal(n, -1);
			continue;
		}
		assert_int_equal(n, strlen(cases[i].settings));
		for (long j = 0; j < n; j++)
			out[j] = out[j] ? out[j] : ';';
		assert_memory_equal(out, cases[i].settings, n);
	}
}

static void keys_and_values_are_bounded(void **state)
{
	static char text[2 * LIMIT_GITCONFIG_VALUE], out[4 * LIMIT_GITCONFIG_VALUE];

	(void)state;
	snprintf(text, sizeof(text), "[a]b=%0*d", LIMIT_GITCONFIG_VALUE - 1, 1);
	assert_true(list(text, strlen(text), out, sizeof(out)) > 0);
	snprintf(text, sizeof(text), "[a]b=%0*d", LIMIT_GITCONFIG_VALUE, 1);
	assert_int_equal(list(text, strlen(text), out, sizeof(out)), -1);
	snprintf(text, sizeof(text), "[a \"%0*d\"]b=1", LIMIT_GITCONFIG_KEY, 1);
	assert_int_equal(list(text, strlen(text), out, sizeof(out)), -1);
	assert_int_equal(list("[a]\nb = c\0d\n", 12, out, sizeof(out)), -1);
}

/* What git prints about a file; -1: it rejects it. */
static long ask_git(const char *path, char *out, size_t room)
{
	char command[256];
	FILE *git;
	size_t n;

	snprintf(command, sizeof(command), "git config --file %s --list -z 2>/dev/null", path);
	git = popen(command, "r");
	assert_non_null(git);
	n = fread(out, 1, room, git);
	return pclose(git) == 0 ? (long)n : -1;
}

/* Before 2.45 git replaced other white space within a value by blanks. */
static void blanks_only(char *text, long n)
{
	for (long i = 0; i < n; i++)
		if (text[i] == '\t' || text[i] == '\r')
			text[i] = ' ';
}

/* Texts composed of elements of the grammar. What git accepts we parse the same, or reject:
 * never with another result, and never what git rejects. */
static void git_reads_the_same(void **state)
{
	static const char *const parts[] = {"[", "]", "\"", "\\", "a", "B", ".", "-", "1", "=",
		" ", "\t", "\n", "\r\n", "\r", "#", ";", "[core]\n", "[b \"x\"]", "fsmonitor",
		"k = v\n", "\n\t", "\\\n", "\\n", "\v", "\xef\xbb\xbf"};
	static char ours[8192], theirs[8192];
	static const char *const begun[] = {"", "[core]\n\tk = ", "[b \"", "[core] k = \""};
	char path[] = "/tmp/test-gitconfig-XXXXXX", text[512];
	unsigned seed = 7, taken = 0;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (int round = 0; round < 600; round++) {
		size_t n = 0, count = 1 + (size_t)(rand_r(&seed) % 9);
		long mine, gits;

		n += (size_t)sprintf(text, "%s", begun[round % 4]);
		for (size_t i = 0; i < count; i++)
			n += (size_t)sprintf(text + n, "%s",
				parts[(size_t)rand_r(&seed) %
					(sizeof(parts) / sizeof(*parts))]);
		assert_true(ftruncate(fd, 0) == 0 && pwrite(fd, text, n, 0) == (ssize_t)n);
		mine = list(text, n, ours, sizeof(ours));
		gits = ask_git(path, theirs, sizeof(theirs));
		if (mine < 0)
			continue;
		taken++;
		blanks_only(ours, mine);
		blanks_only(theirs, gits);
		if (gits != mine || memcmp(ours, theirs, (size_t)mine) != 0)
			fail_msg("git reads \"%s\" in another way", text);
	}
	assert_true(taken > 50);
	close(fd);
	unlink(path);
}

static void values_are_quoted(void **state)
{
	static const char *const values[] = {"a", "", " a ", "a \"b\" \\c", "#;", "\xc3\xa4"};
	static char text[256], out[256], wanted[256];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		n = (size_t)sprintf(text, "[a]\nb = ");
		n += gitconfig_quote(values[i], text + n, sizeof(text) - n);
		sprintf(wanted, "a.b\n%s", values[i]);
		assert_int_equal(list(text, n, out, sizeof(out)), strlen(wanted) + 1);
		assert_string_equal(out, wanted);
	}
	assert_int_equal(gitconfig_quote("a\nb", text, sizeof(text)), 0);
	assert_int_equal(gitconfig_quote("abc", text, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(keys_and_values_are_bounded),
		cmocka_unit_test(git_reads_the_same),
		cmocka_unit_test(values_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
