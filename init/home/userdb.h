/*
 * Parser and editor for passwd(5) and group(5). Pure.
 *
 * In both formats a line is fields separated by colons; the first is the name, the third the
 * id. Other lines are kept unchanged and never match.
 */
#ifndef INIT_HOME_USERDB_H
#define INIT_HOME_USERDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line, as pointers into the text (not NUL-terminated). */
#define USERDB_FIELDS 7
struct userdb_line {
	const char *start; /* of the line */
	size_t length;     /* without its newline */
	const char *field[USERDB_FIELDS];
	size_t field_length[USERDB_FIELDS];
	unsigned fields; /* number of fields, at most USERDB_FIELDS */
	bool has_id;     /* the third field is a number */
	uint32_t id;
};

/* Reads the line at *position and advances it. Returns false at the end of the text. */
bool userdb_next(const char *text, size_t length, size_t *position, struct userdb_line *out);

/* Find the first line with this name, or this id. Return false if there is none. */
bool userdb_by_name(const char *text, size_t length, const char *name, struct userdb_line *out);
bool userdb_by_id(const char *text, size_t length, uint32_t id, struct userdb_line *out);

/*
 * Returns the text with line (without newline) for name and id in it: in place of the first
 * line that has the name or id, or at the end. Other lines with the name are removed; other
 * lines with the id stay, after ours, so that the id maps to our name and the other names
 * still work. The result is malloc'ed, with its length in *new_length; NULL if out of
 * memory.
 */
char *userdb_put(const char *text, size_t length, const char *name, uint32_t id,
	const char *line, size_t *new_length);

/* Parses size bytes as a decimal id. -1, which means "no id" in the kernel, is rejected. */
bool userdb_id(const char *text, size_t size, uint32_t *id);

#endif
