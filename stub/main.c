/*
 * codex-sandbox: starts a sandbox (launch.h), or does what one of its commands says
 * (commands/commands.h). This file only tells them apart.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "commands/commands.h"
#include "kept.h"
#include "launch.h"
#include "log.h"
#include "watch/notify.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static int print_version(struct error *t)
{
	return puts("codex-sandbox " VERSION) >= 0 && fflush(stdout) == 0
		       ? 0
		       : refuse_errno(t, "print", "stdout");
}

static int start(struct cli *c, struct error *t)
{
	struct notify n = {0};
	const struct companion other = {notify_plan, notify_start, &n};
	int result = kept_take(c, t) < 0 ? -1 : launch(c, &other, t);

	notify_free(&n);
	return result;
}

int main(int argc, char **argv)
{
	static struct error t;
	const struct command *command;
	struct cli c;
	int result;

	/* Files that we open must not become stdin, stdout or stderr of the engine. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return STATUS_NO_SANDBOX;
	result = cli_parse(&c, argc, argv, &t);
	command = result == 0 ? commands_find(&c) : NULL;
	if (result == 0 && c.help)
		result = cli_help(commands_list, &t);
	else if (result == 0 && c.version)
		result = print_version(&t);
	else if (command)
		result = commands_run(command, &c, &t);
	else if (result == 0)
		result = start(&c, &t);
	cli_free(&c);
	if (result >= 0)
		return result;
	log_error(&t);
	return t.status;
}
