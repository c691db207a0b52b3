#include "project.h"

#include "../kept.h"
#include "../state.h"

int project_find(struct plan *p, struct call *call, const char *workdir, struct error *t)
{
	const char *why;

	*p = (struct plan){.workdir_fd = -1};
	/* A home that is kept makes another session, as at the start. */
	if (cli_take_workdir(call->cli, workdir, t) < 0 || kept_take(call->cli, t) < 0 ||
		plan_place(p, call->cli, t) < 0)
		return -1;
	why = state_find(p);
	return why ? refuse(t, "read the events", p->workdir, "%s", why) : 0;
}
