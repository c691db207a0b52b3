/*
 * The end of a session: ends remaining processes, makes the terminal readable, and prints
 * the report. No process of the payload is left when the first word is written, so none of
 * its output follows. The text is collected first, because a write must not block forever.
 */
#include "stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../home/home.h"
#include "../home/report_file.h"
#include "../lib/clock.h"
#include "../lib/codex_use.h"
#include "../monitor/report.h"
#include "../monitor/terminal.h"
#include "presets.h"

/* A terminal's usual width, without room for " \\". */
#define LINE_COLUMNS 78

struct closing {
	FILE *to; /* stderr if there is no memory for a stream */
	char *text;
	size_t size, shown;
};

static void closing_begin(struct closing *c)
{
	*c = (struct closing){0};
	c->to = open_memstream(&c->text, &c->size);
	if (!c->to)
		c->to = stderr;
	say_to(c->to);
}

/* On a terminal: starts a new line, with a blank that uses up a pending single shift, and
 * clears the rest of the screen. */
static void clear_line(void)
{
	static const char clean[] = "\r\n \r\033[J";

	if (isatty(STDERR_FILENO))
		terminal_write(STDERR_FILENO, clean, sizeof(clean) - 1, LIMIT_STDERR_MS);
}

/* Writes what has been collected since the last call. */
static void closing_show(struct closing *c)
{
	if (c->to == stderr || fflush(c->to) != 0 || c->size == c->shown)
		return;
	if (c->shown == 0)
		clear_line();
	terminal_write(STDERR_FILENO, c->text + c->shown, c->size - c->shown, LIMIT_STDERR_MS);
	c->shown = c->size;
}

/* Written even if there is nothing to report: an empty file belongs to a session that was
 * killed. */
static void closing_keep(struct closing *c, const struct boot *b)
{
	const time_t now = time(NULL);
	struct failure f = {0};
	struct tm t;
	char *text = NULL;

	if (b->report_file < 0 || c->to == stderr || fflush(c->to) != 0 || !gmtime_r(&now, &t))
		return;
	if (asprintf(&text,
		    "The session ended at %04d-%02d-%02d %02d:%02d:%02d UTC with status "
		    "%d.\n%s",
		    t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
		    b->exit_status, c->shown ? c->text : "There was nothing to report.\n") < 0)
		return;
	if (report_file_write(b->report_file, text, strlen(text), &f) < 0)
		say_failure_warning("payload", &f);
	free(text);
	closing_show(c);
}

static void closing_end(struct closing *c)
{
	say_to(NULL);
	if (c->to != stderr)
		fclose(c->to);
	free(c->text);
}

static void report_git(struct boot *b, FILE *to)
{
	struct failure f = {0};

	if (!b->git_guard)
		return;
	monitor_unwatch(b->m, git_guard_events(b->git_guard));
	monitor_unwatch(b->m, git_guard_timer(b->git_guard));
	if (git_guard_look(b->git_guard, true, &f) < 0)
		say_failure_warning("payload", &f);
	if (git_guard_times(b->git_guard) > LIMIT_GIT_UNDONE)
		say_warning("payload",
			"the command was ended: it kept writing settings that make git on "
			"your machine run something, or kept it from being looked at");
	if (!b->o->quiet)
		git_guard_print(b->git_guard, to);
}

static void report_network(const struct boot *b)
{
	if (b->resolver_came)
		say_warning("payload",
			"the command was ended: the container was connected to a user-defined "
			"network, whose resolver would carry its questions out of the cell");
}

static void report_changes(const struct host_exec *e, FILE *to)
{
	struct failure f = {0};

	if (e && host_exec_report(e, to, &f) < 0)
		say_failure_warning("payload", &f);
}

static void report_host_exec(struct boot *b, FILE *to)
{
	if (b->o->quiet)
		return;
	report_changes(b->host_exec, to);
	for (size_t i = 0; i < b->o->compared_count; i++) {
		if (b->compared[i])
			host_exec_name(b->compared[i], b->o->compared[i]);
		report_changes(b->compared[i], to);
	}
}

static void keep_login(const struct boot *b)
{
	struct failure f = {0};

	if (b->login_link[0] && home_keep_login(b->home, b->login_link, b->uid, b->gid, &f) < 0)
		say_failure_warning("payload", &f);
}

