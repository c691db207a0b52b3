/*
 * What the broker lets through, as two tables, and haproxy's configuration made from them.
 * Everything else in a request is refused or taken away. Pure.
 */
#include "broker.h"

#include <string.h>

#include "../lib/placeholder_login.h"

/* A credential that the service may send back is looked for: a shorter one is found by chance.
 */
#define LEAST_CREDENTIAL 8
#define MOST_PATH        255

/* ---- The tables ---------------------------------------------------------------------- */

enum kind {
	PLAIN,     /* a request with a body */
	WEBSOCKET, /* an upgrade (RFC 6455), without a body */
	LOOK,      /* no body; may have parameters */
	VAIN,      /* Codex asks for it and does without: refused, with a reason that says so */
};

struct route {
	const char *method, *path;
	enum kind kind;
};

/* What Codex asks for with an API key. */
static const struct route with_key[] = {
	{"POST", "/v1/responses", PLAIN},
	{"GET", "/v1/responses", WEBSOCKET},
	{"POST", "/v1/responses/compact", PLAIN},
	{"GET", "/v1/models", LOOK},
	{NULL, NULL, PLAIN},
};

/* ... with a ChatGPT login. */
static const struct route with_chatgpt[] = {
	{"POST", "/backend-api/codex/responses", PLAIN},
	{"GET", "/backend-api/codex/responses", WEBSOCKET},
	{"POST", "/backend-api/codex/responses/compact", PLAIN},
	{"GET", "/backend-api/codex/models", LOOK},
	{"GET", "/backend-api/wham/accounts/check", LOOK},
	{"GET", "/backend-api/wham/settings/user", VAIN},
	{"GET", "/backend-api/wham/usage", VAIN},
	{"GET", "/backend-api/wham/rate-limit-reset-credits", VAIN},
	{"GET", "/backend-api/wham/security-setup", VAIN},
	{"GET", "/backend-api/wham/config/bundle", VAIN},
	{"GET", "/backend-api/wham/workspace-messages", VAIN},
	{"POST", "/backend-api/ps/mcp", VAIN},
	{"POST", "/backend-api/codex/analytics-events/events", VAIN},
	{NULL, NULL, PLAIN},
};

/*
 * Headers that pass, as regular expressions. None can name an account: no cookie, no
 * organisation, no project, no credential of the client's (which OpenAI's WebSockets take in
 * sec-websocket-protocol as well). Nor can one change what the server makes of ours: Connection
 * would have it forget those that it names (RFC 9110, 7.6.1).
 */
static const char *const headers[] = {"host", "accept", "accept-encoding",
	"content-(?:type|encoding|length)", "sec-websocket-(?:key|version|extensions)",
	"user-agent", "originator", "openai-beta", "version", "session-id", "session_id",
	"thread-id", "conversation_id", "x-client-request-id", "x-codex-[a-z-]+",
	"x-openai-internal-codex-[a-z-]+", "x-openai-subagent"};

