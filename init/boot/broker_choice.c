/*
 * Whether Codex's credential goes to the broker, and why not. It is taken out of the
 * environment before any process that isn't trusted with it exists: the workers are copies of
 * PID 1, and the command gets what is left. Whoever asks where the credential can go reads it
 * all here.
 */
#include "stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../broker/broker.h"
#include "../home/child.h"
#include "../home/endpoint.h"
#include "../home/uses.h"
#include "../lib/codex_use.h"
#include "../lib/placeholder_login.h"
#include "../lib/privileges.h"
#include "../lib/provider.h"

/* Of a ChatGPT login: "TOKEN ACCOUNT CLAIMS", the last those of the id token, in base64url. */
#define LOGIN "CODEX_INIT_LOGIN"

/* In the order in which Codex takes them. */
static const char *const keys[] = {"CODEX_API_KEY", "OPENAI_API_KEY"};
/* What Codex verifies servers by, in the order in which it takes them. */
static const char *const roots[] = {"CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *first_set(const struct boot *b, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = environment_get(&b->env, names[i]);

		if (value && *value)
			return value;
	}
	return NULL;
}

static const char elsewhere[] = "Codex is told to send its requests to another place",
		  a_login[] = "this is a login";

/* By its command line Codex doesn't use the credential, or not at OpenAI. NULL: it does. */
static const char *said_otherwise(const struct boot *b)
{
	char *const *command = b->o->command; /* none: codex */

	if (command[0] && codex_use(command) == CODEX_LOGIN)
		return a_login;
	for (char *const *word = command; *word; word++)
		if (provider_word(*word))
			return elsewhere;
	return NULL;
}

/* The same by files: an earlier session's command can have written them, to get the key in this
 * one. With one uid for all, a home that we can't look at isn't the command's either. */
static const char *found_otherwise(const struct boot *b)
{
	const char *from = b->o->home_from ? b->o->home_from : DROP_OFF;
	struct home_uses uses;
	struct failure f;

	if (home_uses(b->home, from, &uses, &f) < 0)
		return privileges_shared() ? NULL : "Codex's home can't be looked at";
	if (uses.login)
		return "Codex has an auth.json in its home and uses that";
	return uses.provider ? elsewhere : NULL;
}

static int try_roots(void *context, void *result, struct failure *f)
{
	struct stat st;

	(void)result;
	if (access(context, R_OK) < 0 || stat(context, &st) < 0)
		return fail_errno(f, "read", context);
	return S_ISREG(st.st_mode) && st.st_size <= LIMIT_ROOTS
		       ? 0
		       : fail(f, "read", context, "it is no file, or too large");
}

/* It may be in the project, where an earlier command has put anything in its place. */
static bool broker_may_read(const char *file)
{
	struct failure f;

	return child_run_as(UID_BROKER, UID_BROKER, NULL, try_roots, (char *)(uintptr_t)file,
		       NULL, 0, &f) == 0;
}

/* Copies what will be given to the broker. Returns false if it is none. */
static bool copy_key(struct boot *b, const char *key)
{
	b->broker.token = strdup(key);
	return b->broker.token && broker_credential_valid(b->broker.token);
}

static bool copy_login(struct boot *b, const char *login)
{
	char *account, *claims;

	b->broker.token = strdup(login);
	account = b->broker.token ? strchr(b->broker.token, ' ') : NULL;
	claims = account ? strchr(account + 1, ' ') : NULL;
	if (!claims)
		return false;
	*account++ = *claims++ = '\0';
	b->broker.account = account;
	return broker_credential_valid(b->broker.token) && broker_account_valid(account) &&
	       broker_credential_valid(claims) &&
	       asprintf(&b->broker.dummy, PLACEHOLDER_CHATGPT, claims, account) > 0;
}

/* The reason why the credential can't be kept from the command; NULL: it can. file: what
 * servers are verified by, or NULL. */
