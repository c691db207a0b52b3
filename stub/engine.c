#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "programs.h"
#include "quote.h"

#define DEFAULT_IMAGE "codex-sandbox"

static const char find_engine[] = "find the container engine";

void engine_find(struct engine *e, struct plan *p, const char *wanted)
{
	*e = (struct engine){.name = wanted ? wanted : "docker"};
	e->program = programs_find(p, e->name, &e->passed_over);
	if (e->program || wanted)
		return;
	e->program = programs_find(p, "podman", &e->passed_over);
	if (e->program)
		e->name = "podman";
}

/* The child's half of ask(). */
static void become_question(const char *program, const char *const *argv, int out, int err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0 ||
		dup2(err >= 0 ? err : null, STDERR_FILENO) < 0)
		_exit(127);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Reads all of a pipe, keeps what fits, and cuts it at the first line. */
static void keep_line(int fd, char *kept, size_t size)
{
	char rest[512];
	size_t n = 0;

	for (;;) {
		bool full = n == size - 1;
		ssize_t got =
			full ? read(fd, rest, sizeof(rest)) : read(fd, kept + n, size - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += full ? 0 : (size_t)got;
	}
	kept[n] = '\0';
	kept[strcspn(kept, "\n")] = '\0';
}

/*
 * Runs the engine with these arguments and keeps one line of its stdout or, with complaint set,
 * of its stderr. Returns its exit status, or -1 where it couldn't be run.
 */
static int ask(
	const char *program, const char *const *argv, bool complaint, char *line, size_t size)
{
	int pipes[2], status;
	pid_t child;

	line[0] = '\0';
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0)
		become_question(
			program, argv, complaint ? -1 : pipes[1], complaint ? pipes[1] : -1);
	close(pipes[1]);
	if (child > 0)
		keep_line(pipes[0], line, size);
	close(pipes[0]);
	if (child < 0)
		return -1;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The image isn't there, or the engine doesn't answer: which of them? */
static int refuse_engine(struct pool *p, const char *program, const char *engine,
	const char *image, struct trouble *t)
{
	const char *const version[] = {engine, "version", NULL};
	char line[BOUND_COMPLAINT];

	if (ask(program, version, true, line, sizeof(line)) != 0) {
		refuse(t, "talk to the container engine", engine, "%s",
			*line ? line : "it doesn't answer");
		if (strcmp(engine, "docker") == 0)
			refuse_hint(t, "is it running (systemctl start docker), and are you "
				       "root or in "
				       "the group docker?");
	} else if (strcmp(image, DEFAULT_IMAGE) == 0) {
		refuse(t, "use the image", image, "%s doesn't have it", engine);
		refuse_hint(t, "build it with `make image`");
	} else {
		refuse(t, "use the image", image, "%s doesn't have it", engine);
		refuse_hint(
			t, "build it, or get it: %s pull %s", engine, quote_shell(p, image));
	}
	return refuse_no_sandbox(t);
}

/* Something of this name exists. Whose it is we can't know, so it is left alone. */
static int refuse_second(
	const char *engine, const char *name, const char *state, struct trouble *t)
{
	if (strcmp(state, "running") == 0) {
		refuse(t, "start the sandbox", name,
			"it is running already: another Codex is at work in this workdir");
		return refuse_hint(t,
			"join it with: %s attach %s; end it with: %s stop %s; or start a "
			"second "
			"one with a home of its own: --codex-home DIR",
			engine, name, engine, name);
	}
	refuse(t, "start the sandbox", name, "a container of this name is there already (%s)",
		state);
	return refuse_hint(t, "if it is left over from an earlier run: %s rm %s", engine, name);
}

/*
 * Does the engine run on our own kernel? Docker Desktop and others run it in a virtual machine,
 * where shared files get numbers of their own; so does WSL with Windows' drives. docker tells
 * the kernel; podman has a server only where it isn't here.
 */
static bool is_here(const char *program, const char *engine)
{
	bool podman = strcmp(engine, "podman") == 0;
	const char *const argv[] = {engine, "version", "--format",
		podman ? "{{if .Server}}elsewhere{{end}}" : "{{.Server.KernelVersion}}", NULL};
	char line[BOUND_COMPLAINT];
	struct utsname us;

	return uname(&us) == 0 && !strstr(us.release, "icrosoft") &&
	       ask(program, argv, false, line, sizeof(line)) == 0 &&
	       strcmp(line, podman ? "" : us.release) == 0;
}

static int refuse_no_engine(const struct engine *e, struct trouble *t)
{
	refuse(t, find_engine, e->name,
		e->passed_over ? "every one in PATH is passed over" : "it isn't in PATH");
	if (e->passed_over)
		refuse_hint(t,
			"put into PATH the directory of one that only root or you can change");
	else
		refuse_hint(t, "install it (on Debian: apt-get install %s)",
			strcmp(e->name, "docker") == 0 ? "docker.io" : e->name);
	return refuse_no_sandbox(t);
}

int engine_check(struct engine *e, struct plan *p, struct trouble *t)
{
	const char *image = p->request.image, *name = p->request.name;
	const char *const has_image[] = {
		e->name, "image", "inspect", "--format", "{{.Id}}", image, NULL};
	const char *const has_container[] = {
		e->name, "container", "inspect", "--format", "{{.State.Status}}", name, NULL};
	char line[BOUND_COMPLAINT];

	if (!e->program)
		return refuse_no_engine(e, t);
	if (programs_check_settings(p, e->name, t) < 0 || programs_clean_environment(p, t) < 0)
		return -1;
	if (ask(e->program, has_image, false, line, sizeof(line)) != 0)
		return refuse_engine(&p->pool, e->program, e->name, image, t);
	if (ask(e->program, has_container, false, line, sizeof(line)) == 0 && *line)
		return refuse_second(e->name, name, line, t);
	e->here = is_here(e->program, e->name);
	return 0;
}

int engine_become(const char *program, const struct words *argv, struct trouble *t)
{
	execv(program, (char *const *)(uintptr_t)argv->word);
	refuse_errno(t, "run the container engine", program);
	return refuse_no_sandbox(t);
}
