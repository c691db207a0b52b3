#include "request_env.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../init/policy/policy.h"
#include "api_key.h"
#include "find.h"
#include "quote.h"

#define DEFAULT_IMAGE "codex-sandbox"

extern char **environ;

const char *request_env_setting(const struct string_list *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = env->count; i-- > 0;) {
		const char *word = env->word[i];

		if (strncmp(word, name, n) == 0 && (word[n] == '=' || word[n] == '\0'))
			return word[n] == '=' ? word + n + 1 : getenv(name);
	}
	return getenv(name);
}

static bool read_id(const char **text, unsigned long *id)
{
	const char *s = *text;

	for (*id = 0; *s >= '0' && *s <= '9'; s++) {
		*id = 10 * *id + (unsigned long)(*s - '0');
		if (*id >= 0xffffffff) /* (uid_t)-1 means "no user" to the kernel */
			return false;
	}
	if (s == *text)
		return false;
	*text = s;
	return true;
}

bool request_env_ids(const char *text, uid_t *uid, gid_t *gid)
{
	unsigned long user, group;

	if (!read_id(&text, &user))
		return false;
	group = user;
	if (*text == ':') {
		text++;
		if (!read_id(&text, &group))
			return false;
	}
	if (*text)
		return false;
	*uid = (uid_t)user;
	*gid = (gid_t)group;
	return true;
}

/* True if there is input to forward. Callers without any pass /dev/null. */
static bool has_input(void)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) < 0)
		return false;
	return !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool request_env_is_secret(const char *word)
{
	static const char *const ends[] = {"KEY", "TOKEN", "SECRET", "PASSWORD", "LOGIN"};
	size_t size = strcspn(word, "=");

	for (size_t i = 0; word[size] && i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t n = strlen(ends[i]);

		if (size >= n && strncmp(word + size - n, ends[i], n) == 0)
			return true;
	}
	return false;
}

static void warn_of_variable(const char *word)
{
	size_t n = strcspn(word, "=");

	if (request_env_is_secret(word))
		log_warning("-e %.*s=...: every user of this machine can read the value in the "
			    "list of processes; -e %.*s alone passes on the variable",
			(int)n, word, (int)n, word);
	if (!word[n] && !getenv(word))
		log_warning("-e %s: there is no such variable to pass", word);
}

/* By name only: every user can read the values on a command line. */
static void take_environment(struct request *r, struct arena *p, const struct cli *c)
{
	static const char *const passed[] = {"TERM", "COLORTERM", "OPENAI_ALLOWED_DOMAINS",
		"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME",
		"GIT_COMMITTER_EMAIL"};
	size_t start;

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (getenv(passed[i]))
			string_list_add(&r->env, passed[i]);
	start = r->env.count;
	for (char **variable = environ; *variable; variable++) {
		size_t n = strcspn(*variable, "=");

		if (strncmp(*variable, "CODEX_INIT_", strlen("CODEX_INIT_")) == 0 &&
			quote_is_variable(*variable, n))
			string_list_add(&r->env, arena_format(p, "%.*s", (int)n, *variable));
	}
	/* They will be set before the start. */
	for (size_t i = 0; i < r->passed_count; i++)
		if (!getenv(r->passed[i].name))
			string_list_add(&r->env, r->passed[i].name);
	if (!getenv("CODEX_INIT_MOUNTS"))
		string_list_add(&r->env, "CODEX_INIT_MOUNTS");
	if (!getenv(ARGV_RUN))
		string_list_add(&r->env, ARGV_RUN);
	/* So that the same environment gives the same command. */
	if (r->env.count > start)
		qsort(r->env.word + start, r->env.count - start, sizeof(*r->env.word), by_name);
	if (r->key)
		string_list_add(&r->env, API_KEY_VARIABLE);
	if (r->chatgpt)
		string_list_add(&r->env, CHATGPT_VARIABLE);
	for (size_t i = 0; i < c->env.count; i++) {
		string_list_add(&r->env, c->env.word[i]);
		warn_of_variable(c->env.word[i]);
	}
}

