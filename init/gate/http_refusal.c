/*
 * The response to a refused HTTP request.
 */
#include <stdio.h>
#include <string.h>

#include "../policy/policy.h"
#include "http.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443

static const char *status_of(enum gate_reason reason)
{
	switch (reason) {
	case GATE_NOT_ALLOWED:
	case GATE_DENIED:
	case GATE_ECH:
	case GATE_ADDRESS:
		return "403 Forbidden";
	case GATE_UNRESOLVED:
	case GATE_UNREACHABLE:
	case GATE_PROXY:
		return "502 Bad Gateway";
	default:
		return "400 Bad Request";
	}
}

size_t http_refusal_write(enum gate_reason reason, const char *name, uint16_t port,
	const char *said, char out[HTTP_REFUSAL_SIZE])
{
	char clean[NAME_TEXT], at[sizeof(":65535")] = "", advised[RULE_FOR_NAME],
			       rule[RULE_FOR_NAME + 64] = "";
	const char *why = gate_ipc_reason_text(reason);
	char line[2 * NAME_TEXT + 192 + GATE_PROXY_REPLY];
	int len;

	name_report(name, strlen(name), clean);
	if (clean[0] != '\0' && port != 0 && port != HTTP_PORT && port != HTTPS_PORT)
		snprintf(at, sizeof(at), ":%u", port);
	/* No rule can contain such a name. */
	if ((reason == GATE_NOT_ALLOWED || reason == GATE_ECH) && clean[0] != '\0' &&
		!strchr(clean, '?'))
		snprintf(rule, sizeof(rule), "; allow it with: --allow %s%s",
			rule_for_name(clean, port, advised), reason == GATE_ECH ? "+ech" : "");
	if (reason == GATE_NOT_ALLOWED && clean[0] != '\0')
		len = snprintf(line, sizeof(line), "codex-sandbox: %s%s is not allowed%s\n",
			clean, at, rule);
	else
		len = snprintf(line, sizeof(line), "codex-sandbox: %s%s%s%s%s%s%s%s\n", clean,
			at, clean[0] ? ": " : "", why ? why : "refused", rule,
			said[0] ? " (" : "", said, said[0] ? ")" : "");
	len = snprintf(out, HTTP_REFUSAL_SIZE,
		"HTTP/1.1 %s\r\n"
		"Content-Type: text/plain\r\n"
		"Content-Length: %d\r\n"
		"Connection: close\r\n"
		"\r\n"
		"%s",
		status_of(reason), len, line);
	return (size_t)len;
}
