#include "git_judge.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/gitconfig.h"

/*
 * What git writes in ordinary work, or a person sets for a project, and what makes nothing run;
 * an address (or a remote's name, in whose place git takes one) only if it is a plain one.
 * silent: not reported; the rest is.
 */
static const struct {
	const char *section, *name;
	bool subsection, silent, address;
} harmless[] = {
	{"branch", "merge", true, true, false},
	{"branch", "rebase", true, true, false},
	{"branch", "description", true, true, false},
	{"branch", "remote", true, true, true}, /* but see is_known_remote() */
	{"branch", "pushremote", true, false, true},
	{"remote", "url", true, false, true},
	{"remote", "pushurl", true, false, true},
	{"remote", "fetch", true, false, false},
	{"remote", "push", true, false, false},
	{"remote", "tagopt", true, false, false},
	{"remote", "prune", true, false, false},
	{"remote", "pushdefault", false, false, true},
	{"submodule", "url", true, false, true},
	{"submodule", "active", true, false, false},
	{"submodule", "active", false, false, false},
	{"user", "name", false, false, false},
	{"user", "email", false, false, false},
	{"core", "autocrlf", false, false, false},
	{"core", "eol", false, false, false},
	{"core", "filemode", false, false, false},
	{"core", "ignorecase", false, false, false},
	{"core", "quotepath", false, false, false},
	{"core", "sparsecheckout", false, false, false},
	{"core", "sparsecheckoutcone", false, false, false},
	{"fetch", "prune", false, false, false},
	{"merge", "conflictstyle", false, false, false},
	{"merge", "ff", false, false, false},
	{"pull", "ff", false, false, false},
	{"pull", "rebase", false, false, false},
	{"push", "autosetupremote", false, false, false},
	{"push", "default", false, false, false},
	{"push", "followtags", false, false, false},
	{"rebase", "autosquash", false, false, false},
	{"rebase", "autostash", false, false, false},
	{"rerere", "enabled", false, false, false},
};

enum kind { SILENT, REPORTED, DENIED };

/* A config in pieces. */
struct settings {
	const char *text;
	size_t size, count, room;
	size_t denied; /* the first that is; count: none */
	struct setting {
		char *key, *value;
		enum kind kind;
		size_t begin, end;
		size_t next; /* that is denied, after this one */
		bool matched;
	} * list, *sorted; /* sorted: a copy, by key and value */
};

static void settings_free(struct settings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->list[i].key);
	free(s->list);
	free(s->sorted);
}

