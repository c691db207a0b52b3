#include "variables.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "find.h"
#include "workdir.h"
#include "quote.h"

static const char tried[] = "read the variables";

size_t variables_line(const char *text, size_t size, struct variable *v, const char **why)
{
	const char *end = memchr(text, '\n', size), *s = text, *equals;
	size_t n = end ? (size_t)(end - text) : size, whole = n + (end != NULL);

	*v = (struct variable){0};
	while (n > 0 && (*s == ' ' || *s == '\t'))
		s++, n--;
	if (n > 0 && s[n - 1] == '\r')
		n--;
	if (n == 0 || *s == '#')
		return whole;
	equals = memchr(s, '=', n);
	v->name = s;
	v->name_size = equals ? (size_t)(equals - s) : n;
	if (equals) {
		v->value = equals + 1;
		v->value_size = n - v->name_size - 1;
	}
	*why = "a line is NAME=VALUE or NAME, the name made of letters, digits and _";
	return quote_is_variable(v->name, v->name_size) ? whole : 0;
}

bool variables_is_owned(const char *name, size_t size)
{
	static const char *const owned[] = {"OPENAI_ALLOWED_DOMAINS", "SANDBOX_ENV_DIR",
		"SANDBOX_ENV_FILE", "CODEX_HOME", "HOME", "HTTPS_PROXY", "ALL_PROXY",
		"HTTP_PROXY", "FTP_PROXY", "NO_PROXY"};
	static const char init[] = "CODEX_INIT_";

	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (strlen(owned[i]) == size && strncasecmp(owned[i], name, size) == 0)
			return true;
	return size >= strlen(init) && strncasecmp(name, init, strlen(init)) == 0;
}

static int refuse_line(struct error *t, const char *path, unsigned line, const char *why)
{
	return refuse(t, tried, path, "line %u: %s", line, why);
}

static int take(struct plan *p, const char *path, unsigned line, const struct variable *v,
	struct error *t)
{
	const char *name = arena_format(&p->arena, "%.*s", (int)v->name_size, v->name), *value;

	if (variables_is_owned(v->name, v->name_size)) {
		log_warning("%s, line %u: %s is left out: settings of the sandbox itself "
			    "aren't taken from a file",
			path, line, name);
		log_hint("if it is what you want: -e %s=VALUE", name);
		return 0;
	}
	value = v->value ? arena_format(&p->arena, "%.*s", (int)v->value_size, v->value)
			 : getenv(name);
	if (!value)
		return 0; /* as with -e NAME */
	for (const char *s = value; *s;) {
		size_t n = quote_utf8((const unsigned char *)s);

		if (n == 0)
			return refuse_line(t, path, line, "its value isn't UTF-8");
		s += n;
	}
	if (strchr(value, '\n'))
		return refuse_line(
			t, path, line, "its value here has a line break: -e passes it on");
	string_list_add(&p->request.file_env, arena_format(&p->arena, "%s=%s", name, value));
	return 0;
}

static int read_lines(
	struct plan *p, const char *path, const char *text, size_t size, struct error *t)
{
	static const char mark[] = "\xef\xbb\xbf"; /* editors on Windows put it first */
	size_t at = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;

	if (memchr(text, '\0', size))
		return refuse(t, tried, path, "it holds a zero byte");
	for (unsigned line = 1; at < size; line++) {
		struct variable v;
		const char *why;
		size_t n = variables_line(text + at, size - at, &v, &why);

		if (n == 0)
			return refuse_line(t, path, line, why);
		if (v.name && take(p, path, line, &v, t) < 0)
			return -1;
		at += n;
	}
	return 0;
}

static int read_file(struct plan *p, const char *wanted, struct error *t)
{
	const char *path = find_named(p, tried, wanted, S_IFREG, t);
	char *text = arena_bytes(&p->arena, BOUND_ENV_FILE + 1);
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (!path)
		return -1;
	fd = workdir_open(p, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || (n = file_read(fd, text, BOUND_ENV_FILE + 1)) < 0)
		refuse_errno(t, tried, wanted);
	if (fd >= 0)
		close(fd);
	if (n < 0 || workdir_judge(p, path, &st, t) < 0)
		return -1;
	if (n > BOUND_ENV_FILE)
		return refuse(
			t, tried, wanted, "it is larger than %d KiB", BOUND_ENV_FILE / 1024);
	return read_lines(p, wanted, text, (size_t)n, t);
}

int variables_take(struct plan *p, const struct cli *c, struct error *t)
{
	for (size_t i = 0; i < c->env_file.count; i++)
		if (read_file(p, c->env_file.word[i], t) < 0)
			return -1;
	return 0;
}

int variables_hand_over(struct plan *p, struct error *t)
{
	const struct string_list *vars = &p->request.file_env;
	int fd;

	if (vars->count == 0)
		return 0;
	fd = memfd_create("variables", 0);
	for (size_t i = 0; i < vars->count && fd >= 0; i++)
		if (dprintf(fd, "%s\n", vars->word[i]) < 0)
			fd = -1;
	if (fd < 0) {
		refuse_errno(t, "hand over the variables", "--env-file");
		return refuse_no_sandbox(t);
	}
	p->request.env_file = arena_format(&p->arena, "/proc/self/fd/%d", fd);
	return 0;
}
