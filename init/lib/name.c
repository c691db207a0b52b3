/*
 * Domain names: lower case, letters, digits, hyphens and underscores, internationalised
 * labels as A-labels. Hyphens and underscores can be anywhere, as in C libraries (glibc's
 * res_hnok): engines name containers like this (postgres_db), users buckets
 * (my_bucket.s3...), and old accounts sites (name-.github.io). Only a leading hyphen is
 * rejected, since the name would be an option to a program that gets it as an argument.
 *
 * Full IDNA needs Unicode's tables: libidn2 with libunistring is two megabytes of archives,
 * and this is a program of four hundred kilobytes that runs as root. So a U-label is
 * converted only if each of its letters is in `letters` below: scripts whose lower case is
 * arithmetic and whose letters are unchanged by every normalisation, so that the result is
 * canonical without a table (RFC 5892: PVALID; none of them combines with a neighbour).
 * Other labels are rejected with the advice to write the A-label, which is always accepted.
 * No locale is involved: the result is the same with every C library.
 */
#include "name.h"

#include <stdint.h>
#include <string.h>

#include "punycode.h"
#include "utf8.h"

#define ACE "xn--"

/*
 * Code points from first to last; capitals are mapped by adding `lower`. With `pairs`,
 * capitals and small letters alternate, beginning with a capital. Left out on purpose: ß and
 * final sigma, which IDNA2003 and IDNA2008 software map to different names, and
 * right-to-left scripts, whose rules span labels (RFC 5893).
 */
static const struct {
	uint16_t first, last;
	uint8_t lower;
	bool pairs;
} letters[] = {
	{0x00c0, 0x00d6, 0x20, false}, /* Latin-1 */
	{0x00d8, 0x00de, 0x20, false}, {0x00e0, 0x00f6, 0, false}, {0x00f8, 0x00ff, 0, false},
	{0x0100, 0x012f, 0, true}, /* Latin Extended-A, less the compatibility letters */
	{0x0131, 0x0131, 0, false}, {0x0134, 0x0137, 0, true}, {0x0138, 0x0138, 0, false},
	{0x0139, 0x013e, 0, true}, {0x0141, 0x0148, 0, true}, {0x014a, 0x0177, 0, true},
	{0x0179, 0x017e, 0, true}, {0x0388, 0x038a, 0x25, false}, /* Greek */
	{0x0391, 0x03a1, 0x20, false}, {0x03a3, 0x03ab, 0x20, false},
	{0x03ac, 0x03c1, 0, false}, {0x03c3, 0x03ce, 0, false},
	{0x0400, 0x040f, 0x50, false}, /* Cyrillic */
	{0x0410, 0x042f, 0x20, false}, {0x0430, 0x045f, 0, false},
	{0x1ea0, 0x1ef9, 0, true},                              /* Vietnamese */
	{0x3005, 0x3007, 0, false},                             /* Chinese and Japanese */
	{0x3041, 0x3096, 0, false},                             /* Hiragana */
	{0x30a1, 0x30fa, 0, false},                             /* Katakana */
	{0x30fc, 0x30fc, 0, false}, {0x3400, 0x4dbf, 0, false}, /* Han */
	{0x4e00, 0x9ffc, 0, false}, {0xac00, 0xd7a3, 0, false}, /* Hangul syllables */
};

/* The lower case of a non-ASCII code point, or 0 if it isn't in the table. */
static uint32_t fold(uint32_t c)
{
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (c < letters[i].first || c > letters[i].last)
			continue;
		if (letters[i].pairs)
			return c + ((c - letters[i].first) % 2 == 0);
		return c + letters[i].lower;
	}
	return 0;
}

/* An A-label is valid if it re-encodes to itself and contains a non-ASCII code point. */
static bool is_a_label(const char *label, size_t len)
{
	uint32_t points[LIMIT_LABEL];
	char again[LIMIT_LABEL];
	size_t count = punycode_decode(label, len, points), beyond = 0;

	for (size_t i = 0; i < count; i++)
		beyond += points[i] >= PUNYCODE_FIRST;
	return beyond > 0 && punycode_encode(points, count, again, sizeof(again)) == len &&
	       memcmp(again, label, len) == 0;
}

