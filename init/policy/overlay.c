/* Rules given with codex-egress since the start; see struct policy_overlay in policy.h. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

size_t policy_overlaid(const struct policy *p)
{
	return p->overlay ? atomic_load_explicit(&p->overlay->count, memory_order_acquire) : 0;
}

uint32_t policy_version(const struct policy *p)
{
	return p->overlay ? atomic_load_explicit(&p->overlay->version, memory_order_acquire)
			  : 0;
}

bool policy_watched(const struct policy *p)
{
	return p->overlay && atomic_load_explicit(&p->overlay->watched, memory_order_acquire);
}

void policy_watch(struct policy *p, bool watched)
{
	if (p->overlay)
		atomic_store_explicit(&p->overlay->watched, watched, memory_order_release);
}

static bool in_force(const struct overlay_slot *s)
{
	return atomic_load_explicit(&s->in_force, memory_order_acquire);
}

const struct rule *policy_rule(const struct policy *p, size_t number)
{
	const struct overlay_slot *s;

	if (number < p->count)
		return &p->rules[number];
	s = &p->overlay->slots[number - p->count];
	if (p->widest)
		return s->rule.effect == RULE_ALLOW ? &s->rule : NULL;
	return in_force(s) ? &s->rule : NULL;
}

size_t policy_rules(const struct policy *p)
{
	return p->count + policy_overlaid(p);
}

size_t policy_rules_most(const struct policy *p)
{
	return p->count + LIMIT_OVERLAY;
}

size_t policy_rule_number(const struct policy *p, const struct rule *r)
{
	/* As numbers, since pointers into two arrays must not be compared. */
	uintptr_t slots = (uintptr_t)(p->overlay ? p->overlay->slots : NULL), at = (uintptr_t)r;

	if (slots && at >= slots && at - slots < sizeof(p->overlay->slots))
		return p->count + (at - slots) / sizeof(p->overlay->slots[0]);
	return (size_t)(r - p->rules);
}

struct policy policy_widest(const struct policy *p)
{
	struct policy widest = *p;

	widest.widest = true;
	return widest;
}

/* ---- Changes ------------------------------------------------------------------------- */

/* A change before it is made: which slots become effective, which are revoked. */
struct overlay_plan {
	size_t count; /* slots in use afterwards */
	bool comes[LIMIT_OVERLAY], goes[LIMIT_OVERLAY];
	struct rule fresh[LIMIT_OVERLAY]; /* the new slots, from the previous count on */
};

/* A plan without changes, to be freed; NULL with *e filled if out of memory. */
static struct overlay_plan *new_plan(
	const struct policy *p, struct policy_change *c, struct rule_error *e)
{
	struct overlay_plan *plan = calloc(1, sizeof(*plan));

	*c = (struct policy_change){0};
	*e = (struct rule_error){0};
	if (plan)
		plan->count = policy_overlaid(p);
	else
		snprintf(e->reason, sizeof(e->reason), "%s", strerror(errno));
	return plan;
}

static bool same_place(const struct rule *a, const struct rule *b)
{
	return a->kind == b->kind && a->prefix == b->prefix && strcmp(a->name, b->name) == 0 &&
	       address_compare(&a->network, &b->network) == 0;
}

static bool same_ports(const struct port_list *a, const struct port_list *b)
{
	return a->count == b->count &&
	       memcmp(a->port, b->port, a->count * sizeof(a->port[0])) == 0;
}

/* True if they are the same rule, whatever preset they came from. */
static bool same_rule(const struct rule *a, const struct rule *b)
{
	return a->effect == b->effect && same_place(a, b) && same_ports(&a->ports, &b->ports) &&
	       a->private == b->private && a->ech == b->ech;
}

/* For a name without ports, allow means the web's ports and deny all of them, but the text
 * is the same. */
static bool is_bare(const struct rule *r)
{
	if (r->effect == RULE_DENY)
		return r->ports.count == 0;
	return r->kind != RULE_NETWORK && r->ports.count == 2 && r->ports.port[0] == 80 &&
	       r->ports.port[1] == 443;
}