static const char *impossible(
	struct boot *b, const char *key, const char *login, const char *file)
{
	if (!(login ? copy_login(b, login) : copy_key(b, key)))
		return "the credential has characters that none has";
	if (privileges_shared() || wall_keeps_root(b))
		return "it needs a user id of its own, and here all processes have the same";
	if (b->broker.account && wall_is_cell(b))
		return "for a ChatGPT login it needs port 443, which the gate has in the cell";
	if (!b->codex_home)
		return "the image has no home for Codex";
	if (!b->o->default_rules)
		return "--no-default-rules leaves OpenAI's names to your rules";
	if (!broker_lives_program(BROKER_PROGRAM))
		return "the image has no " BROKER_PROGRAM " that only root can replace";
	if (!broker_lives_program(BROKER_HAPROXY))
		return "the image has no haproxy at " BROKER_HAPROXY
		       " that only root can replace";
	if (!endpoint_settable(ETC_DIR))
		return "Codex's settings in " ETC_DIR
		       " aren't the image's, or can't be written";
	if (b->broker.account && !broker_lives_program(BROKER_OPENSSL))
		return "the image has no " BROKER_OPENSSL " that only root can replace";
	if (file && !broker_path_valid(file))
		return "the path of its certificates has characters other than letters, digits "
		       "and -._+/@,";
	return NULL;
}

static int refuse_on(const char *why, const char *hint, struct failure *f)
{
	fail(f, "use the broker", "--broker=on", "%s", why);
	return fail_hint(f, "%s", hint);
}

static const char *server_of(const struct boot *b)
{
	return b->broker.account ? BROKER_SERVER_CHAT : BROKER_SERVER_KEY;
}

/* Overwritten in place: /proc/1/environ shows it, and each worker has a copy of our memory. */
static void wipe(const char *text)
{
	if (text)
		explicit_bzero((char *)(uintptr_t)text, strlen(text));
}

static void forget(struct boot *b, const char *name)
{
	wipe(environment_get(&b->env, name));
	wipe(getenv(name));
	environment_unset(&b->env, name);
}

static void remove_keys(struct boot *b)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		forget(b, keys[i]);
	b->status.keyless = true;
}

static int take_credential(struct boot *b, const char *file, struct failure *f)
{
	b->broker.roots = strdup(file ? file : BROKER_ROOTS);
	if (!b->broker.roots)
		return fail_errno(f, "keep the credential", "");
	remove_keys(b);
	policy_set_broker(&b->o->policy, server_of(b));
	b->brokered = true;
	if (!b->broker.account)
		return 0;
	if (environment_set(&b->env, "CODEX_CA_CERTIFICATE", BROKER_BUNDLE) < 0 ||
		environment_set(
			&b->env, "CODEX_REFRESH_TOKEN_URL_OVERRIDE", BROKER_RENEWAL_URL) < 0)
		return fail_errno(f, "set a variable", "");
	return 0;
}

/* Gives it to the broker, or says why that can't be. */
static int settle(struct boot *b, const char *key, const char *login, struct failure *f)
{
	const bool on = b->o->broker == BROKER_ON;
	const char *file = first_set(b, roots, COUNT(roots)), *why = said_otherwise(b), *found;

	/* It has no use for a key, and the home's bin/codex may be an earlier command's. */
	if (why == a_login && !on)
		remove_keys(b);
	if (why && !on)
		return 0;
	found = why ? NULL : found_otherwise(b);
	if (!why)
		why = found ? found : impossible(b, key, login, file);
	if (!why && file && !broker_may_read(file))
		why = found = "its certificates aren't in a file that everybody may read, of 4 "
			      "MB at most";
	if (!why)
		return take_credential(b, file, f);
	wipe(b->broker.token);
	if (on)
		return refuse_on(why, "--broker=off leaves the credential to the command", f);
	if (found)
		remove_keys(b);
	say_warning("config", "the broker is off: %s: %s", why,
		found ? "an earlier command may have arranged that, so this one doesn't get "
			"the API key (it does with --broker=off)"
		      : "the command can read the API key");
	return 0;
}

int broker_choose(struct boot *b, struct failure *f)
{
	const bool on = b->o->broker == BROKER_ON, strict = b->o->egress == EGRESS_STRICT;
	const char *key = first_set(b, keys, COUNT(keys)),
		   *login = on ? environment_get(&b->env, LOGIN) : NULL;
	int done = 0;

	environment_unset(&b->env, "CODEX_INIT_BROKER");
	if (on && !strict)
		done = refuse_on("only --egress=strict keeps the command from OpenAI's names",
			"leave out one of the two", f);
	else if (on && !key && !login)
		done = refuse_on("there is no credential for it",
			"give a key with -e OPENAI_API_KEY, or start codex-sandbox where there "
			"is a ChatGPT login; or leave out --broker=on",
			f);
	else if (key && login)
		done = refuse_on("there are two credentials: an API key and a ChatGPT login",
			"leave out one of the two", f);
	else if ((key || login) && strict && b->o->broker != BROKER_OFF)
		done = settle(b, key, login, f);
	forget(b, LOGIN);
	return done;
}
