/*
 * The server of the gate's measurements: flow_server PORT CERTIFICATE KEY
 *
 * What a connection is for stands in the name of its hello: tls.*: a real TLS server that sends
 * until the client goes; bulk.*: it says hello, then sends raw octets without end; any other:
 * it says hello, then sends back what it gets.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS      256
#define DESCRIPTORS 65536
/* Sent from memory repeatedly. */
#define FILE_SIZE (4 * 1024 * 1024)
/* Written at once by a TLS server: whole records. */
#define TLS_WRITE (64 * 1024)

/* Only a ServerHello: enough to see that it doesn't request a second hello. */
static const unsigned char hello[] = {
	0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3, [44] = 0x13, 0x01, 0};

static SSL_CTX *context;
static int file;
static bool greeted[DESCRIPTORS];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int blocking(const void *argument)
{
	int fd = (int)(intptr_t)argument;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

static void *bulk(void *argument)
{
	int fd = blocking(argument);
	off_t at;

	do
		at = 0;
	while (sendfile(fd, file, &at, FILE_SIZE) > 0);
	close(fd);
	return NULL;
}

static void *tls(void *argument)
{
	static const unsigned char octets[TLS_WRITE];
	int fd = blocking(argument);
	SSL *s = SSL_new(context);

	SSL_set_fd(s, fd);
	if (SSL_accept(s) == 1)
		while (SSL_write(s, octets, sizeof(octets)) > 0)
			;
	SSL_free(s);
	close(fd);
	return NULL;
}

/* Starts a thread for a connection. */
static void hand_over(int epoll, int fd, void *(*to)(void *))
{
	pthread_t thread;

	epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	if (pthread_create(&thread, NULL, to, (void *)(intptr_t)fd) != 0)
		die("pthread_create");
	pthread_detach(thread);
}

static void greet(int epoll, int fd)
{
	unsigned char in[4096];
	ssize_t n = recv(fd, in, sizeof(in), MSG_PEEK);

	if (n <= 0) {
		close(fd);
		return;
	}
	if (n < 5 || n < 5 + in[3] * 256 + in[4])
		return;
	if (memmem(in, (size_t)n, "tls.", 4)) {
		hand_over(epoll, fd, tls);
		return;
	}
	if (recv(fd, in, (size_t)n, 0) != n || send(fd, hello, sizeof(hello), 0) < 0)
		die("greet");
	if (memmem(in, (size_t)n, "bulk.", 5))
		hand_over(epoll, fd, bulk);
	else
		greeted[fd] = true;
}

static void echo(int fd)
{
	unsigned char in[4096];
	ssize_t n = recv(fd, in, sizeof(in), 0);

	if (n <= 0 || send(fd, in, (size_t)n, 0) != n)
		close(fd);
}

static void take(int epoll, int listener)
{
	struct epoll_event e = {.events = EPOLLIN};
	int on = 1;

	while ((e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (e.data.fd >= DESCRIPTORS)
			die("too many descriptors");
		setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		greeted[e.data.fd] = false;
		epoll_ctl(epoll, EPOLL_CTL_ADD, e.data.fd, &e);
	}
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS], first = {.events = EPOLLIN};
	int epoll = epoll_create1(0);

	if (argc != 4) {
		fputs("usage: flow_server PORT CERTIFICATE KEY\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	file = memfd_create("octets", 0);
	if (file < 0 || posix_fallocate(file, 0, FILE_SIZE) != 0)
		die("memory");
	context = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_file(context, argv[2], SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1)
		die("certificate");
	first.data.fd = listen_on((uint16_t)atoi(argv[1]));
	epoll_ctl(epoll, EPOLL_CTL_ADD, first.data.fd, &first);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == first.data.fd)
				take(epoll, fd);
			else if (greeted[fd])
				echo(fd);
			else
				greet(epoll, fd);
		}
	}
}
