/*
 * Checks on what may be mounted as Codex's credentials: one JSON object. Its contents are
 * used only to warn of an access token that has expired or is about to, and to hand over an API
 * key (api_key.h).
 */
#ifndef STUB_AUTH_H
#define STUB_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "log.h"

enum auth_state {
	AUTH_ABSENT, /* no such file, or an empty one: engines leave those behind as mount
			points */
	AUTH_GOOD,
	AUTH_BAD, /* the reason is in *t */
};

/* A ChatGPT login without its refresh token. token "": there is none. */
struct auth_chatgpt {
	char token[BOUND_CREDENTIAL + 1], account[BOUND_ACCOUNT + 1];
	char claims[BOUND_CREDENTIAL + 1]; /* of the id token, in base64url */
};

/* What is known about a credentials file. */
struct auth_facts {
	bool expires;                  /* it contains an access token whose expiry is known */
	int64_t expires_at;            /* seconds since 1970 */
	char key[BOUND_KEY_BYTES + 1]; /* the API key that it is for; "": none */
	struct auth_chatgpt chatgpt;
};

/* Examines an open file. AUTH_BAD if it can't be read, isn't a regular file, is too big or
 * isn't a JSON object. path is for the message. */
enum auth_state auth_look(int fd, const char *path, struct auth_facts *facts, struct error *t);

/* The `exp` claim of tokens.access_token, a JWT (RFC 7519), in the text of an auth.json.
 * Pure; the signature isn't verified. */
bool auth_expiry(const char *text, size_t size, int64_t *expires_at);

/* The API key of an auth.json with which Codex uses it: auth_mode says so or, where there is
 * none, there is no access token. Copies it to key and returns true; false, with "" there, if
 * it uses none or one with other characters than RFC 6750's b64token has. Pure. */
bool auth_key(const char *text, size_t size, char key[BOUND_KEY_BYTES + 1]);

/* The ChatGPT login of an auth.json with which Codex uses it, for the broker (api_key.h).
 * False, with "" as the token, if there is none, or it has characters that none has. Pure. */
bool auth_chatgpt(const char *text, size_t size, struct auth_chatgpt *out);

/* Decodes base64url without padding (RFC 4648 section 5). Returns the number of bytes
 * written, or -1 if the text is malformed or the result doesn't fit. */
long auth_base64url(const char *text, size_t size, char *out, size_t out_size);

#endif
