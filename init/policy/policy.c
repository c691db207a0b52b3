/*
 * The compiled policy: rules in one sorted array, looked up by binary search.
 *
 * The order is kind, then name or network, then deny before allow. All rules for one name lie
 * side by side; a wildcard is found by asking for each parent of the name in turn, so a lookup
 * takes O(labels * log rules) and no memory. Networks are few and are walked.
 *
 * The addresses of a name are the same whichever rule named it. So where rules for one name
 * differ, it has the ports of all of them, and +private or +ech when any of them has it.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

static const char *const defaults[] = {
	/* What today's Codex needs, ... */
	"api.openai.com",
	"auth.openai.com",
	"chatgpt.com",
	/* ... and the names that older versions used. */
	"auth0.openai.com",
	"chat.openai.com",
	"openai.com",
	"platform.openai.com",
};

void policy_init(struct policy *p)
{
	memset(p, 0, sizeof(*p));
}

void policy_free(struct policy *p)
{
	free(p->rules);
	free(p->names);
	policy_init(p);
}

/* Appends a rule. Returns 0, or -1 with errno ENOMEM or E2BIG. */
static int append(struct policy *p, const struct rule *r)
{
	if (p->count == LIMIT_RULES) {
		errno = E2BIG;
		return -1;
	}
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct rule *grown = reallocarray(p->rules, room, sizeof(*grown));

		if (!grown)
			return -1;
		p->rules = grown;
		p->room = room;
	}
	p->rules[p->count++] = *r;
	p->compiled = false;
	return 0;
}

static int append_or_tell(struct policy *p, const struct rule *r, struct rule_error *e)
{
	if (append(p, r) == 0)
		return 0;
	e->position = 0;
	if (errno == E2BIG)
		snprintf(e->reason, sizeof(e->reason), "there are more than %d rules",
			LIMIT_RULES);
	else
		snprintf(e->reason, sizeof(e->reason), "%s", strerror(errno));
	return -1;
}

