/*
 * A workdir that belongs to root. Codex never runs as root, so it is given another view of it:
 * an idmapped mount (mount_setattr(2), since Linux 5.12), in which root's files are uid 1000's,
 * and what uid 1000 makes is root's. On the disk everything is and stays root's.
 *
 * The engine must find these mounts, so they stand in the machine's own mount namespace, below
 * a directory that only root may enter, for as long as the engine's client lives: a process of
 * ours, outside of the client's session, waits for its end and takes them down. What a killed
 * one has left is taken down by the next.
 */
#ifndef STUB_IDMAP_H
#define STUB_IDMAP_H

#include "log.h"
#include "plan.h"

/* Codex's user in the image, and in such a view. */
#define IDMAP_USER 1000

/* Says of each mount that needs it where the view of its source will be (struct mount's shown):
 * what lies in the workdir or its repository, and what Codex's home is made of; changes
 * nothing. Returns 0, or -1 with *t filled. */
int idmap_plan(struct plan *p, struct error *t);

/* Makes these mounts, where there are any. Returns 0, or -1 with *t filled: this kernel or file
 * system can't, or we may not. */
int idmap_start(struct plan *p, struct error *t);

#endif
