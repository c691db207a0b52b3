/* See utf8.h. */
#include "utf8.h"

size_t utf8_read(const unsigned char *text, size_t len, uint32_t *out)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = text[0] < 0x80   ? 1
		   : text[0] < 0xc0 ? 0
		   : text[0] < 0xe0 ? 2
		   : text[0] < 0xf0 ? 3
		   : text[0] < 0xf8 ? 4
				    : 0;

	if (n == 0 || n > len)
		return 0;
	*out = n == 1 ? text[0] : text[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*out = *out << 6 | (text[i] & 0x3f);
	}
	if (*out < smallest[n] || *out > 0x10ffff || (*out >= 0xd800 && *out <= 0xdfff))
		return 0;
	return n;
}

bool utf8_is_plain(uint32_t c)
{
	return c >= ' ' && (c < 0x7f || c >= 0xa0) && c != 0x61c && c != 0x200e &&
	       c != 0x200f && (c < 0x2028 || c > 0x202e) && (c < 0x2066 || c > 0x2069);
}
