/*
 * The file on the host for the closing report: the launcher makes it outside the workdir and
 * has it mounted below a directory that only root may enter. So the payload can neither write
 * nor remove it, whatever it does to the terminal.
 */
#ifndef INIT_HOME_REPORT_FILE_H
#define INIT_HOME_REPORT_FILE_H

#include <stddef.h>

#include "../lib/say.h"

#define REPORT_FILE_DIRECTORY "/run/codex/host"
#define REPORT_FILE_NAME      "report"

/*
 * To be called before anything unprivileged runs: shuts the directory to all but root and opens
 * the file in it, for nothing but report_file_write(). Returns the descriptor; or -1, with
 * f->why "" where there is no such file, else filled.
 */
int report_file_open(const char *directory, struct failure *f);

/* Writes the text, by a child with the uid of the file's owner: root in the container may not
 * write what is another's. Returns 0, or -1 with *f filled. */
int report_file_write(int fd, const char *text, size_t size, struct failure *f);

#endif