/* True if one is the opposite of the other, with the same text apart from suffixes. */
static bool opposite(const struct rule *a, const struct rule *b)
{
	return a->effect != b->effect && same_place(a, b) &&
	       (same_ports(&a->ports, &b->ports) || (is_bare(a) && is_bare(b)));
}

/* Plans one rule: what becomes effective, and which opposites are revoked. Returns 0, or -1
 * if there is no slot left. */
static int plan_rule(struct overlay_plan *plan, const struct policy *p, const struct rule *r)
{
	size_t before = policy_overlaid(p), at = plan->count;

	for (size_t i = 0; i < plan->count; i++) {
		const struct overlay_slot *s = &p->overlay->slots[i];
		const struct rule *had = i < before ? &s->rule : &plan->fresh[i];

		if (same_rule(had, r))
			at = i;
		else if (i < before && in_force(s) && opposite(had, r))
			plan->goes[i] = true;
	}
	if (at == LIMIT_OVERLAY)
		return -1;
	if (at == plan->count) {
		plan->fresh[plan->count++] = *r;
		plan->fresh[at].preset[0] = '\0';
	}
	plan->comes[at] = at >= before || !in_force(&p->overlay->slots[at]);
	return 0;
}

/* True if the deny rule leaves nothing of the allow rule. */
static bool denies_whole(const struct rule *deny, const struct rule *allow)
{
	for (unsigned i = 0; deny->ports.count > 0 && i < allow->ports.count; i++)
		if (!rule_ports_have(&deny->ports, allow->ports.port[i]))
			return false;
	if (allow->kind == RULE_NETWORK)
		return deny->kind == RULE_NETWORK && deny->prefix <= allow->prefix &&
		       rule_has_address(deny, &allow->network);
	if (deny->kind == RULE_WILDCARD)
		return name_below(allow->name, deny->name) ||
		       (allow->kind == RULE_WILDCARD && strcmp(allow->name, deny->name) == 0);
	return deny->kind == allow->kind && strcmp(allow->name, deny->name) == 0;
}

static const struct rule *denied_by(
	const struct policy *p, const struct overlay_plan *plan, const struct rule *r)
{
	for (size_t i = 0, count = policy_rules(p); i < count; i++) {
		const struct rule *deny = policy_rule(p, i);

		if (deny && deny->effect == RULE_DENY && denies_whole(deny, r) &&
			(i < p->count || !plan->goes[i - p->count]))
			return deny;
	}
	return NULL;
}

/* The rule that denies all of them, or the last of several; NULL if something is left. */
static const struct rule *denied_all(
	const struct policy *p, const struct overlay_plan *plan, const struct policy *read)
{
	const struct rule *winner = NULL;

	for (size_t i = 0; i < read->count; i++) {
		winner = denied_by(p, plan, &read->rules[i]);
		if (!winner)
			return NULL;
	}
	return winner;
}

static void note_change(struct policy_change *c, const struct rule *r, bool comes)
{
	bool widens = (r->effect == RULE_ALLOW) == comes;

	c->widened |= widens;
	c->narrowed |= !widens;
	c->networks |= r->kind == RULE_NETWORK;
	c->private |= r->kind == RULE_NETWORK && r->private;
}

/* New rules become effective before others are revoked, so that at no moment is more allowed
 * than before and after. */
static void carry_out(
	struct policy *p, const struct overlay_plan *plan, struct policy_change *c)
{
	struct policy_overlay *o = p->overlay;

	for (size_t i = policy_overlaid(p); i < plan->count; i++)
		o->slots[i].rule = plan->fresh[i];
	atomic_store_explicit(&o->count, (uint32_t)plan->count, memory_order_release);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->comes[i]) {
			atomic_store_explicit(&o->slots[i].in_force, 1, memory_order_release);
			note_change(c, &o->slots[i].rule, true);
		}
	for (size_t i = 0; i < plan->count; i++)
		if (plan->goes[i]) {
			atomic_store_explicit(&o->slots[i].in_force, 0, memory_order_release);
			note_change(c, &o->slots[i].rule, false);
		}
	if (c->widened || c->narrowed)
		atomic_fetch_add_explicit(&o->version, 1, memory_order_release);
}

