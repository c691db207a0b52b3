/*
 * Filling a policy: single rules, lists, presets, and the built-in rules. Rejected input
 * leaves the policy unchanged. verdict.c compiles the policy and makes decisions.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

static const char *const defaults[] = {
	/* used by current versions of Codex */
	"api.openai.com",
	"auth.openai.com",
	"chatgpt.com",
	/* used by older versions */
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

static int append_or_fail(struct policy *p, const struct rule *r, struct rule_error *e)
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
static void begin_error(struct rule_error *e, const char *text, size_t len, const char *preset)
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

/* Adds one line of a preset's file; `as` holds effect, origin and suffixes of the rule
 * "@preset". */
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
	begin_error(e, text, len, as->preset);
	/* When a preset is denied, the suffixes in it, which only apply to allowing, are
	 * ignored. */
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
	return append_or_fail(p, &r, e);
}

static int add_preset(struct policy *p, const struct rule *as, policy_preset_reader *reader,
	void *context, struct rule_error *e)
{
	/* One byte more than allowed, to detect a file that is too long. */
	size_t size = LIMIT_PRESET_BYTES + 1, at = 0;
	char *text = reader ? malloc(size) : NULL;
	long n = -1;
	int done = 0;

	e->position = 1;
	errno = reader ? ENOMEM : ENOENT;
	if (text)
		n = reader(context, as->preset, text, size);
	if (n < 0 && errno == ENOENT)
		snprintf(e->reason, sizeof(e->reason), POLICY_NO_PRESET "%s", as->preset);
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

	begin_error(e, text, len, "");
	if (rule_read(text, len, effect, &r, e) < 0)
		return -1;
	r.origin = origin;
	if (r.preset[0])
		return add_preset(p, &r, reader, context, e);
	return append_or_fail(p, &r, e);
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

/* True if the comma at text[at] separates two ports of the rule that begins at `from`. */
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

		rule_ports_add(&r.ports, 80);
		rule_ports_add(&r.ports, 443);
		snprintf(r.name, sizeof(r.name), "%s", defaults[i]);
		if (append(p, &r) < 0)
			return -1;
	}
	return 0;
}

void policy_set_broker(struct policy *p, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->rules[i].origin != ORIGIN_DEFAULT || p->rules[i].effect != RULE_ALLOW)
			p->rules[kept++] = p->rules[i];
	p->count = kept;
	snprintf(p->broker, sizeof(p->broker), "%s", name);
	p->compiled = false;
}

const char *policy_default(size_t i)
{
	return i < sizeof(defaults) / sizeof(defaults[0]) ? defaults[i] : NULL;
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
