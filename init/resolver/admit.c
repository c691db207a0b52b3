/*
 * Whether a name may be queried. The policy decides; this adds a bound on how much data a
 * name under a wildcard can carry to the servers of that wildcard's owner.
 */
#include "resolver_private.h"

#include <stdio.h>
#include <string.h>

#include "../policy/background.h"

/*
 * The allowed name within one that isn't: C libraries append each search domain to a name,
 * and clients prepend a service (RFC 2782). NULL if there is none.
 */
static const char *allowed_within(const struct worker *w, const char *name, char out[NAME_TEXT])
{
	const struct resolvconf *conf = &w->config->conf;
	const char *rest = name;

	while (rest[0] == '_' && strchr(rest, '.'))
		rest = strchr(rest, '.') + 1;
	for (size_t i = 0; i <= conf->search_count; i++) {
		const char *domain = i < conf->search_count ? conf->search[i] : NULL;
		size_t size = strlen(rest);

		if (domain && !name_below(rest, domain))
			continue;
		if (domain)
			size -= strlen(domain) + 1;
		else if (rest == name)
			continue;
		snprintf(out, NAME_TEXT, "%.*s", (int)size, rest);
		if (policy_check_name(w->config->policy, out).allowed)
			return out;
	}
	return NULL;
}

/* A refused name that derives from an allowed one isn't reported: the user has nothing to
 * decide. Unless a rule denies it. */
static void report_refused(struct worker *w, const char *name)
{
	char inside[NAME_TEXT];

	if (policy_check_name(w->config->policy, name).rule || !allowed_within(w, name, inside))
		channel_refused(w, name, REASON_NONE);
}

static int refuse(struct worker *w, const char *name, enum resolver_reason reason)
{
	channel_refused(w, name, reason);
	return -1;
}

/*
 * Whether a name under this wildcard that isn't in the table may be added. Only if it may be
 * queried, so that refused names don't evict known ones. With a proxy adding one counts as a
 * query, since the proxy then looks it up.
 */
static bool may_come_up(struct worker *w, const struct rule *rule, const char *name)
{
	struct ration *r = ration_of(w, rule);

	return policy_by_proxy(w->config->policy, name)
		       ? ration_take(r, w->now, LIMIT_WILDCARD_QUESTIONS)
		       : ration_left(r, w->now, LIMIT_WILDCARD_QUESTIONS);
}

static void explain_wildcard(char text[ADMIT_TEXT], const struct rule *rule)
{
	snprintf(text, ADMIT_TEXT, "more than %d questions for names under *.%s in a minute",
		LIMIT_WILDCARD_QUESTIONS, rule->name);
}

void admit_explain_ration(
	const struct worker *w, const struct cache_name *n, char text[ADMIT_TEXT])
{
	struct verdict v = policy_check_name(w->config->policy, n->name);

	if (n->dynamic && v.rule && v.rule->kind == RULE_WILDCARD)
		explain_wildcard(text, v.rule);
	else
		snprintf(text, ADMIT_TEXT, "more than %d questions for %s in a minute",
			LIMIT_NAME_QUESTIONS, n->name);
}

static void explain(const struct worker *w, char text[ADMIT_TEXT], const char *name, bool plain,
	const struct verdict *v)
{
	char rule[RULE_FOR_NAME], inside[NAME_TEXT];

	if (!plain)
		snprintf(text, ADMIT_TEXT, "%s is not a valid host name", name[0] ? name : ".");
	else if (v->rule && v->rule->effect == RULE_DENY && v->rule->reason)
		snprintf(text, ADMIT_TEXT, "%s is denied: %s", name, v->rule->reason);
	else if (v->rule && v->rule->effect == RULE_DENY)
		snprintf(text, ADMIT_TEXT, "%s is denied by a rule", name);
	else if (allowed_within(w, name, inside))
		snprintf(text, ADMIT_TEXT, "%s is allowed, %s is not", inside, name);
	else
		snprintf(text, ADMIT_TEXT, "%s is not allowed; add --allow %s", name,
			rule_for_name(name, 0, rule));
}

/* One that is known already. */
static int known(struct worker *w, const char *name, int index)
{
	cache_touch(&w->cache, index);
	if (w->cache.names[index].open) /* audit mode: strict would refuse it */
		report_refused(w, name);
	return index;
}

/* A place in the cache for a new name, or -1. Behind a proxy it has its address at once. */
static int add(struct worker *w, const char *name, char text[ADMIT_TEXT])
{
	int index = cache_add_dynamic(&w->cache, name);

	if (index < 0)
		snprintf(text, ADMIT_TEXT, "too many questions at one time");
	else if (policy_by_proxy(w->config->policy, name))
		lookup_fake_ip(w, index);
	return index;
}