static bool is_host_character(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* Where and why a name was rejected. */
struct name_reader {
	size_t position;
	const char *reason;
};

static size_t refuse(struct name_reader *r, size_t position, const char *reason)
{
	r->position = position;
	r->reason = reason;
	return 0;
}

/*
 * Reads the non-empty label text[from, to) to out, which holds LIMIT_LABEL characters.
 * Returns its length there, or 0 with *r filled. So does read_label().
 */
static size_t read_international(
	const char *text, size_t from, size_t to, char out[LIMIT_LABEL], struct name_reader *r)
{
	uint32_t points[LIMIT_LABEL];
	size_t count = 0, used, n;
	bool others = false;

	for (size_t p = from; p < to; p += n) {
		uint32_t c;

		n = utf8_read((const unsigned char *)text + p, to - p, &c);
		if (n == 0)
			return refuse(r, p, "this is not UTF-8");
		if (count == LIMIT_LABEL)
			return refuse(r, from, "a label is longer than 63 characters");
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (c < PUNYCODE_FIRST && !is_host_character(c))
			return refuse(r, p,
				"a name is made of letters, digits, hyphens, underscores "
				"and dots");
		if (c >= PUNYCODE_FIRST)
			c = fold(c);
		if (c == 0)
			return refuse(r, p,
				"this letter cannot be converted with certainty: "
				"write the label's A-label (xn--...)");
		others |= c == '_';
		points[count++] = c;
	}
	/* RFC 5891 §4.2.3.1; an underscore isn't permitted in IDNA. */
	if (others || points[0] == '-' || points[count - 1] == '-' ||
		(count >= 4 && points[2] == '-' && points[3] == '-'))
		return refuse(
			r, from, "an international label has no such hyphens or underscore");
	memcpy(out, ACE, 4);
	used = punycode_encode(points, count, out + 4, LIMIT_LABEL - 4);
	if (used == 0)
		return refuse(r, from, "a label is longer than 63 characters as an A-label");
	return used + 4;
}

/* The fast path: nearly every label, and all that the resolver and the gate see in a flood,
 * is ASCII. read_international() explains any octet that is not. */
static size_t read_label(
	const char *text, size_t from, size_t to, char out[LIMIT_LABEL], struct name_reader *r)
{
	size_t n = to - from;

	if (n == 0)
		return refuse(r, from, "a label is empty");
	for (size_t i = 0; i < n; i++) {
		char c = text[from + i];

		if (i == LIMIT_LABEL || !is_host_character((unsigned char)c))
			return read_international(text, from, to, out, r);
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	if (n >= 4 && memcmp(out, ACE, 4) == 0 && !is_a_label(out + 4, n - 4))
		return refuse(r, from, "this xn-- label does not decode");
	return n;
}

/* True for what inet_aton(3) parses as a number: such a name would be taken for an address. */
static bool is_number(const char *label, size_t len)
{
	bool hex = len >= 2 && label[0] == '0' && label[1] == 'x';

	for (size_t i = hex ? 2 : 0; i < len; i++)
		if (!(label[i] >= '0' && label[i] <= '9') &&
			!(hex && label[i] >= 'a' && label[i] <= 'f'))
			return false;
	return true;
}

static bool normalise(const char *text, size_t len, char out[NAME_TEXT], struct name_reader *r)
{
	size_t used = 0, last = 0, last_from = 0;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0)
		return refuse(r, 0, "a name is missing");
	for (size_t from = 0; from <= len;) {
		const char *dot = memchr(text + from, '.', len - from);
		size_t to = dot ? (size_t)(dot - text) : len, n;
		char label[LIMIT_LABEL];

		n = read_label(text, from, to, label, r);
		if (n == 0)
			return false;
		if (used + (used > 0) + n > LIMIT_NAME_TEXT)
			return refuse(r, from, "a name is longer than 253 characters");
		if (used > 0)
			out[used++] = '.';
		memcpy(out + used, label, n);
		last = used;
		last_from = from;
		used += n;
		from = to + 1;
	}
	if (out[0] == '-')
		return refuse(r, 0, "a name does not begin with a hyphen");
	if (is_number(out + last, used - last))
		return refuse(r, last_from, "a name does not end in a number");
	out[used] = '\0';
	return true;
}

bool name_normalise(const char *text, size_t len, char out[NAME_TEXT], size_t *position,
	const char **reason)
{
	struct name_reader r = {0};

	if (normalise(text, len, out, &r))
		return true;
	out[0] = '\0';
	*position = r.position;
	*reason = r.reason;
	return false;
}

bool name_of_host(const void *bytes, size_t len, char out[NAME_TEXT])
{
	const char *text = bytes, *reason;
	size_t position;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= PUNYCODE_FIRST) {
			out[0] = '\0';
			return false;
		}
	return name_normalise(text, len, out, &position, &reason);
}

void name_report(const void *bytes, size_t len, char out[NAME_TEXT])
{
	const char *text = bytes;
	size_t n = len < LIMIT_NAME_TEXT ? len : LIMIT_NAME_TEXT;

	for (size_t i = 0; i < n; i++)
		out[i] = text[i] == '.' || is_host_character((unsigned char)text[i]) ? text[i]
										     : '?';
	out[n] = '\0';
}

bool name_below(const char *name, const char *parent)
{
	size_t n = strlen(name), m = strlen(parent);

	return m > 0 && n > m + 1 && name[n - m - 1] == '.' &&
	       memcmp(name + n - m, parent, m) == 0;
}

bool name_printable(const char *name, size_t size)
{
	size_t len = strnlen(name, size);

	if (len == size || len > LIMIT_NAME_TEXT)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || (unsigned char)name[i] >= 0x7f)
			return false;
	return true;
}

uint32_t name_hash(const char *name, uint32_t seed)
{
	uint64_t h = seed;

	/* FNV-1a with a secret seed and a final mix, so that neither order nor timing
	 * reveals the seed to whoever chose the names. */
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32);
}
