/* Apart from the reading, since the plan is made with that and the answer kept with the plan.
 */
#include <unistd.h>

#include "../init/lib/say.h"
#include "confirm.h"
#include "kept_edit.h"
#include "proposal.h"
#include "request_env.h"

static void keep_agreement(struct plan *p)
{
	const struct kept_edit edit = {.name = "agree", .value = p->proposal};
	static struct error t;
	const char *path;

	if (kept_edit_project(&p->arena, p->workdir, &edit, &path, &t) < 0)
		log_warning("your answer can't be kept: %s: %s", t.subject, t.reason);
}

void proposal_ask(struct plan *p, const struct cli *c)
{
	if (!p->proposal)
		return;
	if (c->dry_run || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		log_warning("the project proposes %zu rules, which aren't used: "
			    "read " PROPOSAL_PLACE "; to agree: --agree %s",
			p->proposed.count, p->proposal);
		return;
	}
	log_warning("the project proposes (in " PROPOSAL_PLACE ") that these may be reached:");
	for (size_t i = 0; i < p->proposed.count; i++)
		say_line("    ", p->proposed.word[i]);
	if (!confirm_yes("Use them, until the file changes? [y/N] "))
		return;
	proposal_use(p);
	request_env_name_host(&p->request);
	keep_agreement(p);
}
