/*
 * What the kept sessions were refused and no rule decided, as rules that would allow it: the
 * fewest, each once, without those that are in force. Names alone are proposed, and presets
 * where they cover several; a wildcard opens what nobody asked for, so it is only mentioned.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/lib/event_words.h"
#include "../../init/policy/background.h"
#include "../../init/policy/policy.h"
#include "../bounds.h"
#include "../kept.h"
#include "../kept_edit.h"
#include "../quote.h"
#include "../trail_read.h"
#include "project.h"
#include "rows.h"

/* The image's presets, as text. */
static const struct {
	const char *name, *text;
} presets[] = {
#include "presets.h"
};
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

struct proposal {
	const char *rule, *name; /* name "": an address */
	const char *who;         /* a command line, or "" */
	uint16_t port;
	int64_t count, in_session, most; /* all; of this session; of the session with most */
	int preset;                      /* which one has it, or -1 */
};

struct learning {
	struct arena *arena;
	struct policy policy; /* the present rules */
	struct proposal list[BOUND_PROPOSALS];
	size_t count, left_out;
};

static long read_preset(void *context, const char *preset, char *text, size_t size)
{
	(void)context;
	for (size_t i = 0; i < PRESETS; i++)
		if (strcmp(presets[i].name, preset) == 0)
			return snprintf(text, size, "%s", presets[i].text);
	return -1;
}

/* ---- What was refused ---------------------------------------------------------------- */

/* The rule that would allow it. False if there can be none, or one allows or denies it already.
 */
static bool rule_of(const struct learning *l, const struct trail_event *e, char name[NAME_TEXT],
	char *rule, size_t room)
{
	struct address a = {0};
	const uint16_t port = (uint16_t)e->port;
	const bool known = address_parse(e->address, strlen(e->address), &a);
	const bool private = known && address_classify(&a) == ADDRESS_PRIVATE;
	char text[RULE_FOR_NAME];
	const char *unused;
	struct verdict v;
	size_t at;

	if (name_normalise(e->name, strlen(e->name), name, &at, &unused)) {
		v = policy_check_name_port(&l->policy, name, port ? port : 443);
		rule_for_name(name, port, text);
		snprintf(rule, room, "%s%s", text,
			private && !strchr(text, '+') ? "+private" : "");
		return !v.rule || (!v.allowed && v.rule->effect == RULE_ALLOW);
	}
	name[0] = '\0';
	if (e->name[0] || !known || !port ||
		(!private && address_classify(&a) != ADDRESS_PUBLIC))
		return false;
	snprintf(rule, room, a.family == 6 ? "[%s]:%u%s" : "%s:%u%s", address_text(&a, text),
		port, private ? "+private" : "");
	return !policy_check_address(&l->policy, &a, port).rule;
}

static void add(
	struct learning *l, const char *rule, const char *name, const struct trail_event *e)
{
	struct proposal *p = l->list;

	while (p < l->list + l->count && strcmp(p->rule, rule) != 0)
		p++;
	if (p == l->list + BOUND_PROPOSALS) {
		l->left_out++;
		return;
	}
	if (p == l->list + l->count) {
		*p = (struct proposal){.rule = arena_copy(l->arena, rule),
			.name = arena_copy(l->arena, name),
			.who = "",
			.port = (uint16_t)e->port,
			.preset = -1};
		l->count++;
	}
	p->count += e->count;
	p->in_session += e->count;
	if (p->in_session > p->most)
		p->most = p->in_session;
	if (e->command[0])
		p->who = arena_format(l->arena, "%.60s", e->command);
}

static void see(void *context, const struct trail_event *e)
{
	struct learning *l = context;
	char name[NAME_TEXT], rule[RULE_FOR_NAME + 16];

	if (strncmp(e->event, "refused-", 8) == 0 && strcmp(e->reason, EVENT_NO_RULE) == 0 &&
		rule_of(l, e, name, rule, sizeof(rule)))
		add(l, rule, name, e);
}

