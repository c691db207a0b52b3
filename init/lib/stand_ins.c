/* See stand_ins.h. */
#include "stand_ins.h"

#include <string.h>
#include <sys/mman.h>

#include "limits.h"

struct stand_ins *stand_ins_new(void)
{
	void *pages = mmap(NULL, sizeof(struct stand_ins), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

static void write_name(struct stand_in *p, const char *name, uint32_t hash)
{
	/* Odd while it is written: also where the last writer ended in between. */
	const uint32_t odd = atomic_load_explicit(&p->version, memory_order_relaxed) | 1;

	atomic_store_explicit(&p->version, odd, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	p->hash = hash;
	strncpy(p->name, name, sizeof(p->name) - 1);
	atomic_store_explicit(&p->version, odd + 1, memory_order_release);
}

size_t stand_ins_give(struct stand_ins *s, const char *name, int64_t now)
{
	/* Nobody gains by names that collide: all places are compared anyway. */
	const uint32_t hash = name_hash(name, 0);
	size_t oldest = 0;

	for (size_t i = 0; i < STAND_INS_NAMELESS; i++) {
		struct stand_in *p = &s->places[i];

		if (p->given && p->hash == hash && strcmp(p->name, name) == 0) {
			p->given = now;
			return i;
		}
		if (p->given < s->places[oldest].given)
			oldest = i;
	}
	if (s->places[oldest].given && now - s->places[oldest].given < LIMIT_STAND_IN_MS)
		return STAND_INS_NAMELESS;
	write_name(&s->places[oldest], name, hash);
	s->places[oldest].given = now;
	return oldest;
}

void stand_ins_name(const struct stand_ins *s, size_t place, char out[NAME_TEXT])
{
	char name[NAME_TEXT] = "";
	uint32_t version = 1;

	out[0] = '\0';
	if (place < STAND_INS_NAMELESS) {
		version = atomic_load_explicit(&s->places[place].version, memory_order_acquire);
		memcpy(name, s->places[place].name, sizeof(name) - 1);
		atomic_thread_fence(memory_order_acquire);
	}
	/* The writer is another process, and none is trusted. */
	if (version % 2 == 0 &&
		version ==
			atomic_load_explicit(&s->places[place].version, memory_order_relaxed) &&
		!name_of_host(name, strlen(name), out))
		out[0] = '\0';
}
