/*
 * What the kept sessions were refused and no rule decided, as rules that would allow it: the
 * fewest, each once, without those that are in force: names, and in the place of several a
 * preset that has them, or a wildcard where all that is below it is most likely one owner's
 * (shared_domains.h); elsewhere one is only mentioned, since it opens what nobody asked for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../init/lib/event_words.h"
#include "../../init/policy/background.h"
#include "../../init/policy/policy.h"
#include "../bounds.h"
#include "../confirm.h"
#include "../kept_edit.h"
#include "../proposal.h"
#include "../quote.h"
#include "../trail_read.h"
#include "project.h"
#include "rows.h"
#include "shared_domains.h"

/* The image's presets, as text. */
static const struct {
	const char *name, *text;
} presets[] = {
#include "presets.h"
};
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

struct proposal {
	const char *rule, *name;         /* name "": an address */
	const char *who;                 /* a command line, or "" */
	uint16_t port;                   /* 0: the web's */
	int64_t count, in_session, most; /* all; of this session; of the session with most */
	const char *group;               /* the rule that allows it with others, or NULL */
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
	/* Made with the image (@npm, @debian), or the user's own: it isn't known here. */
	return 0;
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
			/* One rule is for both of the web's, as it is for none. */
			.port = policy_same_rule((uint16_t)e->port, 443) ? 0
									 : (uint16_t)e->port};
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
		int there = trail_read(p, i, TRAIL_ALL, see, l, t);

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

static bool covers(const struct policy *rule, const struct proposal *p)
{
	return p->name[0] && !p->group && !is_own(p) && !strchr(p->rule, '+') &&
	       policy_check_name_port(rule, p->name, p->port ? p->port : 443).allowed;
}

/* One rule in the place of those that it covers, if they are `least` or more. */
static void use_group(struct learning *l, const char *rule, size_t least)
{
	struct rule_error unused;
	struct policy alone;
	size_t covered = 0;

	policy_init(&alone);
	if (policy_add(&alone, rule, RULE_ALLOW, ORIGIN_OPTION, read_preset, NULL, &unused) ==
			0 &&
		policy_compile(&alone) == 0) {
		for (size_t i = 0; i < l->count; i++)
			covered += covers(&alone, &l->list[i]);
		for (size_t i = 0; covered >= least && i < l->count; i++)
			if (covers(&alone, &l->list[i]))
				l->list[i].group = rule;
	}
	policy_free(&alone);
}

/* What is below the first label of a name; "" of one that has a single one. */
static const char *parent_of(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot + 1 : "";
}

static void use_groups(struct learning *l)
{
	for (size_t i = 0; i < PRESETS; i++)
		use_group(l, arena_format(l->arena, "@%s", presets[i].name), 2);
	for (size_t i = 0; i < l->count; i++)
		if (!l->list[i].group && shared_domains_one_owner(parent_of(l->list[i].name)))
			use_group(l, arena_format(l->arena, "*.%s", parent_of(l->list[i].name)),
				BOUND_WILDCARD);
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

static int take_variable(
	struct learning *l, const char *name, enum rule_effect effect, struct error *t)
{
	const char *list = getenv(name);
	struct rule_error e;

	return !list || policy_add_list(&l->policy, list, effect, ORIGIN_ENVIRONMENT,
				read_preset, NULL, &e) == 0
		       ? 0
		       : refuse(t, "read the rule", e.rule, "at character %zu: %s",
				 e.position + 1, e.reason);
}

static int take_present(struct learning *l, const struct cli *c,
	const struct string_list *agreed, struct error *t)
{
	policy_init(&l->policy);
	if (policy_add_defaults(&l->policy) < 0)
		return refuse_errno(t, "read the rules", "");
	if (take_variable(l, "OPENAI_ALLOWED_DOMAINS", RULE_ALLOW, t) < 0 ||
		take_variable(l, "CODEX_INIT_DENY", RULE_DENY, t) < 0)
		return -1;
	if (take_rules(l, &c->allow, RULE_ALLOW, t) < 0 ||
		take_rules(l, agreed, RULE_ALLOW, t) < 0 ||
		take_rules(l, &c->deny, RULE_DENY, t) < 0)
		return -1;
	return policy_compile(&l->policy) < 0 ? refuse_errno(t, "read the rules", "") : 0;
}

/* ---- What is said of it -------------------------------------------------------------- */

/* "  # 12x a.example b.example; curl https://a.example". The command line is the payload's
 * word: it stands behind a '#', and is printable. */
static void print_reason(const struct learning *l, size_t first)
{
	const struct proposal *p = &l->list[first];
	const char *who = p->who;
	int64_t count = p->count;
	size_t names = 0;

	for (size_t i = first + 1; p->group && i < l->count; i++)
		if (l->list[i].group == p->group) {
			count += l->list[i].count;
			who = *who ? who : l->list[i].who;
		}
	printf("  # %" PRId64 "x", count);
	for (size_t i = first; p->group && i < l->count; i++)
		if (l->list[i].group == p->group && ++names <= BOUND_SHOWN)
			printf(" %s", l->list[i].name);
	if (names > BOUND_SHOWN)
		printf(" and %zu more", names - BOUND_SHOWN);
	printf("%s%s\n", *who ? "; " : "", who);
}

static bool is_repeated(const struct learning *l, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (l->list[number].group && l->list[i].group == l->list[number].group)
			return true;
	return false;
}

static const char *text_of(const struct proposal *p)
{
	return p->group ? p->group : p->rule;
}

static size_t print_additions(const struct learning *l)
{
	size_t added = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (is_own(&l->list[i]) || is_repeated(l, i))
			continue;
		printf("+ allow %-30s", text_of(&l->list[i]));
		print_reason(l, i);
		added++;
	}
	return added;
}

