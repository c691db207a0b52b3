/*
 * An API key in an auth.json of this machine. codex-init's broker keeps a key from what it runs
 * if it gets it in a variable (docs/codex-init.md): so where that will do, the key is handed
 * over by OPENAI_API_KEY, and the file stays out of the container.
 */
#ifndef STUB_API_KEY_H
#define STUB_API_KEY_H

#include <stdbool.h>

#include "auth.h"
#include "find.h"

#define API_KEY_VARIABLE "OPENAI_API_KEY"
/* What codex-init takes a ChatGPT login from: TOKEN ACCOUNT CLAIMS. */
#define CHATGPT_VARIABLE "CODEX_INIT_LOGIN"

/* True if there will be a broker, as far as codex-init is told by options and variables; in the
 * cell, if it has a user id of its own there. */
bool api_key_broker(const struct cli *c);

/* True if the ChatGPT login in the auth.json at path is to be handed over: that is asked for by
 * --broker=on, so where it can't be, codex-init ends the start with the reason. */
bool api_key_chatgpt(const struct plan *p, const struct cli *c, const char *path,
	const struct auth_facts *facts);

/*
 * True if the key in the auth.json at path, as auth_look() found it, is to be handed over: what
 * can be seen here says that there will be a broker and that Codex will use it, and Codex can't
 * read the file anyway. What lies where Codex can write isn't asked. The plan's mounts of
 * workdir and home, and its variables, must be there. A broker that can't be after all then
 * ends the start, since Codex would have no login.
 */
bool api_key_hand_over(struct search *s, const struct cli *c, const char *path,
	const struct auth_facts *facts);

#endif
