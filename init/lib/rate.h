/*
 * A worker's reports about the payload, so many a second. What exceeds that, and repeats, are
 * counted by the caller and reported together, a second after the first of them. Pure.
 */
#ifndef INIT_LIB_RATE_H
#define INIT_LIB_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	int64_t second; /* start of the current second, CLOCK_MONOTONIC in milliseconds */
	unsigned used;  /* reports sent in it */
	int64_t due;    /* when pending counts are reported; INT64_MAX: there are none */
};

#define RATE_INIT                                                                              \
	{                                                                                      \
		.due = INT64_MAX                                                               \
	}

/* Whether one more may be sent now; rate_use() counts it. */
bool rate_left(struct rate *r, int64_t now, unsigned most);
void rate_use(struct rate *r);
/* Something is pending: r->due is at most a second from now. */
void rate_pend(struct rate *r, int64_t now);
/* The pending counts were reported; again: some still wait for room. Returns r->due. */
int64_t rate_done(struct rate *r, int64_t now, bool again);
/* Makes everything pending due now, with a fresh second: for the end of the process. */
void rate_close(struct rate *r, int64_t now);

#endif
