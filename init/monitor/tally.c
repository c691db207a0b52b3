/* See tally.h. */
#include "tally.h"

#include <inttypes.h>
#include <string.h>

#include "../policy/background.h"
#include "../policy/policy.h"

/* Widest column in the report; a longer entry shifts only its own line. */
#define PLACE_COLUMN 44

static bool is_place(const struct place *p, const struct place *wanted)
{
	if (p->port != wanted->port || strcmp(p->name, wanted->name) != 0)
		return false;
	return p->name[0] || address_compare(&p->address, &wanted->address) == 0;
}

void tally_add(struct tally *t, const struct event *event, uint64_t count)
{
	struct place new = {.address = event->address, .port = event->port};
	struct place *p = t->places;

	t->total += count;
	if (event->name)
		snprintf(new.name, sizeof(new.name), "%s", event->name);
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
		if (*out <= ' ' || *out > '~')
			*out = '?';
}

/* The rule that would permit an address and port, if one can. */
static void print_address_advice(const struct place *p, const char *text, FILE *to)
{
	enum address_class class = address_classify(&p->address);

	if (!p->port)
		fprintf(to, "only TCP can be allowed\n");
	else if (class == ADDRESS_PUBLIC || class == ADDRESS_PRIVATE)
		fprintf(to, "allow with: --allow %s%s\n", text,
			p->advice[0]               ? p->advice
			: class == ADDRESS_PRIVATE ? "+private"
						   : "");
	else
		fprintf(to, "no rule can allow these: %s\n", address_range_name(&p->address));
}

/* What Codex itself wanted there, or NULL if it may have been somebody else. */
static const char *background_of(const struct place *p)
{
	return p->reason[0] || p->port ? NULL : background_request(p->name, p->count);
}

/*
 * Prints what to do about a refusal: the rule that would permit it, but only if there can be
 * one, and only with a name that is safe to paste into a shell.
 */
static void print_advice(const struct place *p, const char *text, FILE *to)
{
	char name[NAME_TEXT], rule[RULE_FOR_NAME];
	const char *why;
	size_t position;

	if (p->reason[0])
		fprintf(to, "%s%s", p->reason, p->advised ? "; " : "\n");
	if (p->reason[0] && !p->advised)
		return;
	if (background_of(p))
		fprintf(to, "Codex's own request for %s: nothing is lost\n", background_of(p));
	else if (!p->name[0])
		print_address_advice(p, text, to);
	else if (!name_normalise(p->name, strlen(p->name), name, &position, &why))
		fprintf(to, "not a valid host name\n");
	else
		fprintf(to, "allow with: --allow %s%s\n", rule_for_name(name, p->port, rule),
			p->advice);
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

			if ((background_of(p) != NULL) != own)
				continue;
			place_text(p, text, sizeof(text));
			fprintf(to, "  %-*s  %4" PRIu64 "x   ", (int)width, text, p->count);
			print_advice(p, text, to);
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
