/* What the terminal, the environment and the plain options say about the container. */
#ifndef STUB_REQUEST_ENV_H
#define STUB_REQUEST_ENV_H

#include <stdbool.h>
#include <sys/types.h>

#include "argv.h"
#include "cli.h"
#include "log.h"

/* The value that a variable will have in the container: from -e, else from our environment;
 * NULL where it has none. */
const char *request_env_setting(const struct string_list *env, const char *name);

/* Does NAME=VALUE hold something that others must not see? By what people call such. NAME alone
 * holds nothing. Pure. */
bool request_env_is_secret(const char *word);

/* Reads "UID" or "UID:GID" (the group is numbered like the user where it is left out). */
bool request_env_ids(const char *text, uid_t *uid, gid_t *gid);

/* Fills in whether stdin is to be forwarded, and whether it all is at a terminal. */
void request_env_terminal(struct request *r);

/* Fills the request's image, network, environment, rules and command. Returns 0, or -1 with *t
 * filled. */
int request_env_take(struct request *r, struct arena *p, const struct cli *c, struct error *t);

#endif
