/* Octets for the gate's tests: the corpus, read from the root of the repository. */
#ifndef TESTS_UNIT_GATE_FIXTURE_H
#define TESTS_UNIT_GATE_FIXTURE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* Octets under construction. */
struct octets {
	size_t len;
	uint8_t at[40000];
};

static inline void add(struct octets *o, const void *bytes, size_t n)
{
	assert_true(o->len + n <= sizeof(o->at));
	memcpy(o->at + o->len, bytes, n);
	o->len += n;
}

static inline void add_text(struct octets *o, const char *text)
{
	add(o, text, strlen(text));
}

static inline void add_number(struct octets *o, size_t value, unsigned octets)
{
	while (octets-- > 0)
		add(o, &(uint8_t){(uint8_t)(value >> 8 * octets)}, 1);
}

static inline void corpus(struct octets *o, const char *kind, const char *name)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "tests/corpus/%s/%s.bin", kind, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	o->len = fread(o->at, 1, sizeof(o->at), f);
	assert_true(o->len > 0);
	fclose(f);
}

/* A copy of exactly that size, so that the sanitizer sees an overread. */
static inline uint8_t *exact(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

#endif
