/* See status.h. */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>

#include "../lib/replace.h"

int status_write(const char *dir, const struct status *s, struct failure *f)
{
	struct replacement r;

	if (replace_begin(&r, dir, "status.json", f) < 0)
		return -1;
	fprintf(r.file,
		"{\"version\":\"%s\",\"egress\":\"%s\",\"wall\":\"%s\",\"keyless\":%s,\"uid\":%"
		"lu,\"gid\":%lu,"
		"\"names\":%zu,"
		"\"pinned\":%" PRIu32 ",\"refused\":%" PRIu64 ",\"stages\":{",
		s->version, s->egress, s->wall, s->keyless ? "true" : "false",
		(unsigned long)s->uid, (unsigned long)s->gid, s->names, s->pinned, s->refused);
	for (size_t i = 0; i < s->stages_count; i++)
		fprintf(r.file, "%s\"%s\":%" PRIu64, i ? "," : "", s->stages[i].name,
			s->stages[i].microseconds);
	fprintf(r.file, "},\"exit_status\":");
	if (s->exit_status < 0)
		fprintf(r.file, "null}\n");
	else
		fprintf(r.file, "%d}\n", s->exit_status);
	return replace_end(&r, !ferror(r.file), f);
}

int status_write_rules(const char *dir, const struct policy *p, struct failure *f)
{
	struct replacement r;

	if (replace_begin(&r, dir, "allowed_domains.txt", f) < 0)
		return -1;
	return replace_end(&r, policy_print(p, r.file) == 0, f);
}
