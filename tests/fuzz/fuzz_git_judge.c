/*
 * A config before and after a session, both of anybody's: what stands in the end makes nothing
 * run that didn't before, in the same order, and judging it again finds nothing to do. The
 * first octet says where the one ends and the other begins.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/home/git_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char first[2 * LIMIT_GITCONFIG_BYTES + 1], second[4 * LIMIT_GITCONFIG_BYTES + 1];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct git_report r;
	const char *before, *now;
	size_t cut, n, m;

	if (size < 1 || size > 8192)
		return 0;
	cut = (size - 1) * data[0] / 256;
	before = (const char *)data + 1;
	now = before + cut;
	r = (struct git_report){0};
	n = git_judge(before, cut, now, size - 1 - cut, first, &r);
	if (n > LIMIT_GITCONFIG_BYTES + cut)
		abort();
	if (r.whole && (n != cut || memcmp(first, before, n) != 0))
		abort();
	r = (struct git_report){0};
	m = git_judge(before, cut, first, n, second, &r);
	for (unsigned i = 0; i < r.count && i < LIMIT_GIT_REPORTED; i++)
		if (r.keys[i].how == GIT_PUT_BACK)
			abort();
	if (m != n || memcmp(first, second, n) != 0)
		abort();
	return 0;
}
