/*
 * Transport to nf_tables: atomic batches of netlink messages, and dumps. Private to this
 * folder.
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
	/* The batch being written; the memory is reused. */
	char *batch;
	size_t used, room;
	const char **what; /* what each message of the batch is about, for errors */
	size_t messages, what_room;
	bool broken;   /* out of memory while the batch was written */
	char *answers; /* receive buffer */
};

/* Opens the socket and queries the generation, to find out at once whether we have
 * permission. */
int nft_open(struct nft *n, struct failure *f);
void nft_close(struct nft *n);

/* Starts a batch. */
void nft_begin(struct nft *n);
/*
 * Appends a message to the batch. type is NFT_MSG_*, flags NLM_F_*; what must outlive the
 * batch. The result is valid until the next call; at least NFT_MESSAGE_ROOM bytes may be
 * appended. Never NULL: nft_commit() reports out of memory.
 */
#define NFT_MESSAGE_ROOM (80 * 1024)
struct nlmsghdr *nft_message(
	struct nft *n, uint16_t type, uint16_t family, uint16_t flags, const char *what);
/* Sends the batch with one sendmsg(2) and waits for the kernel's reply. Returns 0 if it was
 * committed, or -1 if nothing was changed, with *f naming the message that was rejected. */
int nft_commit(struct nft *n, struct failure *f);

/*
 * Dumps objects. fill() (or NULL) appends to the request. each() gets every reply of the
 * type and returns MNL_CB_OK, or MNL_CB_ERROR with errno set. Returns 0 or -1 with errno;
 * EINTR if the kernel says that the dump is inconsistent.
 */
int nft_dump(struct nft *n, uint16_t type, uint16_t family,
	void (*fill)(struct nlmsghdr *request, void *context), mnl_cb_t each, void *context);

/* The kernel's ruleset generation, which changes with every commit. Returns 0, or -1 with
 * errno. */
int nft_generation(struct nft *n, uint32_t *generation);

/* Fills a failure with strerror(errno) and, if we know one, a hint. */
int nft_fail(struct failure *f, const char *operation, const char *on, const char *more);

#endif
