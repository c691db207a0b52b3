#include "message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../init/lib/num.h"
#include "../../init/lib/utf8.h"
#include "../json.h"

/* One character of a JSON string, which json.c has found to be well-formed: its code point,
 * for \u one half of a surrogate pair too. Returns its length. */
static size_t read_character(const char *text, size_t size, uint32_t *c)
{
	static const char letters[] = "bfnrt", meaning[] = "\b\f\n\r\t";
	const char *letter;

	if (text[0] != '\\')
		return utf8_read((const unsigned char *)text, size, c);
	if (text[1] != 'u') {
		letter = strchr(letters, text[1]);
		*c = (unsigned char)(letter ? meaning[letter - letters] : text[1]);
		return 2;
	}
	*c = 0;
	for (int i = 2; i < 6; i++)
		*c = *c << 4 | (uint32_t)num_hex(text[i]);
	return 6;
}

/* What isn't printable ASCII becomes '?': what would move the cursor, and what would look
 * like something else. `lines`: line feeds stay. */
static void copy_clean(const char *text, size_t size, char *out, size_t room, bool lines)
{
	size_t n = 0;

	for (size_t at = 0; at < size && n + 1 < room;) {
		uint32_t c = '?';
		size_t length = read_character(text + at, size - at, &c);

		if (length == 0)
			break;
		out[n++] = (c >= ' ' && c <= '~') || (lines && c == '\n') ? (char)c : '?';
		at += length;
	}
	out[n] = '\0';
}

struct line {
	const char *text;
	size_t size;
};

/* "" if it is missing. */
static void take_at(const struct line *l, const char *const *path, char *out, size_t room)
{
	size_t size;
	const char *value = json_string(l->text, l->size, path, &size);

	out[0] = '\0';
	if (value)
		copy_clean(value, size, out, room, strcmp(path[0], "text") == 0);
}

static void take_string(const struct line *l, const char *member, char *out, size_t room)
{
	const char *const path[] = {member, NULL};

	take_at(l, path, out, room);
}

/* 0 if it is missing, or not within these limits. */
static int64_t take_number(const struct line *l, const char *member, int64_t most)
{
	const char *const path[] = {member, NULL};
	int64_t value;

	if (!json_integer(l->text, l->size, path, &value) || value < 0 || value > most)
		return 0;
	return value;
}

/* The process that asked: its command line, or else its program, and its number. */
static void take_who(const struct line *l, char *out, size_t room)
{
	static const char *const pid[] = {"who", "pid", NULL},
				 *const program[] = {"who", "program", NULL},
				 *const arguments[] = {"who", "line", NULL};
	char text[BOUND_WATCH_STRING - 32];
	int64_t number;

	out[0] = '\0';
	if (!json_integer(l->text, l->size, pid, &number))
		return;
	take_at(l, arguments, text, sizeof(text));
	if (!text[0])
		take_at(l, program, text, sizeof(text));
	snprintf(out, room, "%s%spid %" PRId64, text, text[0] ? ", " : "", number);
}

static enum message_kind kind_of(const char *event)
{
	static const char *const kinds[] = {[MESSAGE_HELLO] = "hello",
		[MESSAGE_QUESTION] = "question",
		[MESSAGE_WHO] = "who",
		[MESSAGE_ANSWERED] = "answered",
		[MESSAGE_MORE] = "more",
		[MESSAGE_REPLY] = "reply"};

	for (size_t i = MESSAGE_HELLO; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], event) == 0)
			return (enum message_kind)i;
	return MESSAGE_EVENT;
}

/* Yes to it would be written into the project's rules: it must be about what it shows. */
static bool is_sound(const struct message *m)
{
	char name[NAME_TEXT], rule[MESSAGE_RULE];
	const char *reason, *private;
	size_t position;

	if (!m->id || !m->port || !m->expires ||
		!name_normalise(m->name, strlen(m->name), name, &position, &reason) ||
		strcmp(m->name, name) != 0)
		return false;
	/* One without a dot is a name of the user's own network, as in rule_for_name(). */
	private = strchr(name, '.') ? "" : "+private";
	snprintf(rule, sizeof(rule), "%s:%u%s", name, m->port, private);
	if (strcmp(m->rule, rule) == 0)
		return true;
	/* A name alone is a rule for these two. */
	snprintf(rule, sizeof(rule), "%s%s", name, private);
	return (m->port == 443 || m->port == 80) && strcmp(m->rule, rule) == 0;
}

bool message_read(const char *line, size_t size, struct message *m)
{
	const struct line l = {line, size};
	size_t position;

	memset(m, 0, sizeof(*m));
	if (!json_is_object(line, size, &position))
		return false;
	take_string(&l, "event", m->event, sizeof(m->event));
	take_string(&l, "name", m->name, sizeof(m->name));
	take_string(&l, "address", m->address, sizeof(m->address));
	take_string(&l, "rule", m->rule, sizeof(m->rule));
	take_string(&l, "request", m->request, sizeof(m->request));
	take_string(&l, "reason", m->reason, sizeof(m->reason));
	take_string(&l, "by", m->by, sizeof(m->by));
	take_who(&l, m->who, sizeof(m->who));
	take_string(&l, "verdict", m->verdict, sizeof(m->verdict));
	take_string(&l, "command", m->command, sizeof(m->command));
	take_string(&l, "text", m->text, sizeof(m->text));
	m->id = (uint64_t)take_number(&l, "id", INT64_MAX / 16);
	m->port = (uint16_t)take_number(&l, "port", UINT16_MAX);
	m->version = take_number(&l, "version", INT32_MAX);
	m->ask = take_number(&l, "ask", BOUND_WATCH_EXPIRES);
	m->expires = take_number(&l, "expires", BOUND_WATCH_EXPIRES);
	m->status = take_number(&l, "status", UINT8_MAX);
	m->count = (uint64_t)take_number(&l, "count", INT64_MAX / 16);
	m->refused = (uint64_t)take_number(&l, "refused", INT64_MAX / 16);
	m->kind = kind_of(m->event);
	return m->event[0] && (m->kind != MESSAGE_QUESTION || is_sound(m));
}
