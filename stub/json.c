#include "json.h"

#include <string.h>

#include "../init/lib/utf8.h"
#include "../init/lib/num.h"
#include "bounds.h"

struct span {
	size_t start, size;
};

struct json_reader {
	const char *text;
	size_t size, at;
	const char *const *path; /* the value that is wanted, or NULL */
	bool found;
	struct span value;
};

static int peek(const struct json_reader *r)
{
	return r->at < r->size ? (unsigned char)r->text[r->at] : -1;
}

static void skip_blanks(struct json_reader *r)
{
	int c;

	while ((c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		r->at++;
}

static bool take(struct json_reader *r, char wanted)
{
	if (peek(r) != wanted)
		return false;
	r->at++;
	return true;
}

static bool take_word(struct json_reader *r, const char *word)
{
	size_t n = strlen(word);

	if (r->size - r->at < n || memcmp(r->text + r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool read_escape(struct json_reader *r)
{
	if (take(r, 'u')) {
		for (int i = 0; i < 4; i++, r->at++)
			if (num_hex((char)peek(r)) < 0)
				return false;
		return true;
	}
	if (peek(r) < ' ' || !strchr("\"\\/bfnrt", peek(r)))
		return false;
	r->at++;
	return true;
}

static bool read_multibyte(struct json_reader *r)
{
	uint32_t unused;
	size_t n = utf8_read((const unsigned char *)r->text + r->at, r->size - r->at, &unused);

	r->at += n;
	return n > 0;
}

/* *inside is the text between the quotes. */
static bool read_string(struct json_reader *r, struct span *inside)
{
	if (!take(r, '"'))
		return false;
	inside->start = r->at;
	for (;;) {
		int c = peek(r);

		if (c < ' ') /* also the terminator */
			return false;
		if (c == '"')
			break;
		if (c >= 0x80) {
			if (!read_multibyte(r))
				return false;
			continue;
		}
		r->at++;
		if (c == '\\' && !read_escape(r))
			return false;
	}
	inside->size = r->at++ - inside->start;
	return true;
}

static bool read_digits(struct json_reader *r)
{
	if (!is_digit(peek(r)))
		return false;
	while (is_digit(peek(r)))
		r->at++;
	return true;
}

static bool read_number(struct json_reader *r)
{
	take(r, '-');
	if (!take(r, '0') && !read_digits(r))
		return false;
	if (take(r, '.') && !read_digits(r))
		return false;
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		return read_digits(r);
	}
	return true;
}

static bool read_value(struct json_reader *r, unsigned depth, const char *const *path);

/* path: the names still to be matched from here on, or NULL if the value isn't beneath here. */
static bool read_member(struct json_reader *r, unsigned depth, const char *const *path)
{
	struct span name;
	const char *const *below = NULL;

	skip_blanks(r);
	if (!read_string(r, &name))
		return false;
	if (path && *path && strlen(*path) == name.size &&
		memcmp(r->text + name.start, *path, name.size) == 0) {
		below = path + 1;
		r->found = false; /* a later member of this name replaces an earlier one */
	}
	skip_blanks(r);
	return take(r, ':') && read_value(r, depth, below);
}

static bool read_container(struct json_reader *r, unsigned depth, const char *const *path)
{
	bool object = peek(r) == '{';
	char end = object ? '}' : ']';

	r->at++;
	if (depth >= BOUND_JSON_DEPTH)
		return false;
	skip_blanks(r);
	if (take(r, end))
		return true;
	for (;;) {
		if (object ? !read_member(r, depth + 1, path) : !read_value(r, depth + 1, NULL))
			return false;
		skip_blanks(r);
		if (take(r, end))
			return true;
		if (!take(r, ','))
			return false;
	}
}

static bool read_value(struct json_reader *r, unsigned depth, const char *const *path)
{
	struct span string;
	size_t start;
	bool good;

	skip_blanks(r);
	start = r->at;
	switch (peek(r)) {
	case '{':
	case '[':
		good = read_container(r, depth, path);
		break;
	case '"':
		good = read_string(r, &string);
		break;
	case 't':
		good = take_word(r, "true");
		break;
	case 'f':
		good = take_word(r, "false");
		break;
	case 'n':
		good = take_word(r, "null");
		break;
	default:
		good = read_number(r);
	}
	if (good && path && !*path) {
		r->found = true;
		r->value = (struct span){start, r->at - start};
	}
	return good;
}

static bool read_document(struct json_reader *r)
{
	skip_blanks(r);
	if (peek(r) != '{' || !read_value(r, 0, r->path))
		return false;
	skip_blanks(r);
	return r->at == r->size;
}

bool json_is_object(const char *text, size_t size, size_t *position)
{
	struct json_reader r = {.text = text, .size = size};
	bool good = read_document(&r);

	*position = r.at;
	return good;
}

const char *json_string(
	const char *text, size_t size, const char *const *path, size_t *string_size)
{
	struct json_reader r = {.text = text, .size = size, .path = path};

	if (!read_document(&r) || !r.found || text[r.value.start] != '"')
		return NULL;
	*string_size = r.value.size - 2;
	return text + r.value.start + 1;
}

bool json_integer(const char *text, size_t size, const char *const *path, int64_t *value)
{
	struct json_reader r = {.text = text, .size = size, .path = path};
	uint64_t n = 0;
	size_t i;
	bool minus;

	if (!read_document(&r) || !r.found)
		return false;
	i = r.value.start;
	minus = text[i] == '-';
	for (i += minus; i < r.value.start + r.value.size; i++) {
		if (!is_digit((unsigned char)text[i]) || n > INT64_MAX / 10 - 1)
			return false;
		n = 10 * n + (uint64_t)(text[i] - '0');
	}
	*value = minus ? -(int64_t)n : (int64_t)n;
	return true;
}
