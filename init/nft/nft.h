/*
 * The transport to nf_tables: batches of netlink messages that are committed whole or not at
 * all, and dumps. Private to this room.
 */
#ifndef INIT_NFT_NFT_H
#define INIT_NFT_NFT_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/say.h"

struct nft {
	struct mnl_socket *socket;
	uint32_t port; /* our netlink port id */
	uint32_t sequence;
	/* The batch being written; its memory is kept from one to the next. */
	char *batch;
	size_t used, room;
	const char **what; /* what each message of the batch is about, for error messages */
	size_t messages, what_room;
	bool broken;   /* out of memory while it was written */
	char *answers; /* where the kernel's answers are read */
};

/* Opens the socket and asks for the generation: so we learn at once whether we may. */
int nft_open(struct nft *n, struct failure *f);
void nft_close(struct nft *n);

/* Starts a batch. */
void nft_begin(struct nft *n);
/*
 * The next message of the batch; type is NFT_MSG_*, flags NLM_F_*, what a static text or one
 * that outlives the batch. Valid until the next call; at least NFT_MESSAGE_ROOM bytes may be
 * appended. Never NULL (out of memory is told by nft_commit()).
 */
#define NFT_MESSAGE_ROOM (80 * 1024)
struct nlmsghdr *nft_message(
	struct nft *n, uint16_t type, uint16_t family, uint16_t flags, const char *what);
/* Sends the batch in one sendmsg(2) and waits for the kernel's answer: committed (0), or
 * nothing changed (-1 with *f naming the message that was refused). */
int nft_commit(struct nft *n, struct failure *f);

/*
 * A dump: request is made by fill() (NULL: none) after the header. each() gets every answer
 * of the type; it returns MNL_CB_OK, or MNL_CB_ERROR with errno set. A dump that the kernel
 * calls inconsistent (EINTR) returns -1 with errno EINTR.
 */
int nft_dump(struct nft *n, uint16_t type, uint16_t family,
	void (*fill)(struct nlmsghdr *request, void *context), mnl_cb_t each, void *context);

/* The kernel's generation of the ruleset: it changes with every commit. Returns 0 or -1 with
 * errno. */
int nft_generation(struct nft *n, uint32_t *generation);

/* strerror(errno) and, where we know it, the hint for it, as the reason of a failure. */
int nft_fail(struct failure *f, const char *operation, const char *on, const char *more);

#endif
