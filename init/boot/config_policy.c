/* See stages.h. resolv.conf, the hosts file and the rules, as the wall and the workers get
 * them. */
#include "stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cell/hosts.h"
#include "../lib/file.h"

/* Reads a small file; a missing one counts as empty. Returns its length, or -1. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
	ssize_t n = file_take(open(path, O_RDONLY | O_CLOEXEC), text, size);

	return n < 0 && errno == ENOENT ? 0 : n;
}

int config_policy_read_dns(struct boot *b, struct failure *f)
{
	static char text[LIMIT_HOSTS_BYTES];
	struct resolver_config *c = &b->names;
	ssize_t n = read_file("/etc/resolv.conf", text, LIMIT_RESOLV_CONF_BYTES);

	if (n < 0)
		return fail_errno(f, "read", "/etc/resolv.conf");
	if (b->cell)
		hosts_resolv_undo(text, (size_t)n);
	resolvconf_parse(text, (size_t)n, &c->conf);
	if (b->o->upstreams_count) {
		memcpy(c->conf.upstreams, b->o->upstreams, sizeof(b->o->upstreams));
		c->conf.upstreams_count = b->o->upstreams_count;
	}
	n = read_file("/etc/hosts", text, sizeof(text));
	if (n < 0)
		return fail_errno(f, "read", "/etc/hosts");
	b->hosts = calloc(LIMIT_HOSTS, sizeof(*b->hosts));
	if (!b->hosts)
		return fail_errno(f, "read", "/etc/hosts");
	c->hosts = b->hosts;
	c->hosts_count = resolvconf_parse_hosts(text, (size_t)n, b->hosts, LIMIT_HOSTS);
	if (!b->cell)
		return 0;
	b->stand_ins_given = hosts_complete(&b->o->policy, b->hosts, c->hosts_count);
	c->hosts_count = hosts_without_fake_ips(b->hosts, c->hosts_count);
	return 0;
}

/* Documentation networks are accepted, since examples use them; but with a warning. */
static void warn_of_examples(const struct policy *p)
{
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind != RULE_NETWORK || r->effect != RULE_ALLOW ||
			address_classify_network(&r->network, r->prefix) != ADDRESS_EXAMPLE)
			continue;
		rule_text(r, text, sizeof(text));
		say_warning("config",
			"allow %s: this allows nothing: these addresses are for %s", text,
			address_network_name(&r->network, r->prefix));
	}
}

static bool is_localhost(const char *name)
{
	static const char localhost[] = "localhost";
	size_t n = strlen(name), size = strlen(localhost);

	return n >= size && strcmp(name + n - size, localhost) == 0 &&
	       (n == size || name[n - size - 1] == '.');
}

/* localhost is the container itself, and no host (RFC 6761 section 6.3). */
static void warn_of_localhost(const struct policy *p)
{
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];
		const char *port;

		if (r->kind == RULE_NETWORK || r->effect != RULE_ALLOW ||
			!is_localhost(r->name))
			continue;
		rule_text(r, text, sizeof(text));
		port = strchr(text, ':');
		say_warning("config",
			"allow %s: this allows nothing: localhost is the container itself, "
			"where every port is open",
			text);
		say_hint("the machine that the engine runs on: --allow host.docker.internal%.*s"
			 "+private",
			port ? (int)strcspn(port, "+") : 0, port ? port : "");
	}
}

/* A rule that denies what Codex itself connects to. */
static void warn_of_denied_service(const struct options *o)
{
	static const struct {
		const char *name, *login;
	} services[] = {{"api.openai.com", "an API key"}, {"chatgpt.com", "a ChatGPT login"}};

	for (size_t i = 0; o->default_rules && i < sizeof(services) / sizeof(services[0]); i++)
		if (!policy_check_pin(&o->policy, services[i].name).allowed &&
			(!o->policy.broker[0] ||
				strcmp(o->policy.broker, services[i].name) == 0))
			say_warning("config", "deny %s: with %s, Codex can't work without it",
				services[i].name, services[i].login);
}

/* A rule by which the command reaches OpenAI by itself, with whatever credential it has. */
static void warn_of_opened_service(const struct policy *p)
{
	static const char *const names[] = {"api.openai.com", "chatgpt.com"};
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0; p->broker[0] && i < sizeof(names) / sizeof(names[0]); i++) {
		struct verdict v = policy_check_name(p, names[i]);

		if (!v.allowed)
			continue;
		rule_text(v.rule, text, sizeof(text));
		say_warning("config",
			"allow %s: it opens %s to the command, with any key that it finds; "
			"Codex doesn't need that, since it goes through the broker",
			text, names[i]);
	}
}

int config_policy_compile(struct options *o, struct failure *f)
{
	if (o->proxy.port)
		policy_set_proxy(&o->policy, o->proxy.name, o->proxy.port, &o->exceptions);
	if (policy_compile(&o->policy) < 0)
		return fail_errno(f, "compile the policy", "");
	warn_of_examples(&o->policy);
	warn_of_localhost(&o->policy);
	warn_of_denied_service(o);
	warn_of_opened_service(&o->policy);
	return 0;
}
