/*
 * Host names on the wire. name_normalise() is for what people write in rules and takes more:
 * what it would convert (a U-label) is refused here first, because servers differ in what they
 * make of it.
 */
#include "host.h"

#include <stdbool.h>

static bool of_a_name(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

void host_report(const uint8_t *bytes, size_t len, char text[NAME_TEXT])
{
	size_t n = len < LIMIT_NAME_TEXT ? len : LIMIT_NAME_TEXT;

	for (size_t i = 0; i < n; i++)
		text[i] = of_a_name(bytes[i]) ? (char)bytes[i] : '?';
	text[n] = '\0';
}

enum gate_reason host_read(const uint8_t *bytes, size_t len, char name[NAME_TEXT])
{
	const char *why;
	size_t position;
	bool good = len > 0;

	for (size_t i = 0; good && i < len; i++)
		good = of_a_name(bytes[i]);
	if (good && name_normalise((const char *)bytes, len, name, &position, &why))
		return GATE_FINE;
	host_report(bytes, len, name);
	return len == 0 ? GATE_NO_NAME : GATE_BAD_NAME;
}
