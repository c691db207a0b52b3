/* Which rules can't work in the cell. Pure. */
#ifndef INIT_CELL_CELL_RULES_H
#define INIT_CELL_CELL_RULES_H

#include <stdbool.h>

#include "../policy/rule.h"

/* The reason why this rule can't work there, or (later) not once the command runs; NULL: it
 * can. */
const char *cell_rules_refuses(const struct rule *r, bool later);

#endif
