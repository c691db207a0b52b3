/* See num.h. */
#include "num.h"

/* The digits of 65535. */
#define PORT_DIGITS 5

int num_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

const char *num_read(const char *text, uint64_t *out)
{
	const char *p = text;

	for (*out = 0; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*out, 10, out) ||
			__builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			break;
	if (p > text && (*p < '0' || *p > '9'))
		return p;
	*out = 0;
	return NULL;
}

bool num_port(const char *text, size_t len, uint16_t *out)
{
	unsigned long port = 0;

	if (len == 0 || len > PORT_DIGITS || text[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned long)(text[i] - '0');
	}
	*out = (uint16_t)port;
	return port <= UINT16_MAX;
}
