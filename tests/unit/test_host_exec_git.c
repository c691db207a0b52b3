/* Files that the host obeys in repositories, hooks and what links lead to. */
#include "host_exec_fixture.h"

static void other_repositories(const struct tree *t)
{
	make_dir(at(t, "home/src/sub"), 0755, USER);
	repository(t, "src/sub/.git");
	repository(t, "src/real");
	/* git takes this for a repository too: it has the files of one */
	repository(t, "src/fixtures");
	put(at(t, "home/src/fixtures/.envrc"), "", 0644, USER);
	make_dir(at(t, "home/.git/modules"), 0755, USER);
	repository(t, ".git/modules/lib");
	make_dir(at(t, "home/lib"), 0755, USER);
	put(at(t, "home/lib/.git"), "gitdir: ../.git/modules/lib\n", 0644, USER);
	make_dir(at(t, "home/tree"), 0755, USER);
	assert_int_equal(symlink("../src/real", at(t, "home/tree/.git")), 0);
	put(at(t, "home/.git/commondir"), "../src", 0644, USER);
}

static void every_repository_counts(void **state)
{
	const char *text = report(*state, other_repositories);

	assert_in(text, "  new      src/sub/.git/config\n");
	assert_in(text, "  new      src/sub/.git/hooks/pre-commit\n");
	assert_in(text, "  new      src/fixtures/config\n");
	assert_in(text, "  new      src/fixtures/.envrc\n");
	assert_in(text, "  new      .git/modules/lib/config\n");
	assert_in(text, "  new      lib/.git\n");
	assert_in(text, "  new      tree/.git\n");
	assert_in(text, "  new      tree/.git/hooks/pre-commit\n");
	assert_in(text, "  new      .git/commondir\n");
	assert_null(strstr(text, ".sample"));
}

static void fakes_a_repository(const struct tree *t)
{
	make_dir(at(t, "home/src/fake"), 0755, USER);
	put(at(t, "home/src/fake/HEAD"), "ref: refs/heads/main\n", 0644, USER);
	put(at(t, "home/src/fake/config"), "[core]\n\tfsmonitor = /evil\n", 0644, USER);
	assert_int_equal(symlink("/host/only", at(t, "home/src/fake/objects")), 0);
	assert_int_equal(symlink("/host/only", at(t, "home/src/fake/refs")), 0);
}

/* On the host such links may lead to a directory, which is all that git requires. */
static void what_is_a_repository_on_the_host_alone_counts(void **state)
{
	const char *text = report(*state, fakes_a_repository);

	assert_in(text, "  new      src/fake/config\n");
}

static void changes_behind_links(const struct tree *t)
{
	put(at(t, "home/src/setup/tasks.json"), "{ }", 0644, USER);
	put(at(t, "home/src/envrc"), "export C=3\n", 0644, USER);
	put(at(t, "in/outside"), "changed", 0644, 0);
}

static void a_links_target_counts_only_inside(void **state)
{
	const struct tree *t = *state;
	const char *text;

	make_dir(at(t, "home/src/setup"), 0755, USER);
	put(at(t, "home/src/setup/tasks.json"), "{}", 0644, USER);
	put(at(t, "home/src/envrc"), "", 0644, USER);
	put(at(t, "in/outside"), "", 0644, 0);
	make_dir(at(t, "home/a"), 0755, USER);
	assert_int_equal(symlink("../src/setup", at(t, "home/a/.vscode")), 0);
	assert_int_equal(symlink("../src/envrc", at(t, "home/a/.envrc")), 0);
	make_dir(at(t, "home/b"), 0755, USER);
	assert_int_equal(symlink(at(t, "in/outside"), at(t, "home/b/.envrc")), 0);
	assert_int_equal(symlink(".", at(t, "home/.vscode/circle")), 0);
	text = report(t, changes_behind_links);
	assert_in(text, "codex-init: 2 files");
	assert_in(text, "  changed  a/.vscode/tasks.json\n");
	assert_in(text, "  changed  a/.envrc\n");
}

static void edits_a_hook(const struct tree *t)
{
	put(at(t, "home/src/hooks/pre-commit"), "#!/bin/sh\nevil\n", 0755, USER);
	put(at(t, "home/hooks/pre-commit"), "#!/bin/sh\nnot it\n", 0755, USER);
}