static int read_sessions(
	struct learning *l, struct plan *p, unsigned *sessions, struct error *t)
{
	for (unsigned i = BOUND_TRAILS; i-- > 0;) {
		int there = trail_read(p, i, see, l, t);

		if (there < 0)
			return -1;
		*sessions += (unsigned)there;
		for (size_t k = 0; k < l->count; k++)
			l->list[k].in_session = 0;
	}
	return 0;
}

/* ---- The fewest rules ---------------------------------------------------------------- */

/* Codex's own requests, which nobody needs. */
static bool is_own(const struct proposal *p)
{
	return p->name[0] && !p->port && background_request(p->name, (uint64_t)p->most);
}

static bool covers(const struct policy *preset, const struct proposal *p)
{
	return p->name[0] && p->preset < 0 && !is_own(p) && !strchr(p->rule, '+') &&
	       policy_check_name_port(preset, p->name, p->port ? p->port : 443).allowed;
}

/* A preset that has two names or more of those that were refused. */
static void use_preset(struct learning *l, size_t number)
{
	struct rule_error unused;
	struct policy preset;
	char text[80];
	size_t covered = 0;

	policy_init(&preset);
	snprintf(text, sizeof(text), "@%s", presets[number].name);
	if (policy_add(&preset, text, RULE_ALLOW, ORIGIN_OPTION, read_preset, NULL, &unused) ==
			0 &&
		policy_compile(&preset) == 0) {
		for (size_t i = 0; i < l->count; i++)
			covered += covers(&preset, &l->list[i]);
		for (size_t i = 0; covered >= 2 && i < l->count; i++)
			if (covers(&preset, &l->list[i]))
				l->list[i].preset = (int)number;
	}
	policy_free(&preset);
}

static int take_rules(struct learning *l, const struct string_list *rules,
	enum rule_effect effect, struct error *t)
{
	struct rule_error e;

	for (size_t i = 0; i < rules->count; i++)
		if (policy_add(&l->policy, rules->word[i], effect, ORIGIN_OPTION, read_preset,
			    NULL, &e) < 0)
			return refuse(t, "read the rule", rules->word[i],
				"at character %zu: %s", e.position + 1, e.reason);
	return 0;
}

static int take_present(struct learning *l, const struct cli *c, struct error *t)
{
	const char *more = getenv("OPENAI_ALLOWED_DOMAINS");
	struct rule_error e;

	policy_init(&l->policy);
	if (policy_add_defaults(&l->policy) < 0)
		return refuse_errno(t, "read the rules", "");
	if (more && policy_add_list(&l->policy, more, RULE_ALLOW, ORIGIN_ENVIRONMENT,
			    read_preset, NULL, &e) < 0)
		return refuse(t, "read the rule", e.rule, "at character %zu: %s",
			e.position + 1, e.reason);
	if (take_rules(l, &c->allow, RULE_ALLOW, t) < 0 ||
		take_rules(l, &c->deny, RULE_DENY, t) < 0)
		return -1;
	return policy_compile(&l->policy) < 0 ? refuse_errno(t, "read the rules", "") : 0;
}

/* ---- What is said of it -------------------------------------------------------------- */

/* " # 12x: a.example b.example; curl https://a.example". The command line is the payload's
 * word: it stands behind a '#', and is printable. */
static void print_reason(const struct learning *l, size_t first)
{
	const struct proposal *p = &l->list[first];
	const char *who = p->who;
	int64_t count = p->count;

	for (size_t i = first + 1; p->preset >= 0 && i < l->count; i++)
		if (l->list[i].preset == p->preset) {
			count += l->list[i].count;
			who = *who ? who : l->list[i].who;
		}
	printf("  # %" PRId64 "x", count);
	for (size_t i = first; p->preset >= 0 && i < l->count; i++)
		if (l->list[i].preset == p->preset)
			printf(" %s", l->list[i].name);
	printf("%s%s\n", *who ? "; " : "", who);
}

