/* status.json and allowed_domains.txt: written beside, then renamed, so that a reader never
 * sees half a file. See status.h. */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct replacement {
	char path[192], temporary[208];
	FILE *file;
};

static int replace_begin(
	struct replacement *r, const char *dir, const char *name, struct failure *f)
{
	snprintf(r->path, sizeof(r->path), "%s/%s", dir, name);
	snprintf(r->temporary, sizeof(r->temporary), "%s.new", r->path);
	/* The directory is the image's or was made for us: 0755 and root's. */
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail_errno(f, "create the directory", dir);
	unlink(r->temporary);
	r->file = fopen(r->temporary, "wxe");
	if (!r->file)
		return fail_errno(f, "write", r->path);
	return 0;
}

static int replace_end(struct replacement *r, bool good, struct failure *f)
{
	if (fchmod(fileno(r->file), 0644) < 0)
		good = false;
	if (fclose(r->file) != 0)
		good = false;
	if (good && rename(r->temporary, r->path) == 0)
		return 0;
	fail_errno(f, "write", r->path);
	unlink(r->temporary);
	return -1;
}

int status_write(const char *dir, const struct status *s, struct failure *f)
{
	struct replacement r;

	if (replace_begin(&r, dir, "status.json", f) < 0)
		return -1;
	fprintf(r.file,
		"{\"version\":\"%s\",\"egress\":\"%s\",\"uid\":%lu,\"gid\":%lu,\"names\":%zu,"
		"\"pinned\":%" PRIu32 ",\"refused\":%" PRIu64 ",\"stages\":{",
		s->version, s->egress, (unsigned long)s->uid, (unsigned long)s->gid, s->names,
		s->pinned, s->refused);
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
