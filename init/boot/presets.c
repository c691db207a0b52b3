#include "presets.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/nearest.h"
#include "../policy/policy.h"

/* In the image, or relative to this program, installed or in its build directory. '%' stands
 * for the program's own directory. */
static const char *const places[] = {
	PRESETS_DIR, "%/../share/codex-sandbox/presets.d/", "%/../image/presets/"};

#define PLACES (sizeof(places) / sizeof(places[0]))

static int open_place(size_t i)
{
	char path[PATH_MAX], program[PATH_MAX];
	ssize_t n;

	if (places[i][0] != '%')
		return open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (n <= 0)
		return -1;
	program[n] = '\0';
	n = strrchr(program, '/') - program;
	if (snprintf(path, sizeof(path), "%.*s%s", (int)n, program, places[i] + 1) >=
		(int)sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

long presets_read(void *context, const char *preset, char *text, size_t size)
{
	int fd = -1;

	(void)context;
	for (size_t i = 0; i < PLACES && fd < 0; i++) {
		int place = open_place(i);

		if (place < 0)
			continue;
		fd = openat(place, preset, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		close(place);
	}
	/* A truncated preset isn't accepted: the missing part might be what is to be denied. */
	return file_take(fd, text, size);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The presets of one directory, sorted. Returns their number; the caller frees the names. */
static size_t list(size_t i, char *names[LIMIT_PRESETS])
{
	int fd = open_place(i);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (n < LIMIT_PRESETS && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.' && (names[n] = strdup(entry->d_name)) != NULL)
			n++;
	closedir(directory);
	qsort(names, n, sizeof(names[0]), by_name);
	return n;
}

int presets_hint(struct failure *f, const char *wanted)
{
	struct nearest near = {.word = wanted, .size = strlen(wanted)};
	char *names[LIMIT_PRESETS], all[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < PLACES && n == 0; i++)
		n = list(i, names);
	for (size_t i = 0; i < n; i++) {
		nearest_offer(&near, names[i]);
		if (strlen(all) + strlen(names[i]) + sizeof(" @") < sizeof(all))
			strcat(strcat(all, " @"), names[i]);
	}
	fail_hint(f, "%s%s%s%s%s", near.best ? "did you mean @" : "",
		near.best ? near.best : "", near.best ? "? " : "",
		n ? "There are:" : "there are none in " PRESETS_DIR, all);
	while (n > 0)
		free(names[--n]);
	return -1;
}

static bool covers(const char *preset, const char *name, uint16_t port)
{
	struct rule_error unused;
	struct policy p;
	char rule[80];
	bool allows;

	policy_init(&p);
	allows = snprintf(rule, sizeof(rule), "@%s", preset) < (int)sizeof(rule) &&
		 policy_add(&p, rule, RULE_ALLOW, ORIGIN_OPTION, presets_read, NULL, &unused) ==
			 0 &&
		 policy_compile(&p) == 0 && policy_check_name_port(&p, name, port).allowed;
	policy_free(&p);
	return allows;
}

const char *presets_covering(const char *name, uint16_t port)
{
	static char found[64];
	char *names[LIMIT_PRESETS];
	size_t n = 0;

	found[0] = '\0';
	for (size_t i = 0; i < PLACES && n == 0; i++)
		n = list(i, names);
	while (n > 0) {
		if (!found[0] && covers(names[n - 1], name, port))
			snprintf(found, sizeof(found), "%s", names[n - 1]);
		free(names[--n]);
	}
	return found[0] ? found : NULL;
}
