/*
 * The compiled policy: a sorted array of rules, searched by bisection.
 *
 * The order is kind, then name or network, then deny before allow. All rules for one name
 * are adjacent; wildcards are found by searching for each parent of the name in turn, so a
 * lookup takes O(labels * log rules) and no memory. Networks are few and are searched
 * linearly.
 *
 * A name's addresses are the same whichever rule matched. So if rules for one name differ,
 * it gets the ports of all of them, and +private or +ech if any of them has it.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#include "background.h"
#include "rule.h"

/* If a and b differ only in origin, preset or ports, adds b's ports to a and returns true. */
static bool merge(struct rule *a, const struct rule *b)
{
	struct port_list ports = a->ports;

	if (a->kind != b->kind || a->effect != b->effect || strcmp(a->name, b->name) != 0 ||
		address_compare(&a->network, &b->network) != 0 || a->prefix != b->prefix ||
		a->private != b->private || a->ech != b->ech || a->reason != b->reason)
		return false;
	if (a->ports.count == 0)
		return true; /* every port is denied already */
	for (unsigned i = 0; i < b->ports.count; i++)
		if (!rule_ports_add(&ports, b->ports.port[i]))
			return false;
	if (b->ports.count == 0)
		ports.count = 0;
	a->ports = ports;
	return true;
}

