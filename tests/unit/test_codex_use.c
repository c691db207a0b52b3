/* What a command line of Codex is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../init/lib/codex_use.h"

/* Words separated by single blanks; _ stands for a blank within one. */
static void is(enum codex_use wanted, const char *line)
{
	char *text = strdup(line), *argv[12], *word = text;
	size_t n = 0;

	while (n < 11 && (argv[n] = strsep(&word, " ")))
		for (char *c = argv[n++]; *c; c++)
			if (*c == '_')
				*c = ' ';
	argv[n] = NULL;
	if (codex_use(argv) != wanted)
		fail_msg("%s: %d", line, codex_use(argv));
	free(text);
}

static void sessions(void **state)
{
	(void)state;
	is(CODEX_SESSION, "codex");
	is(CODEX_SESSION, "/usr/local/bin/codex");
	is(CODEX_SESSION, "codex do_it");
	is(CODEX_SESSION, "codex -s workspace-write");
	is(CODEX_SESSION, "codex -c a=1 --config b=2 resume --last");
	is(CODEX_SESSION, "codex -c");
	is(CODEX_SESSION, "codex --config");
	is(CODEX_SESSION, "codex --configs=a login");
}

static void work(void **state)
{
	(void)state;
	is(CODEX_WORK, "codex exec login");
	is(CODEX_WORK, "codex -c a=1 e do_it");
	is(CODEX_WORK, "codex review");
}

static void logins(void **state)
{
	(void)state;
	is(CODEX_LOGIN, "codex login");
	is(CODEX_LOGIN, "codex -c a=1 login --experimental");
	is(CODEX_LOGIN, "codex -ca=1 --config=b=2 --config c=3 login");
	is(CODEX_ASIDE, "codex -ca=1 login status");
	is(CODEX_ASIDE, "codex login --device-auth");
	is(CODEX_ASIDE, "codex login --with-api-key");
	is(CODEX_ASIDE, "codex login status");
}

static void neither(void **state)
{
	(void)state;
	is(CODEX_ASIDE, "codex --version");
	is(CODEX_ASIDE, "codex -c a=1 logout");
	is(CODEX_ASIDE, "codex debug prompt-input hi");
	is(CODEX_NOT, "bash");
	is(CODEX_NOT, "codex-egress status");
	is(CODEX_NOT, "/codex/bash");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions),
		cmocka_unit_test(work),
		cmocka_unit_test(logins),
		cmocka_unit_test(neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
