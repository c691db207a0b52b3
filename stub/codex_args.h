/*
 * Codex's own arguments, as far as they are about its own sandbox and its questions. In the
 * container that sandbox can't work, and is off (image/layers): what such an argument asks for
 * is the launcher's to give, or to refuse before anything starts.
 */
#ifndef STUB_CODEX_ARGS_H
#define STUB_CODEX_ARGS_H

#include <stdbool.h>

#include "log.h"
#include "arena.h"

/*
 * Copies Codex's arguments (NULL at the end) to *out, which may stay empty, but for those that
 *are the container's matter:
 *
 *	-s, --sandbox, -c sandbox_mode=, -c default_permissions=, --full-auto
 *		workspace-write is what the container is; read-only sets *read_only
 *	-a, --ask-for-approval, -c approval_policy=
 *		on-request and on-failure ask about what leaves the sandbox, and nothing can
 *
 * What Codex can't be held to is refused: -1 with *t filled. Else returns 0. Words of the
 * arguments stay the caller's.
 */
int codex_args_take(
	char *const *arguments, struct string_list *out, bool *read_only, struct error *t);

#endif
