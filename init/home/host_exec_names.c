/* See host_exec_names.h. */
#include "host_exec_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Arrays rather than pointers, since in a position-independent program each pointer needs a
 * relocation as large as the name. '*', at most one, matches any characters. */
struct named_file {
	char name[24];
	unsigned char is; /* enum host_exec_name */
};

/*
 * The rule. A name is on the list if a tool takes from that file, without being asked, which
 * programs to run or with what settings, when a user
 *
 *	opens the project: in an editor, for an agent, or where it is hosted (CI)
 *	enters it: with a shell, an interpreter or a debugger
 *	updates it: with version control, or a tool that fetches its dependencies.
 *
 * It makes no difference whether the tool asks once or needs a click. Not on the list: files
 * that name no program (.gitignore, .editorconfig); what runs because the user asks for it,
 * since that is the work itself (sources, tests, build files, and what linters and test
 * runners read); what such files fetch (node_modules, .venv); and text for agents
 * (AGENTS.md).
 */
static const struct named_file in_project[] = {
	/* version control, and what git's hooks read in turn */
	{".git", HOST_EXEC_GIT},
	{".gitattributes", HOST_EXEC_FILE},
	{".gitmodules", HOST_EXEC_FILE},
	{".lfsconfig", HOST_EXEC_FILE},
	{".husky", HOST_EXEC_TREE},
	{".huskyrc*", HOST_EXEC_FILE},
	{".githooks", HOST_EXEC_TREE},
	{".git-hooks", HOST_EXEC_TREE},
	{".overcommit.yml", HOST_EXEC_FILE},
	{".pre-commit-config.yaml", HOST_EXEC_FILE},
	{"lefthook.*", HOST_EXEC_FILE},
	{"lefthook-local.*", HOST_EXEC_FILE},
	{".lefthook*", HOST_EXEC_TREE},
	{".simple-git-hooks.*", HOST_EXEC_FILE},
	{"simple-git-hooks.*", HOST_EXEC_FILE},
	{".lintstagedrc*", HOST_EXEC_FILE},
	{"lint-staged.config.*", HOST_EXEC_FILE},
	{".hg", HOST_EXEC_SOME},
	{".hgsub", HOST_EXEC_FILE},
	{".jj", HOST_EXEC_SOME},
	{".pijul", HOST_EXEC_SOME},
	{"_darcs", HOST_EXEC_SOME},
	{".p4config", HOST_EXEC_FILE},
	/* editors: tasks, launchers, interpreters, language servers */
	{".vscode", HOST_EXEC_TREE},
	{"*.code-workspace", HOST_EXEC_FILE},
	{".vs", HOST_EXEC_TREE},
	{".idea", HOST_EXEC_TREE},
	{".fleet", HOST_EXEC_TREE},
	{".zed", HOST_EXEC_TREE},
	{".helix", HOST_EXEC_TREE},
	{".nova", HOST_EXEC_TREE},
	{"*.sublime-project", HOST_EXEC_FILE},
	{".project", HOST_EXEC_FILE},
	{".settings", HOST_EXEC_TREE},
	{".externalToolBuilders", HOST_EXEC_TREE},
	{".devcontainer", HOST_EXEC_TREE},
	{".devcontainer.json", HOST_EXEC_FILE},
	{".exrc", HOST_EXEC_FILE},
	{".vimrc", HOST_EXEC_FILE},
	{".lvimrc", HOST_EXEC_FILE},
	{".vim", HOST_EXEC_TREE},
	{".nvimrc", HOST_EXEC_FILE},
	{".nvim.lua", HOST_EXEC_FILE},
	{".lazy.lua", HOST_EXEC_FILE},
	{".neoconf.json", HOST_EXEC_FILE},
	{".nlsp-settings", HOST_EXEC_TREE},
	{".ycm_extra_conf.py", HOST_EXEC_FILE},
	{".dir-locals.el", HOST_EXEC_FILE},
	{".dir-locals-2.el", HOST_EXEC_FILE},
	{".emacs.desktop", HOST_EXEC_FILE},
	{".luarc.json*", HOST_EXEC_FILE},
	{"rust-analyzer.toml", HOST_EXEC_FILE},
	{".rust-analyzer.toml", HOST_EXEC_FILE},
	{".bsp", HOST_EXEC_TREE},
	/* agents on the host, including Codex: hooks and servers to start */
	{".codex", HOST_EXEC_TREE},
	{".agents", HOST_EXEC_TREE},
	{".claude", HOST_EXEC_TREE},
	{".cursor", HOST_EXEC_TREE},
	{".gemini", HOST_EXEC_TREE},
	{".mcp.json", HOST_EXEC_FILE},
	{".windsurf", HOST_EXEC_TREE},
	{".clinerules", HOST_EXEC_TREE},
	{".roo", HOST_EXEC_TREE},
	{".kiro", HOST_EXEC_TREE},
	{".continue", HOST_EXEC_TREE},
	{".aider.conf.yml", HOST_EXEC_FILE},
	{".amazonq", HOST_EXEC_TREE},
	{".junie", HOST_EXEC_TREE},
	{".opencode", HOST_EXEC_TREE},
	{"opencode.json*", HOST_EXEC_FILE},
	{".crush.json", HOST_EXEC_FILE},
	{"crush.json", HOST_EXEC_FILE},
	{".qwen", HOST_EXEC_TREE},
	{".augment", HOST_EXEC_TREE},
	{".trae", HOST_EXEC_TREE},
	{".factory", HOST_EXEC_TREE},
	{".openhands", HOST_EXEC_TREE},
	/* hosting: on the next push, or when the project is opened there */
	{".github", HOST_EXEC_TREE},
	{".gitlab-ci.yml", HOST_EXEC_FILE},
	{".gitlab", HOST_EXEC_TREE},
	{".gitea", HOST_EXEC_TREE},
	{".forgejo", HOST_EXEC_TREE},
	{".circleci", HOST_EXEC_TREE},
	{".travis.yml", HOST_EXEC_FILE},
	{"azure-pipelines*", HOST_EXEC_TREE},
	{".azure-pipelines", HOST_EXEC_TREE},
	{"bitbucket-pipelines.yml", HOST_EXEC_FILE},
	{".buildkite", HOST_EXEC_TREE},
	{".drone.*", HOST_EXEC_FILE},
	{".woodpecker*", HOST_EXEC_TREE},
	{"Jenkinsfile", HOST_EXEC_FILE},
	{".teamcity", HOST_EXEC_TREE},
	{"appveyor.yml", HOST_EXEC_FILE},
	{".appveyor.yml", HOST_EXEC_FILE},
	{".cirrus.*", HOST_EXEC_FILE},
	{".semaphore", HOST_EXEC_TREE},
	{".builds", HOST_EXEC_TREE},
	{".build.yml", HOST_EXEC_FILE},
	{".gitpod.*", HOST_EXEC_FILE},
	{".codesandbox", HOST_EXEC_TREE},
	{".stackblitzrc", HOST_EXEC_FILE},
	{".replit", HOST_EXEC_FILE},
	{".idx", HOST_EXEC_TREE},
	/* shells on entering the directory, and tools that choose program versions there */
	{".envrc", HOST_EXEC_FILE},
	{".env", HOST_EXEC_FILE},
	{".autoenv*", HOST_EXEC_FILE},
	{".mise.*toml", HOST_EXEC_FILE},
	{"mise.*toml", HOST_EXEC_FILE},
	{".mise", HOST_EXEC_TREE},
	{".rtx.*toml", HOST_EXEC_FILE},
	{".config", HOST_EXEC_SOME_TOO},
	{".tool-versions", HOST_EXEC_FILE},
	{".python-version", HOST_EXEC_FILE},
	{".rvmrc", HOST_EXEC_FILE},
	{".rbenv-vars", HOST_EXEC_FILE},
	{"rust-toolchain", HOST_EXEC_FILE},
	{"rust-toolchain.toml", HOST_EXEC_FILE},
	/* interpreters and debuggers started there */
	{".gdbinit", HOST_EXEC_FILE},
	{".lldbinit", HOST_EXEC_FILE},
	{".pdbrc*", HOST_EXEC_FILE},
	{".irbrc", HOST_EXEC_FILE},
	{".pryrc", HOST_EXEC_FILE},
	{".byebugrc", HOST_EXEC_FILE},
	{".psysh.php", HOST_EXEC_FILE},
	{".Rprofile", HOST_EXEC_FILE},
	{".Renviron", HOST_EXEC_FILE},
	{".RData", HOST_EXEC_FILE},
	{".ghci", HOST_EXEC_FILE},
	{".ocamlinit", HOST_EXEC_FILE},
	{".iex.exs", HOST_EXEC_FILE},
	{".erlang", HOST_EXEC_FILE},
	{"jupyter*_config.py", HOST_EXEC_FILE},
	{"jupyter*_config.json", HOST_EXEC_FILE},
	/* package managers: sources, and programs run while fetching */
	{".npmrc", HOST_EXEC_FILE},
	{".yarnrc", HOST_EXEC_FILE},
	{".yarnrc.yml", HOST_EXEC_FILE},
	{".yarn", HOST_EXEC_SOME_TOO},
	{".pnpmfile.*", HOST_EXEC_FILE},
	{"pnpmfile.js", HOST_EXEC_FILE},
	{"pnpm-workspace.yaml", HOST_EXEC_FILE},
	{"bunfig.toml", HOST_EXEC_FILE},
	{".cargo", HOST_EXEC_SOME_TOO},
	{"uv.toml", HOST_EXEC_FILE},
	{"poetry.toml", HOST_EXEC_FILE},
	{"pdm.toml", HOST_EXEC_FILE},
	{".pdm-python", HOST_EXEC_FILE},
	{".pixi", HOST_EXEC_SOME_TOO},
	{".bundle", HOST_EXEC_SOME_TOO},
	{"nuget.config", HOST_EXEC_FILE},
	{".mvn", HOST_EXEC_TREE},
	{"gradle.properties", HOST_EXEC_FILE},
	{"gradle-wrapper.*", HOST_EXEC_FILE},
	{".sbtopts", HOST_EXEC_FILE},
	{".jvmopts", HOST_EXEC_FILE},
	{".bazelrc", HOST_EXEC_FILE},
	{".bazeliskrc", HOST_EXEC_FILE},
	{".bazelversion", HOST_EXEC_FILE},
	{".buckconfig", HOST_EXEC_FILE},
};

