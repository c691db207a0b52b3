/*
 * Rules given with codex-egress while the resolver runs. No message is needed: before each
 * query it checks whether the policy has changed since its cache was updated.
 */
#include "resolver_private.h"

#include <string.h>

/* As after a start with these rules: /etc/hosts is answered as it stands, and in audit mode
 * everything is, and reported. */
static void judge(struct worker *w, struct cache_name *n)
{
	const struct verdict v = policy_check_pin(w->config->policy, n->name);
	const bool audit = w->config->audit;

	n->allowed = v.allowed;
	n->denied = !n->allowed && !n->hosts && !audit;
	n->open = !n->allowed && !n->hosts && audit;
	n->internal = v.private || (!n->dynamic && !strchr(n->name, '.'));
	if (n->dynamic && v.allowed)
		n->ration = ration_of(w, v.rule);
}

void follow_policy(struct worker *w)
{
	w->version = policy_version(w->config->policy);
	for (size_t i = 0; i < w->cache.count; i++) {
		struct cache_name *n = &w->cache.names[i];

		judge(w, n);
		/* Addresses may be in a denied network, or need pins for other ports. They
		 * are queried again or, if that isn't possible, pinned again. */
		for (enum cache_family f = FAMILY_4; f < FAMILIES && n->allowed; f++)
			if (!policy_by_proxy(w->config->policy, n->name) &&
				(!n->hosts || n->record[f].count))
				n->record[f].expires = w->now;
	}
}
