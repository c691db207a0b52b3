/*
 * Transport over libmnl. nfnetlink processes a batch inside sendmsg(2), so the replies are
 * in our receive queue when that returns: nothing here waits for anybody but the kernel.
 */
#include "../lib/netfilter.h"

#include "nft.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define NEED_NET_ADMIN "start the container with --cap-add=NET_ADMIN"
#define NEED_NF_TABLES                                                                         \
	"the kernel must offer nf_tables with its inet, nat, ct, redir and reject parts; "     \
	"load the modules on the host (modprobe nft_redir nft_reject_inet nft_ct)"

/* Far more than the reply to a batch: an error or one ack. */
#define ANSWER_ROOM (32 * 1024)
/* A commit is acknowledged when sendmsg() returns; this only prevents a kernel bug from
 * hanging us. */
#define ANSWER_SECONDS 5
/* Kept between batches. A pin needs some hundred bytes, a large policy megabytes. */
#define BATCH_KEPT (2 * NFT_MESSAGE_ROOM)

int nft_fail(struct failure *f, const char *operation, const char *on, const char *more)
{
	int error = errno;

	fail(f, operation, on, "%s%s%s", strerror(error), more && more[0] ? ": " : "",
		more ? more : "");
	if (error == EPERM || error == EACCES)
		return fail_hint(f, NEED_NET_ADMIN);
	if (error == EOPNOTSUPP || error == ENOENT || error == EPROTONOSUPPORT ||
		error == EAFNOSUPPORT)
		return fail_hint(f, NEED_NF_TABLES);
	if (error == EMSGSIZE)
		return fail_hint(f, "the rules are more than one transaction can hold; name "
				    "fewer networks, or raise net.core.wmem_max on the host");
	return -1;
}

/* Allocated in advance, so that there is always a place to write to if a later allocation
 * fails. */
static int first_room(struct nft *n)
{
	n->room = BATCH_KEPT;
	n->what_room = 64;
	n->batch = malloc(n->room);
	n->what = malloc(n->what_room * sizeof(*n->what));
	n->answers = malloc(ANSWER_ROOM);
	return n->batch && n->what && n->answers ? 0 : -1;
}

int nft_open(struct nft *n, struct failure *f)
{
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	uint32_t generation;
	int on = 1;

	memset(n, 0, sizeof(*n));
	n->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!n->socket)
		return nft_fail(f, "open the netfilter socket", "", NULL);
	if (first_room(n) < 0 || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		setsockopt(mnl_socket_get_fd(n->socket), SOL_SOCKET, SO_RCVTIMEO, &limit,
			sizeof(limit)) < 0) {
		nft_fail(f, "open the netfilter socket", "", NULL);
		nft_close(n);
		return -1;
	}
	/* For better error messages only: kernels before 4.12 have neither. */
	mnl_socket_setsockopt(n->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	n->port = mnl_socket_get_portid(n->socket);
	if (nft_generation(n, &generation) < 0) {
		if (errno == EINVAL) /* nfnetlink without the nf_tables subsystem */
			errno = EOPNOTSUPP;
		nft_fail(f, "reach nf_tables", "", NULL);
		nft_close(n);
		return -1;
	}
	return 0;
}

void nft_close(struct nft *n)
{
	if (n->socket)
		mnl_socket_close(n->socket);
	free(n->batch);
	free(n->what);
	free(n->answers);
	memset(n, 0, sizeof(*n));
}

/* Ensures space for one more message of any size that libnftnl builds: it doesn't check
 * bounds. */
static bool make_room(struct nft *n)
{
	if (n->room - n->used < NFT_MESSAGE_ROOM) {
		char *batch = realloc(n->batch, n->room * 2);

		if (!batch)
			return false;
		n->batch = batch;
		n->room *= 2;
	}
	if (n->messages == n->what_room) {
		size_t size = n->what_room * 2 * sizeof(*n->what);
		const char **what = realloc(n->what, size);

		if (!what)
			return false;
		n->what = what;
		n->what_room *= 2;
	}
	return true;
}

/* Counts the message that was appended last, whose length is now final. */
static void finish_message(struct nft *n)
{
	if (n->messages) {
		struct nlmsghdr *last = (void *)(n->batch + n->used);

		n->used += MNL_ALIGN(last->nlmsg_len);
	}
}

static struct nlmsghdr *append(
	struct nft *n, uint16_t type, uint16_t family, uint16_t flags, const char *what)
{
	struct nlmsghdr *message;

	finish_message(n);
	if (!make_room(n)) {
		/* Overwrite from the start; nft_commit() will fail. */
		n->broken = true;
		n->messages = 0;
		n->used = 0;
	}
	if (type == NFNL_MSG_BATCH_BEGIN)
		message = nftnl_batch_begin(n->batch + n->used, n->sequence);
	else if (type == NFNL_MSG_BATCH_END)
		message = nftnl_batch_end(n->batch + n->used, n->sequence);
	else
		message = nftnl_nlmsg_build_hdr(
			n->batch + n->used, type, family, flags, n->sequence);
	n->what[n->messages++] = what;
	n->sequence++;
	return message;
}

void nft_begin(struct nft *n)
{
	n->used = 0;
	n->messages = 0;
	n->broken = false;
	append(n, NFNL_MSG_BATCH_BEGIN, 0, 0, "the transaction");
}

