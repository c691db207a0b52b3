/* See api_key.h. codex-init's own conditions are in init/boot/broker_choice.c. */
#include "api_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "../init/lib/provider.h"
#include "beneath.h"
#include "bounds.h"
#include "request_env.h"
#include "workdir.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whether a variable of codex-init's has one of these values. An empty one counts as not set.
 */
static bool is_unset_or(const struct cli *c, const char *name, const char *one, const char *two)
{
	const char *value = request_env_setting(&c->env, name);

	return !value || !*value || strcmp(value, one) == 0 || strcmp(value, two) == 0;
}

bool api_key_broker(const struct cli *c)
{
	const bool on = c->broker ? strcmp(c->broker, "off") != 0
				  : is_unset_or(c, "CODEX_INIT_BROKER", "auto", "on");

	return on && !c->audit && is_unset_or(c, "CODEX_INIT_EGRESS", "strict", "strict") &&
	       is_unset_or(c, "CODEX_INIT_DEFAULT_RULES", "1", "1");
}

/* In the cell all processes may have one user id, which the engine decides. */
static bool is_certain(const struct cli *c)
{
	return api_key_broker(c) &&
	       (c->wall ? strcmp(c->wall, "nft") == 0
			: is_unset_or(c, "CODEX_INIT_WALL", "auto", "nft"));
}

static bool names_key(const struct string_list *env)
{
	static const char *const names[] = {API_KEY_VARIABLE, "CODEX_API_KEY"};

	for (size_t i = 0; i < env->count; i++)
		for (size_t j = 0; j < COUNT(names); j++)
			if (strcspn(env->word[i], "=") == strlen(names[j]) &&
				strncmp(env->word[i], names[j], strlen(names[j])) == 0)
				return true;
	return false;
}

static bool has_key(const char *text)
{
	for (size_t i = 0; provider_keys[i]; i++)
		if (strstr(text, provider_keys[i]))
			return true;
	return false;
}

/* Where Codex can write: what is there must not decide that Codex gets the key. If the broker
 * can't be because of it, codex-init ends the start. */
static bool is_codexs(const struct plan *p, const char *path)
{
	return beneath_contains(p->workdir, path) || beneath_contains(p->home, path);
}

/* By its words: where Codex may use another provider, the login is mounted as it always was. A
 * file that can't be read tells nothing, so it counts as one that does. */
static bool config_says_otherwise(const struct plan *p, const char *path)
{
	static char text[BOUND_CONFIG_BYTES + 1];
	int fd = workdir_open(p, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return errno != ENOENT;
	n = file_read(fd, text, BOUND_CONFIG_BYTES);
	close(fd);
	if (n < 0 || n == BOUND_CONFIG_BYTES)
		return true;
	text[n] = '\0';
	return strlen(text) != (size_t)n || has_key(text);
}

static bool used_otherwise(struct search *s)
{
	const struct plan *p = s->plan;
	const char *config;
	struct error ignored; /* reported when it is about to be mounted */

	for (size_t i = 0; i < p->request.rest.count; i++)
		if (provider_word(p->request.rest.word[i]))
			return true;
	return find_config(s, &config, &ignored) < 0 ||
	       (config && !is_codexs(p, config) && config_says_otherwise(p, config));
}

/* The user passes a key, which then is the one. */
static bool passes_key(const struct plan *p, const struct cli *c)
{
	return names_key(&c->env) || names_key(&p->request.file_env);
}

bool api_key_hand_over(
	struct search *s, const struct cli *c, const char *path, const struct auth_facts *facts)
{
	const struct plan *p = s->plan;

	return facts->key[0] && is_certain(c) && !passes_key(p, c) && !used_otherwise(s) &&
	       !is_codexs(p, path);
}

bool api_key_chatgpt(const struct plan *p, const struct cli *c, const char *path,
	const struct auth_facts *facts)
{
	const char *broker =
		c->broker ? c->broker : request_env_setting(&c->env, "CODEX_INIT_BROKER");

	return facts->chatgpt.token[0] && broker && strcmp(broker, "on") == 0 &&
	       !passes_key(p, c) && !is_codexs(p, path);
}
