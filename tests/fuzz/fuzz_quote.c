/*
 * The launcher's quoting of a path, each parsed as its reader does: the result is the
 * original, whatever bytes a directory's name consists of.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/home/mountcheck.h"
#include "stub/bounds.h"
#include "stub/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* POSIX 2.2: outside of quotes only what is special to no shell; a backslash quotes one
 * character. */
static void shell(const char *spelt, const char *word)
{
	bool quoted = false;

	check(*spelt != '\0');
	for (; *spelt; spelt++) {
		if (*spelt == '\'') {
			quoted = !quoted;
			continue;
		}
		if (!quoted && *spelt == '\\')
			spelt++;
		else if (!quoted)
			check(!strchr(" \t\n|&;<>()$`\\\"'*?[]#~!{}^", *spelt));
		check(*spelt && *spelt == *word++);
	}
	check(!quoted && *word == '\0');
}

/* RFC 4180, one field of a record. */
static void csv(const char *spelt, const char *field)
{
	bool quoted = *spelt == '"';

	for (spelt += quoted; *spelt; spelt++) {
		if (quoted && *spelt == '"' && *++spelt != '"')
			break;
		check(quoted || (*spelt != ',' && *spelt != '"'));
		check(*spelt == *field++);
	}
	check(*spelt == '\0' && *field == '\0');
}

/* A basic string of TOML 1.0. */
static void toml(const char *spelt, const char *text)
{
	check(*spelt++ == '"');
	for (; *spelt != '"'; spelt++) {
		unsigned c = (unsigned char)*spelt;

		check(c >= ' ' && c != 0x7f);
		if (c == '\\' && *++spelt == 'u') {
			check(sscanf(spelt + 1, "%4x", &c) == 1);
			spelt += 4;
		} else if (c == '\\') {
			c = (unsigned char)*spelt;
			check(c == '"' || c == '\\');
		}
		check(c == (unsigned char)*text++);
	}
	check(spelt[1] == '\0' && *text == '\0');
}

/* An entry of the list of mounts, as codex-init reads it. */
static void percent(const char *spelt, const char *path)
{
	struct mountcheck_entry e;
	char list[3 * LIMIT_MOUNT_PATH + 32];

	if (path[0] != '/' || strlen(path) >= LIMIT_MOUNT_PATH)
		return;
	snprintf(list, sizeof(list), "8:1:42:%s", spelt);
	check(mountcheck_next(list, &e) != NULL && strcmp(e.path, path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct arena p = {0};
	const char *why = NULL, *name;

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	shell(quote_shell(&p, text), text);
	csv(quote_csv(&p, text), text);
	toml(quote_toml(&p, text), text);
	percent(quote_percent(&p, text), text);
	if (quote_mountable(text, &why))
		check(!strpbrk(text, "\r\n"));
	else
		check(why != NULL);
	name = quote_container_name(&p, text, size & 1 ? "/home" : NULL);
	check(strlen(name) <= BOUND_NAME_TEXT + sizeof("codex__01234567"));
	for (const char *c = name; *c; c++)
		check(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
			     "-",
			      *c) != NULL);
	if (quote_is_variable(text, strlen(text)))
		check(!strpbrk(text, "= \t\n\"'$"));
	arena_free(&p);
	free(text);
	return 0;
}
