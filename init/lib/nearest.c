#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool same(char a, char b)
{
	if (a == '_')
		a = '-';
	if (b == '_')
		b = '-';
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned nearest_distance(const char *a, size_t a_size, const char *b, unsigned most)
{
	/* The last three rows of the table: a swap refers to the row before the previous
	 * one. */
	unsigned row[3][NEAREST_WORD + 1];
	const size_t b_size = strlen(b);

	if (a_size > NEAREST_WORD || b_size > NEAREST_WORD)
		return most + 1;
	for (unsigned j = 0; j <= b_size; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a_size; i++) {
		unsigned *now = row[i % 3], *above = row[(i + 2) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= b_size; j++) {
			now[j] = above[j - 1] + !same(a[i - 1], b[j - 1]);
			now[j] = least(now[j], least(above[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
				same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], row[(i + 1) % 3][j - 2] + 1);
		}
	}
	return least(row[a_size % 3][b_size], most + 1);
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	const unsigned most = n->size < 3 ? 0 : n->size < 4 ? 1 : 2;
	const unsigned distance = nearest_distance(n->word, n->size, candidate, most);

	if (distance > most || (n->best && distance >= n->distance))
		return;
	n->best = candidate;
	n->distance = distance;
}
