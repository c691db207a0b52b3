/* The credential as haproxy gets it: in files that its configuration names, so that one that is
 * started again has the newest, and by commands while it runs. */
#ifndef INIT_BROKER_CREDENTIAL_H
#define INIT_BROKER_CREDENTIAL_H

#include <stdbool.h>

#include "broker.h"

struct credential {
	int file; /* with `now`: shared with those who take over */
	struct broker_credential now;
	struct broker_files *files; /* whose token, account and echo are made from it */
};

/* Reads the file and makes the others. Returns 0, or -1. */
int credential_open(struct credential *c, int file, struct broker_files *files);

/* Takes a message of PID 1's with another token, into the files. One that can't be a token
 * changes nothing. True if whoever takes over has it. */
bool credential_store(struct credential *c, const char message[BROKER_RENEWAL]);

/* Tells the haproxy that takes commands at `command`, if one does. Returns false if it didn't
 * take the token: another one will read the files. */
bool credential_tell(const struct credential *c, int command);

/*
 * Gives haproxy one line of commands. Returns a socket from which the answer can be read,
 * or -1. command: the other end of the pair from which it takes its clients (its manual,
 * "sockpair@"): nobody else can be one.
 */
int credential_command(int command, const char *line);

#endif
