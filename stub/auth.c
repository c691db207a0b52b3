#include "auth.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "../init/lib/placeholder_login.h"
#include "bounds.h"
#include "json.h"

static int base64url_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

long auth_base64url(const char *text, size_t size, char *out, size_t out_size)
{
	unsigned pending = 0, bits = 0;
	size_t n = 0;

	if (size % 4 == 1)
		return -1;
	for (size_t i = 0; i < size; i++) {
		int digit = base64url_digit(text[i]);

		if (digit < 0)
			return -1;
		pending = (pending << 6 | (unsigned)digit) & 0xfff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == out_size)
			return -1;
		out[n++] = (char)(pending >> bits & 0xff);
	}
	return (long)n;
}

bool auth_expiry(const char *text, size_t size, int64_t *expires_at)
{
	static const char *const token_path[] = {"tokens", "access_token", NULL};
	static const char *const exp_path[] = {"exp", NULL};
	char claims[BOUND_TOKEN_BYTES];
	size_t token_size;
	const char *token = json_string(text, size, token_path, &token_size), *end, *dot;
	long n;

	if (!token)
		return false;
	/* header.claims.signature */
	end = token + token_size;
	dot = memchr(token, '.', token_size);
	if (!dot)
		return false;
	token = dot + 1;
	dot = memchr(token, '.', (size_t)(end - token));
	if (!dot)
		return false;
	n = auth_base64url(token, (size_t)(dot - token), claims, sizeof(claims));
	return n > 0 && json_integer(claims, (size_t)n, exp_path, expires_at);
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
/* RFC 6750's b64token. */
#define B64TOKEN LETTERS ".~+/="

/* Copies a string of these characters that has at least one. Returns false, with "" in out, for
 * any other. */
static bool take(const char *found, size_t n, const char *characters, char *out, size_t room)
{
	out[0] = '\0';
	if (!found || n == 0 || n >= room)
		return false;
	memcpy(out, found, n);
	out[n] = '\0';
	if (strspn(out, characters) == n)
		return true;
	out[0] = '\0';
	return false;
}

/* auth_mode, where there is one, says that Codex uses this; *said: there is one. */
static bool mode_allows(const char *text, size_t size, const char *wanted, bool *said)
{
	static const char *const path[] = {"auth_mode", NULL};
	size_t n;
	const char *mode = json_string(text, size, path, &n);

	*said = mode != NULL;
	return !mode || (n == strlen(wanted) && memcmp(mode, wanted, n) == 0);
}

bool auth_key(const char *text, size_t size, char key[BOUND_KEY_BYTES + 1])
{
	static const char *const key_path[] = {"OPENAI_API_KEY", NULL}, *const token_path[] = {
										"tokens",
										"access_token",
										NULL};
	size_t n, unused;
	const char *found = json_string(text, size, key_path, &n);
	bool said, good = mode_allows(text, size, "apikey", &said);

	key[0] = '\0';
	good = good && (said || !json_string(text, size, token_path, &unused));
	return good && found && n >= BOUND_KEY_LEAST &&
	       take(found, n, B64TOKEN, key, BOUND_KEY_BYTES + 1);
}

bool auth_chatgpt(const char *text, size_t size, struct auth_chatgpt *out)
{
	static const char *const token_path[] = {"tokens", "access_token", NULL},
				 *const account_path[] = {"tokens", "account_id", NULL},
				 *const id_path[] = {"tokens", "id_token", NULL};
	const char *found, *claims, *signature;
	bool said, good = mode_allows(text, size, "chatgpt", &said);
	size_t n;

	found = json_string(text, size, token_path, &n);
	good = good && take(found, n, B64TOKEN, out->token, sizeof(out->token));
	found = json_string(text, size, account_path, &n);
	good = good && take(found, n, LETTERS, out->account, sizeof(out->account));
	found = json_string(text, size, id_path, &n); /* header.claims.signature */
	claims = found ? memchr(found, '.', n) : NULL;
	signature = claims ? memchr(claims + 1, '.', (size_t)(found + n - claims - 1)) : NULL;
	good = good && signature &&
	       take(claims + 1, (size_t)(signature - claims - 1), LETTERS, out->claims,
		       sizeof(out->claims));
	if (!good)
		out->token[0] = '\0';
	return good;
}

/* Left in Codex's home by a session in which the broker had the credential. */
static bool is_placeholder(const char *text, long n)
{
	return memmem(text, (size_t)n, PLACEHOLDER_WORD, strlen(PLACEHOLDER_WORD)) != NULL;
}

enum auth_state auth_look(int fd, const char *path, struct auth_facts *facts, struct error *t)
{
	/* One byte more than allowed, to detect that there is more. */
	static char text[BOUND_AUTH_BYTES + 1];
	static const char operation[] = "use the credentials";
	struct stat st;
	size_t position;
	long n;

	*facts = (struct auth_facts){0};
	if (fstat(fd, &st) < 0)
		return refuse_errno(t, operation, path), AUTH_BAD;
	if (!S_ISREG(st.st_mode))
		return refuse(t, operation, path, "not a regular file"), AUTH_BAD;
	n = file_read(fd, text, sizeof(text));
	if (n < 0)
		return refuse_errno(t, operation, path), AUTH_BAD;
	if (n == 0 || is_placeholder(text, n))
		return AUTH_ABSENT;
	if (n > BOUND_AUTH_BYTES) {
		refuse(t, operation, path, "larger than %d KiB: too large for an auth.json",
			BOUND_AUTH_BYTES / 1024);
		return AUTH_BAD;
	}
	if (!json_is_object(text, (size_t)n, &position)) {
		refuse(t, operation, path, "not a JSON object (error at byte %zu)",
			position + 1);
		refuse_hint(t, "log in again with `codex login`, or name another file with "
			       "--auth_file");
		return AUTH_BAD;
	}
	facts->expires = auth_expiry(text, (size_t)n, &facts->expires_at);
	auth_key(text, (size_t)n, facts->key);
	auth_chatgpt(text, (size_t)n, &facts->chatgpt);
	return AUTH_GOOD;
}
