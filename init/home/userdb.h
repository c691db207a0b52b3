/*
 * The text of passwd(5) and group(5). Pure: no files, no printing.
 *
 * In both formats a line is fields between colons, the name first; the id is the third field.
 * Lines that do not look so are kept as they are and never match.
 */
#ifndef INIT_HOME_USERDB_H
#define INIT_HOME_USERDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line, as pieces of the text (none is NUL-terminated). */
#define USERDB_FIELDS 7
struct userdb_line {
	const char *start; /* of the line */
	size_t length;     /* without its newline */
	const char *field[USERDB_FIELDS];
	size_t field_length[USERDB_FIELDS];
	unsigned fields; /* how many there are, at most USERDB_FIELDS */
	bool has_id;     /* the third field is a number */
	uint32_t id;
};

/* The next line at *position, which moves behind it. False at the end of the text. */
bool userdb_next(const char *text, size_t length, size_t *position, struct userdb_line *out);

/* The first line with this name, or with this id. False: none. */
bool userdb_by_name(const char *text, size_t length, const char *name, struct userdb_line *out);
bool userdb_by_id(const char *text, size_t length, uint32_t id, struct userdb_line *out);

/*
 * The text with line (no newline at its end) for name and id: in the place of the first line
 * that has that name or id, else at the end. Other lines of that name go; other lines with
 * that id stay, behind it, so that the id's name is ours and their names still work. Returns a
 * malloc'ed text and its *new_length, or NULL when out of memory.
 */
char *userdb_put(const char *text, size_t length, const char *name, uint32_t id,
	const char *line, size_t *new_length);

/* A decimal id, all of size bytes; -1 (which stands for "no id" in the kernel) is none. */
bool userdb_id(const char *text, size_t size, uint32_t *id);

#endif