struct nlmsghdr *nft_message(
	struct nft *n, uint16_t type, uint16_t family, uint16_t flags, const char *what)
{
	return append(n, type, family, flags, what);
}

/* The kernel's own text for an error, if it sent one. */
static const char *extended_text(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*e);
	struct nlattr *a;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += MNL_ALIGN(e->msg.nlmsg_len - sizeof(struct nlmsghdr));
	if (answer->nlmsg_len < NLMSG_HDRLEN + skip)
		return "";
	mnl_attr_for_each(a, answer, skip) if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
					       mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >=
						       0) return mnl_attr_get_str(a);
	return "";
}

/*
 * Reads the replies to one batch. The first error counts; an ack of the last message without
 * an earlier error means that the batch was committed. Replies left over from earlier
 * batches have sequence numbers before this one's first.
 */
static int await_commit(struct nft *n, uint32_t first, struct failure *f)
{
	/* The end of the batch isn't acknowledged; the message before it is. */
	uint32_t last = n->sequence - 2;

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(n->socket, n->answers, ANSWER_ROOM);
		const struct nlmsghdr *a = (const void *)n->answers;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return nft_fail(f, "read the kernel's answer", "nf_tables", NULL);
		for (; mnl_nlmsg_ok(a, left); a = mnl_nlmsg_next(a, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(a);
			uint32_t index = a->nlmsg_seq - first;

			if (a->nlmsg_type != NLMSG_ERROR || index >= n->messages ||
				mnl_nlmsg_get_payload_len(a) < sizeof(*e))
				continue;
			if (e->error == 0) {
				if (a->nlmsg_seq == last)
					return 0;
				continue;
			}
			errno = -e->error;
			return nft_fail(f, "set up the wall", n->what[index], extended_text(a));
		}
	}
}

/* Replies left by a failed exchange must not be taken for the next one's, and a receive
 * queue that overflowed must not make it fail. */
static void drain(struct nft *n)
{
	while (recv(mnl_socket_get_fd(n->socket), n->answers, ANSWER_ROOM, MSG_DONTWAIT) >= 0 ||
		errno == ENOBUFS || errno == EINTR)
		;
}

/* One sendmsg() is limited by the socket's send buffer. FORCE works unless the container has
 * its own user namespace; the other is capped by net.core.wmem_max. */
static void widen(struct nft *n)
{
	int fd = mnl_socket_get_fd(n->socket), size = (int)n->used + 4096;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int nft_commit(struct nft *n, struct failure *f)
{
	uint32_t first = n->sequence - (uint32_t)n->messages;
	struct nlmsghdr *last;
	int status;

	if (n->messages > 1) {
		last = (void *)(n->batch + n->used);
		last->nlmsg_flags |= NLM_F_ACK;
	}
	append(n, NFNL_MSG_BATCH_END, 0, 0, "the transaction");
	if (n->broken) {
		errno = ENOMEM;
		return nft_fail(f, "set up the wall", "", NULL);
	}
	finish_message(n);
	if (n->used > BATCH_KEPT)
		widen(n);
	if (mnl_socket_sendto(n->socket, n->batch, n->used) < 0)
		status = nft_fail(f, "send the wall to the kernel", "nf_tables", NULL);
	else
		status = await_commit(n, first, f);
	if (status < 0)
		drain(n);
	if (n->room > BATCH_KEPT) {
		char *less = realloc(n->batch, BATCH_KEPT);

		if (less) {
			n->batch = less;
			n->room = BATCH_KEPT;
		}
	}
	return status;
}

int nft_dump(struct nft *n, uint16_t type, uint16_t family,
	void (*fill)(struct nlmsghdr *request, void *context), mnl_cb_t each, void *context)
{
	char *buffer = n->answers;
	uint32_t sequence = n->sequence++;
	uint16_t flags = type == NFT_MSG_GETGEN ? NLM_F_ACK : NLM_F_DUMP;
	struct nlmsghdr *request;
	int status;

	request = nftnl_nlmsg_build_hdr(buffer, type, family, flags, sequence);
	if (fill)
		fill(request, context);
	status = mnl_socket_sendto(n->socket, request, request->nlmsg_len) < 0 ? -1 : MNL_CB_OK;
	while (status > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(n->socket, buffer, ANSWER_ROOM);

		status = len < 0 ? -1
				 : mnl_cb_run(buffer, (size_t)len, sequence, n->port, each,
					   context);
	}
	if (status < 0) {
		int error = errno;

		drain(n);
		errno = error;
		return -1;
	}
	return 0;
}

static int read_generation(const struct nlmsghdr *answer, void *context)
{
	uint32_t *generation = context;
	struct nftnl_gen *gen = nftnl_gen_alloc();

	if (!gen)
		return MNL_CB_ERROR;
	if (nftnl_gen_nlmsg_parse(answer, gen) == 0)
		*generation = nftnl_gen_get_u32(gen, NFTNL_GEN_ID);
	nftnl_gen_free(gen);
	return MNL_CB_OK;
}

int nft_generation(struct nft *n, uint32_t *generation)
{
	*generation = 0;
	return nft_dump(n, NFT_MSG_GETGEN, AF_UNSPEC, NULL, read_generation, generation);
}
