/*
 * The auth.json that codex-init puts into Codex's home where the broker has the credential: no
 * login. The launcher, which looks for one there, knows it by a word that Codex keeps when it
 * writes the file anew.
 */
#ifndef INIT_LIB_PLACEHOLDER_LOGIN_H
#define INIT_LIB_PLACEHOLDER_LOGIN_H

#define PLACEHOLDER_WORD "codex-sandbox-broker"

/* For an API key. */
#define PLACEHOLDER_LOGIN                                                                      \
	"{\"auth_mode\":\"apikey\",\"OPENAI_API_KEY\":\"" PLACEHOLDER_WORD "\"}\n"

/* JWTs (RFC 7519) that nobody has signed: {"alg":"none"}, and {"exp":4102444800}, in 2100, so
 * that Codex renews nothing. */
#define PLACEHOLDER_JWT_HEAD "eyJhbGciOiJub25lIn0."
#define PLACEHOLDER_JWT_TAIL ".bm9uZQ"
#define PLACEHOLDER_TOKEN    PLACEHOLDER_JWT_HEAD "eyJleHAiOjQxMDI0NDQ4MDB9" PLACEHOLDER_JWT_TAIL

/* For a ChatGPT login, a format: the claims of its id token (base64url), and its account. */
#define PLACEHOLDER_CHATGPT                                                                    \
	"{\"auth_mode\":\"chatgpt\",\"OPENAI_API_KEY\":null,\"tokens\":{\"id_token\":"         \
	"\"" PLACEHOLDER_JWT_HEAD "%s" PLACEHOLDER_JWT_TAIL                                    \
	"\",\"access_token\":\"" PLACEHOLDER_TOKEN "\",\"refresh_token\":\"" PLACEHOLDER_WORD  \
	"\",\"account_id\":\"%s\"},"                                                           \
	"\"last_refresh\":\"2026-01-01T00:00:00Z\"}\n"

/* Where a Codex with the latter is led: the server's name, which /etc/hosts has for the broker;
 * a path there that renews the dummies by dummies; and the file of the authorities to trust. */
#define BROKER_SERVER_CHAT  "chatgpt.com"
#define BROKER_RENEWAL_PATH "/codex-init/token"
#define BROKER_RENEWAL_URL  "https://" BROKER_SERVER_CHAT BROKER_RENEWAL_PATH
#define BROKER_BUNDLE       "/run/codex/codex-ca.pem"

#endif