static void report_denials(struct boot *b, FILE *to)
{
	struct failure f = {0};
	char *before;

	if (policy_print_overlay(&b->o->policy, 0, NULL) && !b->o->quiet) {
		fprintf(to, "codex-init: codex-egress gave these rules for this session:\n");
		policy_print_overlay(&b->o->policy, LIMIT_OVERLAY, to);
		if (b->o->launcher_here &&
			asprintf(&before, "  %s ", b->o->launcher_here) > 0) {
			fprintf(to, "codex-init: to keep them for this project, on your "
				    "machine:\n");
			policy_each_overlaid(&b->o->policy, before, " --save\n", to);
			free(before);
		}
	}
	if (b->supervisors[WORKER_BROKER].down && !b->o->quiet)
		fprintf(to, "codex-init: all of the broker's processes have ended: from "
			    "then on Codex could not reach OpenAI\n");
	if (b->events && !b->o->quiet) {
		events_presets(b->events, presets_covering);
		events_summary(b->events, to);
	}
	b->status.refused = b->events ? events_refused(b->events) : 0;
	b->status.exit_status = b->exit_status;
	if ((b->wall || b->cell) && status_write(RUN_DIR, &b->status, &f) < 0)
		say_failure_detail("payload", &f);
}

/* A line that is too long for a terminal goes on behind a backslash, as a shell reads it: so no
 * name is broken where it is copied. */
static void print_command(const char *launcher, const char *options, FILE *to)
{
	int column = fprintf(to, "codex-init: %s: %s",
		!*options                     ? "to continue this session"
		: strstr(options, " --deny ") ? "again, with these rules"
					      : "again, with these allowed",
		launcher);

	while (*options) {
		int size = 1 + (int)strcspn(options + 1, " "); /* " --allow" */

		size += 1 + (int)strcspn(options + size + 1, " ");
		if (column + size > LINE_COLUMNS)
			column = fprintf(to, " \\\n   ") - 3;
		column += fprintf(to, "%.*s", size, options);
		options += size;
	}
	fprintf(to, " resume --last\n");
}

/*
 * Codex's own message at exit names a command that doesn't exist on the host, or would
 * continue without a sandbox. Not printed if the session didn't begin: Codex doesn't exit
 * with 100 to 127.
 */
static void print_resume_command(const struct boot *b, FILE *to)
{
	char *refused = NULL, *options = NULL;
	size_t size;
	FILE *all;

	if (!b->o->launcher || !*b->o->launcher || b->o->quiet ||
		codex_use(stages_command(b)) != CODEX_SESSION ||
		(b->exit_status >= EXIT_OPTIONS && b->exit_status <= 127))
		return;
	all = open_memstream(&options, &size);
	if (!all)
		return;
	refused = b->events ? events_options(b->events) : NULL;
	policy_each_overlaid(&b->o->policy, " --", "", all);
	fputs(refused ? refused : "", all);
	free(refused);
	if (fclose(all) == 0)
		print_command(b->o->launcher, options, to);
	free(options);
}

/* The workers report their counts after the payload's processes are gone, and before they
 * are killed with what is left. */
static void end_processes(struct boot *b)
{
	pid_t workers[WORKERS];
	struct failure f = {0};
	int64_t end;

	asker_close(b->asker);
	b->asker = NULL;
	broker_lives_end(&b->broker.lives);
	monitor_end_remaining(b->m, workers, stage_workers(b, workers));
	for (int i = 0; i < WORKER_TRAIL; i++)
		supervisor_finish(&b->supervisors[i]);
	end = clock_ms() + LIMIT_SETTLE_MS;
	for (int i = 0; i < WORKER_TRAIL; i++)
		supervisor_settle(&b->supervisors[i], (int)(end - clock_ms()));
	if (b->wall &&
		report_refusals(b->events, b->wall, &b->fence, b->pins.pin_index, &f) < 0)
		say_failure_detail("payload", &f);
	stage_trail_end(b);
	monitor_kill_remaining(b->m);
}

void end_session(struct boot *b, const char *stage, const struct failure *f)
{
	struct closing c;

	closing_begin(&c);
	if (stage)
		say_failure(stage, f);
	end_processes(b);
	terminal_restore(b->m);
	keep_login(b);
	report_kills(b);
	report_network(b);
	report_denials(b, c.to);
	closing_show(&c);
	/* Scanning the project may take a while on a slow disk. */
	report_git(b, c.to);
	report_host_exec(b, c.to);
	print_resume_command(b, c.to);
	closing_show(&c);
	closing_keep(&c, b);
	closing_end(&c);
}
