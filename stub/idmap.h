/*
 * A workdir that belongs to root. Codex never runs as root, so it gets an idmapped mount of
 * it (mount_setattr(2), since Linux 5.12), in which root's files are uid 1000's, and what
 * uid 1000 creates is root's. On disk everything is root's.
 *
 * The engine must find these mounts, so they are in the machine's own mount namespace, below
 * a directory that only root may enter, while the engine's client runs: a process of ours,
 * outside of the client's session, waits for the client to exit and removes them. If it was
 * killed, the next launcher removes them.
 */
#ifndef STUB_IDMAP_H
#define STUB_IDMAP_H

#include "log.h"
#include "plan.h"

/* Codex's user in the image, and in such a mount. */
#define IDMAP_USER 1000

/*
 * Sets, for each mount that needs it, the path at which its source will be mounted (struct
 * mount's shown): what is in the workdir or its repository, and Codex's home; changes
 * nothing. Returns 0, or -1 with *t filled.
 */
int idmap_plan(struct plan *p, struct error *t);

/* Creates these mounts, if any. Returns 0, or -1 with *t filled if this kernel or file
 * system doesn't support it, or it isn't permitted. */
int idmap_start(struct plan *p, struct error *t);

#endif
