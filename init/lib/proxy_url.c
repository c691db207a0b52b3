/* See proxy_url.h. */
#include "proxy_url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "num.h"

static const char scheme[] = "http://";

/* Decodes percent-encoding. Returns the length, or -1 if it is malformed, too long or
 * contains a control character, which no header may contain. */
static int decode(const char *text, size_t len, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = i + 2 < len ? num_hex(text[i + 1]) : -1;
			int low = i + 2 < len ? num_hex(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			c = high << 4 | low;
			i += 2;
		}
		if (n == room || c < ' ' || c == 0x7f)
			return -1;
		out[n++] = (char)c;
	}
	return (int)n;
}

/* Base64, RFC 4648 §4. */
static void encode(const char *in, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)in[i] << 16;

		v |= i + 1 < len ? (uint32_t)(unsigned char)in[i + 1] << 8 : 0;
		v |= i + 2 < len ? (unsigned char)in[i + 2] : 0;
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*out = '\0';
}

static bool read_user(const char *text, size_t len, struct gate_proxy *out, const char **why)
{
	static const char basic[] = "Basic ";
	/* The longest text whose base64 fits after "Basic ". */
	char user[(PROXY_AUTHORIZATION - sizeof(basic)) / 4 * 3];
	int n = decode(text, len, user, sizeof(user));

	*why = "the user and password before the @ are too long, or can't be decoded";
	if (n < 0)
		return false;
	memcpy(out->authorization, basic, sizeof(basic));
	encode(user, (size_t)n, out->authorization + sizeof(basic) - 1);
	return true;
}

/* False inside the container, where any program could pose as the proxy and receive the
 * password, and for addresses that no rule can open. */
static bool is_outside(const struct gate_proxy *p)
{
	enum address_class class = address_classify(&p->address);

	if (!p->address.family)
		return strcmp(p->name, "localhost") != 0 && !name_below(p->name, "localhost");
	return class == ADDRESS_PUBLIC || class == ADDRESS_PRIVATE;
}

static bool read_host(const char *text, size_t len, struct gate_proxy *out, const char **why)
{
	size_t position;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		*why = "the brackets contain no IPv6 address";
		return address_parse(text + 1, len - 2, &out->address) &&
		       out->address.family == 6;
	}
	if (address_parse(text, len, &out->address) && out->address.family == 4)
		return true;
	memset(&out->address, 0, sizeof(out->address));
	return name_normalise(text, len, out->name, &position, why);
}

bool proxy_url_read(const char *url, struct gate_proxy *out, const char **why)
{
	const char *host, *at, *end, *colon;

	memset(out, 0, sizeof(*out));
	*why = "it is http://[user:password@]host[:port]";
	if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	host = url + sizeof(scheme) - 1;
	end = host + strcspn(host, "/?#");
	if (*end && strcmp(end, "/") != 0)
		return false;
	at = memrchr(host, '@', (size_t)(end - host));
	if (at && !read_user(host, (size_t)(at - host), out, why))
		return false;
	host = at ? at + 1 : host;
	colon = memrchr(host, ':', (size_t)(end - host));
	/* A colon inside brackets is part of the address. */
	if (colon && memchr(colon, ']', (size_t)(end - colon)))
		colon = NULL;
	out->port = 80;
	if (colon) {
		*why = "ports go from 1 to 65535";
		if (!num_port(colon + 1, (size_t)(end - colon - 1), &out->port))
			return false;
		end = colon;
	}
	if (!read_host(host, (size_t)(end - host), out, why))
		return false;
	*why = "it is inside the container, or at an address that nothing outside has";
	return is_outside(out);
}
