/* See credential.h. */
#include "credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../lib/descriptor.h"

/* For haproxy's answer, which takes a millisecond. */
#define PATIENCE_SECONDS 2

static bool put(int fd, const char *before, const char *text)
{
	static char line[BROKER_CREDENTIAL + 8];
	const int n = snprintf(line, sizeof(line), "%s%s\n", before, text);
	/* Never empty: a haproxy that starts at this moment may be reading it. */
	const bool done = pwrite(fd, line, (size_t)n, 0) == n && ftruncate(fd, n) == 0;

	explicit_bzero(line, sizeof(line));
	return done;
}

static bool put_all(const struct credential *c)
{
	return put(c->files->token, "x ", c->now.token) &&
	       put(c->files->account, "x ", c->now.account[0] ? c->now.account : "none") &&
	       put(c->files->echo, "", c->now.token);
}

int credential_open(struct credential *c, int file, struct broker_files *files)
{
	*c = (struct credential){.file = file, .files = files};
	if (pread(file, &c->now, sizeof(c->now), 0) != sizeof(c->now) ||
		c->now.token[BROKER_CREDENTIAL] || c->now.account[BROKER_ACCOUNT] ||
		!broker_credential_valid(c->now.token) ||
		(c->now.account[0] && !broker_account_valid(c->now.account)))
		return -1;
	files->token = memfd_create("token", MFD_CLOEXEC);
	files->account = memfd_create("account", MFD_CLOEXEC);
	files->echo = memfd_create("echo", MFD_CLOEXEC);
	return files->token >= 0 && files->account >= 0 && files->echo >= 0 && put_all(c) ? 0
											  : -1;
}

/* A client for haproxy: it reads the line whenever it comes to that. */
int credential_command(int command, const char *line)
{
	int pair[2];
	bool sent;

	if (command < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	sent = descriptor_send(command, "", 1, pair[1]) == 0 &&
	       send(pair[0], line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line);
	close(pair[1]);
	if (sent)
		return pair[0];
	close(pair[0]);
	return -1;
}

/* Returns once haproxy has answered: what comes after is answered with the new token. False if
 * it didn't take the commands; then its answer is more than empty lines. */
bool credential_tell(const struct credential *c, int command)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	static char line[2 * BROKER_CREDENTIAL + 128];
	char answer[256];
	bool taken = true;
	ssize_t n;
	int client;

	snprintf(line, sizeof(line),
		"add acl /proc/self/fd/%d %s;set map /proc/self/fd/%d x %s\n", c->files->echo,
		c->now.token, c->files->token, c->now.token);
	client = credential_command(command, line);
	explicit_bzero(line, sizeof(line));
	if (client < 0)
		return command < 0; /* it isn't running, and will read the files */
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* With a time limit a pause of the container ends the call (signal(7)). */
	while ((n = recv(client, answer, sizeof(answer), 0)) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n; i++)
			taken &= answer[i] == '\n';
	close(client);
	return taken && n == 0;
}

bool credential_store(struct credential *c, const char message[BROKER_RENEWAL])
{
	if (message[BROKER_CREDENTIAL] || !broker_credential_valid(message))
		return false;
	memcpy(&c->now, message, BROKER_RENEWAL); /* the token comes first */
	/* Without memory for haproxy's files the one that runs gets it all the same. */
	put_all(c);
	return pwrite(c->file, &c->now, sizeof(c->now), 0) == sizeof(c->now);
}
