/*
 * `codex-sandbox watch`: whatever the container writes and whoever presses keys meanwhile, what
 * reaches the terminal is printable and no wider than it, what is sent back is one command of a
 * known form, and what is kept is the rule of a name that was shown.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stub/watch/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Columns of a row of printable ASCII and, where there is colour, SGR sequences. */
static size_t columns(const char *row, bool colour)
{
	size_t n = 0;

	while (*row) {
		if (colour && row[0] == '\033') {
			check(row[1] == '[');
			row += 2 + strspn(row + 2, "0123456789;");
			check(*row++ == 'm');
			continue;
		}
		check(*row >= ' ' && *row <= '~');
		row++;
		n++;
	}
	return n;
}

static void act(void *context, enum session_act what, const char *text)
{
	static const char *const commands[] = {"answer ", "explain "};
	const struct session *s = context;

	if (what == SESSION_PRINT) {
		check(columns(text, s->view.colour) <= s->view.width);
	} else if (what == SESSION_SEND) {
		check(strncmp(text, commands[0], 7) == 0 || strncmp(text, commands[1], 8) == 0);
		check(columns(text, false) < BOUND_WATCH_STRING);
	} else {
		check(*text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.:+") ==
				       strlen(text));
	}
}

static void look(struct session *s, int64_t now)
{
	struct view_row row;

	session_status(s, now, &row);
	check(columns(row.text, s->view.colour) <= s->view.width);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines lines;
	struct session s = {.act = act, .context = &s, .answers = true};
	int64_t now = 0;

	if (size < 2)
		return 0;
	s.view.width = data[0] ? data[0] : 1;
	s.view.colour = data[1] & 1;
	memset(&lines, 0, sizeof(lines));
	for (size_t at = 2; at < size;) {
		const char *line;
		size_t room, n;
		char *to = lines_room(&lines, &room);

		n = size - at < room ? size - at : room;
		n = n > 1u + data[1] ? 1u + data[1] : n;
		memcpy(to, data + at, n);
		lines_added(&lines, n);
		at += n;
		while ((line = lines_next(&lines, &n))) {
			session_line(&s, line, n, "12:04:05", now);
			look(&s, now);
			now += 500;
			/* A key for each line: its last byte, or one that answers. */
			session_key(&s, n ? "aAdD?x"[(uint8_t)line[n - 1] % 6] : 'a',
				"12:04:05", now);
			look(&s, now);
		}
		session_skipped(&s, lines.skipped, "12:04:05");
	}
	return 0;
}
