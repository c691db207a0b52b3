/* Files that the host obeys, looked at twice: every name on the list is told. */
#include "host_exec_fixture.h"

static const char *const every[] = {
	".git/config",
	".git/config.worktree",
	".git/commondir",
	".git/hooks/pre-push",
	".git/hooks/sub/x",
	".git/info/attributes",
	".git/remotes/old",
	".git/branches/older",
	".git/rebase-merge/git-rebase-todo",
	".git/rebase-merge/author-script",
	".git/rebase-merge/strategy",
	".git/rebase-merge/strategy_opts",
	".git/rebase-apply/author-script",
	".git/rebase-apply/apply-opt",
	".git/sequencer/todo",
	".git/sequencer/opts",
	".gitattributes",
	".gitmodules",
	".lfsconfig",
	".husky/pre-commit",
	".huskyrc.js",
	".githooks/pre-commit",
	".git-hooks/pre-commit",
	".overcommit.yml",
	".pre-commit-config.yaml",
	"lefthook.yml",
	"lefthook-local.toml",
	".lefthook/pre-push/x",
	".lefthook.yaml",
	".simple-git-hooks.cjs",
	"simple-git-hooks.json",
	".lintstagedrc",
	"lint-staged.config.mjs",
	".hg/hgrc",
	".hg/hgrc-not-shared",
	".hg/sharedpath",
	".hgsub",
	".jj/workspace-config.toml",
	".jj/workspace-config-id",
	".jj/repo/config.toml",
	".jj/repo/config-id",
	".jj/repo/store/git_target",
	".jj/repo/store/git/config",
	".pijul/config",
	"_darcs/prefs/defaults",
	".p4config",
	".vscode/tasks.json",
	"a.code-workspace",
	".vs/launch.vs.json",
	".idea/workspace.xml",
	".fleet/run.json",
	".zed/settings.json",
	".helix/languages.toml",
	".nova/Configuration.json",
	"a.sublime-project",
	".project",
	".settings/org.prefs",
	".externalToolBuilders/a.launch",
	".devcontainer/devcontainer.json",
	".devcontainer.json",
	".exrc",
	".vimrc",
	".lvimrc",
	".vim/coc-settings.json",
	".nvimrc",
	".nvim.lua",
	".lazy.lua",
	".neoconf.json",
	".nlsp-settings/lua.json",
	".ycm_extra_conf.py",
	".dir-locals.el",
	".dir-locals-2.el",
	".emacs.desktop",
	".luarc.jsonc",
	"rust-analyzer.toml",
	".rust-analyzer.toml",
	".bsp/sbt.json",
	".codex/config.toml",
	".agents/skills/a/run.sh",
	".claude/settings.json",
	".cursor/mcp.json",
	".gemini/settings.json",
	".mcp.json",
	".windsurf/hooks.json",
	".clinerules/hooks/x",
	".roo/mcp.json",
	".kiro/hooks/x",
	".continue/config.yaml",
	".aider.conf.yml",
	".amazonq/mcp.json",
	".junie/mcp.json",
	".opencode/plugin/x.js",
	"opencode.jsonc",
	".crush.json",
	"crush.json",
	".qwen/settings.json",
	".augment/x",
	".trae/mcp.json",
	".factory/mcp.json",
	".openhands/setup.sh",
	".github/workflows/ci.yml",
	".github/scripts/x.sh",
	".gitlab-ci.yml",
	".gitlab/ci/x.yml",
	".gitea/workflows/x.yml",
	".forgejo/workflows/x.yml",
	".circleci/config.yml",
	".travis.yml",
	"azure-pipelines.yml",
	"azure-pipelines-ci/x.yml",
	".azure-pipelines/x.yml",
	"bitbucket-pipelines.yml",
	".buildkite/pipeline.yml",
	".drone.yml",
	".woodpecker.yml",
	".woodpecker/x.yml",
	"Jenkinsfile",
	".teamcity/settings.kts",
	"appveyor.yml",
	".appveyor.yml",
	".cirrus.star",
	".semaphore/semaphore.yml",
	".builds/x.yml",
	".build.yml",
	".gitpod.Dockerfile",
	".codesandbox/tasks.json",
	".stackblitzrc",
	".replit",
	".idx/dev.nix",
	".envrc",
	".env",
	".autoenv.zsh",
	".mise.toml",
	".mise.local.toml",
	"mise.toml",
	"mise.prod.toml",
	".mise/config.toml",
	".rtx.toml",
	".config/mise.toml",
	".config/mise/config.toml",
	".tool-versions",
	".python-version",
	".rvmrc",
	".rbenv-vars",
	"rust-toolchain",
	"rust-toolchain.toml",
	".gdbinit",
	".lldbinit",
	".pdbrc",
	".pdbrc.py",
	".irbrc",
	".pryrc",
	".byebugrc",
	".psysh.php",
	".Rprofile",
	".Renviron",
	".RData",
	".ghci",
	".ocamlinit",
	".iex.exs",
	".erlang",
	"jupyter_notebook_config.py",
	"jupyter_server_config.json",
	".npmrc",
	".yarnrc",
	".yarnrc.yml",
	".yarn/releases/yarn.cjs",
	".yarn/plugins/x.cjs",
	".yarn/sdks/x.js",
	".pnpmfile.cjs",
	"pnpmfile.js",
	"pnpm-workspace.yaml",
	"bunfig.toml",
	".cargo/config",
	".cargo/config.toml",
	"uv.toml",
	"poetry.toml",
	"pdm.toml",
	".pdm-python",
	".pixi/config.toml",
	".bundle/config",
	".bundle/plugin/x",
	"nuget.config",
	".mvn/extensions.xml",
	"gradle.properties",
	"gradle-wrapper.jar",
	"gradle-wrapper.properties",
	".sbtopts",
	".jvmopts",
	".bazelrc",
	".bazeliskrc",
	".bazelversion",
	".buckconfig",
};

