/* RFC 3492 sections 5 and 6. See punycode.h. */
#include "punycode.h"

#include <stdbool.h>
#include <string.h>

/* With at most 63 code points of at most 0x10ffff in a label, the products below stay under
 * 2^28. */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, BIAS = 72 };

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta /= first ? DAMP : 2;
	for (delta += delta / points; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
	return k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
}

size_t punycode_encode(const uint32_t *in, size_t count, char *out, size_t size)
{
	uint32_t n = PUNYCODE_FIRST, delta = 0, bias = BIAS;
	size_t used = 0, done = 0;

	for (size_t i = 0; i < count; i++) {
		if (in[i] >= PUNYCODE_FIRST)
			continue;
		if (used == size)
			return 0;
		out[used++] = (char)in[i];
	}
	done = used;
	if (done > 0) {
		if (used == size)
			return 0;
		out[used++] = '-';
	}
	for (size_t basic = done; done < count; delta++, n++) {
		uint32_t next = UINT32_MAX;

		for (size_t i = 0; i < count; i++)
			if (in[i] >= n && in[i] < next)
				next = in[i];
		delta += (next - n) * (uint32_t)(done + 1);
		n = next;
		for (size_t i = 0; i < count; i++) {
			uint32_t q = delta;

			if (in[i] < n)
				delta++;
			if (in[i] != n)
				continue;
			for (uint32_t k = BASE;; k += BASE) {
				uint32_t t = threshold(k, bias);
				uint32_t digit = q < t ? q : t + (q - t) % (BASE - t);

				if (used == size)
					return 0;
				out[used++] =
					(char)(digit < 26 ? 'a' + digit : '0' + digit - 26);
				if (q < t)
					break;
				q = (q - t) / (BASE - t);
			}
			bias = adapt(delta, (uint32_t)done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
	return used;
}

size_t punycode_decode(const char *in, size_t len, uint32_t out[LIMIT_LABEL])
{
	uint32_t n = PUNYCODE_FIRST, place = 0, bias = BIAS;
	size_t count = 0, p = 0;

	for (size_t i = len; i > 0 && count == 0; i--)
		if (in[i - 1] == '-')
			count = i - 1;
	for (; p < count; p++)
		out[p] = (unsigned char)in[p];
	if (count > 0)
		p++;
	while (p < len) {
		uint32_t before = place, weight = 1;

		if (count == LIMIT_LABEL)
			return 0;
		for (uint32_t k = BASE;; k += BASE) {
			uint32_t t = threshold(k, bias), digit;

			if (p == len)
				return 0;
			if (in[p] >= 'a' && in[p] <= 'z')
				digit = (uint32_t)(in[p] - 'a');
			else if (in[p] >= '0' && in[p] <= '9')
				digit = (uint32_t)(in[p] - '0') + 26;
			else
				return 0;
			p++;
			if (digit > (UINT32_MAX - place) / weight)
				return 0;
			place += digit * weight;
			if (digit < t)
				break;
			if (weight > UINT32_MAX / (BASE - t))
				return 0;
			weight *= BASE - t;
		}
		bias = adapt(place - before, (uint32_t)count + 1, before == 0);
		if (place / (count + 1) > 0x10ffff - n)
			return 0;
		n += place / (uint32_t)(count + 1);
		place %= (uint32_t)(count + 1);
		if (n >= 0xd800 && n <= 0xdfff)
			return 0;
		memmove(out + place + 1, out + place, (count - place) * sizeof(*out));
		out[place++] = n;
		count++;
	}
	return count;
}
