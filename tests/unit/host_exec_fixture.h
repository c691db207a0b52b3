/* Files that programs on the host take instructions from: which they are, what is reported,
 * and what is ignored. */
#ifndef TESTS_UNIT_HOST_EXEC_FIXTURE_H
#define TESTS_UNIT_HOST_EXEC_FIXTURE_H

#include "home_fixture.h"

#include <sys/wait.h>
#include <utime.h>

#include "../../init/home/host_exec.h"
#include "../../init/home/host_exec_walk.h"
#include "../../init/lib/limits.h"

static __attribute__((unused)) struct failure why;
static __attribute__((unused)) char told[64 * 1024];
typedef void session(const struct tree *t);

/* If files change within one tick of the kernel's clock, times alone don't show it. */
static __attribute__((unused)) void tick(void)
{
	usleep(20 * 1000);
}

struct looks {
	const struct tree *t;
	session *session;
};

/* The project; it must outlive what was seen there. */
static __attribute__((unused, noinline)) const char *project(const struct tree *t)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", at(t, "home"));
	return path;
}

static __attribute__((unused)) int two_looks(void *context, void *result, struct failure *f)
{
	const struct looks *l = context;
	struct host_exec *o;
	FILE *to = fmemopen(result, sizeof(told), "w");
	int done;

	assert_non_null(to);
	if (host_exec_begin(&o, project(l->t), NULL, NULL, USER, GROUP, f) < 0)
		return -1;
	tick();
	l->session(l->t);
	done = host_exec_report(o, to, f);
	fclose(to);
	host_exec_free(o);
	return done;
}

/* The report on what session() did in t's "home", which is the project. */
static __attribute__((unused)) const char *report(const struct tree *t, session *what)
{
	struct looks l = {t, what};
	int status;
	pid_t pid;
	FILE *f = tmpfile();

	/* The session runs as root; only the scans are restricted. */
	assert_non_null(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		memset(told, 0, sizeof(told));
		if (two_looks(&l, told, &why) < 0) {
			fprintf(stderr, "%s: %s: %s\n", why.operation, why.subject, why.reason);
			_exit(1);
		}
		_exit(fwrite(told, sizeof(told), 1, f) == 1 && fflush(f) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rewind(f);
	assert_int_equal(fread(told, sizeof(told), 1, f), 1);
	fclose(f);
	return told;
}

static __attribute__((unused)) void repository(const struct tree *t, const char *where)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", at(t, "home/%s", where));
	make_dir(path, 0755, USER);
	snprintf(path, sizeof(path), "home/%s", where);
	put(at(t, "%s/HEAD", path), "ref: refs/heads/main\n", 0644, USER);
	put(at(t, "%s/config", path), "[core]\n", 0644, USER);
	make_dir(at(t, "%s/objects", path), 0755, USER);
	make_dir(at(t, "%s/refs", path), 0755, USER);
	make_dir(at(t, "%s/hooks", path), 0755, USER);
	put(at(t, "%s/hooks/pre-commit", path), "#!/bin/sh\n", 0755, USER);
	put(at(t, "%s/hooks/pre-push.sample", path), "#!/bin/sh\n", 0755, USER);
}

static __attribute__((unused)) int project_make(void **state)
{
	const struct tree *t;

	tree_make(state);
	t = *state;
	repository(t, ".git");
	make_dir(at(t, "home/.vscode"), 0755, USER);
	put(at(t, "home/.vscode/settings.json"), "{}", 0644, USER);
	put(at(t, "home/.envrc"), "export A=1\n", 0644, USER);
	make_dir(at(t, "home/src"), 0755, USER);
	put(at(t, "home/src/main.c"), "int x;\n", 0644, USER);
	make_dir(at(t, "home/.codex"), 0755, USER);
	make_dir(at(t, "home/.codex/.environment"), 0700, USER);
	return 0;
}

static __attribute__((unused)) void works_on_sources(const struct tree *t)
{
	put(at(t, "home/src/main.c"), "int y;\n", 0644, USER);
	put(at(t, "home/src/new.c"), "int z;\n", 0644, USER);
	put(at(t, "home/Makefile"), "all:\n", 0644, USER);
	put(at(t, "home/.git/index"), "index", 0644, USER);
	put(at(t, "home/.git/HEAD"), "ref: refs/heads/other\n", 0644, USER);
	put(at(t, "home/.git/refs/config"), "0000", 0644, USER);
	make_dir(at(t, "home/.git/info"), 0755, USER);
	put(at(t, "home/.git/info/refs"), "", 0644, USER);
	put(at(t, "home/.git/hooks/new.sample"), "#!/bin/sh\n", 0755, USER);
	put(at(t, "home/.codex/.environment/config.toml"), "", 0600, USER);
	assert_int_equal(unlink(at(t, "home/src/main.c")), 0);
	assert_int_equal(symlink("/etc", at(t, "home/src/link")), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, project_make, tree_remove)

#endif
