/*
 * What the resolver concludes about an upstream's handling of letter case: arbitrary
 * sequences of responses to queries with mixed case, each repeated as the input says. The
 * resolver concludes that the upstream loses case only after a number of consecutive
 * deviating responses; compared with a model of a few lines.
 *
 * Eight octets for a query's case, then one for each response: which letters are flipped,
 * whether the query was in lower case, came by TCP, or has no question.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "init/resolver/upstream_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURN = 31, SMALL = 32, TCP = 64, NO_QUESTION = 128 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static const char name[] = "a-1.letters.mixed-in_many.places.example";

/* The beginning of the response: our question as it was sent, with `turned` of its letters
 * in the other case, counted cyclically. */
static size_t answer(uint8_t packet[512], uint64_t bits, unsigned turned, bool question)
{
	size_t len = dns_write_query(7, name, DNS_A, false, packet, 512);

	check(len > DNS_HEADER);
	dns_mix_case(packet, len, bits);
	for (size_t i = DNS_HEADER; turned > 0 && packet[i]; i++)
		if (isalpha(packet[i])) {
			packet[i] ^= 0x20;
			turned--;
		}
	packet[5] = question;
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct upstream u;
	unsigned wrong = 0;
	bool kept = false, lost = false;
	uint64_t bits;

	if (size < sizeof(bits))
		return 0;
	memcpy(&bits, data, sizeof(bits));
	memset(u.servers, 0, sizeof(u.servers));
	for (size_t i = sizeof(bits); i < size; i++, bits = bits * 0x9e3779b97f4a7c15u + i) {
		const struct sent s = {.bits = data[i] & SMALL ? 0 : bits};
		uint8_t packet[512], *exact;
		size_t len = answer(packet, s.bits, data[i] & TURN, !(data[i] & NO_QUESTION));
		bool asks = s.bits && !(data[i] & NO_QUESTION), same = !(data[i] & TURN), taken;

		exact = malloc(len);
		check(exact != NULL);
		memcpy(exact, packet, len);
		taken = upstream_right_spelling(&u, &s, 1, name, exact, len, data[i] & TCP);
		free(exact);
		if (asks && !lost) {
			wrong = same ? 0 : wrong + 1;
			lost = !same && (data[i] & TCP || wrong >= (kept ? 4 : 2));
			kept |= same;
		}
		check(taken == (!asks || same || lost));
		check((u.servers[1].spelling == SPELLING_LOST) == lost);
		check(u.servers[0].spelling == SPELLING_UNKNOWN);
	}
	return 0;
}