/* The first rule that isn't ordered before (kind, name). */
static size_t find(const struct policy *p, enum rule_kind kind, const char *name)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct rule *r = &p->rules[middle];

		if (r->kind < kind || (r->kind == kind && strcmp(r->name, name) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool same(const struct policy *p, size_t i, enum rule_kind kind, const char *name)
{
	return i < p->count && p->rules[i].kind == kind && strcmp(p->rules[i].name, name) == 0;
}

/* A name that isn't, or not only, the command's. Appended last, so that the indexes of the
 * others don't change; not twice if a rule names it too. */
static void add_own(struct policy *p, const char *name)
{
	struct verdict v = policy_check_pin(p, name);
	size_t i = 0;

	if (!name[0] || !v.allowed)
		return;
	while (i < p->names_count && strcmp(p->names[i].name, name) != 0)
		i++;
	p->names[i] =
		(struct policy_name){.name = name, .ports = v.ports, .private = v.private};
	if (i == p->names_count)
		p->names_count++;
}

int policy_compile(struct policy *p)
{
	size_t kept = 0;

	if (p->count > 0)
		qsort(p->rules, p->count, sizeof(*p->rules), rule_compare);
	for (size_t i = 0; i < p->count; i++)
		if (kept == 0 || !merge(&p->rules[kept - 1], &p->rules[i]))
			p->rules[kept++] = p->rules[i];
	p->count = kept;
	free(p->names);
	p->names = calloc(kept + 3, sizeof(*p->names));
	p->names_count = 0;
	p->compiled = p->names != NULL;
	if (!p->compiled)
		return -1;
	for (size_t i = 0, next; i < kept && p->rules[i].kind == RULE_NAME; i = next) {
		const char *name = p->rules[i].name;
		struct verdict v = policy_check_name(p, name);
		bool allow = false;

		for (next = i; same(p, next, RULE_NAME, name); next++)
			allow |= p->rules[next].effect == RULE_ALLOW;
		if (allow && v.allowed)
			p->names[p->names_count++] = (struct policy_name){
				.name = name, .ports = v.ports, .private = v.private};
	}
	add_own(p, p->broker);
	add_own(p, p->proxy);
	return 0;
}

void policy_set_proxy(
	struct policy *p, const char *name, uint16_t port, const struct exceptions *direct)
{
	snprintf(p->proxy, sizeof(p->proxy), "%s", name);
	p->proxy_port = port;
	p->direct = direct;
	p->compiled = false;
}

bool policy_by_proxy(const struct policy *p, const char *name)
{
	return p->proxy_port && !policy_is_proxy(p, name) &&
	       !exceptions_have(p->direct, name) && !policy_check_name(p, name).private;
}

bool policy_is_proxy(const struct policy *p, const char *name)
{
	return p->proxy[0] && strcmp(p->proxy, name) == 0;
}

struct verdict policy_check_pin(const struct policy *p, const char *name)
{
	struct verdict v = {.allowed = true, .private = true}, broker;

	if (policy_is_proxy(p, name)) {
		rule_ports_add(&v.ports, p->proxy_port);
		return v;
	}
	v = policy_check_name(p, name);
	broker = policy_check_broker(p, name, BROKER_PORT);
	if (!broker.allowed)
		return v;
	v.allowed = true;
	rule_ports_add(&v.ports, BROKER_PORT);
	return v;
}

typedef void see_rule(struct verdict *v, const struct rule *r, uint16_t port);

/* Calls see() for each rule of this kind and name, runtime rules included. Returns whether
 * one of them denies. */
static bool each_of(const struct policy *p, enum rule_kind kind, const char *name,
	see_rule *see, struct verdict *v, uint16_t port)
{
	bool denies = false;

	for (size_t i = find(p, kind, name); same(p, i, kind, name); i++) {
		see(v, &p->rules[i], port);
		denies |= p->rules[i].effect == RULE_DENY;
	}
	for (size_t i = p->count, end = policy_rules(p); i < end; i++) {
		const struct rule *r = policy_rule(p, i);

		if (r && r->kind == kind && strcmp(r->name, name) == 0) {
			see(v, r, port);
			denies |= r->effect == RULE_DENY;
		}
	}
	return denies;
}

/*
 * Calls see() for each rule that matches the name: its own, then wildcards from the nearest
 * parent up. Returns whether one of them denies.
 */
static bool each_rule(const struct policy *p, const char *name, see_rule *see,
	struct verdict *v, uint16_t port)
{
	bool denies = each_of(p, RULE_NAME, name, see, v, port);

	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		denies |= each_of(p, RULE_WILDCARD, dot + 1, see, v, port);
	return denies;
}

static bool covers(const struct rule *r, uint16_t port)
{
	return r->ports.count == 0 || rule_ports_have(&r->ports, port);
}

/* Adds the ports of an allow rule; port 0 means any. */
static void apply_allow(struct verdict *v, const struct rule *r, uint16_t port)
{
	if (r->effect != RULE_ALLOW || (port && !covers(r, port)))
		return;
	if (!v->rule)
		v->rule = r;
	v->private |= r->private;
	v->ech |= r->ech;
	for (unsigned i = 0; i < r->ports.count; i++)
		if (!port || r->ports.port[i] == port)
			rule_ports_add(&v->ports, r->ports.port[i]);
}

/* Removes denied ports. The rule to report is the first deny rule that leaves no port; one
 * that affects other ports only decides nothing. */
static void apply_deny(struct verdict *v, const struct rule *r, uint16_t port)
{
	unsigned left = 0, before = v->ports.count;

	if (r->effect != RULE_DENY || (port && !covers(r, port)))
		return;
	for (unsigned i = 0; i < v->ports.count; i++)
		if (!covers(r, v->ports.port[i]))
			v->ports.port[left++] = v->ports.port[i];
	v->ports.count = (uint8_t)left;
	if (left == 0 && (before > 0 || port || r->ports.count == 0) &&
		(!v->rule || v->rule->effect == RULE_ALLOW))
		v->rule = r;
}

static struct verdict check(const struct policy *p, const char *name, uint16_t port)
{
	struct verdict v = {0};

	/* An uncompiled policy is unsorted, so it allows nothing. */
	if (!p->compiled)
		return v;
	/* Most names have no deny rule; only those that do need a second pass. */
	if (each_rule(p, name, apply_allow, &v, port))
		each_rule(p, name, apply_deny, &v, port);
	v.allowed = v.ports.count > 0;
	v.private &= v.allowed;
	v.ech &= v.allowed;
	return v;
}

struct verdict policy_check_name(const struct policy *p, const char *name)
{
	return check(p, name, 0);
}

struct verdict policy_check_name_port(const struct policy *p, const char *name, uint16_t port)
{
	/* Port 0 doesn't exist, and to check() it means any port. */
	return port ? check(p, name, port) : (struct verdict){0};
}

/* One of OpenAI's services, or a host of it: eu.api.openai.com takes any key as api.openai.com
 * does. Below openai.com itself there are others. */
static bool is_service(const char *name)
{
	const char *known;

	for (size_t i = 0; (known = policy_default(i)) != NULL; i++)
		if (strcmp(name, known) == 0 ||
			(strcmp(known, "openai.com") != 0 && name_below(name, known)))
			return true;
	return false;
}

unsigned policy_opened(const struct policy *p, unsigned before, const char **name)
{
	const char *known;
	unsigned open = 0;

	*name = NULL;
	for (size_t i = 0; p->broker[0] && (known = policy_default(i)) != NULL; i++)
		if (policy_check_name(p, known).allowed) {
			open |= 1U << i;
			if (!*name && !(before & 1U << i))
				*name = known;
		}
	return open;
}

bool policy_asks(const struct policy *p, const char *name, uint16_t port)
{
	struct verdict v;

	if (!policy_watched(p) || !name[0] || background_request(name, UINT64_MAX) ||
		(p->broker[0] && is_service(name)))
		return false;
	v = check(p, name, port);
	return !v.allowed && !v.rule;
}

struct verdict policy_check_broker(const struct policy *p, const char *name, uint16_t port)
{
	struct verdict v = {0};

	if (!p->compiled || !p->broker[0] || port != BROKER_PORT ||
		strcmp(p->broker, name) != 0)
		return v;
	rule_ports_add(&v.ports, port);
	each_rule(p, name, apply_deny, &v, port);
	v.allowed = v.ports.count > 0;
	return v;
}

bool policy_only_broker(const struct policy *p, const char *name)
{
	return policy_check_broker(p, name, BROKER_PORT).allowed &&
	       !policy_check_name(p, name).allowed;
}

/* Network rules sort last; after them come the runtime rules, of any kind. */
static const struct rule *network_rule(
	const struct policy *p, size_t i, const struct address *a)
{
	const struct rule *r = policy_rule(p, i);

	return r && rule_has_address(r, a) ? r : NULL;
}

struct verdict policy_check_address(
	const struct policy *p, const struct address *a, uint16_t port)
{
	enum address_class class = address_classify(a);
	struct verdict v = {0};

	if (!p->compiled || port == 0)
		return v;
	for (size_t i = find(p, RULE_NETWORK, ""), end = policy_rules(p); i < end; i++) {
		const struct rule *r = network_rule(p, i, a);

		if (!r || !covers(r, port))
			continue;
		if (r->effect == RULE_DENY)
			return (struct verdict){.rule = r};
		if (class != ADDRESS_PUBLIC && !(class == ADDRESS_PRIVATE && r->private))
			continue;
		v.rule = r;
		v.private |= r->private;
		v.ech |= r->ech;
		rule_ports_add(&v.ports, port);
		v.allowed = true;
	}
	return v;
}

/* A long label is accepted if it looks like words joined by hyphens, as people choose them. */
static bool label_fits(const char *label, size_t size)
{
	if (size <= LIMIT_WILDCARD_LABEL)
		return true;
	for (size_t i = 0, word = 0; i < size; i++) {
		word = label[i] == '-' || label[i] == '_' ? 0 : word + 1;
		if (word > LIMIT_WILDCARD_WORD)
			return false;
	}
	return true;
}

bool policy_wildcard_fits(const struct rule *r, const char *name)
{
	size_t part = strlen(name) - strlen(r->name);

	if (r->kind != RULE_WILDCARD)
		return true;
	/* Without the dot between the two parts. */
	if (--part > LIMIT_WILDCARD_PART)
		return false;
	for (const char *p = name; p < name + part;) {
		size_t label = strcspn(p, ".");

		if (!label_fits(p, label))
			return false;
		p += label + 1;
	}
	return true;
}

bool policy_address_usable(const struct policy *p, const struct verdict *v,
	const struct address *a, const char **reason)
{
	enum address_class class = address_classify(a);

	*reason = NULL;
	if (class == ADDRESS_PRIVATE && !v->private)
		*reason = "its address is private and the rule lacks +private";
	else if (class != ADDRESS_PUBLIC && class != ADDRESS_PRIVATE)
		*reason = "its address is not a public one";
	for (size_t i = p->compiled ? find(p, RULE_NETWORK, "") : p->count,
		    end = policy_rules(p);
		i < end && !*reason; i++) {
		const struct rule *r = network_rule(p, i, a);

		if (r && r->effect == RULE_DENY && r->ports.count == 0)
			*reason = "its address is in a network that a rule denies";
	}
	return !*reason;
}
