/*
 * The grammar of a rule, parsed strictly, with position and reason of every error; and
 * printing.
 *
 *	rule    = ( "@" preset | host [ ":" port { "," port } ] ) { "+private" | "+ech" }
 *	host    = name | "*." name | ipv4 [ "/" bits ] | "[" ipv6 [ "/" bits ] "]"
 */
#include "rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longest preset name that fits into struct rule. */
#define PRESET_NAME 63

static int refuse(struct rule_error *e, size_t position, const char *reason, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct rule_error *e, size_t position, const char *reason, ...)
{
	va_list ap;

	va_start(ap, reason);
	vsnprintf(e->reason, sizeof(e->reason), reason, ap);
	va_end(ap);
	e->position = position;
	return -1;
}

bool rule_ports_have(const struct port_list *list, uint16_t port)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->port[i] == port)
			return true;
	return false;
}

bool rule_ports_add(struct port_list *list, uint16_t port)
{
	unsigned i = list->count;
	bool full = list->count == LIMIT_RULE_PORTS;

	if (rule_ports_have(list, port))
		return true;
	if (full && port > list->port[i - 1])
		return false;
	if (full)
		i--;
	for (; i > 0 && list->port[i - 1] > port; i--)
		list->port[i] = list->port[i - 1];
	list->port[i] = port;
	list->count += !full;
	return !full;
}

bool rule_has_address(const struct rule *r, const struct address *a)
{
	const struct address judged = address_judged(a);

	return r->kind == RULE_NETWORK &&
	       (address_inside(a, &r->network, r->prefix) ||
		       address_inside(&judged, &r->network, r->prefix));
}

/* Reads a decimal number of at most `digits` digits, without leading zeros, from text[*p,
 * to). */
static bool read_number(
	const char *text, size_t *p, size_t to, size_t digits, unsigned long *out)
{
	size_t start = *p;

	*out = 0;
	while (*p < to && *p - start < digits && text[*p] >= '0' && text[*p] <= '9')
		*out = *out * 10 + (unsigned long)(text[(*p)++] - '0');
	return *p > start && (text[start] != '0' || *p - start == 1);
}

/* Reads the ports after the colon, text[from, to). */
static int read_ports(
	const char *text, size_t from, size_t to, struct port_list *out, struct rule_error *e)
{
	for (size_t p = from;; p++) {
		size_t start = p;
		unsigned long port;

		if (p == to || text[p] == ',')
			return refuse(e, p, "a port is missing");
		if (!read_number(text, &p, to, 9, &port) || (p < to && text[p] != ','))
			return refuse(e, start,
				"a port is a number, and ports are separated by commas");
		if (port < 1 || port > 65535)
			return refuse(e, start, "ports go from 1 to 65535");
		if (!rule_ports_add(out, (uint16_t)port))
			return refuse(
				e, start, "a rule has at most %d ports", LIMIT_RULE_PORTS);
		if (p == to)
			return 0;
	}
}

static int read_suffixes(
	const char *text, size_t from, size_t to, struct rule *out, struct rule_error *e)
{
	while (from < to) {
		const char *next = memchr(text + from + 1, '+', to - from - 1);
		size_t end = next ? (size_t)(next - text) : to, n = end - from;

		if (n == 8 && memcmp(text + from, "+private", n) == 0)
			out->private = true;
		else if (n == 4 && memcmp(text + from, "+ech", n) == 0)
			out->ech = true;
		else
			return refuse(e, from,
				"unknown suffix %.*s: it can be +private or +ech",
				n > 24 ? 24 : (int)n, text + from);
		if (out->effect == RULE_DENY)
			return refuse(e, from, "a deny rule has no suffix");
		from = end;
	}
	return 0;
}

/* Reads text[from, to), "ADDRESS" or "ADDRESS/BITS" of the given family. */
static int read_network(const char *text, size_t from, size_t to, unsigned family,
	struct rule *out, struct rule_error *e)
{
	const char *slash = memchr(text + from, '/', to - from);
	size_t end = slash ? (size_t)(slash - text) : to, p = end + 1;
	unsigned long bits = family == 4 ? 32 : 128, most = bits;
	char base[ADDRESS_TEXT];
	struct address kept;

