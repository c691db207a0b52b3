/* See host.h. name_of_host() defines host names for resolver and gate alike. */
#include "host.h"

enum gate_reason host_read(const uint8_t *bytes, size_t len, char name[NAME_TEXT])
{
	if (name_of_host(bytes, len, name))
		return GATE_FINE;
	name_report(bytes, len, name);
	return len == 0 ? GATE_NO_NAME : GATE_BAD_NAME;
}
