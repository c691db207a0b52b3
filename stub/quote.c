#include "quote.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../init/lib/utf8.h"
#include "bounds.h"

/* Not isalnum(), which depends on the locale. */
static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

size_t quote_utf8(const unsigned char *s)
{
	uint32_t unused;

	/* The terminating NUL ends a truncated sequence, since it is never part of one. */
	return utf8_read(s, strnlen((const char *)s, 4) + (s[0] == '\0'), &unused);
}

const char *quote_shown(struct arena *p, const char *path)
{
	char *made = arena_copy(p, path), *out = made;

	for (size_t n; *path; path += n ? n : 1) {
		uint32_t c = 0;

		n = utf8_read((const unsigned char *)path, strnlen(path, 4), &c);
		if (n == 0 || !utf8_is_plain(c)) {
			*out++ = '?';
			continue;
		}
		memcpy(out, path, n);
		out += n;
	}
	*out = '\0';
	return made;
}

bool quote_mountable(const char *path, const char **why)
{
	const unsigned char *s = (const unsigned char *)path;
	unsigned char last = 0;

	for (size_t n; *s; s += n) {
		n = quote_utf8(s);
		if (n == 0) {
			*why = "its name isn't UTF-8, which a container engine doesn't accept";
			return false;
		}
		if (*s == '\n' || *s == '\r') {
			*why = "its name contains a line break, which a container engine "
			       "doesn't accept";
			return false;
		}
		last = *s;
	}
	if (last == ' ' || last == '\t' || last == '\v' || last == '\f') {
		*why = "its name ends with a blank, which a container engine doesn't accept";
		return false;
	}
	return true;
}

/* Copies text between two fences, with each `special` replaced by `with`. */
static const char *replaced(
	struct arena *p, const char *text, char special, const char *with, const char *fence)
{
	size_t specials = 0, n = 0;
	char *out;

	for (const char *s = text; *s; s++)
		specials += *s == special;
	out = arena_bytes(p, strlen(text) + specials * strlen(with) + 2 * strlen(fence) + 1);
	n += (size_t)sprintf(out, "%s", fence);
	for (const char *s = text; *s; s++) {
		if (*s == special)
			n += (size_t)sprintf(out + n, "%s", with);
		else
			out[n++] = *s;
	}
	sprintf(out + n, "%s", fence);
	return out;
}

const char *quote_csv(struct arena *p, const char *field)
{
	if (!strpbrk(field, ",\""))
		return arena_copy(p, field);
	return replaced(p, field, '"', "\"\"", "\"");
}

const char *quote_shell(struct arena *p, const char *word)
{
	const char *s = word;

	while (*s && (is_letter_or_digit(*s) || strchr("_@%+=:,./-", *s)))
		s++;
	if (*word && !*s)
		return arena_copy(p, word);
	/* Nothing is special inside single quotes except their end: close, quote it, reopen. */
	return replaced(p, word, '\'', "'\\''", "'");
}

const char *quote_toml(struct arena *p, const char *text)
{
	/* A byte takes at most six characters: \u007f. */
	char *out = arena_bytes(p, 6 * strlen(text) + 3), *o = out;

	*o++ = '"';
	for (const char *s = text; *s; s++) {
		if (*s == '"' || *s == '\\')
			o += sprintf(o, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			o += sprintf(o, "\\u%04x", (unsigned)(unsigned char)*s);
		else
			*o++ = *s;
	}
	*o++ = '"';
	*o = '\0';
	return out;
}

const char *quote_percent(struct arena *p, const char *text)
{
	char *out = arena_bytes(p, 3 * strlen(text) + 1), *o = out;

	for (const char *s = text; *s; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == '%')
			o += sprintf(o, "%%%02X", (unsigned)(unsigned char)*s);
		else
			*o++ = *s;
	}
	*o = '\0';
	return out;
}

#define FNV1A_START 2166136261u

static uint32_t fnv1a(uint32_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

const char *quote_container_name(struct arena *p, const char *path, const char *home)
{
	char readable[BOUND_NAME_TEXT + 1];
	const char *s = path;
	uint32_t hash = fnv1a(FNV1A_START, path);
	size_t n = 0;

	/* A line break can't occur in a path here (quote_mountable()), so it separates the
	 * two. */
	if (home)
		hash = fnv1a(fnv1a(hash, "\n"), home);
	/* The end of a path says more about the project than its beginning. */
	if (strlen(s) > BOUND_NAME_TEXT)
		s += strlen(s) - BOUND_NAME_TEXT;
	while (*s == '/')
		s++;
	for (; *s; s++)
		readable[n++] = is_letter_or_digit(*s) || *s == '-' || *s == '.' ? *s : '_';
	readable[n] = '\0';
	return arena_format(p, "codex_%s_%08x", readable, (unsigned)hash);
}

const char *quote_project_name(struct arena *p, const char *path)
{
	const char *slash = strrchr(path, '/'), *s = slash ? slash + 1 : path;
	char readable[BOUND_NAME_TEXT + 1];
	size_t n = 0;

	for (; *s && n < BOUND_NAME_TEXT; s++)
		readable[n++] = is_letter_or_digit(*s) || *s == '-' || *s == '.' ? *s : '_';
	readable[n] = '\0';
	return arena_format(p, "%s-%08x", readable, (unsigned)fnv1a(FNV1A_START, path));
}

bool quote_is_variable(const char *name, size_t size)
{
	if (size == 0 || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!is_letter_or_digit(name[i]) && name[i] != '_')
			return false;
	return true;
}
