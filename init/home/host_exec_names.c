/* See host_exec_names.h. */
#include "host_exec_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Arrays rather than pointers, since in a position-independent program each pointer needs a
 * relocation as large as the name. '*', at most one, matches any characters. */
struct named {
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
static const struct named in_project[] = {
	/* version control, and what git's hooks read in turn */
	{".git", OBEYED_GIT},
	{".gitattributes", OBEYED_FILE},
	{".gitmodules", OBEYED_FILE},
	{".lfsconfig", OBEYED_FILE},
	{".husky", OBEYED_TREE},
	{".huskyrc*", OBEYED_FILE},
	{".githooks", OBEYED_TREE},
	{".git-hooks", OBEYED_TREE},
	{".overcommit.yml", OBEYED_FILE},
	{".pre-commit-config.yaml", OBEYED_FILE},
	{"lefthook.*", OBEYED_FILE},
	{"lefthook-local.*", OBEYED_FILE},
	{".lefthook*", OBEYED_TREE},
	{".simple-git-hooks.*", OBEYED_FILE},
	{"simple-git-hooks.*", OBEYED_FILE},
	{".lintstagedrc*", OBEYED_FILE},
	{"lint-staged.config.*", OBEYED_FILE},
	{".hg", OBEYED_SOME},
	{".hgsub", OBEYED_FILE},
	{".jj", OBEYED_SOME},
	{".pijul", OBEYED_SOME},
	{"_darcs", OBEYED_SOME},
	{".p4config", OBEYED_FILE},
	/* editors: tasks, launchers, interpreters, language servers */
	{".vscode", OBEYED_TREE},
	{"*.code-workspace", OBEYED_FILE},
	{".vs", OBEYED_TREE},
	{".idea", OBEYED_TREE},
	{".fleet", OBEYED_TREE},
	{".zed", OBEYED_TREE},
	{".helix", OBEYED_TREE},
	{".nova", OBEYED_TREE},
	{"*.sublime-project", OBEYED_FILE},
	{".project", OBEYED_FILE},
	{".settings", OBEYED_TREE},
	{".externalToolBuilders", OBEYED_TREE},
	{".devcontainer", OBEYED_TREE},
	{".devcontainer.json", OBEYED_FILE},
	{".exrc", OBEYED_FILE},
	{".vimrc", OBEYED_FILE},
	{".lvimrc", OBEYED_FILE},
	{".vim", OBEYED_TREE},
	{".nvimrc", OBEYED_FILE},
	{".nvim.lua", OBEYED_FILE},
	{".lazy.lua", OBEYED_FILE},
	{".neoconf.json", OBEYED_FILE},
	{".nlsp-settings", OBEYED_TREE},
	{".ycm_extra_conf.py", OBEYED_FILE},
	{".dir-locals.el", OBEYED_FILE},
	{".dir-locals-2.el", OBEYED_FILE},
	{".emacs.desktop", OBEYED_FILE},
	{".luarc.json*", OBEYED_FILE},
	{"rust-analyzer.toml", OBEYED_FILE},
	{".rust-analyzer.toml", OBEYED_FILE},
	{".bsp", OBEYED_TREE},
	/* agents on the host, including Codex: hooks and servers to start */
	{".codex", OBEYED_TREE},
	{".agents", OBEYED_TREE},
	{".claude", OBEYED_TREE},
	{".cursor", OBEYED_TREE},
	{".gemini", OBEYED_TREE},
	{".mcp.json", OBEYED_FILE},
	{".windsurf", OBEYED_TREE},
	{".clinerules", OBEYED_TREE},
	{".roo", OBEYED_TREE},
	{".kiro", OBEYED_TREE},
	{".continue", OBEYED_TREE},
	{".aider.conf.yml", OBEYED_FILE},
	{".amazonq", OBEYED_TREE},
	{".junie", OBEYED_TREE},
	{".opencode", OBEYED_TREE},
	{"opencode.json*", OBEYED_FILE},
	{".crush.json", OBEYED_FILE},
	{"crush.json", OBEYED_FILE},
	{".qwen", OBEYED_TREE},
	{".augment", OBEYED_TREE},
	{".trae", OBEYED_TREE},
	{".factory", OBEYED_TREE},
	{".openhands", OBEYED_TREE},
	/* hosting: on the next push, or when the project is opened there */
	{".github", OBEYED_TREE},
	{".gitlab-ci.yml", OBEYED_FILE},
	{".gitlab", OBEYED_TREE},
	{".gitea", OBEYED_TREE},
	{".forgejo", OBEYED_TREE},
	{".circleci", OBEYED_TREE},
	{".travis.yml", OBEYED_FILE},
	{"azure-pipelines*", OBEYED_TREE},
	{".azure-pipelines", OBEYED_TREE},
	{"bitbucket-pipelines.yml", OBEYED_FILE},
	{".buildkite", OBEYED_TREE},
	{".drone.*", OBEYED_FILE},
	{".woodpecker*", OBEYED_TREE},
	{"Jenkinsfile", OBEYED_FILE},
	{".teamcity", OBEYED_TREE},
	{"appveyor.yml", OBEYED_FILE},
	{".appveyor.yml", OBEYED_FILE},
	{".cirrus.*", OBEYED_FILE},
	{".semaphore", OBEYED_TREE},
	{".builds", OBEYED_TREE},
	{".build.yml", OBEYED_FILE},
	{".gitpod.*", OBEYED_FILE},
	{".codesandbox", OBEYED_TREE},
	{".stackblitzrc", OBEYED_FILE},
	{".replit", OBEYED_FILE},
	{".idx", OBEYED_TREE},
	/* shells on entering the directory, and tools that choose program versions there */
	{".envrc", OBEYED_FILE},
	{".env", OBEYED_FILE},
	{".autoenv*", OBEYED_FILE},
	{".mise.*toml", OBEYED_FILE},
	{"mise.*toml", OBEYED_FILE},
	{".mise", OBEYED_TREE},
	{".rtx.*toml", OBEYED_FILE},
	{".config", OBEYED_SOME_TOO},
	{".tool-versions", OBEYED_FILE},
	{".python-version", OBEYED_FILE},
	{".rvmrc", OBEYED_FILE},
	{".rbenv-vars", OBEYED_FILE},
	{"rust-toolchain", OBEYED_FILE},
	{"rust-toolchain.toml", OBEYED_FILE},
	/* interpreters and debuggers started there */
	{".gdbinit", OBEYED_FILE},
	{".lldbinit", OBEYED_FILE},
	{".pdbrc*", OBEYED_FILE},
	{".irbrc", OBEYED_FILE},
	{".pryrc", OBEYED_FILE},
	{".byebugrc", OBEYED_FILE},
	{".psysh.php", OBEYED_FILE},
	{".Rprofile", OBEYED_FILE},
	{".Renviron", OBEYED_FILE},
	{".RData", OBEYED_FILE},
	{".ghci", OBEYED_FILE},
	{".ocamlinit", OBEYED_FILE},
	{".iex.exs", OBEYED_FILE},
	{".erlang", OBEYED_FILE},
	{"jupyter*_config.py", OBEYED_FILE},
	{"jupyter*_config.json", OBEYED_FILE},
	/* package managers: sources, and programs run while fetching */
	{".npmrc", OBEYED_FILE},
	{".yarnrc", OBEYED_FILE},
	{".yarnrc.yml", OBEYED_FILE},
	{".yarn", OBEYED_SOME_TOO},
	{".pnpmfile.*", OBEYED_FILE},
	{"pnpmfile.js", OBEYED_FILE},
	{"pnpm-workspace.yaml", OBEYED_FILE},
	{"bunfig.toml", OBEYED_FILE},
	{".cargo", OBEYED_SOME_TOO},
	{"uv.toml", OBEYED_FILE},
	{"poetry.toml", OBEYED_FILE},
	{"pdm.toml", OBEYED_FILE},
	{".pdm-python", OBEYED_FILE},
	{".pixi", OBEYED_SOME_TOO},
	{".bundle", OBEYED_SOME_TOO},
	{"nuget.config", OBEYED_FILE},
	{".mvn", OBEYED_TREE},
	{"gradle.properties", OBEYED_FILE},
	{"gradle-wrapper.*", OBEYED_FILE},
	{".sbtopts", OBEYED_FILE},
	{".jvmopts", OBEYED_FILE},
	{".bazelrc", OBEYED_FILE},
	{".bazeliskrc", OBEYED_FILE},
	{".bazelversion", OBEYED_FILE},
	{".buckconfig", OBEYED_FILE},
};

/* gitrepository-layout(5). The rest is data, which git doesn't execute. */
static const struct named in_git[] = {
	{"config", OBEYED_FILE},
	{"config.worktree", OBEYED_FILE},
	/* where configuration and hooks are read from instead */
	{"commondir", OBEYED_FILE},
	{"hooks", OBEYED_TREE},
	{"info", OBEYED_SOME},
	/* old-style remotes, which `git fetch NAME` still accepts */
	{"remotes", OBEYED_TREE},
	{"branches", OBEYED_TREE},
	/* the state that `--continue` resumes: a todo list may contain commands */
	{"rebase-merge", OBEYED_SOME},
	{"rebase-apply", OBEYED_SOME},
	{"sequencer", OBEYED_SOME},
	{"modules", OBEYED_LOOK_INTO},
	{"worktrees", OBEYED_LOOK_INTO},
};

/* Entries of directories in which only some names count. */
static const struct {
	char directory[16];
	struct named named;
} in_directory[] = {
	{"info", {"attributes", OBEYED_FILE}},
	{"rebase-merge", {"git-rebase-todo", OBEYED_FILE}},
	{"rebase-merge", {"author-script", OBEYED_FILE}},
	{"rebase-merge", {"strategy", OBEYED_FILE}},
	{"rebase-merge", {"strategy_opts", OBEYED_FILE}},
	{"rebase-apply", {"author-script", OBEYED_FILE}},
	{"rebase-apply", {"apply-opt", OBEYED_FILE}},
	{"sequencer", {"todo", OBEYED_FILE}},
	{"sequencer", {"opts", OBEYED_FILE}},
	{".hg", {"hgrc", OBEYED_FILE}},
	{".hg", {"hgrc-not-shared", OBEYED_FILE}},
	{".hg", {"sharedpath", OBEYED_FILE}},
	{".jj", {"workspace-config.toml", OBEYED_FILE}},
	{".jj", {"workspace-config-id", OBEYED_FILE}},
	{".jj", {"repo", OBEYED_SOME}}, /* a file if the repository is elsewhere */
	{"repo", {"config.toml", OBEYED_FILE}},
	{"repo", {"config-id", OBEYED_FILE}},
	{"repo", {"store", OBEYED_SOME}},
	{"store", {"git_target", OBEYED_FILE}},
	{"store", {"git", OBEYED_GIT}},
	{".pijul", {"config", OBEYED_FILE}},
	{"_darcs", {"prefs", OBEYED_TREE}},
	{".config", {"mise.*toml", OBEYED_FILE}},
	{".config", {"mise", OBEYED_TREE}},
	{".yarn", {"releases", OBEYED_TREE}},
	{".yarn", {"plugins", OBEYED_TREE}},
	{".yarn", {"sdks", OBEYED_TREE}},
	{".cargo", {"config", OBEYED_FILE}},
	{".cargo", {"config.toml", OBEYED_FILE}},
	{".pixi", {"config.toml", OBEYED_FILE}},
	{".bundle", {"config", OBEYED_FILE}},
	{".bundle", {"plugin", OBEYED_TREE}},
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

static enum host_exec_name look_up(const struct named *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (is_named(list[i].name, name))
			return (enum host_exec_name)list[i].is;
	return OBEYED_NOT;
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
	return OBEYED_NOT;
}
