/* Which wall it will be, before there is one. */
#include "stages.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include "../lib/privileges.h"

bool wall_is_cell(const struct boot *b)
{
	return b->o->egress != EGRESS_OFF &&
	       (b->o->wall == WALL_CELL ||
		       (b->o->wall == WALL_AUTO && !privileges_have(CAP_NET_ADMIN)));
}

/*
 * In a rootless engine what belongs to the user belongs to root in here. The command then is
 * uid 0, which is nobody but that user, as if the container had been given no capability.
 */
bool wall_keeps_root(const struct boot *b)
{
	struct stat st;

	return wall_is_cell(b) && !b->o->user && privileges_root_is_user() &&
	       stat(b->workdir, &st) == 0 && st.st_uid == 0;
}
