/*
 * What PID 1 denies while the resolver runs. It needs not be told: before each question it
 * looks whether there are more such rules than its cache goes by.
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
		/* As after a start with that rule: /etc/hosts is answered as it stands, and in
		 * audit mode all is, and reported. */
		n->denied = !n->allowed && !n->hosts && !audit;
		n->open = !n->allowed && !n->hosts && audit;
		/* Of others an address may be in a network that is denied. They are asked for
		 * again, or pinned again where they can't be: both leaves those out. */
		for (enum cache_family f = FAMILY_4; f < FAMILIES && n->allowed; f++)
			if (n->record[f].result == CACHE_ADDRESSES &&
				!policy_by_proxy(w->config->policy, n->name))
				n->record[f].expires = w->now;
	}
}
