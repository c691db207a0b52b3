/* The word that was probably meant: the nearest by Damerau-Levenshtein distance. Pure. */
#ifndef INIT_LIB_NEAREST_H
#define INIT_LIB_NEAREST_H

#include <stddef.h>

/* How many letters have to be added, left out, changed or swapped with their neighbour to make
 * one word (of a_size bytes) of the other. More than most: most + 1. Words of more than
 * NEAREST_WORD bytes are never near. '-' and '_' are the same, as are upper and lower case. */
#define NEAREST_WORD 64
unsigned nearest_distance(const char *a, size_t a_size, const char *b, unsigned most);

/* A search: begin with {.word, .size}, offer each candidate, and take best, which is NULL where
 * none is near enough: two letters differ at most, one in a word of three, none in a shorter one. The strings are the caller's. */
struct nearest {
	const char *word;
	size_t size;
	const char *best;
	unsigned distance;
};
void nearest_offer(struct nearest *n, const char *candidate);

#endif
