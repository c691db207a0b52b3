/*
 * The auth.json that codex-init puts into Codex's home where the broker has the API key: no
 * login. The launcher, which looks for one there, knows it by its text.
 */
#ifndef INIT_LIB_PLACEHOLDER_LOGIN_H
#define INIT_LIB_PLACEHOLDER_LOGIN_H

#define PLACEHOLDER_LOGIN                                                                      \
	"{\"auth_mode\":\"apikey\",\"OPENAI_API_KEY\":\"codex-sandbox-broker\"}\n"

#endif
