/* Rules that aren't for codex-init at once: judged here as it will judge them (init/policy). */
#ifndef STUB_RULES_H
#define STUB_RULES_H

#include "../init/policy/policy.h"
#include "log.h"

/* Returns 0 if this is a rule; or -1 with *t filled, operation and subject as given. Presets
 * are part of the image: of "@name" only the form is judged. */
int rules_check(const char *rule, enum rule_effect effect, const char *operation,
	const char *subject, struct error *t);

/* Whether both name the same place and ports, however they are written and whatever suffixes
 * they have: of an allow and a deny, whether the one is the other's opposite. */
bool rules_alike(const char *rule, const char *other);
/* Whether they end with the same suffixes. */
bool rules_suffixes_alike(const char *rule, const char *other);

#endif
