/* Files that programs on the host take instructions from: which they are, what is reported,
 * and what is ignored. */
#include "home_fixture.h"

#include <sys/wait.h>
#include <utime.h>

#include "../../init/home/host_exec.h"
#include "../../init/home/host_exec_walk.h"
#include "../../init/lib/limits.h"

static struct failure why;
static char told[64 * 1024];

/* ---- Names --------------------------------------------------------------------------- */

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

/* ---- Every name on the list, in a place where a tool looks for it -------------------- */

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

/* ---- Two looks ----------------------------------------------------------------------- */

typedef void session(const struct tree *t);

/* If files change within one tick of the kernel's clock, times alone don't show it. */
static void tick(void)
{
	usleep(20 * 1000);
}

struct looks {
	const struct tree *t;
	session *session;
};

/* The project; it must outlive what was seen there. */
static const char *project(const struct tree *t)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", at(t, "home"));
	return path;
}

static int two_looks(void *context, void *result, struct failure *f)
{
	const struct looks *l = context;
	struct host_exec *o;
	FILE *to = fmemopen(result, sizeof(told), "w");
	int done;

	assert_non_null(to);
	if (host_exec_begin(&o, project(l->t), NULL, NULL, USER, GROUP, f) < 0)
		return -1;
	tick();
	l->session(l->t);
	done = host_exec_report(o, to, f);
	fclose(to);
	host_exec_free(o);
	return done;
}

