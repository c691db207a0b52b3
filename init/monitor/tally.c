/* See tally.h. */
#include "tally.h"

#include <inttypes.h>
#include <string.h>

#include "../policy/background.h"
#include "../policy/policy.h"

/* Widest column in the report; a longer entry shifts only its own line. */
#define PLACE_COLUMN 44
/* A terminal's usual width. */
#define LINE_COLUMNS 80

static bool is_place(const struct place *p, const struct place *wanted)
{
	if (p->port != wanted->port || strcmp(p->name, wanted->name) != 0)
		return false;
	return p->name[0] || address_compare(&p->address, &wanted->address) == 0;
}

void tally_add(struct tally *t, const struct event *event, uint64_t count)
{
	struct place new = {.address = event->address, .port = event->port, .own = event->own};
	struct place *p = t->places;

	t->total += count;
	new.request = event->request != NULL;
	if (new.request)
		new.port = 0;
	if (new.request || event->name)
		snprintf(new.name, sizeof(new.name), "%s",
			new.request ? event->request : event->name);
	if (!new.name[0] && !event->address.family) {
		t->others += count;
		return;
	}
	if (new.name[0] && (new.port == 443 || new.port == 80))
		new.port = 0;
	while (p < t->places + t->count && !is_place(p, &new))
		p++;
	if (p == t->places + LIMIT_SUMMARY) {
		t->others += count;
		return;
	}
	if (p == t->places + t->count) {
		t->count++;
		snprintf(new.reason, sizeof(new.reason), "%s",
			event->reason ? event->reason : "");
		new.advised = event->advice != NULL;
		snprintf(new.advice, sizeof(new.advice), "%s",
			event->advice ? event->advice : "");
		*p = new;
	}
	p->count += count;
}

/* Writes the destination as a rule would name it, without the payload's unprintable
 * characters. */
static void place_text(const struct place *p, char *out, size_t size)
{
	char text[ADDRESS_TEXT];

	if (p->name[0] && p->port)
		snprintf(out, size, "%s:%u", p->name, p->port);
	else if (p->name[0])
		snprintf(out, size, "%s", p->name);
	else if (!p->port)
		snprintf(out, size, "%s", address_text(&p->address, text));
	else
		snprintf(out, size, p->address.family == 6 ? "[%s]:%u" : "%s:%u",
			address_text(&p->address, text), p->port);
	for (; *out; out++)
		if (*out < ' ' || *out > '~' || (*out == ' ' && !p->request))
			*out = '?';
}

/* What Codex itself wanted there, or NULL if it may have been somebody else. */
static const char *background_of(const struct place *p)
{
	return p->reason[0] || p->port ? NULL : background_request(p->name, p->count);
}

/*
 * Writes the rule that would permit a destination, safe to paste into a shell. Returns false if
 * there can be none, with *why, static text.
 */
static bool rule_of(const struct place *p, char *rule, size_t size, const char **why)
{
	enum address_class class = address_classify(&p->address);
	char name[NAME_TEXT], text[RULE_FOR_NAME];
	const char *unused;
	size_t position;

	if (p->name[0]) {
		*why = "not a valid host name";
		if (!name_normalise(p->name, strlen(p->name), name, &position, &unused))
			return false;
		snprintf(rule, size, "%s%s", rule_for_name(name, p->port, text), p->advice);
		return true;
	}
	*why = "only TCP can be allowed";
	if (!p->port)
		return false;
	*why = address_range_name(&p->address);
	if (class != ADDRESS_PUBLIC && class != ADDRESS_PRIVATE)
		return false;
	place_text(p, rule, size);
	strncat(rule,
		p->advice[0]               ? p->advice
		: class == ADDRESS_PRIVATE ? "+private"
					   : "",
		size - strlen(rule) - 1);
	return true;
}

static const char *preset_of(const struct tally *t, const struct place *p)
{
	return t->preset && p->name[0] && !p->advice[0]
		       ? t->preset(p->name, p->port ? p->port : 443)
		       : NULL;
}

/* What codex-egress has said of a place since it was refused, when no rule was about it; NULL:
 * nothing. */
static const char *meanwhile(const struct tally *t, const struct place *p)
{
	struct verdict v;

	if (!t->policy || p->reason[0])
		return NULL;
	v = p->name[0] ? policy_check_name_port(t->policy, p->name, p->port ? p->port : 443)
		       : policy_check_address(t->policy, &p->address, p->port);
	if (v.allowed)
		return "allowed meanwhile";
	return v.rule && v.rule->effect == RULE_DENY ? "denied meanwhile" : NULL;
}

