#include "proposal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "beneath.h"
#include "bounds.h"
#include "kept_text.h"
#include "rules.h"
#include "sha256.h"
#include "workdir.h"

static void leave_out(const char *why)
{
	log_warning("the project's " PROPOSAL_PLACE " is left out: %s", why);
}

/* Returns the size, or -1: there is none, or it is left out. */
static ssize_t read_text(struct plan *p, char *text, size_t size)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int fd = beneath_open(
		p->workdir_fd, PROPOSAL_PLACE, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	static struct error t;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			leave_out(errno == ELOOP ? "there is a symbolic link in its path"
						 : strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		leave_out("it is not a regular file");
	else if (workdir_judge(p, arena_format(&p->arena, "%s/" PROPOSAL_PLACE, p->workdir),
			 &st, &t) < 0)
		leave_out(t.reason);
	else if ((n = file_read(fd, text, size)) < 0)
		leave_out(strerror(errno));
	close(fd);
	return n;
}

/* Takes the rules apart, and judges each. Returns 0, or -1 if they are left out. */
static int take_rules(struct plan *p, char *text, size_t size)
{
	static struct error t;
	struct kept_text k;
	int found;

	kept_text_begin(&k, text, size);
	while ((found = kept_text_next(&k)) > 0) {
		const char *why = *k.value ? "a line is one rule" : NULL;

		/* The question shows the rule as it stands, and letters may look alike. */
		for (const char *c = k.name; !why && *c; c++)
			if ((unsigned char)*c > '~')
				why = "not ASCII: write the name's A-label (xn--...)";
		if (!why && p->proposed.count == BOUND_PROPOSED)
			why = "there are too many rules";
		if (!why && rules_check(k.name, RULE_ALLOW, "read", PROPOSAL_PLACE, &t) < 0)
			why = t.reason;
		if (why) {
			leave_out(arena_format(&p->arena, "line %u: %s", k.line, why));
			return -1;
		}
		string_list_add(&p->proposed, k.name);
	}
	if (found < 0)
		leave_out(arena_format(&p->arena, "line %u: %s", k.line, k.why));
	return found;
}

void proposal_use(struct plan *p)
{
	for (size_t i = 0; i < p->proposed.count; i++)
		string_list_add(&p->request.allow, p->proposed.word[i]);
}

void proposal_take(struct plan *p, const struct cli *c)
{
	char *text = arena_bytes(&p->arena, BOUND_KEPT_BYTES + 1), *hex;
	ssize_t n = read_text(p, text, BOUND_KEPT_BYTES + 1);

	if (n < 0)
		return;
	if (n > BOUND_KEPT_BYTES) {
		leave_out("it is too large");
		return;
	}
	hex = arena_bytes(&p->arena, SHA256_HEX);
	sha256_hex(text, (size_t)n, hex);
	if (take_rules(p, text, (size_t)n) < 0 || p->proposed.count == 0)
		return;
	for (size_t i = 0; i < c->agree.count; i++)
		if (strcmp(c->agree.word[i], hex) == 0) {
			proposal_use(p);
			return;
		}
	p->proposal = hex;
}
