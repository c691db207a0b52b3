#include "hints.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../init/lib/file.h"
#include "api_key.h"
#include "bounds.h"
#include "codex_args.h"
#include "find.h"
#include "quote.h"
#include "request_env.h"

static bool has(const struct string_list *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->word[i], name, n) == 0 &&
			(env->word[i][n] == '=' || !env->word[i][n]))
			return true;
	return false;
}

/* True if it is passed on by -e, with or without a value, or in a file. */
static bool is_passed(const struct plan *p, const struct cli *c, const char *name)
{
	return has(&c->env, name) || has(&p->request.file_env, name);
}

/* The first of these variables that is set here; NULL if one of them is passed on, or none
 * is set. */
static const char *left_behind(
	const struct plan *p, const struct cli *c, const char *const *names, size_t count)
{
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (is_passed(p, c, names[i]))
			return NULL;
		if (!found && find_variable(names[i]))
			found = names[i];
	}
	return found;
}

/* Codex has no login, but there is a key here that would serve as one. */
static void hint_at_key(const struct plan *p, const struct cli *c)
{
	static const char *const keys[] = {"OPENAI_API_KEY", "CODEX_API_KEY"};
	const char *key = left_behind(p, c, keys, sizeof(keys) / sizeof(keys[0]));
	enum codex_use use = codex_args_use(c->exec, &p->request.rest);

	if (p->login != LOGIN_OWN || p->request.key || p->request.chatgpt || !key ||
		(use != CODEX_SESSION && use != CODEX_WORK))
		return;
	log_warning("%s is set here but isn't passed to the container", key);
	if (use == CODEX_SESSION && api_key_broker(c))
		log_hint("codex-sandbox -e %s ...", key);
	else if (use == CODEX_SESSION)
		log_hint("interactive Codex takes no key from the environment; this stores it "
			 "for the project: printenv %s | codex-sandbox login --with-api-key",
			key);
	else
		log_hint("codex-sandbox -e %s exec ...", key);
}

/* True if the engine's client passes on proxies by itself. Its settings have a key for that
 * which is used for nothing else. */
static bool engine_has_proxies(struct plan *p)
{
	const char *directory = find_variable("DOCKER_CONFIG"), *home = find_variable("HOME");
	char text[BOUND_ENGINE_SETTINGS + 1];
	const char *path;
	ssize_t n;

	if (!directory && !home)
		return false;
	path = directory ? arena_format(&p->arena, "%s/config.json", directory)
			 : arena_format(&p->arena, "%s/.docker/config.json", home);
	n = file_take(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), text,
		sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "\"proxies\"") != NULL;
}

static void hint_at_proxy(struct plan *p, const struct cli *c)
{
	static const char *const proxies[] = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY",
		"all_proxy", "HTTP_PROXY", "http_proxy"};
	static const char *const ours[] = {"//127.", "//localhost", "//[::1]"};
	const char *name = left_behind(p, c, proxies, sizeof(proxies) / sizeof(proxies[0])),
		   *url;

	if (!name || request_env_setting(&c->env, "CODEX_INIT_PROXY") || engine_has_proxies(p))
		return;
	url = getenv(name);
	log_warning("%s is set here but isn't passed to the container", name);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strstr(url, ours[i])) {
			log_hint("it is on this machine's loopback, which no container can "
				 "reach; CODEX_INIT_PROXY=http://ADDRESS:PORT names another, "
				 "and CODEX_INIT_PROXY=off says that none is needed");
			return;
		}
	log_hint("if that proxy is the only way out: codex-sandbox -e %s ...; "
		 "CODEX_INIT_PROXY=off says that none is needed",
		name);
}

void hints_print(struct plan *p, const struct cli *c)
{
	hint_at_proxy(p, c);
	hint_at_key(p, c);
}

const char *hints_pasted(const char *line)
{
	for (const char *s = line; *s; s++)
		if (*s < ' ' || *s > '~')
			return NULL;
	return strlen(line) > BOUND_LAUNCHER ? NULL : line;
}

const char *hints_here(struct plan *p, const struct cli *c)
{
	char real[PATH_MAX];
	/* A name without a slash is found in PATH from anywhere. */
	const char *program = strchr(c->program, '/') ? realpath(c->program, real) : c->program;
	const char *place = quote_shell(&p->arena, p->workdir);
	const char *line = quote_shell(&p->arena, program ? program : c->program);

	/* What can't be shown as it is can't be typed, and whoever names none stands there. */
	if (strcmp(quote_shown(&p->arena, place), place) != 0)
		place = c->work_dir ? "WORKDIR" : NULL;
	if (place)
		line = arena_format(&p->arena, "%s --work_dir %s", line, place);

	if (c->codex_home)
		line = arena_format(
			&p->arena, "%s --codex-home %s", line, quote_shell(&p->arena, p->home));
	if (c->engine)
		line = arena_format(&p->arena, "%s --engine %s", line, c->engine);
	return line;
}

const char *hints_launcher(struct plan *p, const struct cli *c)
{
	const char *line = quote_shell(&p->arena, c->program);
	enum codex_use use = codex_args_use(c->exec, &p->request.rest);

	if (!p->request.terminal || (use != CODEX_SESSION && use != CODEX_LOGIN))
		return NULL;
	for (size_t i = 0; i < c->own.count; i++)
		line = arena_format(
			&p->arena, "%s %s", line, quote_shell(&p->arena, c->own.word[i]));
	return hints_pasted(line);
}
