#include "options.h"

#include <string.h>

#include "../init/lib/nearest.h"
#include "argv.h"

#define AT(member) offsetof(struct cli, member)

const struct option options[] = {
	{"work_dir", 0, OPTION_VALUE, AT(work_dir), "DIR",
		"the project: mounted at /appDIR, where Codex starts (default: the current "
		"directory; never /)"},
	{"config", 0, OPTION_VALUE, AT(config), "FILE|DIR",
		"config.toml, or a directory with config.toml, auth.json, prompts/, "
		"AGENTS.md, skills/ "
		"and rules/"},
	{"auth_file", 0, OPTION_VALUE, AT(auth_file), "FILE",
		"credentials, mounted read-only as Codex's auth.json"},
	{"auth_dir", 0, OPTION_VALUE, AT(auth_dir), "DIR",
		"a directory for auth.json, mounted writable, so that Codex can renew the "
		"login it keeps there"},
	{"codex-home", 0, OPTION_VALUE, AT(codex_home), "DIR",
		"Codex's home instead of WORK_DIR/.codex/.environment"},
	{"sessions-path", 0, OPTION_VALUE, AT(sessions_path), "DIR",
		"where Codex keeps its sessions"},
	{"init_script", 0, OPTION_VALUE, AT(init_script), "FILE",
		"runs in the project, inside the wall, before Codex starts"},
	{"read-only", 0, OPTION_LIST, AT(read_only), "PATH",
		"makes a file or directory readable at /appPATH (repeatable)"},
	{"mount", 0, OPTION_LIST, AT(mount), "DIR",
		"a further directory that Codex may write to, at /appDIR (asks; repeatable)"},
	{"trust", 0, OPTION_FLAG, AT(trust), NULL,
		"tells Codex to trust the project: it then obeys the project's own .codex "
		"configuration without asking"},
	{"no-protect", 0, OPTION_FLAG, AT(no_protect), NULL,
		"lets Codex write .codex, .git/hooks and git's settings freely, which "
		"programs on your machine obey"},
	{"lock-git-config", 0, OPTION_FLAG, AT(lock_git_config), NULL,
		"mounts .git/config read-only: git in the container can't change it"},
	{"allow", 0, OPTION_LIST, AT(allow), "RULE",
		"a host that may be reached: example.com, *.example.com, example.com:22, "
		"10.1.0.0/16:5432+private, @pypi (repeatable)"},
	{"deny", 0, OPTION_LIST, AT(deny), "RULE",
		"a host that may not be reached; wins over every allow (repeatable)"},
	{"agree", 0, OPTION_LIST, AT(agree), "SHA256",
		"uses the rules that the project proposes, if its .codex/egress.rules has "
		"this "
		"SHA-256 (repeatable)"},
	{"audit", 0, OPTION_FLAG, AT(audit), NULL,
		"lets everything through and records what would be refused"},
	{"ask", 0, OPTION_CHOICE, AT(ask), "[=SECONDS]",
		"asks about a name that no rule decides, and holds its connection meanwhile "
		"(default: 60 seconds); see the command watch"},
	{"notify", 0, OPTION_VALUE, AT(notify), "COMMAND",
		"asks as --ask does, and gives each question as JSON to a program on this "
		"machine, which may answer it"},
	{"wall", 0, OPTION_VALUE, AT(wall), "nft|cell",
		"what enforces the rules: nftables (the default), or the cell, for which the "
		"container "
		"needs no capability"},
	{"broker", 0, OPTION_VALUE, AT(broker), "auto|on|off",
		"keeps an API key from Codex and what it runs (default: auto, where that is "
		"possible); on: a ChatGPT login as well"},
	{"image", 0, OPTION_VALUE, AT(image), "IMAGE",
		"the image to run (default: codex-sandbox)"},
	{"engine", 0, OPTION_VALUE, AT(engine), "docker|podman",
		"the container engine (default: docker, else podman)"},
	{"selinux", 0, OPTION_VALUE, AT(selinux), "disable|relabel",
		"if SELinux keeps containers from your files: no labels for this container, "
		"or (podman) new labels for what is mounted"},
	{"network", 0, OPTION_VALUE, AT(network), "NAME", "a network of the engine to join"},
	{"pids-limit", 0, OPTION_VALUE, AT(pids_limit), "N|max",
		"processes and threads at one time (default: " ARGV_PIDS_LIMIT ")"},
	{"memory", 0, OPTION_VALUE, AT(memory), "SIZE",
		"memory that the container may use: 4g, 512m"},
	{"cpus", 0, OPTION_VALUE, AT(cpus), "N", "processors that it may use: 2, 1.5"},
	{"shm-size", 0, OPTION_VALUE, AT(shm_size), "SIZE",
		"the size of /dev/shm, which browsers and databases need"},
	{"publish", 0, OPTION_LIST, AT(publish), "[ADDR:]PORT[:PORT]",
		"a server in the container that this machine can reach, at 127.0.0.1 unless "
		"ADDR is given (repeatable)"},
	{"add-host", 0, OPTION_LIST, AT(add_host), "NAME:ADDR",
		"a line in the container's hosts file; a rule has to allow the name "
		"(repeatable)"},
	{"env", 'e', OPTION_LIST, AT(env), "NAME[=VALUE]",
		"sets a variable in the container, or passes on yours (repeatable)"},
	{"env-file", 0, OPTION_LIST, AT(env_file), "FILE",
		"variables for the container, NAME=VALUE lines; none that configures the "
		"sandbox itself (repeatable)"},
	{"exec", 0, OPTION_COMMAND, AT(exec), "CMD [ARG...]",
		"runs CMD in the sandbox instead of codex"},
	{"yes", 'y', OPTION_FLAG, AT(yes), NULL, "answers yes to every question"},
	{"dry-run", 0, OPTION_FLAG, AT(dry_run), NULL,
		"prints the engine's command, quoted for a shell, and creates nothing"},
	{"no-config", 0, OPTION_FLAG, AT(no_config), NULL,
		"leaves out what is kept in ~/.config/codex-sandbox"},
	{"help", 'h', OPTION_FLAG, AT(help), NULL, "this text"},
	{"version", 'V', OPTION_FLAG, AT(version), NULL, "the version"},
};

