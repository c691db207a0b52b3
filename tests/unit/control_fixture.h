/* The control socket, and clients of it. */
#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/monitor/control.h"
#include "../../init/egress/egress.h"
#include "../../init/monitor/report.h"
#include "../../init/lib/limits.h"

#include <cmocka.h>

static struct monitor monitor;
static struct control *control;
static char directory[] = "/tmp/test_control.XXXXXX", path[64];
static unsigned asked;
static size_t answer_bytes;
static struct target target;
static size_t watchers;

static __attribute__((unused)) void watched(void *context, size_t count)
{
	assert_ptr_equal(context, &asked);
	watchers = count;
}

static __attribute__((unused)) int answer(void *context, const struct control_request *r,
	pid_t peer, const struct target *t, FILE *to)
{
	assert_true(peer > 0);
	assert_ptr_equal(context, &asked);
	asked++;
	target = *t;
	for (size_t i = 0; i < answer_bytes; i++)
		fputc('a' + (int)(i % 26), to);
	return r->type == CONTROL_EXPLAIN ? 1 : 0;
}

static __attribute__((unused)) int begin(void **state)
{
	struct failure f;

	(void)state;
	memset(&monitor, 0, sizeof(monitor));
	monitor.epoll = epoll_create1(0);
	for (size_t i = 0; i < MONITOR_SOURCES; i++)
		monitor.sources[i].fd = -1;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chmod(directory, 0755), 0);
	snprintf(path, sizeof(path), "%s/control", directory);
	asked = 0;
	answer_bytes = 10;
	return control_open(&control, path, &monitor, answer, watched, &asked, &f);
}

static __attribute__((unused)) int end(void **state)
{
	(void)state;
	control_close(control);
	control = NULL;
	close(monitor.epoll);
	assert_int_equal(access(path, F_OK), -1);
	return rmdir(directory);
}

/* PID 1's loop while there is something to do; returns the number of rounds. */
static unsigned serve(void)
{
	struct pollfd p = {.fd = monitor.sources[0].fd, .events = POLLIN};
	unsigned rounds = 0;

	for (; poll(&p, 1, 0) == 1; rounds++) {
		assert_true(rounds < 100); /* it would spin */
		monitor.sources[0].ready(monitor.sources[0].context, p.fd);
	}
	return rounds;
}

static __attribute__((unused)) int reach(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static __attribute__((unused)) int connected(void)
{
	int fd = reach();

	assert_true(fd >= 0);
	return fd;
}

static __attribute__((unused)) int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static __attribute__((unused)) void request(
	int fd, enum control_type type, const struct target *t)
{
	struct control_request r;

	control_ipc_make(&r, type, t, NULL, NULL);
	assert_int_equal(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