/* Starts an error report about the rule text[0, len). */
static void about(struct rule_error *e, const char *text, size_t len, const char *preset)
{
	size_t n = len < LIMIT_RULE_TEXT ? len : LIMIT_RULE_TEXT;

	memset(e, 0, sizeof(*e));
	memcpy(e->rule, text, n);
	snprintf(e->preset, sizeof(e->preset), "%s", preset);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Adds one line of a preset's file; `as` carries what the rule "@preset" itself said. */
static int add_line(struct policy *p, const char *text, size_t len, const struct rule *as,
	struct rule_error *e)
{
	const char *comment = memchr(text, '#', len), *suffix;
	struct rule r;

	if (comment)
		len = (size_t)(comment - text);
	while (len > 0 && blank(text[len - 1]))
		len--;
	for (; len > 0 && blank(*text); text++)
		len--;
	if (len == 0)
		return 0;
	about(e, text, len, as->preset);
	/* A preset may be denied whole: the suffixes that serve its allowing do not matter. */
	suffix = as->effect == RULE_DENY ? memchr(text, '+', len) : NULL;
	if (rule_read(text, suffix ? (size_t)(suffix - text) : len, as->effect, &r, e) < 0)
		return -1;
	if (r.preset[0]) {
		snprintf(e->reason, sizeof(e->reason), "a preset can't name another one");
		return -1;
	}
	r.origin = as->origin;
	r.private |= as->private;
	r.ech |= as->ech;
	memcpy(r.preset, as->preset, sizeof(r.preset));
	return append_or_tell(p, &r, e);
}

static int add_preset(struct policy *p, const struct rule *as, policy_preset_reader *reader,
	void *context, struct rule_error *e)
{
	/* One byte more than allowed, to tell a file that is too long. */
	size_t size = LIMIT_PRESET_BYTES + 1, at = 0;
	char *text = reader ? malloc(size) : NULL;
	long n = -1;
	int done = 0;

	e->position = 1;
	errno = reader ? ENOMEM : ENOENT;
	if (text)
		n = reader(context, as->preset, text, size);
	if (n < 0 && errno == ENOENT)
		snprintf(e->reason, sizeof(e->reason), "there is no preset %s", as->preset);
	else if (n < 0)
		snprintf(e->reason, sizeof(e->reason), "%s", strerror(errno));
	else if ((size_t)n >= size)
		snprintf(e->reason, sizeof(e->reason), "a preset has at most %d bytes",
			LIMIT_PRESET_BYTES);
	if (n < 0 || (size_t)n >= size) {
		free(text);
		return -1;
	}
	while (at < (size_t)n && done == 0) {
		const char *end = memchr(text + at, '\n', (size_t)n - at);
		size_t len = end ? (size_t)(end - text) - at : (size_t)n - at;

		done = add_line(p, text + at, len, as, e);
		at += len + 1;
	}
	free(text);
	return done;
}

static int add(struct policy *p, const char *text, size_t len, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e)
{
	struct rule r;

	about(e, text, len, "");
	if (rule_read(text, len, effect, &r, e) < 0)
		return -1;
	r.origin = origin;
	if (r.preset[0])
		return add_preset(p, &r, reader, context, e);
	return append_or_tell(p, &r, e);
}

int policy_add(struct policy *p, const char *text, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e)
{
	size_t before = p->count;
	int done = add(p, text, strlen(text), effect, origin, reader, context, e);

	if (done < 0)
		p->count = before;
	return done;
}

/* Does the comma at text[at] stand between two ports of the rule that began at `from`? */
static bool between_ports(const char *text, size_t from, size_t at)
{
	size_t before = at, after = at + 1;

	if (at - from > LIMIT_RULE_TEXT)
		return false;
	while (before > from && strchr("0123456789,", text[before - 1]))
		before--;
	after += strspn(text + after, "0123456789");
	return before > from && text[before - 1] == ':' && before < at && after > at + 1 &&
	       (!text[after] || strchr(" \t\r\n,+", text[after]));
}

int policy_add_list(struct policy *p, const char *text, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e)
{
	size_t before = p->count;

	for (size_t at = 0;;) {
		size_t from = at += strspn(text + at, " \t\r\n,");

		if (!text[at])
			return 0;
		do
			at += 1 + strcspn(text + at + 1, " \t\r\n,");
		while (text[at] == ',' && between_ports(text, from, at));
		if (add(p, text + from, at - from, effect, origin, reader, context, e) < 0) {
			p->count = before;
			return -1;
		}
	}
}

int policy_add_defaults(struct policy *p)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		struct rule r = {.kind = RULE_NAME, .origin = ORIGIN_DEFAULT};

		ports_add(&r.ports, 80);
		ports_add(&r.ports, 443);
		snprintf(r.name, sizeof(r.name), "%s", defaults[i]);
		if (append(p, &r) < 0)
			return -1;
	}
	return 0;
}

int policy_deny_because(struct policy *p, const char *name, const char *reason)
{
	struct rule r = {.kind = RULE_NAME,
		.effect = RULE_DENY,
		.origin = ORIGIN_DEFAULT,
		.reason = reason};

	snprintf(r.name, sizeof(r.name), "%s", name);
	return append(p, &r);
}

/* True when b says nothing that a does not: they differ in origin, preset or ports only. Adds
 * b's ports to a then. */
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
		if (!ports_add(&ports, b->ports.port[i]))
			return false;
	if (b->ports.count == 0)
		ports.count = 0;
	a->ports = ports;
	return true;
}

/* The first rule that is not before (kind, name). */
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
	p->names = calloc(kept + 1, sizeof(*p->names));
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
	return 0;
}

/*
 * Calls see() for each rule that speaks of the name: its own, then the wildcards above it from
 * the nearest up.
 */
static void each_rule(const struct policy *p, const char *name,
	void (*see)(struct verdict *v, const struct rule *r, uint16_t port), struct verdict *v,
	uint16_t port)
{
	for (size_t i = find(p, RULE_NAME, name); same(p, i, RULE_NAME, name); i++)
		see(v, &p->rules[i], port);
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		for (size_t i = find(p, RULE_WILDCARD, dot + 1);
			same(p, i, RULE_WILDCARD, dot + 1); i++)
			see(v, &p->rules[i], port);
}

