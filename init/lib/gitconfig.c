/* Follows git's config.c: get_value(), parse_value(), get_base_var(),
 * get_extended_base_var(). */
#include "gitconfig.h"

#include <string.h>

#define END (-1)

/* The next character. CR LF is one line break, as for git. */
static int take(struct gitconfig *c)
{
	if (c->at == c->size)
		return END;
	if (c->text[c->at] == '\r' && c->at + 1 < c->size && c->text[c->at + 1] == '\n')
		c->at++;
	return (unsigned char)c->text[c->at++];
}

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_key(int c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '-';
}

static char lower(int c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool append(char *text, size_t size, size_t *n, int c)
{
	if (*n + 1 >= size || c == '\0') /* git's values end at a NUL */
		return false;
	text[(*n)++] = (char)c;
	text[*n] = '\0';
	return true;
}

/* The rest of a section header after the blank: "subsection"] */
static bool read_subsection(struct gitconfig *c, size_t n)
{
	int ch = take(c);

	while (ch != '\n' && is_space(ch))
		ch = take(c);
	if (ch != '"' || !append(c->section, sizeof(c->section), &n, '.'))
		return false;
	while ((ch = take(c)) != '"') {
		if (ch == '\\')
			ch = take(c);
		if (ch == END || ch == '\n' || !append(c->section, sizeof(c->section), &n, ch))
			return false;
	}
	return take(c) == ']' && append(c->section, sizeof(c->section), &n, '.');
}

/* The rest of a section header after the '['. */
static bool read_section(struct gitconfig *c)
{
	size_t n = 0;

	c->section[0] = '\0';
	for (;;) {
		int ch = take(c);

		if (ch == ']')
			return append(c->section, sizeof(c->section), &n, '.');
		if (ch != '\n' && is_space(ch))
			return read_subsection(c, n);
		if ((!is_key(ch) && ch != '.') ||
			!append(c->section, sizeof(c->section), &n, lower(ch)))
			return false;
	}
}

static int unescape(int ch)
{
	switch (ch) {
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'n':
		return '\n';
	case '\\':
	case '"':
		return ch;
	default:
		return END;
	}
}

static bool read_value(struct gitconfig *c, char *value, size_t size)
{
	bool quoted = false, comment = false;
	size_t n = 0, kept = 0; /* kept: length without trailing blanks */

	value[0] = '\0';
	for (;;) {
		int ch = take(c);

		if (ch == '\n' || ch == END) {
			value[kept] = '\0';
			return !quoted;
		}
		if (comment)
			continue;
		if (is_space(ch) && !quoted) {
			/* Leading blanks aren't part of the value. */
			if (n > 0 && !append(value, size, &n, ch))
				return false;
			continue;
		}
		if (!quoted && (ch == ';' || ch == '#')) {
			comment = true;
			continue;
		}
		if (ch == '"') {
			quoted = !quoted;
			kept = n;
			continue;
		}
		if (ch == '\\') {
			ch = take(c);
			kept = n;
			if (ch == '\n' || ch == END)
				continue;
			ch = unescape(ch);
		}
		if (ch == END || !append(value, size, &n, ch))
			return false;
		kept = n;
	}
}

/* Reads a setting whose first letter, ch, has been read. */
static bool read_setting(struct gitconfig *c, struct gitconfig_entry *e, int ch)
{
	size_t n = strlen(c->section);

	memcpy(e->key, c->section, n + 1);
	if (n == 0)
		return false; /* git rejects settings before the first section */
	for (; is_key(ch); ch = take(c))
		if (!append(e->key, sizeof(e->key), &n, lower(ch)))
			return false;
	while (ch == ' ' || ch == '\t')
		ch = take(c);
	e->value[0] = '\0';
	e->bare = ch == '\n' || ch == END;
	return e->bare || (ch == '=' && read_value(c, e->value, sizeof(e->value)));
}

void gitconfig_begin(struct gitconfig *c, const char *text, size_t size)
{
	*c = (struct gitconfig){.text = text, .size = size};
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		c->at = 3;
}

int gitconfig_next(struct gitconfig *c, struct gitconfig_entry *e)
{
	bool comment = false;

	for (;;) {
		int ch = take(c);

		if (ch == END)
			return 0;
		if (ch == '\n')
			comment = false;
		if (comment || is_space(ch))
			continue;
		if (ch == '#' || ch == ';') {
			comment = true;
		} else if (ch == '[') {
			if (!read_section(c))
				return -1;
		} else {
			e->begin = c->at - 1;
			if (!is_alpha(ch) || !read_setting(c, e, ch))
				return -1;
			e->end = c->at;
			return 1;
		}
	}
}

size_t gitconfig_quote(const char *value, char *out, size_t size)
{
	size_t n = 0;

	if (size < 3)
		return 0;
	out[n++] = '"';
	for (; *value; value++) {
		if (n + 4 > size || (unsigned char)*value < ' ' || *value == 0x7f)
			return 0;
		if (*value == '"' || *value == '\\')
			out[n++] = '\\';
		out[n++] = *value;
	}
	out[n++] = '"';
	out[n] = '\0';
	return n;
}
