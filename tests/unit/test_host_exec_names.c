/* Names of files that the host obeys: what counts, and how paths are printed. */
#include "host_exec_fixture.h"

static void names_that_count(void **state)
{
	(void)state;
	assert_int_equal(host_exec_name_in_project(".git"), HOST_EXEC_GIT);
	assert_int_equal(host_exec_name_in_project(".GIT"), HOST_EXEC_GIT);
	assert_int_equal(host_exec_name_in_project(".vscode"), HOST_EXEC_TREE);
	assert_int_equal(host_exec_name_in_project(".codex"), HOST_EXEC_TREE);
	assert_int_equal(host_exec_name_in_project(".envrc"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_project("mise.toml"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_project(".dir-locals-2.el"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_project(".helix"), HOST_EXEC_TREE);
	assert_int_equal(host_exec_name_in_project(".gemini"), HOST_EXEC_TREE);
	assert_int_equal(host_exec_name_in_git("config"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_git("hooks"), HOST_EXEC_TREE);
	assert_int_equal(host_exec_name_in_git("modules"), HOST_EXEC_DESCEND);
	assert_int_equal(host_exec_name_in("info", "ATTRIBUTES"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in(".Cargo", "Config.toml"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_project("x.code-workspace"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_project(".code-workspace"), HOST_EXEC_FILE);
	assert_int_equal(host_exec_name_in_project("MISE.local.TOML"), HOST_EXEC_FILE);
}

static void names_that_do_not(void **state)
{
	static const char *const names[] = {"", "Makefile", "package.json", "git", ".gitignore",
		".vscode2", "vscode", ".env.example", ".envrc.example", "config", "hooks",
		"AGENTS.md", "x.code-workspaces", "code-workspace", "misetoml", "mise-toml",
		"amise.toml", "rebase-merge", "sequencer", "remotes", "hgrc", "cargo",
		".editorconfig", "node_modules", ".venv", "jupyter", "jupyter_config.pyc"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(host_exec_name_in_project(names[i]), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in_git("objects"), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in_git("index"), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in_git(".envrc"), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in_git("config~"), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in("info", "exclude"), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in(".hg", "config.toml"), HOST_EXEC_NO);
	assert_int_equal(host_exec_name_in("cargo", "config.toml"), HOST_EXEC_NO);
}

static void paths_are_quoted(void **state)
{
	char out[64], little[8];

	(void)state;
	host_exec_quote("a b/.envrc", out, sizeof(out));
	assert_string_equal(out, "a b/.envrc");
	host_exec_quote("\x1b[2J\n\x7f\\\xc3\xa4", out, sizeof(out));
	assert_string_equal(out, "\\033[2J\\012\\177\\134\\303\\244");
	host_exec_quote("0123456789", little, sizeof(little));
	assert_true(strlen(little) < sizeof(little));
	host_exec_quote("\x1b\x1b\x1b", little, sizeof(little));
	assert_string_equal(little, "\\033");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_count),
		cmocka_unit_test(names_that_do_not),
		cmocka_unit_test(paths_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
