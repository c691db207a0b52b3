/*
 * The bench's small programs, in one static binary told apart by its first argument. None of
 * them is anything but a clock: what is measured is what they start, or what starts them.
 *
 * - spawn ROUNDS COMMAND [-- COMMAND]...: runs the commands in turn, ROUNDS times each, and
 *   prints a line of microseconds for each: median, fastest
 * - stamp [COMMAND]: prints the monotonic clock, then becomes COMMAND
 * - hold: ends with its standard input
 * - confine ROOT COMMAND: becomes COMMAND in ROOT, with a container's capabilities
 * - answer PORT: a DNS server; every name has one A record and no AAAA
 * - sockets COUNT: makes and closes so many, and prints nanoseconds for one
 * - brokered COUNT: the same as sockets, but another process makes each, and no more: what
 *   seccomp_unotify(2) takes by itself
 * - calls COUNT: the same for two system calls that have to do with no socket
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS 8

extern char **environ;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t once(char **argv)
{
	uint64_t begun = now();
	int status = 0;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
		waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "%s: did not run\n", argv[0]);
		exit(1);
	}
	return now() - begun;
}

/* Alternating, so that other load on the machine affects all of them alike. */
static int spawn(unsigned rounds, char **argv)
{
	char **commands[COMMANDS];
	uint64_t *times[COMMANDS];
	unsigned count = 0;

	for (commands[count++] = argv; *argv; argv++)
		if (strcmp(*argv, "--") == 0 && count < COMMANDS && argv[1] &&
			strcmp(argv[1], "--") == 0) {
			/* Two in a row separate commands; a single one belongs to its
			 * command. */
			*argv = NULL;
			commands[count++] = argv + 2;
			argv += 1;
		}
	for (unsigned c = 0; c < count; c++)
		times[c] = calloc(rounds, sizeof(uint64_t));
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned c = 0; c < count; c++)
			times[c][r] = once(commands[c]);
	for (unsigned c = 0; c < count; c++) {
		qsort(times[c], rounds, sizeof(uint64_t), ascending);
		printf("%.1f %.1f\n", (double)times[c][rounds / 2] / 1000,
			(double)times[c][0] / 1000);
	}
	return 0;
}

static int stamp(char **argv)
{
	printf("%llu\n", (unsigned long long)now());
	fflush(stdout);
	if (!argv[0])
		return 0;
	execv(argv[0], argv);
	perror(argv[0]);
	return 127;
}

static int confine(char **argv)
{
	static const int kept[] = {
		CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL};

	if (chroot(argv[0]) < 0 || chdir("/workspace") < 0) {
		perror(argv[0]);
		return 1;
	}
	for (int c = 0; c < 64; c++) {
		unsigned i = 0;

		while (i < sizeof(kept) / sizeof(kept[0]) && kept[i] != c)
			i++;
		if (i == sizeof(kept) / sizeof(kept[0]))
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
	}
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}

/* The query is returned with one A record, or none; EDNS is dropped, as by old servers. */
static int answer(uint16_t port)
{
	static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 45, 33};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)}, from;
	int s = socket(AF_INET, SOCK_DGRAM, 0), room = 1 << 20;
	unsigned char m[1500];

	setsockopt(s, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (bind(s, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("bind");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(s, m, sizeof(m) - 32, 0, (struct sockaddr *)&from, &size);
		size_t end = 12, hash = 0;

		if (n < 17)
			continue;
		while (end < (size_t)n && m[end]) {
			for (unsigned i = 0; i < m[end]; i++)
				hash = hash * 31 + m[end + 1 + i];
			end += m[end] + 1u;
		}
		end += 5;
		if (end > (size_t)n)
			continue;
		m[2] = 0x84 | (m[2] & 1);
		m[3] = 0x80;
		memset(m + 6, 0, 6);
		if (m[end - 3] == 1) {
			m[7] = 1;
			memcpy(m + end, record, sizeof(record));
			m[end + 14] = (unsigned char)(hash >> 8);
			m[end + 15] = (unsigned char)hash;
			end += 16;
		}
		if (sendto(s, m, end, 0, (struct sockaddr *)&from, size) < 0)
			perror("sendto");
	}
}

static bool make_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && close(fd) == 0;
}

/* Two calls that no filter of ours holds back. */
static bool make_other(void)
{
	static int zero = -1;
	char octet;

	if (zero < 0)
		zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return syscall(SYS_getppid) > 0 && read(zero, &octet, 1) == 1;
}

/* Nanoseconds for each of so many, in ten parts of which the median counts. */
static int repeat(bool (*call)(void), unsigned count)
{
	uint64_t parts[11];

	for (unsigned p = 0; p < 11; p++) {
		uint64_t begun = now();

		for (unsigned i = 0; i < count / 10; i++)
			if (!call()) {
				perror("repeat");
				return 1;
			}
		parts[p] = now() - begun;
	}
	/* The first part is for warming up. */
	qsort(parts + 1, 10, sizeof(parts[0]), ascending);
	printf("%llu\n", (unsigned long long)(parts[5] / (count / 10)));
	return 0;
}

/* The least that can answer: one listener, no poll, no check, sockets that lead anywhere. They
 * are made without the flag by which the filter tells the payload's calls. */
static _Noreturn void hand_out(int listener)
{
	/* Linux 6.6: the caller is woken on this processor. */
	ioctl(listener, (int)SECCOMP_IOW(4, uint64_t), 1UL);
	for (;;) {
		struct seccomp_notif call = {0};
		struct seccomp_notif_addfd given = {.flags = SECCOMP_ADDFD_FLAG_SEND};

		if (ioctl(listener, (int)SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			_exit(1);
		given.id = call.id;
		given.srcfd = (uint32_t)socket(AF_INET, SOCK_STREAM, 0);
		if (ioctl(listener, (int)SECCOMP_IOCTL_NOTIF_ADDFD, &given) < 0)
			_exit(1);
		close((int)given.srcfd);
	}
}

static int brokered(unsigned count)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SOCK_CLOEXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	int listener = -1, status;
	pid_t pid;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	pid = listener < 0 ? -1 : fork();
	if (pid < 0) {
		perror("brokered");
		return 1;
	}
	if (pid == 0)
		hand_out(listener);
	close(listener);
	status = repeat(make_socket, count);
	kill(pid, SIGKILL);
	return status;
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "spawn") == 0)
		return spawn((unsigned)atoi(argv[2]), argv + 3);
	if (argc > 1 && strcmp(argv[1], "stamp") == 0)
		return stamp(argv + 2);
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		return getchar() != EOF;
	if (argc > 3 && strcmp(argv[1], "confine") == 0)
		return confine(argv + 2);
	if (argc > 2 && strcmp(argv[1], "answer") == 0)
		return answer((uint16_t)atoi(argv[2]));
	if (argc > 2 && strcmp(argv[1], "sockets") == 0)
		return repeat(make_socket, (unsigned)atoi(argv[2]));
	if (argc > 2 && strcmp(argv[1], "brokered") == 0)
		return brokered((unsigned)atoi(argv[2]));
	if (argc > 2 && strcmp(argv[1], "calls") == 0)
		return repeat(make_other, (unsigned)atoi(argv[2]));
	fputs("usage: harness spawn|stamp|confine|answer|sockets|brokered|calls ...\n", stderr);
	return 2;
}
