/*
 * Options that are kept: ~/.config/codex-sandbox/defaults, for every project, and
 * projects/NAME-HASH there, for one (kept_text.h has their form, cli_keep() what takes
 * precedence). They decide what a sandbox may do, so none is read that anybody else could have
 * written: its directories and itself are ours or root's, nobody else may write to them, they
 * are no links, and they lie in no workdir.
 */
#ifndef STUB_KEPT_H
#define STUB_KEPT_H

#include "cli.h"
#include "log.h"

/* Takes the options of the project's file, and then of the defaults', unless c->no_config is
 * set. The project is c->work_dir, or the current directory. Returns 0, or -1 with *t filled.
 */
int kept_take(struct cli *c, struct error *t);

/* $XDG_CONFIG_HOME/codex-sandbox or ~/.config/codex-sandbox; NULL if neither is known. */
const char *kept_directory(struct arena *arena);
/* The project's file in there, which may be missing. workdir is resolved. */
const char *kept_project(struct arena *arena, const char *directory, const char *workdir);

/*
 * Reads a file of options, or one like it, whose directories must be as above; workdir as
 * above, or NULL. Returns its size with *text, terminated, or 0 with *text NULL
 * if it is missing, or -1 with *t filled.
 */
long kept_read(struct arena *arena, const char *path, const char *workdir, char **text,
	struct error *t);

/* The first line of a project's file, which says whose it is: the name's 32 bits of hash can be
 * those of another directory as well. */
const char *kept_first_line(struct arena *arena, const char *workdir);
/* Returns 0, or -1 with *t filled: the text of the file at `path` begins with such a line about
 * another directory. One without such a line, or that is missing (NULL), is anybody's. */
int kept_check_project(struct arena *arena, const char *path, const char *text,
	const char *workdir, struct error *t);

#endif
