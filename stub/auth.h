/*
 * What may be mounted as Codex's credentials: one JSON object. What it holds is looked at only
 * to warn of an access token that has run out or is about to.
 */
#ifndef STUB_AUTH_H
#define STUB_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

enum auth_state {
	AUTH_ABSENT, /* no such file, or an empty one: an engine leaves those as mount points */
	AUTH_GOOD,
	AUTH_BAD, /* *t says why */
};

/* What is known of a file of credentials. */
struct auth_facts {
	bool expires;       /* it holds an access token whose end is known */
	int64_t expires_at; /* seconds since 1970 */
};

/* Looks at an open file. What can't be read, isn't a regular file, is too big or isn't a JSON
 * object is AUTH_BAD. path is for the message. */
enum auth_state auth_look(int fd, const char *path, struct auth_facts *facts, struct error *t);

/* The `exp` of tokens.access_token, a JWT (RFC 7519), in the text of an auth.json. Pure; the
 * signature is not ours to check. */
bool auth_expiry(const char *text, size_t size, int64_t *expires_at);

/* Decodes base64url without padding (RFC 4648 §5). Returns the bytes written, or -1 where the
 * text is malformed or the result doesn't fit. */
long auth_base64url(const char *text, size_t size, char *out, size_t out_size);

#endif
