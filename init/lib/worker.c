/* See worker.h. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sockaddr.h"

int worker_bind(int family, int type, uint16_t port)
{
	static const struct address loopback4 = {4, {127, 0, 0, 1}},
				    loopback6 = {6, {[15] = 1}};
	union sockaddr_any at;
	socklen_t len = sockaddr_make(family == AF_INET ? &loopback4 : &loopback6, port, &at);
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	if ((family == AF_INET6 &&
		    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
		bind(fd, &at.any, len) < 0 ||
		(type == SOCK_STREAM && listen(fd, WORKER_BACKLOG) < 0)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int worker_bind_lo(int fd)
{
	static const char device[] = "lo";

	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device));
}

uint16_t worker_port(int fd)
{
	union sockaddr_any a = {0};
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len) < 0)
		return 0;
	return sockaddr_endpoint(&a).port;
}

bool worker_no_ipv6(void)
{
	return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
}

static bool kept(const int *keep, size_t count, int fd)
{
	bool found = false;

	for (size_t i = 0; i < count; i++)
		found |= fd == keep[i];
	return found;
}

/* Closes everything not in keep, by ranges where possible: needs no /proc. */
static void close_others(const int *keep, size_t count)
{
	int last = 2;

	for (size_t i = 0; i < count; i++)
		if (keep[i] > last)
			last = keep[i];
	for (int fd = 3; fd < last; fd++)
		if (!kept(keep, count, fd))
			close(fd);
	if (syscall(SYS_close_range, (unsigned)last + 1, ~0U, 0) < 0)
		for (int fd = last + 1; fd < 1024; fd++)
			close(fd);
}

int worker_leave(const int *keep, size_t count)
{
	int fd;

	/* No signals from a terminal. Fails harmlessly if we lead a session already. */
	setsid();
	close_others(keep, count);
	/* stdin, stdout and stderr belong to the payload; whoever reads them would wait for
	 * us to end. */
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(fd, i) < 0)
			return -1;
	if (fd > 2)
		close(fd);
	return chdir("/");
}

static _Noreturn void worker_main(const struct worker_config *c, void *context, int channel)
{
	int keep[WORKER_KEEP + 1];
	const bool shared = privileges_shared();
	struct failure f;
	void *prepared;

	if (privileges_drop(shared ? geteuid() : c->uid,
		    shared   ? getegid()
		    : c->gid ? c->gid
			     : c->uid,
		    &f) < 0)
		_exit(1);
	/* After the change of uid, which clears it. If PID 1 ended in between, the channel
	 * is closed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, c->name);
	memcpy(keep, c->keep, sizeof(c->keep));
	keep[c->keep_count] = channel;
	if (worker_leave(keep, c->keep_count + 1) < 0)
		_exit(1);
	/* The filter, which is installed last, prevents undoing this. */
	if (c->shared && mprotect(c->shared, c->shared_size, PROT_READ) < 0)
		_exit(1);
	prepared = c->prepare(context, channel);
	if (!prepared || filters_install(c->filter, &f) < 0)
		_exit(1);
	c->serve(prepared);
	_exit(1);
}

pid_t worker_start(
	const struct worker_config *c, void *context, int *channel, struct failure *f)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return fail_errno(f, "open a channel", c->name);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		worker_main(c, context, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return fail_errno(f, "start a process", c->name);
	}
	*channel = pair[0];
	return pid;
}
