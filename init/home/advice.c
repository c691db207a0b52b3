/* See advice.h. */
#include "advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "toml.h"

enum why { PROGRAM, PLACE, HOST, LOGOUT, SANDBOX, STOP, RENAMED, REASONS };

static const char *const reasons[REASONS] = {
	[PROGRAM] = "(programs, which this container must have)",
	[PLACE] = "(a path of the host's)",
	[HOST] = "(other hosts, which need --allow)",
	[LOGOUT] = "(may log you out)",
	[SANDBOX] = "(Codex's own sandbox, which can't work here)",
	[STOP] = "(Codex no longer starts with it)",
	[RENAMED] = "(has another name today)",
};

/*
 * key: '*' matches any one part; keys below it count too. only: the only value that counts.
 * harmless: a value that doesn't count. Without either, any value counts. Arrays rather than
 * pointers, since in a position-independent program each pointer needs a relocation as large
 * as the text.
 */
static const struct row {
	char key[34], only[10], harmless[20];
	unsigned char why;
} rows[] = {
	{"mcp_servers.*.command", "", "", PROGRAM},
	{"notify", "", "[]", PROGRAM},
	{"hooks", "", "", PROGRAM},
	{"model_providers.*.auth.command", "", "", PROGRAM},
	{"sqlite_home", "", "", PLACE},
	{"log_dir", "", "", PLACE},
	{"model_instructions_file", "", "", PLACE},
	{"experimental_compact_prompt_file", "", "", PLACE},
	{"mcp_servers.*.url", "", "", HOST},
	{"model_providers.*.base_url", "", "", HOST},
	{"openai_base_url", "", "", HOST},
	{"chatgpt_base_url", "", "", HOST},
	{"otel.exporter", "", "none", HOST},
	{"otel.trace_exporter", "", "none", HOST},
	{"otel.metrics_exporter", "", "none", HOST},
	{"forced_login_method", "", "", LOGOUT},
	{"forced_chatgpt_workspace_id", "", "", LOGOUT},
	{"sandbox_mode", "", "danger-full-access", SANDBOX},
	{"default_permissions", "", ":danger-full-access", SANDBOX},
	{"approval_policy", "untrusted", "", STOP},
	{"profile", "", "", STOP},
	{"model_providers.*.wire_api", "chat", "", STOP},
	{"web_search_request", "", "", RENAMED},
	{"features.web_search_request", "", "", RENAMED},
	{"tools.web_search_request", "", "", RENAMED},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS <= 32, "a bit for each row");

/* A row's name in the message: the table, or for single settings the setting. */
static const char *label(const struct row *row, int *length)
{
	const char *last = strrchr(row->key, '.');

	*length = (int)strcspn(row->key, ".");
	if (!last || (row->why != STOP && row->why != RENAMED))
		return row->key;
	*length = (int)strlen(last + 1);
	return last + 1;
}

static bool key_is(const char *path, const char *key)
{
	for (;;) {
		size_t n = strcspn(path, "."), m = strcspn(key, ".");

		if (!(m == 1 && *key == '*') && (n != m || memcmp(path, key, n) != 0))
			return false;
		path += n;
		key += m;
		if (!*key)
			return true;
		if (!*path)
			return false;
		path++;
		key++;
	}
}

static bool is(const char *value, size_t size, const char *text)
{
	return value && strlen(text) == size && memcmp(value, text, size) == 0;
}

/* Codex's home, mounts, and temporary directories exist in the container. */
static bool is_inside(const char *value, size_t size)
{
	static const char inside[][12] = {"/codex_home", "/app/", "/tmp/"};

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		size_t n = strlen(inside[i]);

		if (size >= n && memcmp(value, inside[i], n) == 0)
			return true;
	}
	return false;
}

static bool counts(const struct row *row, const char *value, size_t size)
{
	if (row->only[0])
		return is(value, size, row->only);
	if (row->harmless[0] && is(value, size, row->harmless))
		return false;
	/* A table header alone sets nothing, except for hooks. */
	if (!value)
		return row->why == PROGRAM && strcmp(row->key, "hooks") == 0;
	return row->why != PLACE || !is_inside(value, size);
}

static void visit(void *context, const char *path, const char *value, size_t value_size)
{
	uint32_t *found = context;

	for (size_t i = 0; i < ROWS; i++)
		if (key_is(path, rows[i].key) && counts(&rows[i], value, value_size))
			*found |= UINT32_C(1) << i;
}

uint32_t advice_find(const char *text, size_t size, bool held)
{
	uint32_t found = 0;

	/* Anything after a syntax error is left for Codex to complain about. */
	toml_scan(text, size, visit, &found);
	for (size_t i = 0; held && i < ROWS; i++)
		if (rows[i].why == SANDBOX)
			found &= ~(UINT32_C(1) << i);
	return found;
}

static void append(char *out, size_t size, const char *first, const char *second, int length)
{
	size_t n = strlen(out);

	snprintf(out + n, size - n, "%s%.*s", first, length, second);
}

/* Appends the labels for one reason, each once: rows with the same label are adjacent. */
static void describe(uint32_t found, unsigned why, char *out, size_t size)
{
	const char *before = out[0] ? "; " : "config.toml was made for the host: ",
		   *previous = "";
	int length, previous_length = 0;

	for (size_t i = 0; i < ROWS; i++) {
		const char *text = label(&rows[i], &length);

		if (!(found >> i & 1) || rows[i].why != why ||
			(length == previous_length &&
				memcmp(text, previous, (size_t)length) == 0))
			continue;
		append(out, size, before, text, length);
		before = ", ";
		previous = text;
		previous_length = length;
	}
	if (previous_length)
		append(out, size, " ", reasons[why], (int)strlen(reasons[why]));
}

void advice_line(uint32_t found, char *out, size_t size)
{
	out[0] = '\0';
	for (unsigned why = 0; why < REASONS; why++)
		describe(found, why, out, size);
}

const char *advice_hint(uint32_t found)
{
	for (size_t i = 0; i < ROWS; i++)
		if (found >> i & 1 && rows[i].why == RENAMED)
			return "instead of web_search_request: web_search = \"live\", "
			       "\"cached\" or "
			       "\"disabled\"";
	return NULL;
}

struct mended {
	char *text;
	size_t size;
};

static void mend_value(void *context, const char *path, const char *value, size_t size)
{
	static const char untrusted[] = "untrusted", never[] = "never";
	const size_t old = sizeof(untrusted) - 1, new = sizeof(never) - 1;
	const struct mended *m = context;
	size_t at, end;

	if (strcmp(path, "approval_policy") != 0 || !is(value, size, untrusted))
		return;
	at = (size_t)(value - m->text);
	end = at + old;
	/* Between single quotes of either kind, so that what follows keeps its position. */
	if (end >= m->size || (m->text[end] != '"' && m->text[end] != '\'') ||
		(end + 1 < m->size && m->text[end + 1] == m->text[end]))
		return;
	memcpy(m->text + at, never, new);
	m->text[at + new] = m->text[end];
	memset(m->text + at + new + 1, ' ', old - new);
}

void advice_mend(char *text, size_t size)
{
	struct mended m = {text, size};

	toml_scan(text, size, mend_value, &m);
}
