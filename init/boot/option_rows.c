/* The options, each a row that names a function, which checks and stores its value, and the
 * member of struct options that the functions for several options store it in. */
#include "option_rows.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../home/mountcheck.h"
#include "../lib/num.h"
#include "presets.h"

static int bad_value(struct failure *f, const struct given *g, const char *why)
{
	char on[sizeof(f->subject)];

	snprintf(on, sizeof(on), "%s %s", g->name, g->value);
	return fail(f, "read the options", on, "%s", why);
}

static int rule_failure(struct failure *f, const struct given *g, const struct rule_error *e)
{
	char on[sizeof(f->subject)];

	if (e->preset[0])
		snprintf(on, sizeof(on), "%s%s: \"%.100s\"", PRESETS_DIR, e->preset, e->rule);
	else
		snprintf(on, sizeof(on), "%s \"%.150s\"", g->name, e->rule);
	fail(f, "read the rule", on, "at character %zu: %s", e->position + 1, e->reason);
	if (strncmp(e->reason, POLICY_NO_PRESET, strlen(POLICY_NO_PRESET)) == 0)
		return presets_hint(f, e->reason + strlen(POLICY_NO_PRESET));
	return fail_hint(f,
		"a rule is name, *.name, name:port,port, 1.2.3.0/24:port or @preset, "
		"followed by +private or +ech if needed; to test it: codex-init --check");
}

static int add_rules(
	struct options *o, const struct given *g, enum rule_effect effect, struct failure *f)
{
	struct rule_error e;
	int done;

	if (g->environment)
		done = policy_add_list(&o->policy, g->value, effect, ORIGIN_ENVIRONMENT,
			presets_read, NULL, &e);
	else
		done = policy_add(
			&o->policy, g->value, effect, ORIGIN_OPTION, presets_read, NULL, &e);
	return done < 0 ? rule_failure(f, g, &e) : 0;
}

static int set_allow(struct options *o, const struct given *g, struct failure *f)
{
	return add_rules(o, g, RULE_ALLOW, f);
}

static int set_deny(struct options *o, const struct given *g, struct failure *f)
{
	return add_rules(o, g, RULE_DENY, f);
}

/* --no-default-rules takes no value; CODEX_INIT_DEFAULT_RULES is 0 or 1. */
static int set_default_rules(struct options *o, const struct given *g, struct failure *f)
{
	if (g->environment && strcmp(g->value, "0") != 0 && strcmp(g->value, "1") != 0)
		return bad_value(f, g, "it must be 0 or 1");
	o->default_rules = g->environment && g->value[0] == '1';
	return 0;
}

static int set_choice(int *out, const char *const *words, size_t count, const struct given *g,
	struct failure *f)
{
	char why[128] = "it must be one of:";

	for (size_t i = 0; i < count; i++) {
		if (strcmp(g->value, words[i]) == 0) {
			*out = (int)i;
			return 0;
		}
		strncat(why, " ", sizeof(why) - strlen(why) - 1);
		strncat(why, words[i], sizeof(why) - strlen(why) - 1);
	}
	return bad_value(f, g, why);
}

static int set_egress(struct options *o, const struct given *g, struct failure *f)
{
	static const char *const words[] = {"strict", "pin", "audit", "off"};
	int i = 0;

	if (set_choice(&i, words, 4, g, f) < 0)
		return -1;
	o->egress = (enum egress)i;
	return 0;
}

static int set_wall(struct options *o, const struct given *g, struct failure *f)
{
	static const char *const words[] = {"auto", "nft", "cell"};
	int i = 0;

	if (set_choice(&i, words, 3, g, f) < 0)
		return -1;
	o->wall = (enum wall_kind)i;
	return 0;
}

/* A minute: most programs wait as long. */
#define ASK_SECONDS 60

static int set_ask(struct options *o, const struct given *g, struct failure *f)
{
	uint64_t seconds = ASK_SECONDS;
	const char *end = g->value ? num_read(g->value, &seconds) : "";

	if (!end || *end || seconds > LIMIT_ASK_SECONDS)
		return bad_value(
			f, g, "it takes a number of seconds, 3600 at most; 0: nobody is asked");
	o->ask = (unsigned)seconds;
	return 0;
}

static int set_broker(struct options *o, const struct given *g, struct failure *f)
{
	static const char *const words[] = {"auto", "on", "off"};
	int i = 0;

	if (set_choice(&i, words, 3, g, f) < 0)
		return -1;
	o->broker = (enum broker_use)i;
	return 0;
}

/* ADDR, ADDR:PORT or [ADDR6]:PORT. */
int option_set_upstream(struct options *o, const struct given *g, struct failure *f)
{
	struct target t;
	const char *reason;

	if (o->upstreams_count == LIMIT_UPSTREAMS)
		return bad_value(f, g, "three upstreams at most, as in resolv.conf");
	if (!target_parse(g->value, &t, &reason))
		return bad_value(f, g, reason);
	if (!t.address.family)
		return bad_value(
			f, g, "an upstream is an address, followed by :PORT if that isn't 53");
	o->upstreams[o->upstreams_count++] = (struct endpoint){t.address, t.port ? t.port : 53};
	return 0;
}

