/*
 * The wall, tested by real sockets of real uids and by what a packet socket outside saw: for
 * every rule a packet that passes and one that doesn't, IPv4 and IPv6. Runs as root.
 */
#ifndef TESTS_UNIT_WALL_PINS_FIXTURE_H
#define TESTS_UNIT_WALL_PINS_FIXTURE_H

#include "wall_fixture.h"
#include "../../init/nft/wall_private.h"

static __attribute__((unused)) void build(void)
{
	assert_ok(wall_build(wall, &config, f));
	assert_ok(wall_verify(wall, &config, f));
	reached(NULL);
}

static __attribute__((unused)) void pin(
	const char *address, uint16_t port, bool private, uint32_t seconds)
{
	struct pin p = {addr(address), port, private, seconds};

	assert_ok(wall_pin(wall, &p, 1, f));
}

/* Every test begins with its own config and no table. */
static __attribute__((unused)) int begin(void **state)
{
	(void)state;
	wall_config_new();
	assert_int_equal(policy_compile(&policy), 0);
	assert_ok(wall_open(&wall, f));
	return 0;
}

static __attribute__((unused)) void begin_with(
	const char *const *allow, const char *const *deny)
{
	policy_free(&policy);
	policy_init(&policy);
	for (; allow && *allow; allow++)
		rule_add(&policy, *allow, RULE_ALLOW);
	for (; deny && *deny; deny++)
		rule_add(&policy, *deny, RULE_DENY);
	assert_int_equal(policy_compile(&policy), 0);
}

static __attribute__((unused)) int end(void **state)
{
	(void)state;
	return wall_end();
}

struct listed {
	struct pin pin[600];
	size_t count;
};

static __attribute__((unused)) void list(void *context, const struct pin *p)
{
	struct listed *l = context;

	assert_true(l->count < sizeof(l->pin) / sizeof(l->pin[0]));
	l->pin[l->count++] = *p;
}

static __attribute__((unused)) const struct pin *listed(
	const struct listed *l, const char *address, uint16_t port)
{
	struct address a = addr(address);

	for (size_t i = 0; i < l->count; i++)
		if (l->pin[i].port == port && address_compare(&l->pin[i].address, &a) == 0)
			return &l->pin[i];
	return NULL;
}

struct seen {
	size_t count;
	struct wall_refusal item[64];
};

#endif
