/* Changes of a file of options (kept.h), by which rules of a session stay. */
#ifndef STUB_KEPT_EDIT_H
#define STUB_KEPT_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "log.h"

/* A change of a file: a line that it is to have, or not, and one that must go. */
struct kept_edit {
	const char *name, *value;
	bool remove;
	const char *instead_of; /* the name of a line with the same value, of a rule suffixes
				   aside, that must go; or NULL */
};

/* Pure: the text after the change, or NULL if there is nothing to change. All other lines,
 * comments too, stay as they are and where they are. */
const char *kept_edit_text(
	struct arena *arena, const char *text, size_t size, const struct kept_edit *e);

/*
 * Changes the file of the project in workdir, which is created if it is missing: replaced as a
 * whole, on the disk, mode 0600. *path becomes its name. Returns 1, or 0 if there was nothing
 * to change, or -1 with *t filled.
 */
int kept_edit_project(struct arena *arena, const char *workdir, const struct kept_edit *e,
	const char **path, struct error *t);

#endif