/* What to do about a refusal: the rule that would permit it, but only if there can be one. */
static void advise(const struct tally *t, const struct place *p, char *out, size_t size)
{
	char rule[RULE_FOR_NAME + sizeof(p->advice)];
	const char *why, *preset = preset_of(t, p), *before = p->reason[0] ? "; " : "";

	if (p->reason[0] && !p->advised)
		snprintf(out, size, "%s", p->reason);
	else if (meanwhile(t, p))
		snprintf(out, size, "%s", meanwhile(t, p));
	else if (background_of(p))
		snprintf(out, size, "Codex's own request for %s: nothing is lost",
			background_of(p));
	else if (rule_of(p, rule, sizeof(rule), &why))
		snprintf(out, size, "%s%sallow with: --allow %s%s%s", p->reason, before, rule,
			preset ? ", or --allow @" : "", preset ? preset : "");
	else if (p->name[0] || !p->port)
		snprintf(out, size, "%s%s%s", p->reason, before, why);
	else
		snprintf(out, size, "%s%sno rule can allow these: %s", p->reason, before, why);
}

static bool is_there(const char *options, const char *option)
{
	const size_t n = strlen(option);

	for (const char *s = strstr(options, option); s; s = strstr(s + n, option))
		if (s[n] == ' ' || !s[n])
			return true;
	return false;
}

char *tally_options(const struct tally *t)
{
	char *out = NULL, rule[RULE_FOR_NAME + 16], option[sizeof(rule) + 16];
	size_t size;
	FILE *to = open_memstream(&out, &size);

	for (size_t i = 0; to && i < t->count; i++) {
		const struct place *p = &t->places[i];
		const char *preset = preset_of(t, p), *why;

		if ((p->reason[0] && !p->advised) || background_of(p) || meanwhile(t, p) ||
			!rule_of(p, rule, sizeof(rule), &why))
			continue;
		snprintf(option, sizeof(option), " --allow %s%s", preset ? "@" : "",
			preset ? preset : rule);
		/* Once: the blank, or the end, behind it makes it a whole word. */
		fflush(to);
		if (!is_there(out, option))
			fputs(option, to);
	}
	if (to)
		fclose(to);
	return out;
}

/* No session before has asked for this name, as far as that is known. */
static bool is_new(const struct tally *t, const struct place *p)
{
	char name[NAME_TEXT], line[NAME_TEXT + 2];
	const char *unused;
	size_t position;

	if (!t->known || !name_normalise(p->name, strlen(p->name), name, &position, &unused))
		return false;
	snprintf(line, sizeof(line), "\n%s\n", name);
	return !strstr(t->known, line);
}

/* One line; or two where a terminal would break it within a rule. */
static void print_place(const struct tally *t, const struct place *p, size_t width, FILE *to)
{
	char text[NAME_TEXT + 8], advice[TALLY_REASON + 2 * NAME_TEXT];
	size_t mark;
	int n;

	place_text(p, text, sizeof(text));
	mark = (size_t)snprintf(advice, sizeof(advice), "%s", is_new(t, p) ? "new, " : "");
	advise(t, p, advice + mark, sizeof(advice) - mark);
	n = fprintf(to, "  %-*s  %4" PRIu64 "x", (int)width, text, p->count);
	if (strstr(advice, "--allow ") && n + 3 + (int)strlen(advice) > LINE_COLUMNS)
		fprintf(to, "\n      %s\n", advice);
	else
		fprintf(to, "   %s\n", advice);
}

void tally_print(const struct tally *t, size_t most, FILE *to)
{
	char text[NAME_TEXT + 8];
	size_t width = 0, count = t->count;
	uint64_t others = t->others;

	for (; count > most; count--)
		others += t->places[count - 1].count;
	for (size_t i = 0; i < count; i++) {
		place_text(&t->places[i], text, sizeof(text));
		if (strlen(text) > width)
			width = strlen(text);
	}
	if (width > PLACE_COLUMN)
		width = PLACE_COLUMN;
	/* Codex's own requests last: nobody has to do anything about them. */
	for (int own = 0; own < 2; own++)
		for (size_t i = 0; i < count; i++) {
			const struct place *p = &t->places[i];

			if ((p->own || background_of(p)) != own)
				continue;
			print_place(t, p, width, to);
		}
	if (others)
		fprintf(to, "  %-*s  %4" PRIu64 "x   see the event log\n", (int)width, "others",
			others);
}

void tally_summary(const struct tally *t, const char *before, const char *what,
	const char *behind, FILE *to)
{
	if (t->total == 0)
		return;
	fprintf(to, "codex-init: %s%" PRIu64 " %s%s", before, t->total, what,
		t->total == 1 ? "" : "s");
	if (t->count)
		fprintf(to, " to %s%zu place%s", t->others ? "more than " : "", t->count,
			t->count == 1 ? "" : "s");
	fprintf(to, "%s:\n", behind);
	tally_print(t, LIMIT_SUMMARY, to);
}