static void copy_words(struct string_list *to, const struct string_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		string_list_add(to, from->word[i]);
}

/* Presets are part of the image; none of them has a name of this machine. */
static long no_preset(void *context, const char *preset, char *text, size_t size)
{
	(void)context, (void)preset, (void)text, (void)size;
	return 0;
}

/* True if the rules allow this name. Invalid rules are left to codex-init, which reports the
 * position of the error. */
static bool rules_allow(const struct request *r, const char *name)
{
	const char *list = request_env_setting(&r->env, "OPENAI_ALLOWED_DOMAINS");
	struct rule_error e;
	struct policy p;
	bool allowed;

	policy_init(&p);
	for (size_t i = 0; i < r->allow.count; i++)
		policy_add(
			&p, r->allow.word[i], RULE_ALLOW, ORIGIN_OPTION, no_preset, NULL, &e);
	if (list)
		policy_add_list(&p, list, RULE_ALLOW, ORIGIN_ENVIRONMENT, no_preset, NULL, &e);
	allowed = policy_compile(&p) == 0 && policy_check_name(&p, name).allowed;
	policy_free(&p);
	return allowed;
}

void request_env_name_host(struct request *r)
{
	r->host_name = rules_allow(r, ARGV_HOST_NAME);
}

/*
 * In the host's network, codex-init's firewall would apply to the whole machine; in another
 * container's, to that one. Both have syntaxes with ':' or '=' (docker's name=host), which
 * names of networks can't contain.
 */
static int take_network(struct request *r, const char *network, struct error *t)
{
	r->network = network;
	if (!network || (strcmp(network, "host") != 0 && !strpbrk(network, ":=")))
		return 0;
	return refuse(t, "use --network", network,
		"the sandbox needs a network namespace of its own");
}

static int take_image(struct request *r, const char *image, struct error *t)
{
	const char *variable = find_variable("CODEX_DOCKER_IMAGE");

	r->image = image ? image : variable ? variable : DEFAULT_IMAGE;
	if (r->image[0] != '-' && !r->image[strcspn(r->image, " \t\r\n")])
		return 0;
	return refuse(t, "use the image", r->image, "that is not an image name");
}

void request_env_terminal(struct request *r)
{
	bool terminal = isatty(STDIN_FILENO);

	r->input = terminal || has_input();
	r->terminal = terminal && isatty(STDOUT_FILENO);
}

/* What will hold the rules, as far as it can be known here. */
static const char *enforces(const struct cli *c)
{
	const char *egress = request_env_setting(&c->env, "CODEX_INIT_EGRESS");
	const char *wall = request_env_setting(&c->env, "CODEX_INIT_WALL");

	if (c->audit || (egress && strcmp(egress, "audit") == 0))
		return "audit";
	if (egress && strcmp(egress, "off") == 0)
		return "off";
	if (c->wall)
		return c->wall;
	return wall && strcmp(wall, "cell") == 0 ? "cell" : "nft";
}

int request_env_take(struct request *r, struct arena *p, const struct cli *c, struct error *t)
{
	r->pids_limit = c->pids_limit;
	r->memory = c->memory;
	r->cpus = c->cpus;
	r->shm_size = c->shm_size;
	if (take_image(r, c->image, t) < 0 || take_network(r, c->network, t) < 0)
		return -1;
	take_environment(r, p, c);
	copy_words(&r->allow, &c->allow);
	copy_words(&r->deny, &c->deny);
	copy_words(&r->add_host, &c->add_host);
	copy_words(&r->publish, &c->publish);
	request_env_name_host(r);
	r->audit = c->audit;
	r->trust = c->trust;
	r->selinux = c->selinux;
	r->wall = c->wall;
	if (c->ask || c->notify)
		r->ask = c->ask && *c->ask ? c->ask : ASK_SECONDS;
	r->broker = r->key || r->chatgpt
			    ? "on"
			    : c->broker; /* without one Codex would have no login */
	r->caller = geteuid();
	r->enforces = enforces(c);
	r->exec = c->exec;
	return 0;
}
