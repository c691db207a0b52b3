/* Names and addresses that belong together; see bonds.h. A ring, with hash chains by name. */
#include "bonds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/rule.h"

#define BUCKETS 4096

struct bond {
	char *name; /* owned; NULL: the place is free, and all behind it */
	struct address address;
	uint32_t next; /* in the bucket; counted from 1, 0: none */
};

struct bonds {
	uint32_t buckets[BUCKETS]; /* as next */
	struct bond bond[LIMIT_BONDS];
	uint64_t noted;
	struct wall_network *cut; /* owned; what is shut */
	size_t cut_count, cut_room;
};

static bool have(struct bonds **b)
{
	if (!*b)
		*b = calloc(1, sizeof(**b));
	return *b != NULL;
}

static uint32_t *bucket(struct bonds *b, const char *name)
{
	return &b->buckets[name_hash(name, (uint32_t)(uintptr_t)b) % BUCKETS];
}

static void forget(struct bonds *b, uint32_t number)
{
	struct bond *old = &b->bond[number - 1];
	uint32_t *at = bucket(b, old->name);

	while (*at != number)
		at = &b->bond[*at - 1].next;
	*at = old->next;
	free(old->name);
	old->name = NULL;
}

void bonds_note(struct bonds **bonds, const char *name, const struct address *a)
{
	struct bonds *b = have(bonds) ? *bonds : NULL;
	uint32_t number, *first;
	char *text;

	if (!b)
		return;
	first = bucket(b, name);
	for (uint32_t i = *first; i; i = b->bond[i - 1].next)
		if (address_compare(&b->bond[i - 1].address, a) == 0 &&
			strcmp(b->bond[i - 1].name, name) == 0)
			return;
	text = strdup(name);
	if (!text)
		return;
	number = (uint32_t)(b->noted++ % LIMIT_BONDS) + 1;
	if (b->bond[number - 1].name)
		forget(b, number);
	b->bond[number - 1] = (struct bond){text, *a, *first};
	*first = number;
}

static int shut(struct bonds *b, const struct address *a, uint8_t prefix, uint16_t port)
{
	if (b->cut_count == b->cut_room) {
		size_t room = b->cut_room ? 2 * b->cut_room : 64;
		struct wall_network *more = reallocarray(b->cut, room, sizeof(*more));

		if (!more)
			return -1;
		b->cut = more;
		b->cut_room = room;
	}
	b->cut[b->cut_count++] = (struct wall_network){*a, port, prefix};
	return 0;
}

/* Does anything else open it still, or is it in a network that is shut anyway? */
static bool decided(
	const struct bonds *b, const struct policy *p, const struct address *a, uint16_t port)
{
	for (size_t i = 0; i < LIMIT_BONDS && b->bond[i].name; i++) {
		struct verdict v;

		if (address_compare(&b->bond[i].address, a) != 0)
			continue;
		v = policy_check_pin(p, b->bond[i].name);
		if (ports_have(&v.ports, port))
			return true;
	}
	return policy_check_address(p, a, port).rule;
}

static int cut_names(struct bonds *b, const struct policy *p)
{
	struct policy before = *p;

	before.denials = NULL;
	for (size_t i = 0; i < LIMIT_BONDS && b->bond[i].name; i++) {
		const struct address *a = &b->bond[i].address;
		struct verdict was = policy_check_pin(&before, b->bond[i].name);
		struct verdict is = policy_check_pin(p, b->bond[i].name);

		for (unsigned j = 0; j < was.ports.count; j++)
			if (!ports_have(&is.ports, was.ports.port[j]) &&
				!decided(b, p, a, was.ports.port[j]) &&
				shut(b, a, a->family == 4 ? 32 : 128, was.ports.port[j]) < 0)
				return -1;
	}
	return 0;
}

/* Is the rule's network inside one that is shut on every port? The kernel takes no overlaps. */
static bool inside_another(const struct rule *r, const struct rule *rules, size_t count)
{
	for (const struct rule *k = rules; k < rules + count && r->ports.count; k++)
		if (k->kind == RULE_NETWORK && k->ports.count == 0 &&
			address_inside(&r->network, &k->network, k->prefix))
			return true;
	return false;
}

static int cut_networks(struct bonds *b, const struct rule *rules, size_t count)
{
	for (const struct rule *r = rules; r < rules + count; r++) {
		unsigned j = 0;

		if (r->kind != RULE_NETWORK || inside_another(r, rules, count))
			continue;
		do
			if (shut(b, &r->network, r->prefix, r->ports.port[j]) < 0)
				return -1;
		while (++j < r->ports.count);
	}
	return 0;
}

int bonds_cut(struct bonds **b, const struct policy *p, struct wall *w, struct failure *f)
{
	if (!have(b))
		return fail_errno(f, "shut what is denied", "");
	(*b)->cut_count = 0;
	if (cut_networks(*b, p->denials->rules, policy_denials(p)) < 0 || cut_names(*b, p) < 0)
		return fail_errno(f, "shut what is denied", "");
	return wall_revoke(w, (*b)->cut, (*b)->cut_count, f);
}

bool bonds_is_cut(const struct bonds *b, const struct address *a)
{
	for (size_t i = 0; b && i < b->cut_count; i++)
		if (address_compare(&b->cut[i].base, a) == 0)
			return true;
	return false;
}

uint64_t bonds_forgotten(const struct bonds *b)
{
	return b && b->noted > LIMIT_BONDS ? b->noted - LIMIT_BONDS : 0;
}

void bonds_free(struct bonds *b)
{
	for (size_t i = 0; b && i < LIMIT_BONDS; i++)
		free(b->bond[i].name);
	if (b)
		free(b->cut);
	free(b);
}