/* PORT or PORT+any. */
static int add_published(struct options *o, const char *text, size_t size,
	const struct given *g, struct failure *f)
{
	static const char any[] = "+any";
	size_t n = strspn(text, "0123456789");
	struct published p = {.any = size == n + strlen(any) && strncmp(text + n, any, 4) == 0};

	if (!num_port(text, n, &p.port) || (n < size && !p.any))
		return bad_value(f, g,
			"it is a port, followed by +any if others than the gateway may "
			"connect");
	if (o->published_count == LIMIT_PUBLISHED)
		return bad_value(f, g, "there are too many ports");
	o->published[o->published_count++] = p;
	return 0;
}

static int set_publish(struct options *o, const struct given *g, struct failure *f)
{
	for (const char *s = g->value; *s;) {
		size_t n = strcspn(s, " ,");

		if (n > 0 && add_published(o, s, n, g, f) < 0)
			return -1;
		s += n + (s[n] != '\0');
	}
	return 0;
}

static int set_explain(struct options *o, const struct given *g, struct failure *f)
{
	const char *reason;

	o->explain = true;
	return target_parse(g->value, &o->target, &reason) ? 0 : bad_value(f, g, reason);
}

static int set_proxy(struct options *o, const struct given *g, struct failure *f)
{
	const char *why;

	o->proxy_off = strcmp(g->value, "off") == 0;
	if (o->proxy_off) {
		o->proxy.port = 0;
		return 0;
	}
	/* The value may contain a password: never print it. */
	if (!proxy_url_read(g->value, &o->proxy, &why))
		return fail(f, "read the options", g->name, "%s", why);
	o->proxy_url = g->value;
	return 0;
}

static int set_no_proxy(struct options *o, const struct given *g, struct failure *f)
{
	const char *bad;

	if (exceptions_add(&o->exceptions, g->value, &bad) == 0)
		return 0;
	return bad_value(f, g,
		"it must be a list of names, separated by commas; each includes all names "
		"below it");
}

static int set_user(struct options *o, const struct given *g, struct failure *f)
{
	if (!g->value[0])
		return bad_value(f, g, "it must be a name, a UID or UID:GID");
	o->user = g->value;
	return 0;
}

static int set_directory(struct options *o, const struct given *g, struct failure *f)
{
	(void)o;
	if (g->value[0] != '/')
		return bad_value(f, g, "it must be an absolute path");
	*(const char **)g->member = g->value;
	return 0;
}

static int set_compare(struct options *o, const struct given *g, struct failure *f)
{
	struct given next = *g;

	if (o->compared_count == LIMIT_COMPARED)
		return bad_value(f, g, "there are too many directories");
	next.member = &o->compared[o->compared_count++];
	return set_directory(o, &next, f);
}

static int set_events(struct options *o, const struct given *g, struct failure *f)
{
	if (strcmp(g->value, "-") != 0)
		return set_directory(o, g, f);
	o->events = g->value;
	return 0;
}

/* A line of printable characters, up to this one. */
static int set_line(const struct given *g, char last, struct failure *f)
{
	for (const char *c = g->value; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f ||
			(unsigned char)*c > (unsigned char)last)
			return fail(f, "read the options", g->name,
				"it is not a line of printable characters");
	*(const char **)g->member = g->value;
	return 0;
}

static int set_printable(struct options *o, const struct given *g, struct failure *f)
{
	(void)o;
	return set_line(g, '\xff', f);
}

static int set_launcher(struct options *o, const struct given *g, struct failure *f)
{
	(void)o;
	return set_line(g, '~', f);
}

static int set_mounts(struct options *o, const struct given *g, struct failure *f)
{
	if (!mountcheck_valid(g->value))
		return fail(f, "read the options", g->name, "it is not a list of mounts");
	o->mounts = g->value;
	return 0;
}

static int set_flag(struct options *o, const struct given *g, struct failure *f)
{
	(void)o;
	(void)f;
	*(bool *)g->member = true;
	return 0;
}

#define AT(member) offsetof(struct options, member)

