/* The list. See obeyed_names.h. */
#include "obeyed_names.h"

#include <stddef.h>
#include <strings.h>

/* Without pointers: in a program that relocates itself each costs as much as the name. */
struct named {
	char name[24];
	unsigned char is; /* enum obeyed_name */
};

/*
 * What is obeyed by being there, or asks no more than a click. Build files (Makefile,
 * package.json) aren't on the list: they are the work itself, and are run on purpose.
 */
static const struct named in_project[] = {
	{".git", OBEYED_GIT},
	/* editors: tasks, launchers, interpreters, settings that name programs */
	{".vscode", OBEYED_TREE},
	{".idea", OBEYED_TREE},
	{".zed", OBEYED_TREE},
	{".helix", OBEYED_TREE},
	{".devcontainer", OBEYED_TREE},
	{".devcontainer.json", OBEYED_FILE},
	{".exrc", OBEYED_FILE},
	{".vimrc", OBEYED_FILE},
	{".nvimrc", OBEYED_FILE},
	{".nvim.lua", OBEYED_FILE},
	{".dir-locals.el", OBEYED_FILE},
	{".dir-locals-2.el", OBEYED_FILE},
	/* shells, on entering the directory */
	{".envrc", OBEYED_FILE},
	{".mise.toml", OBEYED_FILE},
	{"mise.toml", OBEYED_FILE},
	/* git hooks by way of core.hooksPath, or of a hook that reads them */
	{".husky", OBEYED_TREE},
	{".githooks", OBEYED_TREE},
	{".pre-commit-config.yaml", OBEYED_FILE},
	/* other agents on the host, and Codex there: hooks and servers to start */
	{".codex", OBEYED_TREE},
	{".claude", OBEYED_TREE},
	{".cursor", OBEYED_TREE},
	{".gemini", OBEYED_TREE},
	{".mcp.json", OBEYED_FILE},
};

/* gitrepository-layout(5). The rest of it holds data, which git does not run. */
static const struct named in_git[] = {
	{"config", OBEYED_FILE},
	{"config.worktree", OBEYED_FILE},
	/* where configuration and hooks are read from instead */
	{"commondir", OBEYED_FILE},
	{"hooks", OBEYED_TREE},
	{"info", OBEYED_GIT_INFO},
	{"modules", OBEYED_LOOK_INTO},
	{"worktrees", OBEYED_LOOK_INTO},
};

static enum obeyed_name look_up(const struct named *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(list[i].name, name) == 0)
			return (enum obeyed_name)list[i].is;
	return OBEYED_NOT;
}

enum obeyed_name obeyed_name_in_project(const char *name)
{
	return look_up(in_project, sizeof(in_project) / sizeof(in_project[0]), name);
}

enum obeyed_name obeyed_name_in_git(const char *name)
{
	return look_up(in_git, sizeof(in_git) / sizeof(in_git[0]), name);
}
