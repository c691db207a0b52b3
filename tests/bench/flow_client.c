/*
 * The client of the gate's measurements, one line of numbers each:
 *
 *	bulk ADDRESS PORT STREAMS SECONDS	gigabits a second, raw octets after the hellos
 *	tls ADDRESS PORT STREAMS SECONDS	the same, by TLS
 *	sequence ADDRESS PORT COUNT		connections a second, one after another
 *	latency ADDRESS PORT COUNT		microseconds, medians: from connect to the first
 *						octet; to and fro on a connection that stands
 *	idle ADDRESS PORT COUNT			opens them, says "ready", waits for standard
 *input
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DOMAIN ".bench.example.com"
/* Octets read at once. */
#define TAKE (1024 * 1024)
/* Before counting begins, so that windows have grown. */
#define WARM_US 300000
/* Length of a ServerHello from flow_server.c. */
#define ANSWER 47

static struct sockaddr_in to = {.sin_family = AF_INET};
static SSL_CTX *context;
static _Atomic uint64_t octets;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_connection(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	return fd;
}

/* Writes a real client's hello with this name. Returns its length. */
static size_t hello(const char *name, unsigned char *out, size_t size)
{
	SSL *s = SSL_new(context);
	BIO *written = BIO_new(BIO_s_mem());
	int n;

	SSL_set_bio(s, BIO_new(BIO_s_mem()), written);
	SSL_set_tlsext_host_name(s, name);
	SSL_connect(s);
	n = BIO_read(written, out, (int)size);
	if (n <= 0)
		die("hello");
	SSL_free(s);
	return (size_t)n;
}

/* Sends a hello and reads the whole response. */
static void greet(int fd, const unsigned char *said, size_t len)
{
	unsigned char answer[ANSWER];

	if (send(fd, said, len, MSG_NOSIGNAL) != (ssize_t)len ||
		recv(fd, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		die("greet");
}

static void *take_raw(void *unused)
{
	unsigned char said[2048];
	size_t len = hello("bulk" DOMAIN, said, sizeof(said));
	int fd = open_connection();
	ssize_t n;

	(void)unused;
	greet(fd, said, len);
	/* tcp(7): MSG_TRUNC discards them without copying, so that only the path is
	 * measured. */
	while ((n = recv(fd, NULL, TAKE, MSG_TRUNC)) > 0)
		atomic_fetch_add(&octets, (uint64_t)n);
	die("the stream ended");
	return NULL;
}

static void *take_tls(void *unused)
{
	static _Thread_local unsigned char in[16384];
	SSL *s = SSL_new(context);
	int n;

	(void)unused;
	SSL_set_fd(s, open_connection());
	SSL_set_tlsext_host_name(s, "tls" DOMAIN);
	if (SSL_connect(s) != 1)
		die("SSL_connect");
	while ((n = SSL_read(s, in, sizeof(in))) > 0)
		atomic_fetch_add(&octets, (uint64_t)n);
	die("the TLS stream ended");
	return NULL;
}

static int streams(void *(*take)(void *), int count, double seconds)
{
	pthread_t thread;
	uint64_t before;
	double begun;

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, take, NULL) != 0)
			die("pthread_create");
	usleep(WARM_US);
	before = atomic_load(&octets);
	begun = now();
	usleep((useconds_t)(seconds * 1e6));
	printf("%.3f\n", (double)(atomic_load(&octets) - before) * 8 / (now() - begun) / 1e9);
	return 0;
}

static int sequence(const unsigned char *said, size_t len, int count)
{
	double begun = now();

	for (int i = 0; i < count; i++) {
		int fd = open_connection();

		greet(fd, said, len);
		close(fd);
	}
	printf("%.1f\n", count / (now() - begun));
	return 0;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int latency(const unsigned char *said, size_t len, int count)
{
	double *first = calloc((size_t)count, sizeof(double));
	double *turn = calloc((size_t)count, sizeof(double));
	unsigned char octet = 0;

	for (int i = 0; i < count; i++) {
		double begun = now();
		int fd = open_connection();

		greet(fd, said, len);
		first[i] = now() - begun;
		for (int j = 0; j < 2; j++) {
			begun = now();
			if (send(fd, &octet, 1, MSG_NOSIGNAL) != 1 ||
				recv(fd, &octet, 1, 0) != 1)
				die("to and fro");
			turn[i] = now() - begun;
		}
		close(fd);
	}
	qsort(first, (size_t)count, sizeof(double), ascending);
	qsort(turn, (size_t)count, sizeof(double), ascending);
	printf("%.2f %.2f\n", first[count / 2] * 1e6, turn[count / 2] * 1e6);
	return 0;
}

static int idle(const unsigned char *said, size_t len, int count)
{
	for (int i = 0; i < count; i++)
		greet(open_connection(), said, len);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned char said[2048];
	size_t len;
	int count;

	if (argc < 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fputs("usage: flow_client bulk|tls|sequence|latency|idle ADDRESS PORT COUNT\n",
			stderr);
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	count = atoi(argv[4]);
	context = SSL_CTX_new(TLS_client_method());
	len = hello("echo" DOMAIN, said, sizeof(said));
	if (strcmp(argv[1], "bulk") == 0 && argc == 6)
		return streams(take_raw, count, atof(argv[5]));
	if (strcmp(argv[1], "tls") == 0 && argc == 6)
		return streams(take_tls, count, atof(argv[5]));
	if (strcmp(argv[1], "sequence") == 0)
		return sequence(said, len, count);
	if (strcmp(argv[1], "latency") == 0)
		return latency(said, len, count);
	return idle(said, len, count);
}