/* Audit mode lets through, and reports, what no rule allows. */
static int admit_open(struct worker *w, const char *name, bool lookup, char text[ADMIT_TEXT])
{
	int index;

	report_refused(w, name);
	if (!lookup)
		return ADMIT_ABSENT;
	index = add(w, name, text);
	if (index >= 0)
		w->cache.names[index].open = true;
	return index;
}

/* A name that a rule allows, and that isn't in the cache. */
static int admit_allowed(struct worker *w, const char *name, const struct verdict *v,
	bool lookup, char text[ADMIT_TEXT])
{
	const bool wildcard = v->rule && v->rule->kind == RULE_WILDCARD;
	int index;

	if (wildcard && !policy_wildcard_fits(v->rule, name)) {
		snprintf(text, ADMIT_TEXT,
			"%s is longer than a wildcard allows; add --allow %s", name, name);
		return refuse(w, name, REASON_LONG);
	}
	if (wildcard && lookup && !may_come_up(w, v->rule, name)) {
		explain_wildcard(text, v->rule);
		return refuse(w, name, REASON_LIMIT);
	}
	if (!lookup)
		return ADMIT_ABSENT;
	index = add(w, name, text);
	if (index < 0)
		return refuse(w, name, REASON_LIMIT);
	w->cache.names[index].allowed = true;
	w->cache.names[index].internal = v->private;
	w->cache.names[index].ration = ration_of(w, v->rule);
	return index;
}

int admit_name(
	struct worker *w, const char *name, bool plain, bool lookup, char text[ADMIT_TEXT])
{
	struct verdict v = {0};
	int index;

	if (w->version != policy_version(w->config->policy))
		follow_policy(w);
	index = plain ? cache_find(&w->cache, name) : -1;
	if (index >= 0 && !w->cache.names[index].denied)
		return known(w, name, index);
	if (plain)
		v = policy_check_name(w->config->policy, name);
	if (v.allowed)
		return admit_allowed(w, name, &v, lookup, text);
	if (w->config->audit && plain)
		return admit_open(w, name, lookup, text);
	explain(w, text, name, plain, &v);
	if (!plain)
		return refuse(w, name, REASON_NONE);
	report_refused(w, name);
	return -1;
}

/* Codex's own lookups at its start: nobody is asked about those, nor about more than them. */
static bool is_background(struct worker *w, const char *name)
{
	_Atomic uint32_t *seen = &w->config->stand_ins->background;

	if (!background_request(name, 1) || background_request(name, UINT64_MAX))
		return background_request(name, 1);
	return background_request(
		name, 1 + atomic_fetch_add_explicit(seen, 1, memory_order_relaxed));
}

/*
 * C libraries append each search domain to a name that has fewer dots than ndots before they
 * try it as it stands (resolv.conf(5)). Such a name isn't meant, if what it was made from has a
 * dot: the next one is. (Without a dot, it is the likeliest to be meant.)
 */
static bool is_completed(const struct worker *w, const char *name)
{
	const struct resolvconf *conf = &w->config->conf;

	for (size_t i = 0; i < conf->search_count; i++) {
		size_t dots = 0, part;

		if (!name_below(name, conf->search[i]))
			continue;
		part = strlen(name) - strlen(conf->search[i]) - 1;
		for (size_t j = 0; j < part; j++)
			dots += name[j] == '.';
		if (dots > 0 && dots < conf->ndots)
			return true;
	}
	return false;
}

bool admit_asks(struct worker *w, const char *name)
{
	const struct policy *p = w->config->policy;
	char inside[NAME_TEXT];
	int index;

	if (policy_check_name(p, name).rule || is_background(w, name) ||
		!policy_asks(p, name, 0))
		return false;
	index = cache_find(&w->cache, name);
	return name[0] != '_' && !(index >= 0 && w->cache.names[index].hosts) &&
	       !is_completed(w, name) && !allowed_within(w, name, inside);
}

/* As for a client's query, but a known name is left unchanged, since its pins live longer. A
 * new resolver process, or one that had many other names, may have lost it. */
void admit_in_use(struct worker *w, const struct resolver_in_use *m)
{
	char unused[ADMIT_TEXT];
	int index = admit_name(w, m->name, true, true, unused);

	if (index >= 0 && !w->cache.names[index].open)
		lookup_resolve(w, index, m->family == 4 ? FAMILY_4 : FAMILY_6);
}