static int by_key(const void *a, const void *b)
{
	const struct setting *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static int by_all(const void *a, const void *b)
{
	const struct setting *x = a, *y = b;
	const int keys = by_key(a, b);

	return keys ? keys : strcmp(x->value, y->value);
}

/* By search, since the payload could fill both configs with what is harmless, and PID 1 waits.
 */
static bool has(const struct settings *s, const struct setting *wanted,
	int (*by)(const void *a, const void *b))
{
	return s->count > 0 &&
	       bsearch(wanted, s->sorted, s->count, sizeof(*wanted), by) != NULL;
}

/* An address that names a program (`ext::`, any `x::`), or would be taken for an option. */
static bool is_plain_address(const char *value)
{
	const char *colons = strstr(value, "::");

	return value[0] != '-' && (!colons || memchr(value, '/', (size_t)(colons - value)) ||
					  memchr(value, '[', (size_t)(colons - value)));
}

static enum kind classify(const struct gitconfig_entry *e)
{
	const char *dot = strchr(e->key, '.'), *name = strrchr(e->key, '.');

	for (size_t i = 0; dot && i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		const size_t n = strlen(harmless[i].section);

		if ((size_t)(dot - e->key) != n ||
			memcmp(e->key, harmless[i].section, n) != 0 ||
			strcmp(name + 1, harmless[i].name) != 0 ||
			(dot != name) != harmless[i].subsection)
			continue;
		if (harmless[i].address && !is_plain_address(e->value))
			return DENIED;
		return harmless[i].silent ? SILENT : REPORTED;
	}
	return DENIED;
}

static bool add(struct settings *s, const struct gitconfig_entry *e)
{
	const size_t key = strlen(e->key) + 1, value = strlen(e->value) + 1;
	char *text;

	if (s->count == s->room) {
		const size_t room = s->room > 0 ? 2 * s->room : 64;
		struct setting *grown = realloc(s->list, room * sizeof(*grown));

		if (!grown)
			return false;
		s->list = grown;
		s->room = room;
	}
	text = malloc(key + value + 1);
	if (!text)
		return false;
	/* A key without '=' isn't the same as an empty value. */
	snprintf(text, key + value + 1, "%s%c%s%s", e->key, '\0', e->bare ? "-" : "=",
		e->bare ? "" : e->value);
	s->list[s->count++] = (struct setting){.key = text,
		.value = text + key,
		.kind = classify(e),
		.begin = e->begin,
		.end = e->end};
	return true;
}

static bool read_all(struct settings *s, const char *text, size_t size)
{
	static struct gitconfig_entry e;
	struct gitconfig c;
	int done = size > LIMIT_GITCONFIG_BYTES ? -1 : 1;

	*s = (struct settings){.text = text, .size = size};
	gitconfig_begin(&c, text, size);
	while (done == 1 && (done = gitconfig_next(&c, &e)) == 1)
		if (!add(s, &e))
			done = -1;
	s->denied = s->count;
	for (size_t i = s->count; i-- > 0;) {
		s->list[i].next = s->denied;
		if (s->list[i].kind == DENIED)
			s->denied = i;
	}
	if (done != 0 || s->count == 0)
		return done == 0;
	s->sorted = malloc(s->count * sizeof(*s->sorted));
	if (!s->sorted)
		return false;
	memcpy(s->sorted, s->list, s->count * sizeof(*s->sorted));
	qsort(s->sorted, s->count, sizeof(*s->sorted), by_all);
	return true;
}

static bool same(const struct setting *a, const struct setting *b)
{
	return by_all(a, b) == 0;
}

/* branch.X.remote that names a remote of before's, or this repository: else git would take it
 * for an address. */
static bool is_known_remote(const struct settings *before, const struct setting *s)
{
	const char *remote = s->value + 1;
	char url[LIMIT_GITCONFIG_KEY];
	const struct setting wanted = {.key = url};

	if (strncmp(s->key, "branch.", 7) != 0 ||
		strcmp(strrchr(s->key, '.'), ".remote") != 0 || strcmp(remote, ".") == 0)
		return true;
	return snprintf(url, sizeof(url), "remote.%s.url", remote) < (int)sizeof(url) &&
	       has(before, &wanted, by_key);
}

/* ---- What is denied ---------------------------------------------------------------------- */

/* Matches what is denied, in before's order. Returns whether all of before's is in now. */
static bool match_denied(struct settings *before, struct settings *now)
{
	size_t i = before->denied;

	for (size_t j = now->denied; j < now->count; j = now->list[j].next) {
		size_t k = i;

		while (k < before->count && !same(&before->list[k], &now->list[j]))
			k = before->list[k].next;
		if (k == before->count)
			continue;
		now->list[j].matched = before->list[k].matched = true;
		i = before->list[k].next;
	}
	for (size_t k = before->denied; k < before->count; k = before->list[k].next)
		if (!before->list[k].matched)
			return false;
	return true;
}

static size_t append(char *out, size_t n, const char *text, size_t size)
{
	memcpy(out + n, text, size);
	return n + size;
}

/* The settings that remain, as they were written, with what stands around them. */
static size_t without_denied(const struct settings *now, bool all, char *out)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < now->count; i++) {
		const struct setting *s = &now->list[i];
		size_t begin = s->begin;

		if (s->kind != DENIED || (s->matched && !all))
			continue;
		while (begin > at && strchr(" \t", now->text[begin - 1]))
			begin--;
		n = append(out, n, now->text + at, begin - at);
		at = s->end;
	}
	return append(out, n, now->text + at, now->size - at);
}

