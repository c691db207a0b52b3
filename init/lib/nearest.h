/* Guesses a misspelt word: the nearest by Damerau-Levenshtein distance. Pure. */
#ifndef INIT_LIB_NEAREST_H
#define INIT_LIB_NEAREST_H

#include <stddef.h>

/*
 * The number of letters to insert, delete, change or swap with their neighbour to turn one
 * word (of a_size bytes) into the other; most + 1 if that exceeds most. Words of more than
 * NEAREST_WORD bytes are never near. '-' and '_' are equal, as are upper and lower case.
 */
#define NEAREST_WORD 64
unsigned nearest_distance(const char *a, size_t a_size, const char *b, unsigned most);

/*
 * A search: initialise with {.word, .size}, offer each candidate, and read best, which is
 * NULL if none is near enough: at most two letters differ, one in a word of three, none in a
 * shorter one. The strings aren't copied.
 */
struct nearest {
	const char *word;
	size_t size;
	const char *best;
	unsigned distance;
};
void nearest_offer(struct nearest *n, const char *candidate);

#endif