/* gitrepository-layout(5). The rest is data, which git doesn't execute. */
static const struct named_file in_git[] = {
	{"config", HOST_EXEC_FILE},
	{"config.worktree", HOST_EXEC_FILE},
	/* where configuration and hooks are read from instead */
	{"commondir", HOST_EXEC_FILE},
	{"hooks", HOST_EXEC_TREE},
	{"info", HOST_EXEC_SOME},
	/* old-style remotes, which `git fetch NAME` still accepts */
	{"remotes", HOST_EXEC_TREE},
	{"branches", HOST_EXEC_TREE},
	/* the state that `--continue` resumes: a todo list may contain commands */
	{"rebase-merge", HOST_EXEC_SOME},
	{"rebase-apply", HOST_EXEC_SOME},
	{"sequencer", HOST_EXEC_SOME},
	{"modules", HOST_EXEC_DESCEND},
	{"worktrees", HOST_EXEC_DESCEND},
};

/* Entries of directories in which only some names count. */
static const struct {
	char directory[16];
	struct named_file named;
} in_directory[] = {
	{"info", {"attributes", HOST_EXEC_FILE}},
	{"rebase-merge", {"git-rebase-todo", HOST_EXEC_FILE}},
	{"rebase-merge", {"author-script", HOST_EXEC_FILE}},
	{"rebase-merge", {"strategy", HOST_EXEC_FILE}},
	{"rebase-merge", {"strategy_opts", HOST_EXEC_FILE}},
	{"rebase-apply", {"author-script", HOST_EXEC_FILE}},
	{"rebase-apply", {"apply-opt", HOST_EXEC_FILE}},
	{"sequencer", {"todo", HOST_EXEC_FILE}},
	{"sequencer", {"opts", HOST_EXEC_FILE}},
	{".hg", {"hgrc", HOST_EXEC_FILE}},
	{".hg", {"hgrc-not-shared", HOST_EXEC_FILE}},
	{".hg", {"sharedpath", HOST_EXEC_FILE}},
	{".jj", {"workspace-config.toml", HOST_EXEC_FILE}},
	{".jj", {"workspace-config-id", HOST_EXEC_FILE}},
	{".jj", {"repo", HOST_EXEC_SOME}}, /* a file if the repository is elsewhere */
	{"repo", {"config.toml", HOST_EXEC_FILE}},
	{"repo", {"config-id", HOST_EXEC_FILE}},
	{"repo", {"store", HOST_EXEC_SOME}},
	{"store", {"git_target", HOST_EXEC_FILE}},
	{"store", {"git", HOST_EXEC_GIT}},
	{".pijul", {"config", HOST_EXEC_FILE}},
	{"_darcs", {"prefs", HOST_EXEC_TREE}},
	{".config", {"mise.*toml", HOST_EXEC_FILE}},
	{".config", {"mise", HOST_EXEC_TREE}},
	{".yarn", {"releases", HOST_EXEC_TREE}},
	{".yarn", {"plugins", HOST_EXEC_TREE}},
	{".yarn", {"sdks", HOST_EXEC_TREE}},
	{".cargo", {"config", HOST_EXEC_FILE}},
	{".cargo", {"config.toml", HOST_EXEC_FILE}},
	{".pixi", {"config.toml", HOST_EXEC_FILE}},
	{".bundle", {"config", HOST_EXEC_FILE}},
	{".bundle", {"plugin", HOST_EXEC_TREE}},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_named(const char *pattern, const char *name)
{
	size_t before = strcspn(pattern, "*"), after, size;

	/* A quick test, since the scan checks every name in the project. */
	if (((pattern[0] ^ name[0]) & ~('a' ^ 'A')) && before > 0)
		return false;
	if (!pattern[before])
		return strcasecmp(pattern, name) == 0;
	after = strlen(pattern + before + 1);
	size = strlen(name);
	return size >= before + after && strncasecmp(pattern, name, before) == 0 &&
	       strcasecmp(pattern + before + 1, name + size - after) == 0;
}

static enum host_exec_name look_up(const struct named_file *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (is_named(list[i].name, name))
			return (enum host_exec_name)list[i].is;
	return HOST_EXEC_NO;
}

enum host_exec_name host_exec_name_in_project(const char *name)
{
	return look_up(in_project, COUNT(in_project), name);
}

enum host_exec_name host_exec_name_in_git(const char *name)
{
	return look_up(in_git, COUNT(in_git), name);
}

enum host_exec_name host_exec_name_in(const char *directory, const char *name)
{
	for (size_t i = 0; i < COUNT(in_directory); i++)
		if (strcasecmp(in_directory[i].directory, directory) == 0 &&
			is_named(in_directory[i].named.name, name))
			return (enum host_exec_name)in_directory[i].named.is;
	return HOST_EXEC_NO;
}
