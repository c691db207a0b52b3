/*
 * The authority that makes a certificate for chatgpt.com, which only Codex trusts, since only
 * Codex is told of it. What it may sign is constrained to that name and those below it (RFC
 * 5280, 4.2.1.10), and its key is in a file of openssl's memory, which nobody else has and
 * which is gone when this has returned.
 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_BYTES 32
#define WORDS      40
/* Room for a certificate, or a key. */
#define PEM_BYTES 8192
#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct file {
	int fd;
	char name[NAME_BYTES];
};

/* openssl inherits it. */
static bool make_file(struct file *out, const char *text)
{
	out->fd = memfd_create("pem", 0);
	snprintf(out->name, sizeof(out->name), "/proc/self/fd/%d", out->fd);
	return out->fd >= 0 && write(out->fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool run(char *const *argv)
{
	char *envp[] = {NULL};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execve(BROKER_OPENSSL, argv, envp);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && status == 0;
}

/* The words that end with NULL are added to those that both certificates have. */
static bool certify(const struct file *settings, const struct file *key,
	const struct file *certificate, const char *const *more)
{
	const char *words[WORDS] = {"openssl", "req", "-x509", "-config", settings->name,
		"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days",
		"3650", "-keyout", key->name, "-out", certificate->name};
	size_t n = 16;

	while (*more && n < WORDS - 1)
		words[n++] = *more++;
	return run((char *const *)(uintptr_t)words);
}

static bool copy(int from, int to)
{
	char text[PEM_BYTES];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, text, sizeof(text), at)) > 0) {
		if (at > LIMIT_ROOTS || write(to, text, (size_t)n) != n)
			return false;
		at += n;
	}
	return n == 0 && at > 0;
}

static bool write_bundle(const struct broker_config *c, int authority)
{
	int roots = open(c->roots, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool done = roots >= 0 && copy(roots, c->bundle) && write(c->bundle, "\n", 1) == 1 &&
		    copy(authority, c->bundle);

	if (roots >= 0)
		close(roots);
	return done;
}

/* Takes away what one of codex-broker's processes has written that has ended since. */
static bool empty(int fd)
{
	return ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0;
}

static bool make_both(const struct broker_config *c, const struct file f[5])
{
	const char *const authority[] = {"-subj", "/CN=codex-sandbox", "-addext",
		"basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
		"keyUsage=critical,keyCertSign", "-addext",
		"nameConstraints=critical,permitted;DNS:" BROKER_SERVER_CHAT
		",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::",
		NULL};
	const char *const leaf[] = {"-CA", f[2].name, "-CAkey", f[1].name, "-subj",
		"/CN=" BROKER_SERVER_CHAT, "-addext", "subjectAltName=DNS:" BROKER_SERVER_CHAT,
		"-addext", "basicConstraints=critical,CA:FALSE", "-addext",
		"keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth",
		NULL};

	/* The seal last: by it the next process knows that all is there. */
	return empty(c->bundle) && empty(c->leaf) && certify(&f[0], &f[1], &f[2], authority) &&
	       certify(&f[0], &f[3], &f[4], leaf) && write_bundle(c, f[2].fd) &&
	       copy(f[4].fd, c->leaf) && copy(f[3].fd, c->leaf) &&
	       fcntl(c->leaf, F_ADD_SEALS, SEALS) == 0;
}

/* Closed once: when haproxy is started again, another file may have that number. */
static void close_bundle(struct broker_config *c)
{
	close(c->bundle); /* or -1 */
	c->bundle = -1;
}

int session_ca_make(struct broker_config *c)
{
	/* Settings of openssl's, and the keys and certificates of authority and leaf. */
	struct file f[5];
	bool done = true;

	if (fcntl(c->leaf, F_GET_SEALS) & F_SEAL_WRITE) {
		close_bundle(c);
		return 0;
	}
	for (int i = 0; i < 5; i++)
		done &= make_file(&f[i], i ? "" : "[req]\ndistinguished_name=d\n[d]\n");
	done = done && make_both(c, f);
	for (int i = 0; i < 5; i++)
		close(f[i].fd);
	close_bundle(c);
	return done ? 0 : -1;
}
