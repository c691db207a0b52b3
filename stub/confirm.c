#include "confirm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "beneath.h"
#include "bounds.h"

int confirm_add(
	struct plan *p, const char *path, const char *what, bool writable, struct error *t)
{
	if (p->questions_count == BOUND_QUESTIONS)
		return refuse(t, "mount", path, "more than %d directories to agree to",
			BOUND_QUESTIONS);
	p->questions[p->questions_count++] =
		(struct plan_question){.path = path, .what = what, .writable = writable};
	return 0;
}

int confirm_optional(struct plan *p, const char *path, const char *what, struct error *t)
{
	if (confirm_add(p, path, what, false, t) < 0)
		return -1;
	p->questions[p->questions_count - 1].optional = true;
	return 0;
}

int confirm_outside(struct plan *p, const char *path, const char *what, struct error *t)
{
	return beneath_contains(p->workdir, path) ? 0 : confirm_add(p, path, what, true, t);
}

/* Byte by byte: what follows the line is input for the container. */
static bool read_yes(void)
{
	char answer[BOUND_ANSWER], c;
	size_t n = 0;

	for (;;) {
		ssize_t got = read(STDIN_FILENO, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (c == '\n')
			break;
		if (n == sizeof(answer) - 1)
			return false;
		answer[n++] = c;
	}
	answer[n] = '\0';
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

bool confirm_yes(const char *question)
{
	return dprintf(STDERR_FILENO, "%s", question) > 0 && read_yes();
}

static void describe(const struct plan_question *q)
{
	if (q->writable)
		log_warning(
			"%s would be mounted writable %s. It is outside the workdir: what "
			"runs in the container could read, change and delete everything in it.",
			q->path, q->what);
	else
		log_warning("%s would be readable in the container: it would expose %s.",
			q->path, q->what);
}

static int refuse_unasked(const struct plan_question *q, const char *operation, struct error *t)
{
	if (q->writable)
		refuse(t, operation, q->path,
			"it is outside the workdir, and there is no terminal to ask at");
	else
		refuse(t, operation, q->path,
			"it would expose %s, and there is no terminal to ask at", q->what);
	return refuse_hint(t, "to agree in advance: -y");
}

int confirm_questions(struct plan *p, bool yes, struct error *t)
{
	bool interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

	for (size_t i = 0; i < p->questions_count; i++) {
		const struct plan_question *q = &p->questions[i];
		const char *operation = q->writable ? "mount writable" : "mount read-only";

		/* Secrets are reported even with --yes. */
		if (yes && q->writable)
			continue;
		if (yes || interactive)
			describe(q);
		if (yes)
			continue;
		if (!interactive && !q->optional)
			return refuse_unasked(q, operation, t);
		if (interactive && confirm_yes("Continue? [y/N] "))
			continue;
		if (!q->optional)
			return refuse(t, operation, q->path, "you answered no");
		p->declined = true;
	}
	return 0;
}
