/*
 * Tokens, lines, and response heads.
 */
#include "http_line.h"

#include <string.h>

bool http_token(uint8_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

enum http_result http_lines(const uint8_t *bytes, size_t len, size_t *length, size_t *count)
{
	size_t begin = 0;

	for (*count = 0; begin < len; (*count)++) {
		const uint8_t *end = memchr(bytes + begin, '\n', len - begin);
		size_t next;

		if (!end)
			break;
		next = (size_t)(end - bytes) + 1;
		if (next - begin < 2 || end[-1] != '\r' || next == 2)
			return HTTP_REFUSED;
		if (next - begin == 2) {
			*length = next;
			return HTTP_WHOLE;
		}
		begin = next;
	}
	return HTTP_MORE;
}

int http_status_read(const uint8_t *bytes, size_t len, size_t *length)
{
	static const char version[] = "HTTP/1.";
	const size_t n = sizeof(version) - 1;
	size_t count, whole = 0;
	enum http_result r;
	int status = 0;

	if (memcmp(bytes, version, len < n ? len : n) != 0)
		return -1;
	r = http_lines(bytes, len, &whole, &count);
	if (r == HTTP_MORE && len < LIMIT_GATE_HEAD)
		return 0;
	if (r != HTTP_WHOLE || whole > LIMIT_GATE_HEAD || whole < n + 9)
		return -1;
	/* HTTP/1.x SP three digits, then SP and a phrase, or the end of the line. */
	if ((bytes[n] != '0' && bytes[n] != '1') || bytes[n + 1] != ' ' ||
		(bytes[n + 5] != ' ' && bytes[n + 5] != '\r'))
		return -1;
	for (size_t i = n + 2; i < n + 5; i++) {
		if (bytes[i] < '0' || bytes[i] > '9')
			return -1;
		status = status * 10 + (bytes[i] - '0');
	}
	*length = whole;
	return status >= 100 && status <= 599 ? status : -1;
}

void http_status_text(const uint8_t *bytes, char *out, size_t size)
{
	const uint8_t *at = bytes + sizeof("HTTP/1.1 ") - 1;
	size_t n = 0;

	for (; n + 1 < size && *at != '\r'; at++)
		out[n++] = (char)(*at >= ' ' && *at <= '~' ? *at : '?');
	out[n] = '\0';
}
