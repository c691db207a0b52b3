/* See agent.h. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/replace.h"
#include "layers.h"

/* The keys that hold it, each preceded by a line break: the first one is added to the user's
 * own instructions, the second is a default for them. */
static const struct place {
	const char *file, *key;
} places[] = {
	{"requirements.toml", "\nadditional_developer_instructions = "},
	{"config.toml", "\ndeveloper_instructions = "},
};

/* OpenAI's own names are of no use to a command. */
static bool is_of_use(const struct policy *p, const struct rule *r)
{
	return r->effect == RULE_ALLOW && r->origin != ORIGIN_DEFAULT &&
	       (r->kind != RULE_NAME || policy_check_name(p, r->name).allowed);
}

static void write_addresses(const struct policy *p, FILE *to)
{
	size_t used = 0, left_out = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct rule r = p->rules[i];
		char text[LIMIT_RULE_TEXT];

		if (!is_of_use(p, &r))
			continue;
		/* +private and +ech don't concern the agent. */
		r.private = r.ech = false;
		rule_text(&r, text, sizeof(text));
		if (used + strlen(text) > LIMIT_AGENT_LIST) {
			left_out++;
			continue;
		}
		fprintf(to, "%s%s",
			used ? ", " : "Besides OpenAI's own names these are allowed: ", text);
		used += strlen(text);
	}
	if (left_out)
		fprintf(to, " and %zu more", left_out);
	fputs(used ? ".\n" : "Nothing is allowed besides OpenAI's own names.\n", to);
}

void agent_describe(const struct policy *p, bool audit, FILE *to)
{
	fputs("You work in codex-sandbox: a container whose network is limited to what its "
	      "user "
	      "has allowed. Nothing inside the container can change that.\n",
		to);
	write_addresses(p, to);
	fputs(audit ? "At present the rest is let through as well, and recorded for the user.\n"
		    : "The rest is refused at once, by that policy and not by a fault: a name "
		      "is "
		      "not found, a connection is reset, TLS ends with \"access denied\", HTTP "
		      "answers 403. `dig NAME` shows the reason. Don't try again, and don't "
		      "look "
		      "for a way around.\n",
		to);
	fputs("If you need another place, tell the user its name: they can start the sandbox "
	      "again with --allow NAME, or --allow NAME:PORT for ports other than 443 and 80. "
	      "All rules are in /etc/codex/allowed_domains.txt.\n",
		to);
}

/* Returns the length of the image's own part of the file, 0 if the file isn't the image's,
 * or -1 with *f filled. */
static ssize_t read_own(const char *dir, const struct place *place, char text[LIMIT_AGENT_FILE],
	struct failure *f)
{
	char path[192];
	const char *earlier;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, place->file);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : fail_errno(f, "read", path);
	n = file_read(fd, text, LIMIT_AGENT_FILE);
	close(fd);
	if (n <= 0 || !layers_are_ours(text, (size_t)n))
		return 0;
	if (n == LIMIT_AGENT_FILE)
		return fail(f, "read", path, "it is larger than the image's own");
	text[n] = '\0';
	earlier = strstr(text, place->key);
	return earlier ? earlier - text : n;
}

int agent_write(const char *dir, const struct policy *p, bool audit, struct failure *f)
{
	static char text[LIMIT_AGENT_FILE];
	const struct place *place = places;
	struct replacement r;
	ssize_t size = 0;

	for (; place < places + sizeof(places) / sizeof(places[0]); place++) {
		size = read_own(dir, place, text, f);
		if (size != 0)
			break;
	}
	if (size <= 0)
		return (int)size;
	if (replace_begin(&r, dir, place->file, f) < 0)
		return -1;
	fwrite(text, 1, (size_t)size, r.file);
	/* Three quotes end it, and no rule can contain one. */
	fprintf(r.file, "%s'''\n", place->key);
	agent_describe(p, audit, r.file);
	fputs("'''\n", r.file);
	return replace_end(&r, !ferror(r.file), f);
}
