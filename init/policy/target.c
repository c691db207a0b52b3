/* See target.h. */
#include "target.h"

#include <stdio.h>
#include <string.h>

#include "../lib/num.h"

bool target_parse(const char *text, struct target *out, const char **reason)
{
	size_t len = strnlen(text, LIMIT_RULE_TEXT + 1), host = len, position;
	const char *colon = memchr(text, ':', len);
	bool bracket = text[0] == '[';

	memset(out, 0, sizeof(*out));
	*reason = "it is empty";
	if (len == 0)
		return false;
	*reason = "it is too long for a name or an address";
	if (len > LIMIT_RULE_TEXT)
		return false;
	*reason = "give the host alone, not a URL";
	if (memchr(text, '/', len))
		return false;
	/* A colon in an IPv6 address doesn't begin a port; only one after the bracket does. */
	if (bracket) {
		const char *close = memchr(text, ']', len);

		*reason = "the bracket isn't closed";
		if (!close)
			return false;
		host = (size_t)(close - text) + 1;
		*reason = "only a port follows the bracket";
		if (host < len && text[host] != ':')
			return false;
	} else if (colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - text))) {
		host = (size_t)(colon - text);
	}
	*reason = "ports go from 1 to 65535";
	if (host < len && !num_port(text + host + 1, len - host - 1, &out->port))
		return false;
	*reason = "only an IPv6 address belongs in brackets";
	if (bracket)
		return address_parse(text + 1, host - 2, &out->address) &&
		       out->address.family == 6;
	return address_parse(text, host, &out->address) ||
	       name_normalise(text, host, out->name, &position, reason);
}

char *target_text(const struct target *t, char out[TARGET_TEXT])
{
	char address[ADDRESS_TEXT], port[8] = "";
	const char *host = t->address.family ? address_text(&t->address, address) : t->name;

	if (t->port)
		snprintf(port, sizeof(port), ":%u", t->port);
	snprintf(out, TARGET_TEXT, t->port && t->address.family == 6 ? "[%s]%s" : "%s%s", host,
		port);
	return out;
}
