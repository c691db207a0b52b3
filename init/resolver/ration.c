/* See ration.h. Pure, except for ration_new(). */
#include "ration.h"

#include <sys/mman.h>

struct ration *ration_new(size_t count)
{
	void *r = mmap(NULL, (count + 1) * sizeof(struct ration), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return r == MAP_FAILED ? NULL : r;
}

/* The oldest slot of the window that ends with this one. */
static int64_t oldest(int64_t slot)
{
	return slot < RATION_SLOTS ? 0 : slot - RATION_SLOTS + 1;
}

bool ration_left(const struct ration *r, int64_t now, unsigned most)
{
	unsigned used = 0;

	for (int64_t slot = oldest(now / RATION_SLOT_MS); slot <= r->slot; slot++)
		used += r->used[slot % RATION_SLOTS];
	return used < most;
}

bool ration_take(struct ration *r, int64_t now, unsigned most)
{
	int64_t slot = now / RATION_SLOT_MS;

	if (!ration_left(r, now, most))
		return false;
	/* Clear the slots without queries: they are reused from the previous round. */
	for (int64_t i = slot; i > r->slot && i >= oldest(slot); i--)
		r->used[i % RATION_SLOTS] = 0;
	r->slot = slot;
	r->used[slot % RATION_SLOTS]++;
	return true;
}
