#include "notify.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "../beneath.h"
#include "../programs.h"
#include "../quote.h"

static const char operation[] = "use --notify";

/* A path that leads to where the sandbox can write, by links and .. too; it runs in /. */
static int check_argument(struct plan *p, const char *word, struct error *t)
{
	const char *path = arena_format(&p->arena, "/%s", word + (word[0] == '/'));
	char real[PATH_MAX] = "";
	bool unused;

	/* Of what is missing as far as it goes: the sandbox could make the rest. */
	(void)beneath_resolve("/", path, real, &unused);
	for (size_t i = 0; i < p->mounts.count; i++) {
		const struct mount *m = &p->mounts.mount[i];

		if ((m->writable || m->source == p->workdir) &&
			(beneath_contains(m->source, path) ||
				beneath_contains(m->source, real)))
			return refuse(t, operation, word,
				"it lies in %s, where the sandbox can write", m->source);
	}
	return 0;
}

static int find_program(struct notify *n, struct plan *p, struct error *t)
{
	const char *name = n->argv.word[0];
	char why[2 * PATH_MAX];
	bool skipped = false;

	if (name[0] == '/') {
		n->program = name;
		if (access(name, X_OK) < 0)
			return refuse_errno(t, operation, name);
		return programs_ours(p, name, why, sizeof(why))
			       ? 0
			       : refuse(t, operation, name, "%s", why);
	}
	n->program = strchr(name, '/') ? NULL : programs_find(p, name, &skipped);
	if (n->program)
		return 0;
	refuse(t, operation, name,
		strchr(name, '/') ? "a path has to begin with /"
		: skipped         ? "every one in PATH was skipped"
				  : "it isn't in PATH");
	return refuse_hint(t, "--notify takes a program and its arguments, and no shell");
}

int notify_plan(void *state, struct plan *p, const struct cli *c, struct error *t)
{
	static const char blanks[] = " \t";
	const char *command = c->notify;
	struct notify *n = state;

	if (!command)
		return 0;
	*n = (struct notify){.container = p->request.name, .workdir = p->workdir};
	for (const char *s = command + strspn(command, blanks); *s; s += strspn(s, blanks)) {
		size_t size = strcspn(s, blanks);
		const char *word = arena_format(&p->arena, "%.*s", (int)size, s);

		string_list_add(&n->argv, word);
		if (check_argument(p, word, t) < 0)
			return -1;
		s += size;
	}
	if (n->argv.count == 0)
		return refuse(t, operation, command, "its command is empty");
	return find_program(n, p, t);
}

void notify_free(struct notify *n)
{
	string_list_free(&n->argv);
}

const char *notify_question(
	const struct notify *n, const struct question *q, int64_t now, struct arena *arena)
{
	/* A TOML string without raw UTF-8 checks is JSON's, too. */
	return arena_format(arena,
		"{\"event\":\"question\",\"id\":%" PRIu64 ",\"name\":%s,\"port\":%u,"
		"\"rule\":%s,\"expires\":%" PRId64 ",\"who\":%s,\"container\":%s,"
		"\"workdir\":%s}\n",
		q->id, quote_toml(arena, q->name), q->port, quote_toml(arena, q->rule),
		(q->deadline - now) / 1000, quote_toml(arena, q->who),
		quote_toml(arena, n->container), quote_toml(arena, n->workdir));
}

enum notify_answer notify_answer(const char *said, size_t size)
{
	static const char blanks[] = " \t\r\n";

	while (size > 0 && memchr(blanks, said[0], 4)) {
		said++;
		size--;
	}
	while (size > 0 && memchr(blanks, said[size - 1], 4))
		size--;
	if (size == 5 && memcmp(said, "allow", 5) == 0)
		return NOTIFY_ALLOW;
	return size == 4 && memcmp(said, "deny", 4) == 0 ? NOTIFY_DENY : NOTIFY_NONE;
}

void notify_environment(char *const *from, struct string_list *out)
{
	/* environ(7), the XDG base directories, X11, Wayland, D-Bus. */
	static const char *const passed[] = {"PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=",
		"LANG=", "LC_", "TZ=", "TMPDIR=", "XDG_",
		"DISPLAY=", "XAUTHORITY=", "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS="};

	for (; *from; from++)
		for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
			if (strncmp(*from, passed[i], strlen(passed[i])) == 0) {
				string_list_add(out, *from);
				break;
			}
}
