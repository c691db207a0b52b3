/* See rate.h. */
#include "rate.h"

#define SECOND_MS 1000

bool rate_left(struct rate *r, int64_t now, unsigned most)
{
	if (now - r->second >= SECOND_MS) {
		r->second = now;
		r->used = 0;
	}
	return r->used < most;
}

void rate_use(struct rate *r)
{
	r->used++;
}

void rate_pend(struct rate *r, int64_t now)
{
	if (r->due == INT64_MAX)
		r->due = now + SECOND_MS;
}

int64_t rate_done(struct rate *r, int64_t now, bool again)
{
	r->due = again ? now + SECOND_MS : INT64_MAX;
	return r->due;
}

void rate_close(struct rate *r, int64_t now)
{
	*r = (struct rate){.second = now, .due = now};
}