#define EVERY (sizeof(every) / sizeof(every[0]))

static void work_on_sources_says_nothing(void **state)
{
	assert_string_equal(report(*state, works_on_sources), "");
}

static void plants(const struct tree *t)
{
	put(at(t, "home/.git/hooks/post-checkout"), "#!/bin/sh\n", 0755, USER);
	make_dir(at(t, "home/.git/info"), 0755, USER);
	put(at(t, "home/.git/info/attributes"), "* filter=evil\n", 0644, USER);
	put(at(t, "home/.git/config"), "[core]\n\tfsmonitor = /evil\n", 0644, USER);
	put(at(t, "home/.vscode/tasks.json"), "{}", 0644, USER);
	put(at(t, "home/.codex/config.toml"), "", 0644, USER);
	assert_int_equal(unlink(at(t, "home/.envrc")), 0);
	make_dir(at(t, "home/src/.idea"), 0755, USER);
	make_dir(at(t, "home/src/.idea/run"), 0755, USER);
	put(at(t, "home/src/.idea/run/x.xml"), "", 0644, USER);
}

static void what_is_planted_is_reported(void **state)
{
	const char *text = report(*state, plants);

	assert_in(text, "codex-init: 7 files in the project");
	assert_in(text, "  new      .git/hooks/post-checkout\n");
	assert_in(text, "  changed  .git/config\n");
	assert_in(text, "  new      .git/info/attributes\n");
	assert_in(text, "  new      .vscode/tasks.json\n");
	assert_in(text, "  new      .codex/config.toml\n");
	assert_in(text, "  removed  .envrc\n");
	assert_in(text, "  new      src/.idea/run/x.xml\n");
	assert_in(text, "  hint: ");
}

/* As many as one report has room for; the same files each time, with this content. */
static size_t first, last;
static const char *content;

static void write_some(const struct tree *t)
{
	for (size_t i = first; i < last; i++) {
		char path[PATH_MAX];

		/* Below the project, like one of many. */
		snprintf(path, sizeof(path), "%s", at(t, "home/src/%s", every[i]));
		for (char *slash = path + strlen(project(t)) + 1; (slash = strchr(slash, '/'));
			*slash++ = '/') {
			*slash = '\0';
			if (mkdir(path, 0755) == 0)
				assert_int_equal(chown(path, USER, GROUP), 0);
		}
		put(path, content, 0755, USER);
	}
}

static void remove_some(const struct tree *t)
{
	for (size_t i = first; i < last; i++)
		assert_int_equal(unlink(at(t, "home/src/%s", every[i])), 0);
}

static void assert_told(const char *text, const char *how)
{
	char line[PATH_MAX];

	snprintf(line, sizeof(line), "codex-init: %zu files in", last - first);
	assert_in(text, line);
	for (size_t i = first; i < last; i++) {
		snprintf(line, sizeof(line), "  %-8s src/%s\n", how, every[i]);
		assert_in(text, line);
	}
}