const size_t options_count = sizeof(options) / sizeof(options[0]);

const struct option *options_find(const char *word, size_t size)
{
	for (size_t i = 0; i < options_count; i++) {
		const char *name = options[i].name;
		size_t n = 0;

		if (strlen(name) != size)
			continue;
		while (n < size && (name[n] == word[n] ||
					   (strchr("-_", name[n]) && strchr("-_", word[n]))))
			n++;
		if (n == size)
			return &options[i];
	}
	return NULL;
}

const struct option *options_letter(char letter)
{
	for (size_t i = 0; i < options_count; i++)
		if (letter && options[i].letter == letter)
			return &options[i];
	return NULL;
}

const char *options_nearest(const char *word, size_t size)
{
	struct nearest near = {.word = word, .size = size};

	for (size_t i = 0; i < options_count; i++)
		nearest_offer(&near, options[i].name);
	return near.best;
}

bool options_is_path(const struct option *o)
{
	static const char *const paths[] = {"DIR", "FILE", "PATH", "FILE|DIR"};

	for (size_t i = 0; o->value && i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strcmp(o->value, paths[i]) == 0)
			return true;
	return false;
}

const char *options_variable(const struct option *o)
{
	static const struct {
		size_t offset;
		const char *name;
	} variables[] = {{AT(image), "CODEX_DOCKER_IMAGE"}, {AT(auth_file), "CODEX_AUTH_FILE"},
		{AT(config), "CODEX_CONFIG_DIR"}, {AT(wall), "CODEX_INIT_WALL"},
		{AT(broker), "CODEX_INIT_BROKER"}, {AT(audit), "CODEX_INIT_EGRESS"},
		{AT(ask), "CODEX_INIT_ASK"}};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (variables[i].offset == o->offset)
			return variables[i].name;
	return NULL;
}

const char *options_unkept(const struct option *o)
{
	static const char once[] = "it is for one start";
	static const struct {
		size_t offset;
		const char *why;
	} unkept[] = {{AT(work_dir), "the directory you are in says which project it is, or "
				     "the command line"},
		{AT(yes), "a yes is for one start, and for what that asks"}, {AT(exec), once},
		{AT(dry_run), once}, {AT(no_config), once}, {AT(help), once},
		{AT(version), once}};

	for (size_t i = 0; i < sizeof(unkept) / sizeof(unkept[0]); i++)
		if (unkept[i].offset == o->offset)
			return unkept[i].why;
	return NULL;
}
