#include "kept_text.h"

#include <stdbool.h>
#include <string.h>

#include "bounds.h"

void kept_text_begin(struct kept_text *k, char *text, size_t size)
{
	*k = (struct kept_text){.next = text, .end = text + size};
	text[size] = '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts the comment and the blanks at both ends off. */
static char *strip(char *line)
{
	char *end;

	for (char *c = line; *c; c++)
		if (*c == '#' && (c == line || is_blank(c[-1])))
			*c = '\0';
	while (is_blank(*line))
		line++;
	for (end = line + strlen(line); end > line && is_blank(end[-1]);)
		*--end = '\0';
	return line;
}

/* A file of another system's may end its lines with CR LF. */
static bool has_control_character(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 127)
			return line[i] != '\r' || i + 1 < size;
	return false;
}

/* Takes the line at k->next, of `size` bytes, apart. */
static int take(struct kept_text *k, size_t size)
{
	char *line = k->next;

	k->next += size + (line + size < k->end);
	if (++k->line > BOUND_KEPT_LINES) {
		k->why = "there are too many lines";
		return -1;
	}
	if (has_control_character(line, size)) {
		k->why = "there is a control character in it";
		return -1;
	}
	line[size - (size > 0 && line[size - 1] == '\r')] = '\0';
	k->name = strip(line);
	k->value = k->name + strcspn(k->name, " \t");
	if (*k->value)
		*k->value++ = '\0';
	k->value += strspn(k->value, " \t");
	return *k->name ? 1 : 0;
}

int kept_text_next(struct kept_text *k)
{
	int found = 0;

	while (found == 0 && k->next < k->end) {
		const char *newline = memchr(k->next, '\n', (size_t)(k->end - k->next));

		found = take(k, (size_t)((newline ? newline : k->end) - k->next));
	}
	return found;
}
