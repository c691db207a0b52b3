/*
 * Chooses the proxy: the one given to codex-init, or else the one that the engine put into
 * the container's environment (for Docker, "proxies" in ~/.docker/config.json). The command
 * couldn't use that itself, since the wall lets only the gate reach a proxy; so the gate
 * uses it for the command, and the variables are removed from the command's environment.
 */
#include "stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local_dns.h"

/* The first one set is used: everything goes by CONNECT, as https does. */
static const char *const variables[] = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy",
	"HTTP_PROXY", "http_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy"};
#define COUNT  (sizeof(variables) / sizeof(variables[0]))
#define URLS   6 /* the number of those whose value is a usable URL */
#define EXCEPT 8 /* index of the lists of exceptions */

/* A URL, or just host:port, which most programs accept. */
static bool read_url(const char *value, struct gate_proxy *out, const char **why)
{
	char url[1024];

	if (strstr(value, "://"))
		return proxy_url_read(value, out, why);
	*why = "it is too long";
	return snprintf(url, sizeof(url), "http://%s", value) < (int)sizeof(url) &&
	       proxy_url_read(url, out, why);
}

static int take_injected(struct boot *b, const char **from, struct failure *f)
{
	for (size_t i = 0; i < URLS; i++) {
		const char *value = environment_get(&b->env, variables[i]), *why;

		if (!value || !*value)
			continue;
		*from = variables[i];
		if (read_url(value, &b->o->proxy, &why))
			return 0;
		/* Silently doing without it would expose traffic that it was meant to hide. */
		fail(f, "use the proxy in the environment", variables[i], "%s", why);
		return fail_hint(f, "name one that can be used: --proxy http://HOST:PORT, or "
				    "CODEX_INIT_PROXY; CODEX_INIT_PROXY=off uses none");
	}
	return 0;
}

/* Invalid entries in a list of the environment are skipped, as every program does. */
static void take_exceptions(struct boot *b)
{
	struct exceptions *e = &b->o->exceptions;
	const char *bad;

	for (size_t i = EXCEPT; i < COUNT && !e->all && e->used == 0; i++) {
		const char *list = environment_get(&b->env, variables[i]);

		if (list && exceptions_add(e, list, &bad) < 0)
			say_detail("config", "%s: \"%.40s\" is ignored", variables[i], bad);
	}
}

/* A program listening there would be the proxy and receive its password. */
static int refuse_inside(const struct gate_proxy *p, struct failure *f)
{
	const struct endpoint e = {p->address, p->port};
	char text[ADDRESS_TEXT];

	if (!p->address.family || !local_dns_has(&e))
		return 0;
	fail(f, "use the proxy", address_text(&p->address, text),
		"it is inside the container, where any program could pose as it");
	return fail_hint(f, "if it runs on the host, use an address of the host that the "
			    "container can reach");
}

static void warn_of_proxy(const struct gate_proxy *p, const char *from)
{
	char text[ADDRESS_TEXT];

	say_warning("config",
		"%s: everything goes through the proxy %s port %u, except names of +private "
		"rules and those in NO_PROXY",
		from, p->address.family ? address_text(&p->address, text) : p->name, p->port);
}

/* argv and the environment may be modified (C11 5.1.2.2.1); the options only read them. */
static void hide_login(const char *url)
{
	char *from = (char *)(uintptr_t)url, *at = url ? strrchr(from, '@') : NULL, *scheme;

	if (!at)
		return;
	scheme = strstr(from, "//");
	if (scheme && scheme < at)
		from = scheme + 2;
	memset(from, '*', (size_t)(at - from));
}

/* Without a gate nobody can use it for the command. */
static void warn_of_unused_proxy(const struct boot *b)
{
	for (size_t i = 0; i < URLS; i++)
		if (environment_get(&b->env, variables[i])) {
			say_warning("config",
				"%s is left to the command: with --egress=pin there is no gate "
				"to use that proxy, and a rule has to allow its address",
				variables[i]);
			return;
		}
}

/* They would be useless there: the wall lets only the gate reach a proxy. */
static void keep_from_command(struct boot *b)
{
	for (size_t i = 0; i < COUNT; i++) {
		hide_login(getenv(variables[i]));
		environment_unset(&b->env, variables[i]);
	}
}

int stage_proxy_choose(struct boot *b, struct failure *f)
{
	struct options *o = b->o;
	const char *from = NULL;

	/* /proc/1/cmdline is world-readable and shows the current contents of argv. */
	hide_login(o->proxy_url);
	hide_login(getenv("CODEX_INIT_PROXY"));
	environment_unset(&b->env, "CODEX_INIT_PROXY");
	if (o->egress == EGRESS_PIN)
		warn_of_unused_proxy(b);
	if (o->egress == EGRESS_OFF || o->egress == EGRESS_PIN)
		return 0;
	if (!o->proxy.port && !o->proxy_off && take_injected(b, &from, f) < 0)
		return -1;
	take_exceptions(b);
	if (o->exceptions.all)
		o->proxy.port = 0;
	if (o->proxy.port && refuse_inside(&o->proxy, f) < 0)
		return -1;
	if (o->proxy.port && from)
		warn_of_proxy(&o->proxy, from);
	keep_from_command(b);
	return 0;
}