static bool covers(const struct rule *r, uint16_t port)
{
	return r->ports.count == 0 || ports_have(&r->ports, port);
}

/* The allow rules' ports; port 0 stands for any. */
static void see_allow(struct verdict *v, const struct rule *r, uint16_t port)
{
	if (r->effect != RULE_ALLOW || (port && !covers(r, port)))
		return;
	if (!v->rule)
		v->rule = r;
	v->private |= r->private;
	v->ech |= r->ech;
	for (unsigned i = 0; i < r->ports.count; i++)
		if (!port || r->ports.port[i] == port)
			ports_add(&v->ports, r->ports.port[i]);
}

/* Takes away what is denied. The first deny rule that leaves nothing is the one to tell; one
 * that speaks of other ports only decides nothing. */
static void see_deny(struct verdict *v, const struct rule *r, uint16_t port)
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

	/* A policy that is not compiled allows nothing: its order means nothing yet. */
	if (!p->compiled)
		return v;
	each_rule(p, name, see_allow, &v, port);
	each_rule(p, name, see_deny, &v, port);
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
	/* There is no port 0, and below it stands for all of them. */
	return port ? check(p, name, port) : (struct verdict){0};
}

struct verdict policy_check_address(
	const struct policy *p, const struct address *a, uint16_t port)
{
	enum address_class class = address_classify(a);
	struct verdict v = {0};

	if (!p->compiled || port == 0)
		return v;
	for (size_t i = find(p, RULE_NETWORK, ""); i < p->count; i++) {
		const struct rule *r = &p->rules[i];

		if (!address_inside(a, &r->network, r->prefix) || !covers(r, port))
			continue;
		if (r->effect == RULE_DENY)
			return (struct verdict){.rule = r};
		if (class != ADDRESS_PUBLIC && !(class == ADDRESS_PRIVATE && r->private))
			continue;
		v.rule = r;
		v.private |= r->private;
		v.ech |= r->ech;
		ports_add(&v.ports, port);
		v.allowed = true;
	}
	return v;
}

bool policy_address_usable(const struct policy *p, const struct verdict *v,
	const struct address *a, const char **reason)
{
	enum address_class class = address_classify(a);

	*reason = NULL;
	if (class == ADDRESS_PRIVATE && !v->private)
		*reason = "its address is private and the rule lacks +private";
	else if (class != ADDRESS_PUBLIC && class != ADDRESS_PRIVATE)
		*reason = "its address is not one of the public Internet";
	for (size_t i = p->compiled ? find(p, RULE_NETWORK, "") : p->count;
		i < p->count && !*reason; i++) {
		const struct rule *r = &p->rules[i];

		if (r->effect == RULE_DENY && r->ports.count == 0 &&
			address_inside(a, &r->network, r->prefix))
			*reason = "its address is in a network that a rule denies";
	}
	return !*reason;
}

static const char *origin_text(const struct rule *r)
{
	switch (r->origin) {
	case ORIGIN_DEFAULT:
		return "default";
	case ORIGIN_OPTION:
		return "option";
	case ORIGIN_ENVIRONMENT:
		return "environment";
	}
	return "";
}

int policy_print(const struct policy *p, FILE *f)
{
	char text[LIMIT_RULE_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];

		/* Effective rules: an allow that a deny takes away whole is none. */
		if (r->kind == RULE_NAME && r->effect == RULE_ALLOW &&
			!policy_check_name(p, r->name).allowed)
			continue;
		rule_text(r, text, sizeof(text));
		fprintf(f, "%s%-*s # %s%s%s%s%s\n", r->effect == RULE_DENY ? "deny " : "",
			r->effect == RULE_DENY ? 35 : 40, text, origin_text(r),
			r->preset[0] ? " @" : "", r->preset, r->reason ? ": " : "",
			r->reason ? r->reason : "");
	}
	return ferror(f) ? -1 : 0;
}
