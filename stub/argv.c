#include "argv.h"

#include <string.h>

#include "quote.h"
#include "values.h"

/* What codex-init needs to install the firewall, change user and signal the payload. */
static const char *const capabilities[] = {
	"--cap-drop=ALL",
	"--cap-add=NET_ADMIN",
	"--cap-add=SETUID",
	"--cap-add=SETGID",
	"--cap-add=SETPCAP",
	"--cap-add=KILL",
};

void argv_pass(struct request *r, const char *name, const char *value)
{
	if (value && r->passed_count < BOUND_VARIABLES)
		r->passed[r->passed_count++] = (struct passed){name, value};
}

static void add_two(struct string_list *argv, const char *option, const char *value)
{
	string_list_add(argv, option);
	string_list_add(argv, value);
}

/* A stable host name (the hash at the end of the container's name), by which an
 * organisation's settings for Codex can distinguish a sandbox from other hosts. */
static const char *host_name(const struct request *r, struct arena *p)
{
	return arena_format(p, "codex-sandbox-%s", strrchr(r->name, '_') + 1);
}

static const char *pids_limit(const struct request *r, struct arena *p)
{
	const char *limit = r->pids_limit ? r->pids_limit : ARGV_PIDS_LIMIT;

	return arena_format(p, "--pids-limit=%s", strcmp(limit, "max") == 0 ? "-1" : limit);
}

static bool is_podman(const struct request *r)
{
	return strcmp(r->engine, "podman") == 0;
}

static void add_limits(const struct request *r, struct arena *p, struct string_list *argv)
{
	const struct {
		const char *option, *value;
	} limits[] = {
		{"--memory", r->memory}, {"--cpus", r->cpus}, {"--shm-size", r->shm_size}};

	string_list_add(argv, pids_limit(r, p));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].value)
			string_list_add(argv,
				arena_format(p, "%s=%s", limits[i].option, limits[i].value));
	string_list_add(argv, "--log-driver=json-file");
	string_list_add(argv, "--log-opt=max-size=" ARGV_LOG_BYTES);
}

/* On both sides: the engine forwards the port, and the wall admits it. */
static void add_publication(
	const char *text, bool to_engine, struct arena *p, struct string_list *argv)
{
	struct publication port;

	if (values_publish(text, &port))
		return; /* checked by cli.c */
	if (to_engine)
		string_list_add(argv,
			arena_format(p, "--publish=%s%s%s:%u:%u", port.six ? "[" : "",
				port.address, port.six ? "]" : "", port.outside, port.inside));
	else
		add_two(argv, "--publish",
			arena_format(p, "%u%s", port.inside, port.loopback ? "" : "+any"));
}

static void add_network(const struct request *r, struct arena *p, struct string_list *argv)
{
	if (r->network)
		add_two(argv, "--network", r->network);
	if (r->host_name && !is_podman(r))
		string_list_add(argv, "--add-host=" ARGV_HOST_NAME ":host-gateway");
	for (size_t i = 0; i < r->add_host.count; i++)
		string_list_add(argv, arena_format(p, "--add-host=%s", r->add_host.word[i]));
	for (size_t i = 0; i < r->publish.count; i++)
		add_publication(r->publish.word[i], true, p, argv);
}

/* In the cell codex-init needs no capability, and drops what the engine gives. */
static void add_capabilities(const struct request *r, struct string_list *argv)
{
	if (r->wall && strcmp(r->wall, "cell") == 0)
		return;
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		string_list_add(argv, capabilities[i]);
	/* Docker lets everybody listen on port 443; for the boot alone, as the others. */
	if (r->chatgpt)
		string_list_add(argv, "--cap-add=NET_BIND_SERVICE");
}

static void add_labels(const struct request *r, struct arena *p, struct string_list *argv)
{
	string_list_add(argv,
		arena_format(p, "--label=" ARGV_LABEL_UID "=%lu", (unsigned long)r->caller));
	string_list_add(argv, arena_format(p, "--label=" ARGV_LABEL_WORKDIR "=%s",
				      r->directory + strlen("/app")));
	string_list_add(argv, arena_format(p, "--label=" ARGV_LABEL_WALL "=%s", r->enforces));
}