/* Headers of responses that don't: they say or set who the account is. */
static const char *const hidden[] = {
	"set-cookie", "alt-svc", "openai-organization", "openai-project", "x-request-project"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- The configuration --------------------------------------------------------------- */

#define FOUND   "{ var(txn.why) -m found }"
#define KIND(k) "{ var(txn.kind) -m str " k " }"

static const char *const kinds[] = {
	[PLAIN] = "plain", [WEBSOCKET] = "websocket", [LOOK] = "look", [VAIN] = "vain"};
/* The value of a map of ours, which has one key. */
#define VALUE "%%[str(x),map_str(/proc/self/fd/%d)]"

/*
 * A model may think, and a WebSocket be silent, for hours: what has begun is left alone for a
 * day. Connections to the server are kept for a minute, so that the next request finds one. The
 * HTTP client is haproxy's own, which nothing here uses: with nothing to verify it doesn't load
 * the system's authorities, a third of the time that haproxy takes to start. The cache of TLS
 * sessions, for clients by the thousand, is a fifth; Codex's next connection takes 0.2 ms
 * longer. Forwarded without a copy, a chunk's end (RFC 9112, 7.1) would wait for the next one.
 */
static const char beginning[] = "global\n"
				"    nbthread 1\n"
				"    maxconn 200\n"
				"    log fd@%d len 1024 format raw local0\n"
				"    httpclient.ssl.verify none\n"
				"    tune.ssl.cachesize 0\n"
				"    stats socket sockpair@%d level admin\n"
				"    ssl-server-verify required\n"
				"    ssl-default-server-options ssl-min-ver TLSv1.2\n"
				"    tune.bufsize 32768\n"
				"    tune.disable-zero-copy-forwarding\n"
				"defaults\n"
				"    mode http\n"
				"    log global\n"
				"    log-format \"%%ST %%ts %%[var(txn.why)] %%HM %%HP\"\n"
				"    option dontlognull\n"
				"    option http-no-delay\n"
				"    http-reuse safe\n"
				"    timeout http-request 30s\n"
				"    timeout http-keep-alive 300s\n"
				"    timeout connect 30s\n"
				"    timeout client 24h\n"
				"    timeout server 24h\n"
				"    timeout tunnel 24h\n"
				"    timeout client-fin 10s\n"
				"backend openai\n";

/* The first reason stands. */
static void because(enum broker_reason reason, const char *condition, FILE *to)
{
	fprintf(to, "    http-request set-var(txn.why) str(%s) if !" FOUND " %s\n",
		broker_ipc_reason_word(reason), condition);
}

static void write_routes(const struct route *r, FILE *to)
{
	for (; r->method; r++)
		fprintf(to,
			"    http-request set-var(txn.kind) str(%s) if { method %s } "
			"{ path -m str %s }%s\n",
			kinds[r->kind], r->method, r->path,
			r->kind == WEBSOCKET ? " { req.fhdr(upgrade),lower -m str websocket }"
					     : "");
	because(BROKER_VAIN, KIND("vain"), to);
	fputs("    http-request return status 404 if " KIND("vain") "\n", to);
}

/* Codex renews its login when the server says that it has expired: by then the broker has the
 * host's new one, or there is none. */
static const char renewal[] =
	"    http-request return status 200 content-type application/json string "
	"'{\"access_token\":\"" PLACEHOLDER_TOKEN "\"}' if METH_POST "
	"{ path -m str " BROKER_RENEWAL_PATH " }\n";

static void write_refusals(const char *host, FILE *to)
{
	char other[96];

	snprintf(other, sizeof(other), "!{ req.fhdr(host) -m str %s }", host);
	because(BROKER_HOST, other, to);
	because(BROKER_FORM, "!{ url -m beg / }", to);
	because(BROKER_REQUEST, "!{ var(txn.kind) -m found }", to);
	because(BROKER_QUERY, "{ url -m sub ? } !" KIND("look"), to);
	because(BROKER_BODY, "{ req.hdr_cnt(content-length) gt 0 } !" KIND("plain"), to);
	/* Behind chunks there may be more headers, which haproxy passes unseen. */
	because(BROKER_BODY, "{ req.hdr_cnt(transfer-encoding) gt 0 }", to);
	fputs("    http-request deny deny_status 403 content-type application/json string "
	      "'{\"error\":{\"message\":\"codex-sandbox: the broker lets through only what "
	      "Codex needs\"}}' if " FOUND "\n",
		to);
}

static void write_headers(
	const struct broker_files *files, const char *server, bool chatgpt, FILE *to)
{
	static const char websocket[] = KIND("websocket");

	fputs("    http-request del-header ^(?!(?:", to);
	for (size_t i = 0; i < COUNT(headers); i++)
		fprintf(to, "%s%s", i ? "|" : "", headers[i]);
	fprintf(to,
		")$) -m reg\n"
		"    http-request set-header Upgrade websocket if %s\n"
		"    http-request set-header Connection Upgrade if %s\n"
		"    http-request set-header Authorization \"Bearer " VALUE "\"\n"
		"    http-request set-header Host %s\n",
		websocket, websocket, files->token, server);
	if (chatgpt)
		fprintf(to, "    http-request set-header ChatGPT-Account-ID \"" VALUE "\"\n",
			files->account);
}

static void write_responses(int echo, FILE *to)
{
	for (size_t i = 0; i < COUNT(hidden); i++)
		fprintf(to, "    http-response del-header %s\n", hidden[i]);
	fprintf(to,
		"    http-response set-var(txn.why) str(%s) if { res.hdrs -m sub -f "
		"/proc/self/fd/%d }\n"
		"    http-response set-var(txn.why) str(%s) if { status 101 } !" KIND(
			"websocket") "\n"
				     "    http-response deny deny_status 502 if " FOUND "\n",
		broker_ipc_reason_word(BROKER_ECHO), echo, broker_ipc_reason_word(BROKER_ECHO));
}

static const char *server_of(bool chatgpt)
{
	return chatgpt ? BROKER_SERVER_CHAT : BROKER_SERVER_KEY;
}

void broker_rules_begin(
	const struct broker_config *c, const struct broker_files *files, bool chatgpt, FILE *to)
{
	const char *server = server_of(chatgpt);

	fprintf(to, beginning, files->log, files->command);
	write_responses(files->echo, to);
	fprintf(to,
		"    server openai abns@%s ssl verify required ca-file %s "
		"sni str(%s) verifyhost %s alpn http/1.1 pool-purge-delay 60s\n",
		c->to, c->roots, server, server);
}

void broker_rules_end(
	const struct broker_config *c, const struct broker_files *files, bool chatgpt, FILE *to)
{
	char host[32] = BROKER_SERVER_CHAT;

	if (!chatgpt)
		snprintf(host, sizeof(host), "127.0.0.1:%u", c->port);
	fprintf(to,
		"frontend codex\n"
		"    option disable-h2-upgrade\n"
		"    bind fd@%d",
		c->web);
	if (chatgpt)
		fprintf(to, " ssl crt /proc/self/fd/%d ssl-min-ver TLSv1.2 alpn http/1.1",
			c->leaf);
	fputs("\n", to);
	write_routes(chatgpt ? with_chatgpt : with_key, to);
	if (chatgpt)
		fputs(renewal, to);
	write_refusals(host, to);
	write_headers(files, server_of(chatgpt), chatgpt, to);
	fputs("    default_backend openai\n", to);
}

/* ---- What may be in it ----------------------------------------------------------------- */

static bool consists_of(const char *text, const char *others, size_t least, size_t most)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (!((text[n] >= 'a' && text[n] <= 'z') ||
			    (text[n] >= 'A' && text[n] <= 'Z') ||
			    (text[n] >= '0' && text[n] <= '9') || strchr(others, text[n])))
			return false;
	return n >= least && n <= most;
}

bool broker_credential_valid(const char *text)
{
	return consists_of(text, "-._~+/=", LEAST_CREDENTIAL, BROKER_CREDENTIAL);
}

bool broker_account_valid(const char *text)
{
	return consists_of(text, "-_", 1, BROKER_ACCOUNT);
}

bool broker_path_valid(const char *text)
{
	return text[0] == '/' && consists_of(text, "-._+/@,", 2, MOST_PATH);
}
