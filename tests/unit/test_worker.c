/*
 * The start of a worker: what it may still do when it prepares, and what it holds. Runs as
 * root, like PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/lib/limits.h"
#include "../../init/lib/worker.h"

#include <cmocka.h>

#define NOTHING 0ULL

/* What prepare() found, as one datagram. */
struct found {
	uid_t real, effective, saved;
	gid_t gid;
	int groups;
	uint64_t permitted, bounding;
	int no_new_privs, dumpable, death_signal;
	bool root_again, opens_what_is_roots, writes_to_shared;
	unsigned descriptors; /* above 2 */
};

struct given {
	char *shared;
	int roots; /* a file of root's, mode 0600 */
	char path[32];
};

static uint64_t permitted(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	syscall(SYS_capget, &header, data);
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static uint64_t bounding(void)
{
	uint64_t set = 0;

	for (int c = 0; c < 64; c++)
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			set |= UINT64_C(1) << c;
	return set;
}

/* read(2) into the memory fails with EFAULT where writing to it would end us. */
static bool writable(char *at)
{
	int zero = open("/dev/zero", O_RDONLY);
	bool wrote = read(zero, at, 1) == 1;

	close(zero);
	return wrote;
}

static void *look(void *context, int channel)
{
	const struct given *g = context;
	struct found f = {0};
	int fd;

	getresuid(&f.real, &f.effective, &f.saved);
	f.gid = getegid();
	f.groups = getgroups(0, NULL);
	f.permitted = permitted();
	f.bounding = bounding();
	f.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	f.dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_GET_PDEATHSIG, &f.death_signal);
	for (fd = 3; fd < 256; fd++)
		f.descriptors += fcntl(fd, F_GETFD) >= 0;
	f.root_again = setuid(0) == 0;
	f.opens_what_is_roots = open(g->path, O_RDONLY) >= 0;
	f.writes_to_shared = writable(g->shared);
	if (send(channel, &f, sizeof(f), 0) != sizeof(f))
		return NULL;
	return context;
}

/* Under the filter: reports, and makes a call that the filter kills it for. */
static void forbidden(void *prepared)
{
	(void)prepared;
	syscall(SYS_getuid);
}

static pid_t begin(const struct worker_config *c, struct given *g, int *channel)
{
	struct failure f;
	pid_t pid;

	*g = (struct given){.path = "/tmp/test_confined_XXXXXX"};
	g->roots = mkstemp(g->path);
	assert_true(g->roots >= 0);
	g->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g->shared, MAP_FAILED);
	pid = worker_start(&(struct worker_config){.name = c->name,
				   .uid = c->uid,
				   .filter = c->filter,
				   .shared = g->shared,
				   .shared_size = 4096,
				   .prepare = c->prepare,
				   .serve = c->serve},
		g, channel, &f);
	assert_true(pid > 0);
	return pid;
}

static int end(pid_t pid, const struct given *g, int channel)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(channel);
	close(g->roots);
	unlink(g->path);
	munmap(g->shared, 4096);
	return status;
}

/* What parses foreign bytes later has no privilege before that either: a worker restarted
 * for the eighth time prepares next to a hostile payload. */
static void a_worker_prepares_without_privilege(void **state)
{
	const struct worker_config self = {.name = "test",
		.uid = UID_GATE,
		.filter = FILTER_GATE,
		.prepare = look,
		.serve = forbidden};
	struct given g;
	struct found f = {0};
	int channel, status;
	struct pollfd p = {.events = POLLIN};
	pid_t pid;

	(void)state;
	assert_int_equal(getuid(), 0);
	pid = begin(&self, &g, &channel);
	p.fd = channel;
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(recv(channel, &f, sizeof(f), 0), sizeof(f));
	assert_int_equal(f.real, UID_GATE);
	assert_int_equal(f.effective, UID_GATE);
	assert_int_equal(f.saved, UID_GATE);
	assert_int_equal(f.gid, UID_GATE);
	assert_int_equal(f.groups, 0);
	assert_int_equal(f.permitted, NOTHING);
	assert_int_equal(f.bounding, NOTHING);
	assert_int_equal(f.no_new_privs, 1);
	assert_int_equal(f.dumpable, 0);
	assert_int_equal(f.death_signal, SIGKILL);
	assert_int_equal(f.descriptors, 1);
	assert_false(f.root_again);
	assert_false(f.opens_what_is_roots);
	assert_false(f.writes_to_shared);
	status = end(pid, &g, channel);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void *fail_to_prepare(void *context, int channel)
{
	(void)context, (void)channel;
	return NULL;
}

static void one_that_cannot_prepare_serves_nobody(void **state)
{
	const struct worker_config self = {.name = "test",
		.uid = UID_RESOLVER,
		.filter = FILTER_RESOLVER,
		.prepare = fail_to_prepare,
		.serve = forbidden};
	struct given g;
	int channel, status;
	pid_t pid;

	(void)state;
	pid = begin(&self, &g, &channel);
	status = end(pid, &g, channel);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_prepares_without_privilege),
		cmocka_unit_test(one_that_cannot_prepare_serves_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