static void every_name_is_reported(void **state)
{
	const struct tree *t = *state;

	for (first = 0; first < EVERY; first = last) {
		last = first + LIMIT_HOST_EXEC_REPORTED < EVERY
			       ? first + LIMIT_HOST_EXEC_REPORTED
			       : EVERY;
		content = "planted\n";
		assert_told(report(t, write_some), "new");
		content = "planted, too\n";
		assert_told(report(t, write_some), "changed");
		assert_told(report(t, remove_some), "removed");
	}
}

/* Other files next to them, what editors leave behind, and what tools write all the time. */
static void writes_beside(const struct tree *t)
{
	static const char *const paths[] = {".git/rebase-merge/done",
		".git/rebase-merge/msgnum", ".git/info/exclude", ".git/sequencer/head",
		".git/logs/config", ".hg/dirstate", ".hg/store/hgrc",
		".jj/repo/op_store/config.toml", ".jj/working_copy/repo", "_darcs/inventory",
		".cargo/registry.json", ".yarn/cache/x.zip", ".yarn/install-state.gz",
		".bundle/cache/x", ".pixi/envs/config.toml", ".config/app.toml",
		".vscode/settings.json~", ".git/hooks/pre-push~", ".git/hooks/.pre-push.swp",
		".vscode/.tasks.json.swp", ".envrc~", ".gitignore", "node_modules/.bin/x",
		".venv/bin/python", "repo/config.toml", "store/git_target"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s", at(t, "home/%s", paths[i]));
		for (char *slash = path + strlen(project(t)) + 1; (slash = strchr(slash, '/'));
			*slash++ = '/') {
			*slash = '\0';
			if (mkdir(path, 0755) == 0)
				assert_int_equal(chown(path, USER, GROUP), 0);
		}
		put(path, "x\n", 0644, USER);
	}
}

static void what_lies_beside_is_not_reported(void **state)
{
	assert_string_equal(report(*state, writes_beside), "");
}

static void plants_worktrees(const struct tree *t)
{
	put(at(t, "home/.git/worktrees/w/config.worktree"), "[core]\n", 0644, USER);
	put(at(t, "home/.git/worktrees/w/commondir"), "/elsewhere\n", 0644, USER);
	put(at(t, "home/.jj"), "a file\n", 0644, USER);
	make_dir(at(t, "home/src/real"), 0755, USER);
	put(at(t, "home/src/real/repo"), "/elsewhere\n", 0644, USER);
	assert_int_equal(symlink("real", at(t, "home/src/.jj")), 0);
}

static void worktrees_and_links_to_a_tools_directory_count(void **state)
{
	const struct tree *t = *state;
	const char *text;

	make_dir(at(t, "home/.git/worktrees"), 0755, USER);
	make_dir(at(t, "home/.git/worktrees/w"), 0755, USER);
	put(at(t, "home/.git/worktrees/w/HEAD"), "ref: refs/heads/w\n", 0644, USER);
	put(at(t, "home/.git/worktrees/w/commondir"), "../..\n", 0644, USER);
	text = report(t, plants_worktrees);
	assert_in(text, "codex-init: 5 files");
	assert_in(text, "  new      .git/worktrees/w/config.worktree\n");
	assert_in(text, "  changed  .git/worktrees/w/commondir\n");
	assert_in(text, "  new      .jj\n");
	assert_in(text, "  new      src/.jj\n");
	assert_in(text, "  new      src/.jj/repo\n");
}

static void hides_its_trace(const struct tree *t)
{
	const struct utimbuf old = {1000000000, 1000000000};

	put(at(t, "home/.envrc"), "export B=2\n", 0644, USER);
	assert_int_equal(utime(at(t, "home/.envrc"), &old), 0);
	assert_int_equal(chmod(at(t, "home/.git/hooks/pre-commit"), 0644), 0);
}

static void times_that_were_set_back_hide_nothing(void **state)
{
	const struct utimbuf old = {1000000000, 1000000000};
	const char *text;

	assert_int_equal(utime(at(*state, "home/.envrc"), &old), 0);
	text = report(*state, hides_its_trace);
	assert_in(text, "  changed  .envrc\n");
	assert_in(text, "  changed  .git/hooks/pre-commit\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(work_on_sources_says_nothing),
		TEST(what_is_planted_is_reported),
		TEST(every_name_is_reported),
		TEST(what_lies_beside_is_not_reported),
		TEST(worktrees_and_links_to_a_tools_directory_count),
		TEST(times_that_were_set_back_hide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