static bool is_repeated(const struct learning *l, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (l->list[number].preset >= 0 && l->list[i].preset == l->list[number].preset)
			return true;
	return false;
}

static const char *text_of(const struct learning *l, size_t number)
{
	const struct proposal *p = &l->list[number];

	return p->preset < 0 ? p->rule : arena_format(l->arena, "@%s", presets[p->preset].name);
}

static size_t print_additions(const struct learning *l)
{
	size_t added = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (is_own(&l->list[i]) || is_repeated(l, i))
			continue;
		printf("+ allow %-30s", text_of(l, i));
		print_reason(l, i);
		added++;
	}
	return added;
}

/* "cdn.example" of "a.cdn.example", if a rule may have a wildcard there. */
static const char *parent_of(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot && strchr(dot + 1, '.') ? dot + 1 : NULL;
}

static void print_wildcards(const struct learning *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const char *parent = parent_of(l->list[i].name), *other;
		size_t same = 0, before = 0;

		for (size_t k = 0; parent && k < l->count; k++) {
			other = parent_of(l->list[k].name);
			if (!other || strcmp(parent, other) != 0 || is_own(&l->list[k]))
				continue;
			same++;
			before += k < i;
		}
		if (same >= BOUND_WILDCARD && before == 0)
			printf("# %zu of these are below %s: *.%s would allow them, and all "
			       "others there\n",
				same, parent, parent);
	}
}

static int save(const struct learning *l, const char *workdir, struct error *t)
{
	const char *path = NULL;
	size_t saved = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct kept_edit edit = {.name = "allow", .value = text_of(l, i)};

		if (is_own(&l->list[i]) || is_repeated(l, i))
			continue;
		if (kept_edit_project(l->arena, workdir, &edit, &path, t) < 0)
			return -1;
		saved++;
	}
	if (saved)
		printf("# kept in %s\n", path);
	return 0;
}

static int print_all(struct learning *l, const struct cli *c, unsigned sessions,
	const char *workdir, bool saving, struct error *t)
{
	size_t added;

	const char *shown = quote_shown(l->arena, workdir),
		   *quoted = quote_shown(l->arena, quote_shell(l->arena, workdir));

	printf("# from %u session%s of %s\n", sessions, sessions == 1 ? "" : "s", shown);
	for (size_t i = 0; i < c->allow.count; i++)
		printf("  allow %s\n", c->allow.word[i]);
	for (size_t i = 0; i < c->deny.count; i++)
		printf("  deny %s\n", c->deny.word[i]);
	added = print_additions(l);
	print_wildcards(l);
	if (l->left_out)
		printf("# and %zu more\n", l->left_out);
	if (!added)
		printf("# nothing to add\n");
	else if (!saving)
		printf("# to keep them: codex-sandbox learn --save%s%s\n",
			c->work_dir ? " " : "", c->work_dir ? quoted : "");
	else if (save(l, workdir, t) < 0)
		return -1;
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : refuse_errno(t, "print", "stdout");
}

static int learn(struct call *call, struct plan *p, struct error *t)
{
	static struct learning l;
	unsigned sessions = 0;
	int result = -1;

	l.arena = &p->arena;
	if (take_present(&l, call->cli, t) == 0 && read_sessions(&l, p, &sessions, t) == 0) {
		for (size_t i = 0; i < PRESETS; i++)
			use_preset(&l, i);
		result = print_all(&l, call->cli, sessions, p->workdir, call->save, t);
	}
	policy_free(&l.policy);
	return result;
}

int command_learn(struct call *call, struct error *t)
{
	struct plan p;
	int result = project_find(&p, call, call->word[0], t);

	if (result == 0)
		result = learn(call, &p, t);
	plan_free(&p);
	return result;
}
