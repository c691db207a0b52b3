/*
 * The DNS message format with good and malicious packets, which are built here octet by
 * octet and not by the code under test.
 */
#ifndef TESTS_UNIT_DNS_MESSAGE_FIXTURE_H
#define TESTS_UNIT_DNS_MESSAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "init/lib/dns_message.h"

/* A packet under construction. */
struct packet {
	size_t len;
	uint8_t at[65536];
};

static __attribute__((unused)) void add(struct packet *p, const void *bytes, size_t n)
{
	assert_true(p->len + n <= sizeof(p->at));
	memcpy(p->at + p->len, bytes, n);
	p->len += n;
}

static __attribute__((unused)) void add16(struct packet *p, unsigned v)
{
	add(p, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static __attribute__((unused)) void add_name(struct packet *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		add(p, &(uint8_t){(uint8_t)n}, 1);
		add(p, name, n);
		name += n + (name[n] == '.');
	}
	add(p, "", 1);
}

/* A header with the counts of question, answer, authority, additional. */
static __attribute__((unused)) void begin(
	struct packet *p, unsigned flags, unsigned q, unsigned an, unsigned ns)
{
	p->len = 0;
	add16(p, 0x1234);
	add16(p, flags);
	add16(p, q);
	add16(p, an);
	add16(p, ns);
	add16(p, 0);
}

/* A response to a.test, A, beginning with its question. */
static __attribute__((unused)) void answer(
	struct packet *p, unsigned flags, unsigned an, unsigned ns)
{
	begin(p, flags, 1, an, ns);
	add_name(p, "a.test");
	add16(p, 1);
	add16(p, 1);
}

static __attribute__((unused)) void record(
	struct packet *p, unsigned type, unsigned ttl, const void *data, size_t n)
{
	add16(p, type);
	add16(p, 1);
	add16(p, ttl >> 16);
	add16(p, ttl & 0xffff);
	add16(p, (unsigned)n);
	add(p, data, n);
}

/* An alias from a name to a name. */
static __attribute__((unused)) void alias(
	struct packet *p, const char *from, const char *to, unsigned ttl)
{
	struct packet *name = calloc(1, sizeof(*name));

	add_name(p, from);
	add_name(name, to);
	record(p, 5, ttl, name->at, name->len);
	free(name);
}

static __attribute__((unused)) const uint8_t good[4] = {93, 1, 2, 3},
					     evil[4] = {66, 66, 66, 66};
static __attribute__((unused)) struct dns_answer got;

/* Parses from memory of exactly that size, so that the sanitizer sees an overread. */
static __attribute__((unused)) enum dns_outcome read_as(
	const struct packet *p, size_t len, uint16_t id, const char *name, uint16_t type)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum dns_outcome o;

	memcpy(copy, p->at, len);
	memset(&got, 0x55, sizeof(got));
	o = dns_read_response(copy, len, id, name, type, &got);
	free(copy);
	return o;
}

static __attribute__((unused)) enum dns_outcome read_it(const struct packet *p)
{
	return read_as(p, p->len, 0x1234, "a.test", DNS_A);
}

static __attribute__((unused)) struct packet *p;

static __attribute__((unused)) int setup(void **state)
{
	(void)state;
	p = calloc(1, sizeof(*p));
	return p ? 0 : -1;
}

static __attribute__((unused)) int teardown(void **state)
{
	(void)state;
	free(p);
	return 0;
}

static __attribute__((unused)) void question(const char *name, unsigned additional)
{
	begin(p, 0x0100, 1, 0, 0);
	p->at[11] = (uint8_t)additional;
	add_name(p, name);
	add16(p, 1);
	add16(p, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static __attribute__((unused)) void text(const char *data, size_t n)
{
	add_name(p, "a.test");
	record(p, DNS_TXT, 60, data, n);
}

#endif
