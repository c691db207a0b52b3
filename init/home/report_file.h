/*
 * Files on the host, for the closing report and the events, and of the names that earlier
 * sessions asked for: the launcher creates them outside the workdir and has them mounted in a
 * directory that only root may enter. So the payload can neither read, write nor remove them,
 * whatever it does to the terminal; unless it has our user id (privileges_shared()).
 */
#ifndef INIT_HOME_REPORT_FILE_H
#define INIT_HOME_REPORT_FILE_H

#include <stddef.h>

#include "../lib/say.h"

#define REPORT_FILE_DIRECTORY "/run/codex/host"
#define REPORT_FILE_NAME      "report"
#define REPORT_FILE_EVENTS    "events"
#define REPORT_FILE_KNOWN     "known"

/*
 * Call before anything unprivileged runs: closes the directory to all but root and opens the
 * file of this name in it, for the functions below only. Returns the descriptor; or -1, with
 * f->reason "" if there is no such file, otherwise *f filled.
 */
int report_file_open(const char *directory, const char *name, struct failure *f);

/*
 * Both work in a child with the uid of the file's owner, because root in the container can't
 * write another's file; and for LIMIT_HOST_FILE_MS at most, because a disk may hang.
 *
 * report_file_append() opens the file for appending, and returns a socket that holds the
 * descriptor, of which report_file_copy() gives as many copies as one wants, or -1. A process
 * that has the file open waits for the disk when it closes it, as each of our children does
 * when it ends; one that has the socket doesn't. Returns -1 with *f filled on failure.
 *
 * report_file_write() writes the text. Returns 0, or -1 with *f filled.
 */
int report_file_append(int fd, struct failure *f);
int report_file_copy(int held);
int report_file_write(int fd, const char *text, size_t size, struct failure *f);

/* Reads it, if it has at most LIMIT_KNOWN octets and is readable for all. Returns the text
 * behind a line break, which the caller frees; NULL if there is none, or with *f filled. */
char *report_file_read(int fd, struct failure *f);

#endif