static void hooks_in_the_project_count(void **state)
{
	const struct tree *t = *state;
	const char *text;

	make_dir(at(t, "home/src/hooks"), 0755, USER);
	make_dir(at(t, "home/hooks"), 0755, USER);
	put(at(t, "home/src/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	assert_string_equal(report(t, edits_a_hook), "");
	put(at(t, "home/.git/config"), "[core]\n\tbare = false\n\thooksPath = src/hooks\n",
		0644, USER);
	text = report(t, edits_a_hook);
	assert_in(text, "codex-init: 1 file ");
	assert_in(text, "  changed  src/hooks/pre-commit\n");
	put(at(t, "home/.git/config"), "\tHooksPath=src/hooks \t# ours\n", 0644, USER);
	text = report(t, edits_a_hook);
	assert_in(text, "  changed  src/hooks/pre-commit\n");
	put(at(t, "home/.git/config"),
		"hookspath=\"../out\"\nhookspath = /etc\nhookspath = .\nhookspath = ./\n"
		"hookspath = ..\nhookspath\nhookspath =\n",
		0644, USER);
	assert_string_equal(report(t, edits_a_hook), "");
}

/* Each such setting is a directory to be scanned, and a config has room for a thousand. */
static void ever_more_places_for_hooks_are_reported(void **state)
{
	const struct tree *t = *state;
	char config[4096] = "";
	const char *text;

	make_dir(at(t, "home/src/hooks"), 0755, USER);
	make_dir(at(t, "home/hooks"), 0755, USER);
	put(at(t, "home/src/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	for (int i = 0; i < LIMIT_HOST_EXEC_HOOKS; i++)
		strcat(config, "hooksPath = src/hooks\n");
	put(at(t, "home/.git/config"), config, 0644, USER);
	text = report(t, edits_a_hook);
	assert_in(text, "  changed  src/hooks/pre-commit\n");
	assert_null(strstr(text, "could not be searched completely"));
	strcat(config, "hooksPath = src\n");
	put(at(t, "home/.git/config"), config, 0644, USER);
	assert_in(report(t, edits_a_hook), "could not be searched completely");
}

static void edits_hooks_of_two(const struct tree *t)
{
	put(at(t, "home/hooks/pre-commit"), "#!/bin/sh\nevil\n", 0755, USER);
	put(at(t, "home/src/hooks/pre-commit"), "#!/bin/sh\nevil\n", 0755, USER);
	put(at(t, "home/src/bare.git/own/pre-receive"), "#!/bin/sh\nevil\n", 0755, USER);
}

/* ".." may stay within the project; a bare repository's path is relative to itself. */
static void hooks_by_dots_and_of_bare_repositories_count(void **state)
{
	const struct tree *t = *state;
	const char *text;

	make_dir(at(t, "home/src/sub"), 0755, USER);
	repository(t, "src/sub/.git");
	repository(t, "src/bare.git");
	make_dir(at(t, "home/src/bare.git/own"), 0755, USER);
	make_dir(at(t, "home/hooks"), 0755, USER);
	make_dir(at(t, "home/src/hooks"), 0755, USER);
	put(at(t, "home/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/src/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/src/bare.git/own/pre-receive"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/src/sub/.git/config"), "hooksPath = ../../hooks\n", 0644, USER);
	put(at(t, "home/src/bare.git/config"), "hooksPath = own\n", 0644, USER);
	text = report(t, edits_hooks_of_two);
	assert_in(text, "codex-init: 2 files");
	assert_in(text, "  changed  src/sub/../../hooks/pre-commit\n");
	assert_in(text, "  changed  src/bare.git/own/pre-receive\n");
	put(at(t, "home/src/bare.git/config"), "[core]\n", 0644, USER);
	put(at(t, "home/src/sub/.git/config"),
		"hooksPath = ../hooks/x/..\nhooksPath = ../../../hooks\n", 0644, USER);
	assert_string_equal(report(t, edits_hooks_of_two), "");
	make_dir(at(t, "home/src/hooks/x"), 0755, USER);
	text = report(t, edits_hooks_of_two);
	assert_in(text, "codex-init: 1 file ");
	assert_in(text, "  changed  src/sub/../hooks/x/../pre-commit\n");
	/* The project, the repository's parent and the repository itself aren't such
	 * directories. */
	put(at(t, "home/src/sub/.git/config"),
		"hooksPath = ..\nhooksPath = ../..\nhooksPath = ../sub\nhooksPath = ./.git/.\n"
		"hooksPath = x/../../../src\nhooksPath = ../../..\n",
		0644, USER);
	assert_string_equal(report(t, edits_hooks_of_two), "");
}

static void edits_a_known_hook(const struct tree *t)
{
	put(at(t, "home/.githooks/pre-commit"), "#!/bin/sh\nevil\n", 0755, USER);
	put(at(t, "home/.githooks/new"), "#!/bin/sh\nevil\n", 0755, USER);
}

/* core.hooksPath often names a directory that is on the list anyway. */
static void what_is_found_twice_is_reported_once(void **state)
{
	const struct tree *t = *state;
	const char *text;

	make_dir(at(t, "home/.githooks"), 0755, USER);
	put(at(t, "home/.githooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/.githooks/other"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/.git/config"), "hooksPath = .githooks\n", 0644, USER);
	assert_string_equal(report(t, works_on_sources), "");
	text = report(t, edits_a_known_hook);
	assert_in(text, "codex-init: 2 files");
	assert_in(text, "  changed  .githooks/pre-commit\n");
	assert_in(text, "  new      .githooks/new\n");
}

static void hooks_by_an_absolute_path_count(void **state)
{
	const struct tree *t = *state;
	const char *text, *top = project(t);
	char config[3 * PATH_MAX];

	make_dir(at(t, "home/src/hooks"), 0755, USER);
	make_dir(at(t, "home/hooks"), 0755, USER);
	put(at(t, "home/src/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/hooks/pre-commit"), "#!/bin/sh\n", 0755, USER);
	snprintf(config, sizeof(config), "hooksPath = %s/src/hooks\n", top);
	put(at(t, "home/.git/config"), config, 0644, USER);
	text = report(t, edits_a_hook);
	assert_in(text, "codex-init: 1 file ");
	assert_in(text, "  changed  src/hooks/pre-commit\n");
	/* The project itself, one next to it, and none in it. */
	snprintf(config, sizeof(config),
		"hooksPath = %s\nhooksPath = %s/\nhooksPath = %s/.\nhooksPath = %sx/hooks\n"
		"hooksPath = %s/../hooks\nhooksPath = %s//hooks\nhooksPath = /hooks\n",
		top, top, top, top, top, top);
	put(at(t, "home/.git/config"), config, 0644, USER);
	assert_string_equal(report(t, edits_a_hook), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_repository_counts),
		TEST(what_is_a_repository_on_the_host_alone_counts),
		TEST(a_links_target_counts_only_inside),
		TEST(hooks_in_the_project_count),
		TEST(ever_more_places_for_hooks_are_reported),
		TEST(hooks_by_dots_and_of_bare_repositories_count),
		TEST(what_is_found_twice_is_reported_once),
		TEST(hooks_by_an_absolute_path_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
