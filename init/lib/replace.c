/* See replace.h. */
#include "replace.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int replace_begin(struct replacement *r, const char *dir, const char *name, struct failure *f)
{
	snprintf(r->path, sizeof(r->path), "%s/%s", dir, name);
	snprintf(r->temporary, sizeof(r->temporary), "%s.new", r->path);
	/* The directory is the image's or created by us: 0755 and owned by root. */
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail_errno(f, "create the directory", dir);
	unlink(r->temporary);
	r->file = fopen(r->temporary, "wxe");
	if (!r->file)
		return fail_errno(f, "write", r->path);
	return 0;
}

int replace_end(struct replacement *r, bool good, struct failure *f)
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