static void add_engine_options(
	const struct request *r, struct arena *p, struct string_list *argv)
{
	string_list_add(argv, r->program);
	string_list_add(argv, "run");
	string_list_add(argv, "--rm");
	string_list_add(argv, "--init=false");
	/* Otherwise a missing image would be pulled from public registries, where anybody
	 * may have published one of this name. */
	string_list_add(argv, "--pull=never");
	add_two(argv, "--name", r->name);
	add_two(argv, "--hostname", host_name(r, p));
	add_labels(r, p, argv);
	if (r->terminal) {
		string_list_add(argv, "-it");
		string_list_add(argv,
			is_podman(r) ? "--detach-keys=" : "--detach-keys=" ARGV_DETACH_KEYS);
	} else if (r->input)
		string_list_add(argv, "-i");
	add_capabilities(r, argv);
	add_two(argv, "--security-opt", "no-new-privileges");
	add_limits(r, p, argv);
	if (r->selinux && strcmp(r->selinux, "disable") == 0)
		add_two(argv, "--security-opt", "label=disable");
	if (is_podman(r))
		string_list_add(argv,
			"--http-proxy=false"); /* it would pass on HTTP_PROXY and the like */
	if (r->keep_id) {
		/* The user's files are the user's inside, too. PID 1 still starts as root. */
		string_list_add(argv, "--userns=keep-id");
		string_list_add(argv, "--user=0:0");
	}
	add_network(r, p, argv);
}

static void add_mount(const struct request *r, const struct mount *m, struct arena *p,
	struct string_list *argv)
{
	const char *source =
		quote_csv(p, arena_format(p, "source=%s", m->shown ? m->shown : m->source));
	const char *target = quote_csv(p, arena_format(p, "target=%s", m->target));

	add_two(argv, "--mount",
		arena_format(p, "type=bind,%s,%s%s%s", source, target,
			m->writable ? "" : ",readonly",
			r->selinux && strcmp(r->selinux, "relabel") == 0 ? ",relabel=shared"
									 : ""));
}

static void add_codex_init_options(
	const struct request *r, struct arena *p, struct string_list *argv)
{
	for (size_t i = 0; i < r->allow.count; i++)
		add_two(argv, "--allow", r->allow.word[i]);
	for (size_t i = 0; i < r->deny.count; i++)
		add_two(argv, "--deny", r->deny.word[i]);
	for (size_t i = 0; i < r->publish.count; i++)
		add_publication(r->publish.word[i], false, p, argv);
	for (size_t i = 0; i < r->writable.count; i++)
		add_two(argv, "--compare", r->writable.word[i]);
	if (r->audit)
		string_list_add(argv, "--egress=audit");
	if (r->wall)
		add_two(argv, "--wall", r->wall);
	if (r->ask)
		string_list_add(argv, arena_format(p, "--ask=%s", r->ask));
	if (r->broker)
		add_two(argv, "--broker", r->broker);
	if (r->user)
		add_two(argv, "--user", r->user);
	/* As an option: a codex-init that doesn't know it ends. */
	if (r->git_config)
		add_two(argv, "--git-config", r->git_config);
	string_list_add(argv, "--");
}

static void add_command(const struct request *r, struct arena *p, struct string_list *argv)
{
	if (!r->exec)
		string_list_add(argv, "codex");
	if (!r->exec && r->trust)
		/* An inline table, because codex accepts no quoted key in a dotted path
		 * here. */
		add_two(argv, "-c",
			arena_format(p, "projects={%s={trust_level=\"trusted\"}}",
				quote_toml(p, r->directory)));
	for (size_t i = 0; i < r->rest.count; i++)
		string_list_add(argv, r->rest.word[i]);
}

static void add_file_env(const struct request *r, struct arena *p, struct string_list *argv)
{
	if (r->env_file)
		string_list_add(argv, arena_format(p, "--env-file=%s", r->env_file));
	for (size_t i = 0; !r->env_file && i < r->file_env.count; i++) {
		const char *word = r->file_env.word[i];

		add_two(argv, "-e", arena_format(p, "%.*s", (int)strcspn(word, "="), word));
	}
}

void argv_build(const struct request *r, struct arena *p, struct string_list *argv)
{
	add_engine_options(r, p, argv);
	for (size_t i = 0; i < r->mounts_count; i++)
		add_mount(r, &r->mounts[i], p, argv);
	add_two(argv, "-w", r->directory);
	add_two(argv, "-e", "LANG=C.UTF-8");
	add_two(argv, "-e", arena_format(p, "SANDBOX_ENV_DIR=%s", r->env_dir));
	add_file_env(r, p, argv);
	for (size_t i = 0; i < r->env.count; i++)
		add_two(argv, "-e", r->env.word[i]);
	string_list_add(argv, r->image);
	add_codex_init_options(r, p, argv);
	add_command(r, p, argv);
}

const char *argv_line(const struct string_list *argv, struct arena *p)
{
	size_t size = 1, n = 0;
	char *line;
	struct string_list quoted = {0};

	for (size_t i = 0; i < argv->count; i++) {
		string_list_add(&quoted, quote_shell(p, argv->word[i]));
		size += strlen(quoted.word[i]) + 1;
	}
	line = arena_bytes(p, size);
	for (size_t i = 0; i < quoted.count; i++) {
		size_t length = strlen(quoted.word[i]);

		if (i > 0)
			line[n++] = ' ';
		memcpy(line + n, quoted.word[i], length);
		n += length;
	}
	line[n] = '\0';
	string_list_free(&quoted);
	return line;
}
