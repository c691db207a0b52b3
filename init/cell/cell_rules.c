/* See cell_rules.h. */
#include "cell_rules.h"

#include <stddef.h>

/* Under a wildcard only the contents of the connection tell which name it is. */
static bool has_other_ports(const struct rule *r)
{
	for (unsigned i = 0; i < r->ports.count; i++)
		if (r->ports.port[i] != 443 && r->ports.port[i] != 80)
			return true;
	return false;
}

const char *cell_rules_refuses(const struct rule *r, bool later)
{
	if (r->effect != RULE_ALLOW)
		return NULL;
	if (r->kind == RULE_NETWORK)
		return "addresses can't be reached in the cell, names can";
	if (!has_other_ports(r))
		return NULL;
	if (r->kind == RULE_WILDCARD)
		return "in the cell a wildcard is for ports 443 and 80, where clients send the "
		       "name";
	return later ? "in the cell other ports than 443 and 80 are given at the start" : NULL;
}
