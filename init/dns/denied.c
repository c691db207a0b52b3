/*
 * What PID 1 denies while the resolver runs. It needs not be told: before each question it
 * looks whether there are more such rules than its cache goes by.
 */
#include "worker.h"

#include <string.h>

/* Has the record an address in a network that is denied now? */
static bool stranded(const struct worker *w, const struct verdict *v, struct cache_name *n,
	enum cache_family f)
{
	const struct cache_record *r = &n->record[f];
	bool found = false;

	for (unsigned i = 0; i < r->count && r->result == CACHE_ADDRESSES; i++) {
		struct address a = {.family = f == FAMILY_4 ? 4 : 6};
		const char *why;

		memcpy(a.bytes, cache_addresses(n, f) + i * cache_size(f), cache_size(f));
		found |= !policy_address_usable(w->config->policy, v, &a, &why);
	}
	return found;
}

/* It is asked for anew, or pinned anew: PID 1 leaves the denied ones out. What is under way
 * comes to that by itself. */
static void begin_anew(struct worker *w, int index, enum cache_family f)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[f];

	if (n->hosts && !r->work) {
		r->work = WORK_PIN;
		channel_queue(w, index);
	} else if (r->work == WORK_NONE || r->work == WORK_ASKING) {
		r->result = CACHE_UNKNOWN;
		r->count = 0;
	}
}

void denied_forget(struct worker *w)
{
	w->denials = policy_denials(w->config->policy);
	for (size_t i = 0; i < w->cache.count; i++) {
		struct cache_name *n = &w->cache.names[i];
		struct verdict v = policy_check_pin(w->config->policy, n->name);

		if (n->open || (n->hosts && !n->allowed))
			continue;
		if (!v.allowed) {
			/* As after a start with that rule: /etc/hosts is answered as it stands,
			 * and in audit mode all is, and reported. */
			n->denied = !n->hosts && !w->config->audit;
			n->open = w->config->audit;
			n->allowed = false;
			continue;
		}
		for (enum cache_family f = FAMILY_4; f < FAMILIES && !w->config->proxied; f++)
			if (stranded(w, &v, n, f))
				begin_anew(w, (int)i, f);
	}
}
