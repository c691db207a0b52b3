/* Refused destinations, each once with a count, for the closing report. Used by events.c. */
#ifndef INIT_MONITOR_TALLY_H
#define INIT_MONITOR_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/limits.h"
#include "events.h"

#define TALLY_REASON 256

/* A refused name, or address and port. */
struct place {
	char name[NAME_TEXT]; /* "" for an address; or method and path of a request */
	bool request;         /* the latter */
	bool own;             /* Codex's, by itself */
	struct address address;
	uint16_t port; /* for a name: 0 for 443 and 80, which a rule without ports means */
	uint64_t count;
	char reason[TALLY_REASON]; /* "": no rule allows it, and one could */
	bool advised;              /* a rule could allow it even though there is a reason */
	char advice[16];
};

/* Distinct destinations in order of first appearance. */
struct tally {
	uint64_t total;
	uint64_t others;              /* those of total that didn't fit into places */
	events_preset_finder *preset; /* NULL: no presets are suggested */
	const struct policy *policy;  /* what is allowed meanwhile; NULL: unknown */
	const char
		*known; /* names of earlier sessions, each between line breaks; NULL: unknown */
	size_t count;
	struct place places[LIMIT_SUMMARY];
};

/* Counts an event, which stands for count occurrences. */
void tally_add(struct tally *t, const struct event *event, uint64_t count);

/* Prints at most `most` destinations, each with what to do about it, and how many others there
 * are. */
void tally_print(const struct tally *t, size_t most, FILE *to);

/* " --allow RULE" for each destination that a rule can allow, or " --allow @PRESET" for those
 * of one; each once. NULL if out of memory; the caller frees it. */
char *tally_options(const struct tally *t);

/* Prints a headline, and then all of them; nothing if there are none. */
void tally_summary(const struct tally *t, const char *before, const char *what,
	const char *behind, FILE *to);

#endif