/* `[section "subsection"]`, as the key says. */
static size_t append_head(char *out, size_t n, const char *key)
{
	const char *dot = strchr(key, '.'), *last = strrchr(key, '.');

	out[n++] = '[';
	n = append(out, n, key, (size_t)(dot - key));
	if (dot != last) {
		n = append(out, n, " \"", 2);
		for (const char *c = dot + 1; c < last; c++) {
			if (*c == '"' || *c == '\\')
				out[n++] = '\\';
			out[n++] = *c;
		}
		out[n++] = '"';
	}
	return append(out, n, "]\n\t", 3);
}

/* What was denied before, as it was written, in sections of its own. Each is longer by its head
 * than it was, by less than its key, twice. */
static size_t append_denied(const struct settings *before, char *out, size_t n, size_t room)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct setting *s = &before->list[i];

		if (s->kind != DENIED)
			continue;
		if (2 * strlen(s->key) + 16 + (s->end - s->begin) > room - n)
			return 0;
		if (n > 0 && out[n - 1] != '\n')
			out[n++] = '\n';
		n = append_head(out, n, s->key);
		n = append(out, n, before->text + s->begin, s->end - s->begin);
	}
	return n;
}

/* Does git read the same of that kind in both, in the same order? */
static bool same_denied(const struct settings *before, const char *text, size_t size)
{
	struct settings s;
	bool good = read_all(&s, text, size);
	size_t i = s.denied, k = before->denied;

	for (; good && k < before->count && i < s.count;
		k = before->list[k].next, i = s.list[i].next)
		good = same(&before->list[k], &s.list[i]);
	good = good && k == before->count && i == s.count;
	settings_free(&s);
	return good;
}

/* ---- What is reported -------------------------------------------------------------------- */

void git_report_add(struct git_report *r, enum git_change how, const char *key)
{
	for (unsigned i = 0; i < r->count && i < LIMIT_GIT_REPORTED; i++)
		if (r->keys[i].how == how && strcmp(r->keys[i].key, key) == 0)
			return;
	if (r->count < LIMIT_GIT_REPORTED) {
		r->keys[r->count].how = how;
		snprintf(r->keys[r->count].key, sizeof(r->keys[0].key), "%s", key);
	}
	r->count++;
}

/* What is in one and not in the other. */
static void report_missing(const struct settings *from, const struct settings *in,
	const struct settings *before, struct git_report *r)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct setting *s = &from->list[i];

		if (s->kind != DENIED && !(s->kind == SILENT && is_known_remote(before, s)) &&
			!has(in, s, by_all))
			git_report_add(r, GIT_REPORTED, s->key);
	}
}

static bool report_denied(const struct settings *s, struct git_report *r)
{
	bool any = false;

	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i].kind != DENIED || s->list[i].matched)
			continue;
		git_report_add(r, GIT_PUT_BACK, s->list[i].key);
		any = true;
	}
	return any;
}

/* ---- All of it --------------------------------------------------------------------------- */

static size_t judge(struct settings *before, struct settings *now, char *out, size_t room,
	struct git_report *r)
{
	const bool all_there = match_denied(before, now);
	size_t n;

	r->added |= report_denied(now, r);
	report_denied(before, r);
	report_missing(now, before, before, r);
	report_missing(before, now, before, r);
	n = without_denied(now, !all_there, out);
	if (!all_there)
		n = append_denied(before, out, n, room);
	return n > 0 && same_denied(before, out, n) ? n : 0;
}

size_t git_judge(const char *before, size_t before_size, const char *now, size_t now_size,
	char *out, struct git_report *r)
{
	struct settings a, b = {0};
	size_t n = 0;

	if (before_size == now_size && memcmp(before, now, now_size) == 0)
		return append(out, 0, now, now_size);
	if (read_all(&a, before, before_size) && read_all(&b, now, now_size))
		n = judge(&a, &b, out, LIMIT_GITCONFIG_BYTES + before_size, r);
	if (n == 0) {
		r->whole = true;
		n = append(out, 0, before, before_size);
	}
	settings_free(&a);
	settings_free(&b);
	return n;
}
