/*
 * Denials at run time. PID 1 needn't notify the resolver: before each query it checks
 * whether the policy has more of them than the cache reflects.
 */
#include "resolver_private.h"

void denied_invalidate(struct worker *w)
{
	const bool audit = w->config->audit;

	w->denials = policy_denials(w->config->policy);
	for (size_t i = 0; i < w->cache.count; i++) {
		struct cache_name *n = &w->cache.names[i];

		if (!n->allowed)
			continue;
		n->allowed = policy_check_pin(w->config->policy, n->name).allowed;
		/* As after a start with that rule: /etc/hosts is answered as it stands, and
		 * in audit mode everything is, and reported. */
		n->denied = !n->allowed && !n->hosts && !audit;
		n->open = !n->allowed && !n->hosts && audit;
		/* The others may have an address in a denied network. They are queried
		 * again, or pinned again if they can't be: both drops such addresses. */
		for (enum cache_family f = FAMILY_4; f < FAMILIES && n->allowed; f++)
			if (n->record[f].result == CACHE_ADDRESSES &&
				!policy_by_proxy(w->config->policy, n->name))
				n->record[f].expires = w->now;
	}
}