int policy_say(struct policy *p, const char *text, enum rule_effect effect,
	policy_preset_reader *reader, void *context, struct policy_change *c,
	struct rule_error *e)
{
	struct overlay_plan *plan = new_plan(p, c, e);
	struct policy read;
	int done = -1;

	policy_init(&read);
	if (plan)
		done = policy_add(&read, text, effect, ORIGIN_RUNTIME, reader, context, e);
	for (size_t i = 0; i < read.count && done == 0; i++)
		done = plan_rule(plan, p, &read.rules[i]);
	if (done < 0 && read.count > 0) {
		e->position = 0;
		snprintf(e->reason, sizeof(e->reason),
			"there is room for %zu more of the %d different rules of a session",
			LIMIT_OVERLAY - policy_overlaid(p), LIMIT_OVERLAY);
	}
	if (done == 0 && effect == RULE_ALLOW)
		c->winner = denied_all(p, plan, &read);
	if (done == 0 && !c->winner)
		carry_out(p, plan, c);
	policy_free(&read);
	free(plan);
	return done;
}

/* Parses a rule to be revoked as a deny rule, the form in which any rule can be written but
 * for suffixes, which are only checked. */
static int read_undone(struct policy *out, const char *text, policy_preset_reader *reader,
	void *context, struct rule_error *e)
{
	const char *plus = strchr(text, '+');
	char *bare = plus ? strndup(text, (size_t)(plus - text)) : NULL;
	int done = policy_add(
		out, text, plus ? RULE_ALLOW : RULE_DENY, ORIGIN_RUNTIME, reader, context, e);

	if (done == 0 && plus) {
		policy_free(out);
		done = bare ? policy_add(
				      out, bare, RULE_DENY, ORIGIN_RUNTIME, reader, context, e)
			    : -1;
	}
	free(bare);
	return done;
}

int policy_undo(struct policy *p, const char *text, policy_preset_reader *reader, void *context,
	struct policy_change *c, struct rule_error *e)
{
	struct overlay_plan *plan = new_plan(p, c, e);
	struct policy read;
	int done = -1;

	policy_init(&read);
	if (plan)
		done = read_undone(&read, text, reader, context, e);
	for (size_t i = 0; i < read.count && done == 0; i++)
		for (size_t j = 0; j < plan->count; j++) {
			const struct rule *r = &p->overlay->slots[j].rule;

			plan->goes[j] |=
				in_force(&p->overlay->slots[j]) &&
				(opposite(r, &read.rules[i]) || same_rule(r, &read.rules[i]));
		}
	if (done == 0)
		carry_out(p, plan, c);
	policy_free(&read);
	free(plan);
	return done;
}

/* Quoted where a shell would take it for more. */
static void print_word(const char *word, const struct rule *r, FILE *f)
{
	char text[LIMIT_RULE_TEXT];
	const char *quote;

	rule_text(r, text, sizeof(text));
	quote = strpbrk(text, "*[") ? "'" : "";
	fprintf(f, "%s %s%s%s", word, quote, text, quote);
}

static void print_rule(const struct rule *r, const char *before, const char *behind, FILE *f)
{
	fputs(before, f);
	print_word(r->effect == RULE_DENY ? "deny" : "allow", r, f);
	fputs(behind, f);
}

void policy_print_undo(const struct rule *r, const char *here, FILE *f)
{
	fprintf(f, "%s ", here ? here : "codex-egress");
	print_word("undo", r, f);
	fputc('\n', f);
}

void policy_each_overlaid(
	const struct policy *p, const char *before, const char *behind, FILE *f)
{
	for (size_t i = p->count, end = policy_rules(p); i < end; i++)
		if (policy_rule(p, i))
			print_rule(policy_rule(p, i), before, behind, f);
}

size_t policy_print_overlay(const struct policy *p, size_t most, FILE *f)
{
	size_t count = 0;

	for (size_t i = p->count, end = policy_rules(p); i < end; i++)
		if (policy_rule(p, i) && ++count <= most)
			print_rule(policy_rule(p, i), "  --", "\n", f);
	if (count > most && most > 0)
		fprintf(f, "  and %zu more\n", count - most);
	return count;
}
