/* A single-pass parser. See toml.h. */
#include "toml.h"

#include <string.h>

#include "../lib/limits.h"

struct toml_reader {
	const char *at, *end;
	toml_visit *visit;
	void *context;
	/* The path of the current key: its table, then the key. */
	char path[LIMIT_TOML_PATH];
	size_t used;
};

static bool value(struct toml_reader *r, unsigned depth, const char **from, const char **to);

static bool more(const struct toml_reader *r)
{
	return r->at < r->end;
}

static bool next_is(const struct toml_reader *r, char c)
{
	return more(r) && *r->at == c;
}

static bool take(struct toml_reader *r, char c)
{
	if (!next_is(r, c))
		return false;
	r->at++;
	return true;
}

static void skip_blanks(struct toml_reader *r)
{
	while (next_is(r, ' ') || next_is(r, '\t') || next_is(r, '\r'))
		r->at++;
}

static void skip_comment(struct toml_reader *r)
{
	if (next_is(r, '#'))
		while (more(r) && *r->at != '\n')
			r->at++;
}

/* Blanks, comments and line ends: between lines, and within brackets. */
static void skip_space(struct toml_reader *r)
{
	const char *before;

	do {
		before = r->at;
		skip_blanks(r);
		skip_comment(r);
		take(r, '\n');
	} while (r->at != before);
}

/* ---- Keys ---------------------------------------------------------------------------- */

static void add(struct toml_reader *r, char c)
{
	if (r->used + 1 < sizeof(r->path))
		r->path[r->used++] = c;
	r->path[r->used] = '\0';
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static bool quoted_part(struct toml_reader *r)
{
	char quote = *r->at++;

	for (; more(r) && *r->at != '\n'; r->at++) {
		if (*r->at == quote) {
			r->at++;
			return true;
		}
		if (quote == '"' && *r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		add(r, *r->at > ' ' && *r->at <= '~' && *r->at != '.' ? *r->at : '_');
	}
	return false;
}

/* Appends a key, simple or dotted, to the path. */
static bool key(struct toml_reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (r->used > 0)
			add(r, '.');
		if (next_is(r, '"') || next_is(r, '\'')) {
			if (!quoted_part(r))
				return false;
		} else if (!more(r) || !is_bare(*r->at)) {
			return false;
		}
		while (more(r) && is_bare(*r->at))
			add(r, *r->at++);
		skip_blanks(r);
		if (!take(r, '.'))
			return true;
	}
}

static void cut(struct toml_reader *r, size_t used)
{
	r->used = used;
	r->path[used] = '\0';
}

/* `key = value`; restores the path afterwards. */
static bool pair(struct toml_reader *r, unsigned depth)
{
	const size_t table = r->used;
	const char *from, *to, *rest;

	if (!key(r) || !take(r, '='))
		return false;
	skip_blanks(r);
	rest = r->at;
	/* The keys of an inline table are reported too, but not the table itself. */
	if (!value(r, depth, &from, &to))
		return false;
	if (*rest != '{')
		r->visit(r->context, r->path, from, (size_t)(to - from));
	cut(r, table);
	return true;
}

/* ---- Values -------------------------------------------------------------------------- */

/* After the opening quotes; times: how many of them close it. */
static bool string(
	struct toml_reader *r, char quote, size_t times, const char **from, const char **to)
{
	for (*from = r->at; more(r); r->at++) {
		size_t n = 0;

		if (times == 1 && *r->at == '\n')
			return false;
		if (quote == '"' && *r->at == '\\' && r->at + 1 < r->end) {
			r->at++;
			continue;
		}
		while (n < times && (size_t)(r->end - r->at) > n && r->at[n] == quote)
			n++;
		if (n < times)
			continue;
		*to = r->at;
		r->at += times;
		/* Up to two quotes may precede the closing three. */
		while (times == 3 && take(r, quote))
			;
		return true;
	}
	return false;
}

static bool quotes(struct toml_reader *r, const char **from, const char **to)
{
	char quote = *r->at++;

	if (r->end - r->at >= 2 && r->at[0] == quote && r->at[1] == quote) {
		r->at += 2;
		return string(r, quote, 3, from, to);
	}
	return string(r, quote, 1, from, to);
}

static bool array(struct toml_reader *r, unsigned depth)
{
	const char *from, *to;

	for (;;) {
		skip_space(r);
		if (take(r, ']'))
			return true;
		if (!value(r, depth + 1, &from, &to))
			return false;
		skip_space(r);
		if (!take(r, ',') && !next_is(r, ']'))
			return false;
	}
}

/* TOML 1.0 requires these to be on one line; others are accepted. */
static bool inline_table(struct toml_reader *r, unsigned depth)
{
	for (;;) {
		skip_space(r);
		if (take(r, '}'))
			return true;
		if (!pair(r, depth + 1))
			return false;
		skip_space(r);
		if (!take(r, ',') && !next_is(r, '}'))
			return false;
	}
}

/* A number, a date, true, false: up to a character that can follow a value. */
static bool word(struct toml_reader *r)
{
	const char *from = r->at;

	while (more(r) && !strchr(",]}#\r\n", *r->at))
		r->at++;
	return r->at > from;
}

static bool value(struct toml_reader *r, unsigned depth, const char **from, const char **to)
{
	bool good;

	if (depth > LIMIT_TOML_DEPTH || !more(r))
		return false;
	if (next_is(r, '"') || next_is(r, '\''))
		return quotes(r, from, to);
	*from = r->at;
	if (take(r, '['))
		good = array(r, depth);
	else if (take(r, '{'))
		good = inline_table(r, depth);
	else
		good = word(r);
	*to = r->at;
	return good;
}

/* ---- Lines --------------------------------------------------------------------------- */

/* [table] or [[table]]: sets the path. */
static bool header(struct toml_reader *r)
{
	bool twice = take(r, '[');

	cut(r, 0);
	if (!key(r) || !take(r, ']') || (twice && !take(r, ']')))
		return false;
	r->visit(r->context, r->path, NULL, 0);
	return true;
}

bool toml_scan(const char *text, size_t size, toml_visit *visit, void *context)
{
	struct toml_reader r = {
		.at = text, .end = text + size, .visit = visit, .context = context};

	for (;;) {
		skip_space(&r);
		if (!more(&r))
			return true;
		if (take(&r, '[') ? !header(&r) : !pair(&r, 0))
			return false;
		skip_blanks(&r);
		skip_comment(&r);
		if (more(&r) && !take(&r, '\n'))
			return false;
	}
}
