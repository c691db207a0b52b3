/*
 * codex-init: PID 1 of a container in which Codex can reach only what is allowed.
 *
 * boot.c has the sequence of steps. The second name of the program is codex-egress:
 * egress/egress.c.
 */
#include <stdio.h>

#include "boot/boot.h"
#include "egress/egress.h"
#include "lib/version.h"

int main(int argc, char **argv)
{
	struct options options;
	struct monitor monitor;
	struct failure f = {0};
	int status;

	if (egress_called(argv[0]))
		return egress_main(argc, argv);
	/* Before anything else, so that no signal is lost. */
	if (monitor_begin(&monitor, &f) < 0) {
		say_failure("config", &f);
		return EXIT_SANDBOX;
	}
	if (options_read(&options, argc, argv, &f) < 0) {
		say_failure("config", &f);
		return EXIT_OPTIONS;
	}
	say_level(options.verbose ? SAY_VERBOSE : options.quiet ? SAY_QUIET : SAY_NORMAL);
	if (options.help || options.version) {
		if (options.help)
			options_help();
		else
			printf("codex-init %s\n", version_text);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	status = options.check ? boot_check(&options) : boot_run(&options, &monitor);
	options_free(&options);
	return status;
}
