/*
 * Codex's own arguments about its sandbox and its approval questions. That sandbox can't
 * work in the container and is off (image/layers); so the launcher provides what such an
 * argument asks for, or refuses it before anything starts.
 */
#ifndef STUB_CODEX_ARGS_H
#define STUB_CODEX_ARGS_H

#include <stdbool.h>

#include "../init/lib/codex_use.h"
#include "arena.h"
#include "log.h"

/*
 * Copies Codex's arguments (NULL-terminated) to *out, without those that concern the
 * container. *out may remain empty.
 *
 *	-s, --sandbox, -c sandbox_mode=, -c default_permissions=, --full-auto
 *		workspace-write is what the container provides; read-only sets *read_only
 *	-a, --ask-for-approval, -c approval_policy=
 *		on-request and on-failure ask before something leaves the sandbox, which
 *		nothing can
 *
 * What can't be enforced is refused: -1 with *t filled. Otherwise returns 0. The strings
 * aren't copied.
 */
int codex_args_take(
	char *const *arguments, struct string_list *out, bool *read_only, struct error *t);

/* What Codex is started for with these arguments; CODEX_NOT with --exec. */
enum codex_use codex_args_use(bool exec, const struct string_list *arguments);

#endif
