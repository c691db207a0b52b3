/* What the terminal, the environment and the plain options say about the container. */
#ifndef STUB_SURROUNDINGS_H
#define STUB_SURROUNDINGS_H

#include <stdbool.h>
#include <sys/types.h>

#include "argv.h"
#include "cli.h"
#include "note.h"

/* The value that a variable will have in the container: from -e, else from our environment;
 * NULL where it has none. */
const char *surroundings_setting(const struct words *env, const char *name);

/* Does NAME=VALUE hold something that others must not see? By what people call such. NAME alone
 * holds nothing. Pure. */
bool surroundings_is_secret(const char *word);

/* Reads "UID" or "UID:GID" (the group is numbered like the user where it is left out). */
bool surroundings_ids(const char *text, uid_t *uid, gid_t *gid);

/* Fills in whether stdin is to be forwarded, and whether it all is at a terminal. */
void surroundings_terminal(struct request *r);

/* Fills the request's image, network, environment, rules and command. Returns 0, or -1 with *t
 * filled. */
int surroundings_take(
	struct request *r, struct pool *p, const struct cli *c, struct trouble *t);

#endif