const struct option_row option_rows[] = {
	{"--allow", NULL, "RULE", "OPENAI_ALLOWED_DOMAINS", set_allow, 0,
		"allow a name, a network or a @preset; may be repeated"},
	{"--deny", NULL, "RULE", "CODEX_INIT_DENY", set_deny, 0,
		"refuse it, whatever is allowed; may be repeated"},
	{"--no-default-rules", NULL, NULL, "CODEX_INIT_DEFAULT_RULES", set_default_rules, 0,
		"only the rules given, not OpenAI's and ChatGPT's names"},
	{"--egress", NULL, "MODE", "CODEX_INIT_EGRESS", set_egress, 0,
		"strict (default), pin, audit: allow and record, off: a plain init"},
	{"--wall", NULL, "KIND", "CODEX_INIT_WALL", set_wall, 0,
		"auto (default), nft, or cell: needs no capability; auto: nft with NET_ADMIN"},
	{"--ask", NULL, "[=SECONDS]", "CODEX_INIT_ASK", set_ask, 0,
		"ask whoever watches (codex-egress watch) about names that no rule decides; "
		"default: 60"},
	{"--broker", NULL, "USE", "CODEX_INIT_BROKER", set_broker, 0,
		"auto (default), on, off: keep the API key from the command; auto: if "
		"possible"},
	{"--upstream", NULL, "ADDR[:PORT]", "CODEX_INIT_UPSTREAM", option_set_upstream, 0,
		"ask this DNS server, not resolv.conf's; may be repeated"},
	{"--compare", NULL, "DIR", "CODEX_INIT_COMPARE", set_compare, 0,
		"report changes in this directory as in the project; codex-sandbox sets it"},
	{"--publish", NULL, "PORT[+any]", "CODEX_INIT_PUBLISH", set_publish, 0,
		"let the gateway (or anybody) connect to this TCP port; may be repeated"},
	{"--proxy", NULL, "URL", "CODEX_INIT_PROXY", set_proxy, 0,
		"reach everything through this HTTP proxy, by CONNECT; off: ignore "
		"HTTPS_PROXY too"},
	{"--no-proxy", NULL, "LIST", "CODEX_INIT_NO_PROXY", set_no_proxy, 0,
		"names reached without the proxy; default: those of NO_PROXY"},
	{"--user", NULL, "NAME|UID[:GID]", "CODEX_INIT_USER", set_user, 0,
		"who the command runs as; default: the working directory's owner"},
	{"--workdir", NULL, "DIR", "CODEX_INIT_WORKDIR", set_directory, AT(workdir),
		"where init script and command start; default: the current directory"},
	{"--home-from", NULL, "DIR", "CODEX_INIT_HOME_FROM", set_directory, AT(home_from),
		"directory with config.toml, skills/, init.sh to copy; default: /run/codex/in"},
	{"--events", NULL, "FILE", "CODEX_INIT_EVENTS", set_events, AT(events),
		"JSON lines, one for each decision; default: /run/codex/events.jsonl; -: "
		"standard error"},
	{"--mounts", NULL, "LIST", "CODEX_INIT_MOUNTS", set_mounts, 0,
		"end unless these files are mounted; codex-sandbox sets it"},
	{"--launcher", NULL, "COMMAND", "CODEX_INIT_LAUNCHER", set_launcher, AT(launcher),
		"the launcher's own command line, for advice; codex-sandbox sets it"},
	{"--launcher-here", NULL, "COMMAND", "CODEX_INIT_LAUNCHER_HERE", set_launcher,
		AT(launcher_here),
		"what its commands about this sandbox begin with; codex-sandbox sets it"},
	{"--git-config", NULL, "DIR", NULL, set_directory, AT(git_config),
		"undo settings in this git directory's config that make something run; "
		"codex-sandbox sets it"},
	{"--git-dir", NULL, "DIR", "CODEX_INIT_GIT_DIR", set_directory, AT(git_dir),
		"the project's git directory, if it is outside the project; codex-sandbox "
		"sets it"},
	{"--git-name", NULL, "NAME", "CODEX_INIT_GIT_NAME", set_printable, AT(git_name),
		"git's user.name where the project sets none; codex-sandbox sets it"},
	{"--git-email", NULL, "ADDRESS", "CODEX_INIT_GIT_EMAIL", set_printable, AT(git_email),
		"git's user.email, likewise"},
	{"--require-names", NULL, NULL, NULL, set_flag, AT(require_names),
		"end if no allowed name resolves at the start"},
	{"--check", NULL, NULL, NULL, set_flag, AT(check),
		"print the effective policy and change nothing"},
	{"--hosts", NULL, NULL, NULL, set_flag, AT(hosts),
		"with --check: print the options that put the names into a cell without root"},
	{"--explain", NULL, "HOST[:PORT]", NULL, set_explain, 0,
		"with --check: say whether it may be reached, and by which rule"},
	{"--quiet", "-q", NULL, NULL, set_flag, AT(quiet), "print failures only"},
	{"--verbose", "-v", NULL, NULL, set_flag, AT(verbose), "print each stage and its time"},
	{"--help", "-h", NULL, NULL, set_flag, AT(help), "print this text"},
	{"--version", NULL, NULL, NULL, set_flag, AT(version), "print the version"},
};
const size_t option_rows_count = sizeof(option_rows) / sizeof(option_rows[0]);