	if (!address_parse(text + from, end - from, &out->network) ||
		out->network.family != family)
		return refuse(e, from, "this is not an IPv%u address", family);
	if (slash && (!read_number(text, &p, to, 3, &bits) || p != to || bits > most))
		return refuse(e, end + 1, "an IPv%u network has 0 to %lu bits", family, most);
	kept = out->network;
	for (unsigned long i = bits; i < most; i++)
		kept.bytes[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	if (address_compare(&kept, &out->network) != 0)
		return refuse(e, from, "host bits are set: the network is %s/%lu",
			address_text(&kept, base), bits);
	/* A network in the NAT64 prefix stands for the IPv4 network in it: the rule covers
	 * both. */
	out->network = address_judged(&kept);
	if (out->network.family != family)
		bits -= ADDRESS_NAT64_BITS;
	out->kind = RULE_NETWORK;
	out->prefix = (uint8_t)bits;
	return 0;
}

/* Reads the name text[from, to) into out->name. */
static int read_name(
	const char *text, size_t from, size_t to, struct rule *out, struct rule_error *e)
{
	const char *star = memchr(text + from, '*', to - from), *reason;
	size_t position;

	if (star)
		return refuse(e, (size_t)(star - text),
			"a star stands for whole labels before a name: *.example.com");
	if (!name_normalise(text + from, to - from, out->name, &position, &reason))
		return refuse(e, from + position, "%s", reason);
	return 0;
}

static int read_wildcard(const char *text, size_t to, struct rule *out, struct rule_error *e)
{
	if (to < 3 || text[1] != '.')
		return refuse(e, 0, "a star needs a name after it: *.example.com");
	out->kind = RULE_WILDCARD;
	if (read_name(text, 2, to, out, e) < 0)
		return -1;
	/* Anybody can register a name there, so such an allow rule would be no restriction.
	 * Denying that much is safe. */
	if (out->effect == RULE_ALLOW && !strchr(out->name, '.'))
		return refuse(e, 2,
			"*.%.40s is too wide: name at least two labels after the star",
			out->name);
	return 0;
}

static int read_preset(const char *text, size_t to, struct rule *out, struct rule_error *e)
{
	for (size_t p = 1; p < to; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", text[p]) || !text[p])
			return refuse(e, p,
				text[p] == ':' ? "a preset has its own ports"
					       : "a preset's name is made of a-z 0-9 - _");
	if (to < 2 || to - 1 > PRESET_NAME)
		return refuse(e, 1, "a preset's name has 1 to %d characters", PRESET_NAME);
	memcpy(out->preset, text + 1, to - 1);
	return 0;
}

/* Common mistakes of users who think of a URL, a hosts file or a shell get a message of
 * their own. */
static int refuse_urls(const char *text, size_t len, struct rule_error *e)
{
	const char *scheme = memchr(text, ':', len);

	for (size_t p = 0; p < len; p++)
		if (text[p] == ' ' || text[p] == '\t' || text[p] == '\n')
			return refuse(e, p, "one rule at a time: a rule contains no blank");
	if (scheme && text + len - scheme >= 3 && memcmp(scheme, "://", 3) == 0) {
		size_t host = (size_t)(scheme - text) + 3, n = 0;

		while (host + n < len && n < 64 && text[host + n] != '/')
			n++;
		return refuse(
			e, 0, "a scheme isn't part of a rule: write %.*s", (int)n, text + host);
	}
	return 0;
}

static bool consists_of(const char *text, size_t len, const char *set)
{
	for (size_t p = 0; p < len; p++)
		if (!text[p] || !strchr(set, text[p]))
			return false;
	return true;
}

/* Reads the host in text[0, len). *end is where it ends: at a colon, or len. */
static int read_host(
	const char *text, size_t len, struct rule *out, size_t *end, struct rule_error *e)
{
	const char *colon = memchr(text, ':', len), *slash;
	struct address a;

	*end = colon ? (size_t)(colon - text) : len;
	if (text[0] == '[') {
		const char *close = memchr(text, ']', len);

		if (!close)
			return refuse(e, 0, "the bracket isn't closed");
		*end = (size_t)(close - text) + 1;
		if (*end < len && text[*end] != ':')
			return refuse(e, *end,
				text[*end] == '/' ? "the prefix length goes inside the "
						    "brackets: [2001:db8::/32]"
						  : "only a port follows the bracket");
		return read_network(text, 1, *end - 1, 6, out, e);
	}
	slash = memchr(text, '/', len);
	if (address_parse(text, slash ? (size_t)(slash - text) : len, &a) && a.family == 6)
		return refuse(e, 0, "an IPv6 address is written in brackets");
	slash = memchr(text, '/', *end);
	/* Only digits and dots: meant to be an address. */
	if (*end > 0 && consists_of(text, slash ? (size_t)(slash - text) : *end, "0123456789."))
		return read_network(text, 0, *end, 4, out, e);
	if (slash)
		return refuse(e, (size_t)(slash - text),
			"a path isn't part of a rule: write %.*s",
			slash - text > 64 ? 64 : (int)(slash - text), text);
	if (text[0] == '*')
		return read_wildcard(text, *end, out, e);
	return read_name(text, 0, *end, out, e);
}

/* +private opens private addresses only; a rule that can't have any effect is a mistake. */
static int check_reach(const struct rule *r, struct rule_error *e)
{
	const char *name = address_network_name(&r->network, r->prefix);

	if (r->effect == RULE_DENY)
		return 0;
	switch (address_classify_network(&r->network, r->prefix)) {
	case ADDRESS_PUBLIC:
	case ADDRESS_EXAMPLE: /* no effect either, but users try examples */
		return 0;
	case ADDRESS_PRIVATE:
		return r->private
			       ? 0
			       : refuse(e, 0, "this is %s: it needs +private after it", name);
	case ADDRESS_LOOPBACK:
		return refuse(e, 0, "loopback needs no rule: it is always open");
	default:
		return refuse(e, 0, "no rule can allow these: %s", name);
	}
}

int rule_read(const char *text, size_t len, enum rule_effect effect, struct rule *out,
	struct rule_error *e)
{
	const char *plus;
	size_t end, host_end = 0;

	memset(out, 0, sizeof(*out));
	out->effect = effect;
	if (len > LIMIT_RULE_TEXT)
		return refuse(e, LIMIT_RULE_TEXT, "a rule has at most %d characters",
			LIMIT_RULE_TEXT);
	if (refuse_urls(text, len, e) < 0)
		return -1;
	plus = len ? memchr(text, '+', len) : NULL;
	end = plus ? (size_t)(plus - text) : len;
	if (end == 0)
		return refuse(e, 0, "a rule begins with a name, an address or @preset");
	if (read_suffixes(text, end, len, out, e) < 0)
		return -1;
	if (text[0] == '@')
		return read_preset(text, end, out, e);
	if (read_host(text, end, out, &host_end, e) < 0)
		return -1;
	if (host_end < end) {
		if (read_ports(text, host_end + 1, end, &out->ports, e) < 0)
			return -1;
		return out->kind == RULE_NETWORK ? check_reach(out, e) : 0;
	}
	if (effect == RULE_DENY)
		return 0;
	if (out->kind == RULE_NETWORK)
		return refuse(e, end, "a network needs a port: %.*s:5432",
			end > 64 ? 64 : (int)end, text);
	rule_ports_add(&out->ports, 80);
	rule_ports_add(&out->ports, 443);
	return 0;
}

static int order(long a, long b)
{
	return a < b ? -1 : a > b;
}

int rule_compare(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	int c;

	if ((c = order(x->kind, y->kind)) != 0 || (c = strcmp(x->name, y->name)) != 0 ||
		(c = address_compare(&x->network, &y->network)) != 0 ||
		(c = order(x->prefix, y->prefix)) != 0 ||
		(c = order(y->effect, x->effect)) != 0 ||
		/* A built-in reason comes first: it is the one to report. */
		(c = order(x->reason == NULL, y->reason == NULL)) != 0 ||
		(c = x->reason ? strcmp(x->reason, y->reason) : 0) != 0 ||
		(c = order(x->private, y->private)) != 0 || (c = order(x->ech, y->ech)) != 0 ||
		(c = order(x->origin, y->origin)) != 0 ||
		(c = strcmp(x->preset, y->preset)) != 0 ||
		(c = order(x->ports.count, y->ports.count)) != 0)
		return c;
	for (unsigned i = 0; i < x->ports.count && c == 0; i++)
		c = order(x->ports.port[i], y->ports.port[i]);
	return c;
}

void rule_text(const struct rule *r, char *out, size_t size)
{
	char address[ADDRESS_TEXT], ports[LIMIT_RULE_PORTS * 6 + 1] = "", bits[8] = "";
	bool web = r->effect == RULE_ALLOW && r->ports.count == 2 && r->ports.port[0] == 80 &&
		   r->ports.port[1] == 443 && r->kind != RULE_NETWORK;
	const char *private = r->private ? "+private" : "", *ech = r->ech ? "+ech" : "";

	for (unsigned i = 0, used = 0; i < r->ports.count && !web; i++)
		used += (unsigned)snprintf(ports + used, sizeof(ports) - used, "%c%u",
			i ? ',' : ':', r->ports.port[i]);
	if (r->kind != RULE_NETWORK) {
		snprintf(out, size, "%s%s%s%s%s", r->kind == RULE_WILDCARD ? "*." : "", r->name,
			ports, private, ech);
		return;
	}
	if (r->prefix < (r->network.family == 4 ? 32 : 128))
		snprintf(bits, sizeof(bits), "/%u", r->prefix);
	snprintf(out, size, r->network.family == 4 ? "%s%s%s%s%s" : "[%s%s]%s%s%s",
		address_text(&r->network, address), bits, ports, private, ech);
}

static bool is_web(uint16_t port)
{
	return port == 443 || port == 80;
}

bool policy_same_rule(uint16_t port, uint16_t other)
{
	return port == other || (is_web(port) && is_web(other));
}

char *rule_for_name(const char *name, uint16_t port, char out[RULE_FOR_NAME])
{
	char at[sizeof(":65535")] = "";

	if (port != 0 && !is_web(port))
		snprintf(at, sizeof(at), ":%u", port);
	snprintf(out, RULE_FOR_NAME, "%s%s%s", name, at, strchr(name, '.') ? "" : "+private");
	return out;
}
