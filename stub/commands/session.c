/* The commands that the engine itself carries out on the container of a session. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../argv.h"
#include "../ask.h"
#include "../quote.h"
#include "rows.h"
#include "sandbox.h"

int command_attach(struct call *call, struct error *t)
{
	struct sandbox s;

	if (sandbox_find(&s, call, call->word[0], t) == 0) {
		const bool podman = strcmp(s.engine.name, "podman") == 0;
		/* As at the start: no key of Codex's is held back. */
		const char *const words[] = {"attach",
			podman ? "--detach-keys=" : "--detach-keys=" ARGV_DETACH_KEYS, s.id,
			NULL};

		sandbox_become(&s, words, t);
	}
	sandbox_free(&s);
	return -1;
}

/* The engine waits until the container has ended; codex-init ends what runs, and reports. */
int command_stop(struct call *call, struct error *t)
{
	struct sandbox s;
	int status = sandbox_find(&s, call, call->word[0], t);

	if (status == 0) {
		const char *const stop[] = {s.engine.name, "stop", s.id, NULL};
		struct ask a;

		if (ask(&a, s.engine.program, stop, true) != 0)
			status = refuse(t, "stop the sandbox", s.workdir, "%s", a.line);
		else
			printf("%s: ended\n", quote_shown(&s.plan.arena, s.workdir));
	}
	sandbox_free(&s);
	return status;
}

/* A shell with the rights of Codex's user and no more: codex-egress gives up what the engine's
 * exec has, and refuses in the cell. */
int command_join(struct call *call, struct error *t)
{
	struct sandbox s;

	if (sandbox_find_inside(&s, call, call->word[0], t) == 0) {
		const bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
		const char *const words[] = {"exec", terminal ? "-it" : "-i", "--user=0:0",
			s.id, ARGV_EGRESS, "join", NULL};

		sandbox_become(&s, words, t);
	}
	sandbox_free(&s);
	return -1;
}