/* Where a wildcard could be and isn't proposed. */
static void print_wildcards(const struct learning *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const char *parent = parent_of(l->list[i].name);
		size_t same = 0, before = 0;

		for (size_t k = 0; strchr(parent, '.') && k < l->count; k++) {
			if (strcmp(parent, parent_of(l->list[k].name)) != 0 ||
				l->list[k].group || is_own(&l->list[k]))
				continue;
			same++;
			before += k < i;
		}
		if (same >= BOUND_WILDCARD && before == 0 && !l->list[i].group)
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
		const struct kept_edit edit = {.name = "allow", .value = text_of(&l->list[i])};

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

/* A session that runs may have been refused more since somebody looked at the list. */
static bool agreed_to(const struct cli *c)
{
	return c->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) ||
	       (fflush(stdout) == 0 && confirm_yes("Keep these? [y/N] "));
}

static void print_present(const struct cli *c, const struct plan *p)
{
	for (size_t i = 0; i < c->allow.count; i++)
		printf("  allow %s\n", c->allow.word[i]);
	for (size_t i = 0; i < p->request.allow.count; i++)
		printf("  allow %-30s  # " PROPOSAL_PLACE "\n", p->request.allow.word[i]);
	for (size_t i = 0; i < c->deny.count; i++)
		printf("  deny %s\n", c->deny.word[i]);
}

static int print_all(struct learning *l, const struct call *call, const struct plan *p,
	unsigned sessions, struct error *t)
{
	size_t added;

	printf("# from %u session%s of %s\n", sessions, sessions == 1 ? "" : "s",
		quote_shown(l->arena, p->workdir));
	print_present(call->cli, p);
	added = print_additions(l);
	print_wildcards(l);
	if (l->left_out)
		printf("# and %zu more\n", l->left_out);
	if (!added)
		printf("# nothing to add\n");
	else if (!call->save)
		printf("# to keep them: %s learn --save\n", quote_shown(l->arena, p->here));
	else if (agreed_to(call->cli) && save(l, p->workdir, t) < 0)
		return -1;
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : refuse_errno(t, "print", "stdout");
}

static int learn(struct call *call, struct plan *p, struct error *t)
{
	static struct learning l;
	unsigned sessions = 0;
	int result = -1;

	l.arena = &p->arena;
	proposal_take(p, call->cli); /* what is agreed to is in the request afterwards */
	if (take_present(&l, call->cli, &p->request.allow, t) == 0 &&
		read_sessions(&l, p, &sessions, t) == 0) {
		use_groups(&l);
		result = print_all(&l, call, p, sessions, t);
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
