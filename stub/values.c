#include "values.h"

#include <arpa/inet.h>
#include <string.h>

#include "../init/lib/num.h"
#include "bounds.h"
#include "sha256.h"

static const char digits[] = "0123456789";

/* A number without sign or leading zeros. Returns its length, or 0 if it isn't one. */
static size_t number(const char *text)
{
	size_t n = strspn(text, digits);

	return n <= BOUND_DIGITS && text[0] != '0' ? n : 0;
}

const char *values_bytes(const char *text)
{
	size_t n = number(text);

	if (n > 0 && (!text[n] || (strchr("bkmgBKMG", text[n]) && !text[n + 1])))
		return NULL;
	return "it is a number followed by b, k, m or g, like 512m or 4g";
}

const char *values_processors(const char *text)
{
	size_t whole = strspn(text, digits);
	size_t part = text[whole] == '.' ? strspn(text + whole + 1, digits) : 0;
	size_t size = whole + (part > 0 ? part + 1 : 0);

	if (whole > 0 && whole <= BOUND_DIGITS && part <= 2 && !text[size] &&
		strspn(text, "0.") < size)
		return NULL;
	return "it is a number of processors, like 2 or 1.5";
}

const char *values_sha256(const char *text)
{
	const size_t n = strspn(text, "0123456789abcdef");

	return n == SHA256_HEX - 1 && !text[n]
		       ? NULL
		       : "it is the SHA-256 of a file: 64 digits, of 0-9 and a-f";
}

static bool is_address(const char *text)
{
	unsigned char bytes[16];
	char plain[INET6_ADDRSTRLEN];
	size_t n = strlen(text);

	if (strcmp(text, "host-gateway") == 0 || inet_pton(AF_INET, text, bytes) == 1)
		return true;
	if (text[0] == '[' && n > 2 && n < sizeof(plain) && text[n - 1] == ']') {
		memcpy(plain, text + 1, n - 2);
		plain[n - 2] = '\0';
		text = plain;
	}
	return inet_pton(AF_INET6, text, bytes) == 1;
}

const char *values_host(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789-._");

	if (n == 0 || n > BOUND_HOST_NAME || text[0] == '-' || text[n] != ':')
		return "it is NAME:ADDRESS, like db.test:10.1.2.3";
	return is_address(text + n + 1) ? NULL
					: "what follows the name is neither an IP "
					  "address nor host-gateway";
}

/* Parses a port at the beginning of text. Returns what follows, or NULL. */
static const char *read_port(const char *text, uint16_t *port)
{
	size_t n = number(text);

	return num_port(text, n, port) ? text + n : NULL;
}

/* Skips an address and ':' at the beginning. Returns what follows, or text itself if there
 * is none. */
static const char *read_publish_address(const char *text, struct publication *out)
{
	bool brackets = *text == '[';
	size_t n = brackets ? strcspn(text, "]") : strcspn(text, ":");
	const char *end = text + n + (brackets && text[n]), *begin = text + brackets;
	unsigned char bytes[16];

	n -= brackets;
	strcpy(out->address, "127.0.0.1");
	out->loopback = true;
	out->six = false;
	if (*end != ':' || n == 0 || n >= sizeof(out->address) ||
		(!brackets && !memchr(begin, '.', n)))
		return text;
	memcpy(out->address, begin, n);
	out->address[n] = '\0';
	out->six = brackets;
	if (inet_pton(brackets ? AF_INET6 : AF_INET, out->address, bytes) != 1)
		return text;
	out->loopback = brackets ? IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(void *)bytes)
				 : bytes[0] == 127;
	return end + 1;
}

const char *values_publish(const char *text, struct publication *out)
{
	const char *rest = read_port(read_publish_address(text, out), &out->outside);

	out->inside = out->outside;
	if (rest && *rest == ':')
		rest = read_port(rest + 1, &out->inside);
	return rest && !*rest
		       ? NULL
		       : "it must be PORT or PORT:CONTAINER_PORT, and ADDRESS: may come first";
}
