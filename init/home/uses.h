/* Where Codex will get its credential and send its requests, as far as its home tells before
 * the home is prepared. */
#ifndef INIT_HOME_USES_H
#define INIT_HOME_USES_H

#include <stdbool.h>

#include "../lib/say.h"

struct home_uses {
	bool login;    /* there is an auth.json, or a link to where one may be */
	bool provider; /* config.toml sends its requests to another place than OpenAI's API */
};

/* Looks at the home, with its owner's rights, and at what will be copied into it (from, or
 * NULL). A home that isn't there yet has neither. Returns 0, or -1 with *f filled. */
int home_uses(const char *home, const char *from, struct home_uses *out, struct failure *f);

#endif
