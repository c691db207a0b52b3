/* The parts of the request that come from the terminal, the environment and the simple
 * options. */
#ifndef STUB_REQUEST_ENV_H
#define STUB_REQUEST_ENV_H

#include <stdbool.h>
#include <sys/types.h>

#include "argv.h"
#include "cli.h"
#include "log.h"

/* The value that a variable will have in the container: from -e, or else from our
 * environment; NULL if it has none. */
const char *request_env_setting(const struct string_list *env, const char *name);

/* Guesses by the name whether NAME=VALUE contains a secret. False for NAME alone. Pure. */
bool request_env_is_secret(const char *word);

/* Parses "UID" or "UID:GID" (without GID, the group has the user's number). */
bool request_env_ids(const char *text, uid_t *uid, gid_t *gid);

/* Fills in whether stdin is to be forwarded, and whether there is a terminal. */
void request_env_terminal(struct request *r);

/* Fills the request's image, network, environment, rules and command. Returns 0, or -1 with
 * *t filled. */
int request_env_take(struct request *r, struct arena *p, const struct cli *c, struct error *t);

/* Has the engine make its host known by name if the request's rules allow that name. */
void request_env_name_host(struct request *r);

#endif
