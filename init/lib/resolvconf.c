/* See resolvconf.h. */
#include "resolvconf.h"

#include <stdint.h>
#include <string.h>

/* glibc's default and maximum (RES_MAXNDOTS). */
#define NDOTS_DEFAULT 1
#define NDOTS_MAX     15

struct word {
	const char *at;
	size_t len;
};

/* Splits the next line off text, without line end and comment. */
static bool next_line(const char **text, size_t *len, struct word *line, const char *comments)
{
	const char *end;

	if (*len == 0)
		return false;
	end = memchr(*text, '\n', *len);
	line->at = *text;
	line->len = end ? (size_t)(end - *text) : *len;
	*text += line->len + (end != NULL);
	*len -= line->len + (end != NULL);
	for (size_t i = 0; i < line->len; i++)
		if (line->at[i] && strchr(comments, line->at[i]))
			line->len = i;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Splits the next word off a line. */
static bool next_word(struct word *line, struct word *word)
{
	while (line->len > 0 && blank(*line->at))
		line->at++, line->len--;
	word->at = line->at;
	while (line->len > 0 && !blank(*line->at))
		line->at++, line->len--;
	word->len = (size_t)(line->at - word->at);
	return word->len > 0;
}

static bool is(const struct word *word, const char *text)
{
	return word->len == strlen(text) && memcmp(word->at, text, word->len) == 0;
}

static void add_upstream(struct resolvconf *out, struct word *line)
{
	struct endpoint *e = &out->upstreams[out->upstreams_count];
	struct word word;

	/* A scope ("fe80::1%eth0") names an interface, to which a rule by address can't be
	 * limited. */
	if (out->upstreams_count == LIMIT_UPSTREAMS || !next_word(line, &word) ||
		!address_parse(word.at, word.len, &e->address))
		return;
	e->port = RESOLVCONF_PORT;
	out->upstreams_count++;
}

/* `search` and `domain`: the last such line counts. */
static void set_search(struct resolvconf *out, struct word *line, size_t max)
{
	struct word word;
	const char *reason;
	size_t position;

	out->search_count = 0;
	while (out->search_count < max && next_word(line, &word))
		if (name_normalise(word.at, word.len, out->search[out->search_count], &position,
			    &reason))
			out->search_count++;
}

static void set_options(struct resolvconf *out, struct word *line)
{
	static const char ndots[] = "ndots:";
	const size_t skip = sizeof(ndots) - 1;
	struct word word;

	while (next_word(line, &word)) {
		unsigned value = 0;
		size_t i;

		if (word.len <= skip || memcmp(word.at, ndots, skip) != 0)
			continue;
		for (i = skip; i < word.len && word.at[i] >= '0' && word.at[i] <= '9'; i++) {
			value = value * 10 + (unsigned)(word.at[i] - '0');
			if (value > NDOTS_MAX)
				value = NDOTS_MAX;
		}
		if (i == word.len)
			out->ndots = value;
	}
}

void resolvconf_parse(const char *text, size_t len, struct resolvconf *out)
{
	struct word line, word;

	memset(out, 0, sizeof(*out));
	out->ndots = NDOTS_DEFAULT;
	while (next_line(&text, &len, &line, "#;")) {
		if (!next_word(&line, &word))
			continue;
		if (is(&word, "nameserver"))
			add_upstream(out, &line);
		else if (is(&word, "search"))
			set_search(out, &line, LIMIT_SEARCH);
		else if (is(&word, "domain"))
			set_search(out, &line, 1);
		else if (is(&word, "options"))
			set_options(out, &line);
	}
}

size_t resolvconf_parse_hosts(const char *text, size_t len, struct hosts_entry *out, size_t max)
{
	struct word line, word;
	struct address address;
	size_t count = 0, position;
	const char *reason;

	while (count < max && next_line(&text, &len, &line, "#")) {
		if (!next_word(&line, &word) || !address_parse(word.at, word.len, &address))
			continue;
		while (count < max && next_word(&line, &word)) {
			out[count].address = address;
			if (name_normalise(
				    word.at, word.len, out[count].name, &position, &reason))
				count++;
		}
	}
	return count;
}
