/* See fake_ip.h. */
#include "fake_ip.h"

struct address fake_ip_address(enum fake_ip_range range, size_t index)
{
	const uint8_t high = (uint8_t)(index >> 16 & 1);
	struct address a = {
		4, {198, (uint8_t)(18 + high), (uint8_t)(index >> 8), (uint8_t)index}};

	if (range == FAKE_IP_CELL) {
		a.bytes[0] = 127;
		a.bytes[1] = 64 + high;
	}
	return a;
}

bool fake_ip_index(enum fake_ip_range range, const struct address *a, size_t *index)
{
	const struct address base = fake_ip_address(range, 0);

	if (a->family != 4 || !address_inside(a, &base, FAKE_IP_PREFIX))
		return false;
	*index = (size_t)(a->bytes[1] - base.bytes[1]) << 16 | (size_t)a->bytes[2] << 8 |
		 a->bytes[3];
	return true;
}