/* The report on what session() did in t's "home", which is the project. */
static const char *report(const struct tree *t, session *what)
{
	struct looks l = {t, what};
	int status;
	pid_t pid;
	FILE *f = tmpfile();

	/* The session runs as root; only the scans are restricted. */
	assert_non_null(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		memset(told, 0, sizeof(told));
		if (two_looks(&l, told, &why) < 0) {
			fprintf(stderr, "%s: %s: %s\n", why.operation, why.subject, why.reason);
			_exit(1);
		}
		_exit(fwrite(told, sizeof(told), 1, f) == 1 && fflush(f) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rewind(f);
	assert_int_equal(fread(told, sizeof(told), 1, f), 1);
	fclose(f);
	return told;
}

static void repository(const struct tree *t, const char *where)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", at(t, "home/%s", where));
	make_dir(path, 0755, USER);
	snprintf(path, sizeof(path), "home/%s", where);
	put(at(t, "%s/HEAD", path), "ref: refs/heads/main\n", 0644, USER);
	put(at(t, "%s/config", path), "[core]\n", 0644, USER);
	make_dir(at(t, "%s/objects", path), 0755, USER);
	make_dir(at(t, "%s/refs", path), 0755, USER);
	make_dir(at(t, "%s/hooks", path), 0755, USER);
	put(at(t, "%s/hooks/pre-commit", path), "#!/bin/sh\n", 0755, USER);
	put(at(t, "%s/hooks/pre-push.sample", path), "#!/bin/sh\n", 0755, USER);
}

static int project_make(void **state)
{
	const struct tree *t;

	tree_make(state);
	t = *state;
	repository(t, ".git");
	make_dir(at(t, "home/.vscode"), 0755, USER);
	put(at(t, "home/.vscode/settings.json"), "{}", 0644, USER);
	put(at(t, "home/.envrc"), "export A=1\n", 0644, USER);
	make_dir(at(t, "home/src"), 0755, USER);
	put(at(t, "home/src/main.c"), "int x;\n", 0644, USER);
	make_dir(at(t, "home/.codex"), 0755, USER);
	make_dir(at(t, "home/.codex/.environment"), 0700, USER);
	return 0;
}

static void works_on_sources(const struct tree *t)
{
	put(at(t, "home/src/main.c"), "int y;\n", 0644, USER);
	put(at(t, "home/src/new.c"), "int z;\n", 0644, USER);
	put(at(t, "home/Makefile"), "all:\n", 0644, USER);
	put(at(t, "home/.git/index"), "index", 0644, USER);
	put(at(t, "home/.git/HEAD"), "ref: refs/heads/other\n", 0644, USER);
	put(at(t, "home/.git/refs/config"), "0000", 0644, USER);
	make_dir(at(t, "home/.git/info"), 0755, USER);
	put(at(t, "home/.git/info/refs"), "", 0644, USER);
	put(at(t, "home/.git/hooks/new.sample"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/.codex/.environment/config.toml"), "", 0600, USER);
	assert_int_equal(unlink(at(t, "home/src/main.c")), 0);
	assert_int_equal(symlink("/etc", at(t, "home/src/link")), 0);
}

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

static void wild_names(const struct tree *t)
{
	put(at(t, "home/.vscode/a\x1b[2Jb\n"), "", 0644, USER);
	assert_int_equal(mkfifo(at(t, "home/src/.envrc"), 0666), 0);
}

static void special_files_and_names_are_ignored(void **state)
{
	const char *text = report(*state, wild_names);

	assert_in(text, "  new      .vscode/a\\033[2Jb\\012\n");
	assert_in(text, "  new      src/.envrc\n");
	assert_null(strchr(text, '\x1b'));
}

static void a_flood(const struct tree *t)
{
	for (int i = 0; i < LIMIT_HOST_EXEC_FILES + 10; i++)
		put(at(t, "home/.vscode/%d", i), "", 0644, USER);
	put(at(t, "home/.envrc"), "evil\n", 0644, USER);
}

static void a_flood_is_bounded_and_reported(void **state)
{
	const char *text = report(*state, a_flood);
	unsigned lines = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, LIMIT_HOST_EXEC_REPORTED + 4);
	/* The top is scanned first, however much there is further down. */
	assert_in(text, "  changed  .envrc\n");
	assert_in(text, " more\n");
	assert_in(text, "could not be searched completely");
}

static void nothing(const struct tree *t)
{
	(void)t;
}

static void what_cannot_be_read_is_reported(void **state)
{
	const struct tree *t = *state;

	/* Somebody else's, which the payload can't change either: a database's files. */
	make_dir(at(t, "home/database"), 0700, 0);
	assert_string_equal(report(t, nothing), "");
	/* One that it may write to, and one of its own that it has made unreadable. */
	assert_int_equal(chmod(at(t, "home/database"), 0733), 0);
	assert_in(report(t, nothing), "could not be searched completely");
	assert_int_equal(chmod(at(t, "home/database"), 0700), 0);
	assert_int_equal(chmod(at(t, "home/src"), 0), 0);
	assert_in(report(t, nothing), "could not be searched completely");
}

static void names_alone_are_not_enough(void **state)
{
	const struct tree *t = *state;

	/* A directory that can be listed but not searched. */
	make_dir(at(t, "home/database"), 0744, 0);
	put(at(t, "home/database/.envrc"), "", 0644, 0);
	assert_string_equal(report(t, nothing), "");
	put(at(t, "home/src/.envrc"), "evil\n", 0644, USER);
	assert_int_equal(chmod(at(t, "home/src"), 0444), 0);
	assert_in(report(t, nothing), "could not be searched completely");
}

static void removes_project(const struct tree *t)
{
	assert_int_equal(rename(at(t, "home"), at(t, "gone")), 0);
}

static void back_again(const struct tree *t)
{
	assert_int_equal(rename(at(t, "gone"), at(t, "home")), 0);
}

static int looks_at_nothing(void *context, void *result, struct failure *f)
{
	struct looks *l = context;
	struct host_exec *o;
	int done;

	(void)result;
	assert_int_equal(host_exec_begin(&o, project(l->t), NULL, NULL, USER, GROUP, f), 0);
	removes_project(l->t);
	done = host_exec_report(o, stderr, f);
	back_again(l->t);
	host_exec_free(o);
	return done;
}

static void a_project_that_vanishes_is_a_failure_and_no_crash(void **state)
{
	struct looks l = {*state, NULL};
	struct host_exec *o = NULL;

	assert_int_equal(looks_at_nothing(&l, NULL, &why), -1);
	assert_int_equal(
		host_exec_begin(&o, at(*state, "no"), NULL, NULL, USER, GROUP, &why), -1);
	assert_null(o);
	host_exec_free(o);
}

/* ---- Limits of the walk -------------------------------------------------------------- */

static bool count(
	void *context, const char *path, const struct stat *st, const struct stat *end)
{
	(void)path, (void)st, (void)end;
	++*(unsigned *)context;
	return true;
}

static void a_path_that_is_too_long_is_a_gap(void **state)
{
	const struct tree *t = *state;
	unsigned n = 0;
	char name[200];
	int root = open(at(t, "home"), O_RDONLY | O_DIRECTORY), fd = dup(root), next;
	const struct host_exec_place place = {.root = root,
		.host = "/p",
		.prefix = "",
		.skip = "",
		.below = "",
		.elsewhere = -1};

	assert_true(host_exec_walk(&place, count, &n));
	assert_int_equal(n, 4); /* config, pre-commit, settings.json, .envrc */
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	n = 0;
	assert_false(host_exec_walk(&place, count, &n));
	assert_int_equal(n, 4);
	close(fd);
	close(root);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, project_make, tree_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_count),
		cmocka_unit_test(names_that_do_not),
		cmocka_unit_test(paths_are_quoted),
		TEST(work_on_sources_says_nothing),
		TEST(what_is_planted_is_reported),
		TEST(every_name_is_reported),
		TEST(what_lies_beside_is_not_reported),
		TEST(worktrees_and_links_to_a_tools_directory_count),
		TEST(times_that_were_set_back_hide_nothing),
		TEST(every_repository_counts),
		TEST(what_is_a_repository_on_the_host_alone_counts),
		TEST(a_links_target_counts_only_inside),
		TEST(hooks_in_the_project_count),
		TEST(ever_more_places_for_hooks_are_reported),
		TEST(hooks_by_dots_and_of_bare_repositories_count),
		TEST(what_is_found_twice_is_reported_once),
		TEST(hooks_by_an_absolute_path_count),
		TEST(special_files_and_names_are_ignored),
		TEST(a_flood_is_bounded_and_reported),
		TEST(what_cannot_be_read_is_reported),
		TEST(names_alone_are_not_enough),
		TEST(a_project_that_vanishes_is_a_failure_and_no_crash),
		TEST(a_path_that_is_too_long_is_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
