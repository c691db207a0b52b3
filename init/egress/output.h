/* What codex-egress prints. Private to this folder. */
#ifndef INIT_EGRESS_OUTPUT_H
#define INIT_EGRESS_OUTPUT_H

#include <stddef.h>

/* Outside data may contain anything, and is printed on a terminal. */
void output_clean(char *text, size_t len);

/* Prints an error and returns status. `on` may contain anything. */
int output_error(int status, const char *on, const char *why);

#endif
