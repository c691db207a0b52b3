/* The control socket with good and malicious clients; and every field of a request. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "control_fixture.h"

/* Reads a whole answer; its text must be the expected one. Returns the status. */
static int take(int fd)
{
	struct control_reply head;
	char text[CONTROL_DATAGRAM + 1];
	size_t total = 0;
	ssize_t got;

	assert_int_equal(recv(fd, &head, sizeof(head), MSG_TRUNC), sizeof(head));
	assert_int_equal(head.magic, CONTROL_MAGIC);
	while ((got = recv(fd, text, sizeof(text), MSG_TRUNC)) > 0) {
		assert_true(got <= CONTROL_DATAGRAM);
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(text[i], 'a' + (int)((total + (size_t)i) % 26));
		total += (size_t)got;
	}
	assert_int_equal(got, 0); /* closed */
	assert_int_equal(total, head.bytes);
	close(fd);
	return (int)head.status;
}

/* The client was dropped without a reply. */
static void dropped(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, 0);

	assert_true(got == 0 || (got < 0 && (errno == ECONNRESET || errno == EPIPE)));
	close(fd);
}

static void a_question_is_answered(void **state)
{
	struct target t;
	const char *reason;
	struct stat st;
	int fd = connected();

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	request(fd, CONTROL_STATUS, NULL);
	serve();
	assert_int_equal(take(fd), 0);
	assert_int_equal(asked, 1);
	/* Whether it comes before or after PID 1 has accepted the client. */
	fd = connected();
	serve();
	assert_true(target_parse("a.example:8443", &t, &reason));
	request(fd, CONTROL_EXPLAIN, &t);
	serve();
	assert_int_equal(take(fd), 1);
	assert_string_equal(target.name, "a.example");
	assert_int_equal(target.port, 8443);
	assert_int_equal(asked, 2);
}

static void the_longest_answer_arrives_whole(void **state)
{
	(void)state;
	for (answer_bytes = CONTROL_TEXT - 100; answer_bytes < CONTROL_TEXT + 9000;
		answer_bytes += 3000) {
		int fd = connected();

		request(fd, CONTROL_STATUS, NULL);
		serve();
		/* Anything longer is truncated. */
		assert_int_equal(take(fd), 0);
	}
}

static void silent_clients_do_not_affect_others(void **state)
{
	int silent[100], before = open_descriptors(), count = 0, fd;

	(void)state;
	for (int i = 0; i < 100; i++) {
		fd = reach();
		if (fd >= 0)
			silent[count++] = fd;
		if (i % 5 == 4)
			serve();
		/* Whatever they do, the next good one gets its reply. */
		fd = connected();
		request(fd, CONTROL_STATUS, NULL);
		serve();
		assert_int_equal(take(fd), 0);
	}
	assert_int_equal(count, 100);
	/* Ours, and a bounded number of PID 1's. */
	assert_true(open_descriptors() - before <= count + LIMIT_CONTROL_CLIENTS);
	for (int i = 0; i < count - LIMIT_CONTROL_CLIENTS; i++)
		dropped(silent[i]);
	/* Those that are still connected can send a request. */
	request(silent[count - 1], CONTROL_STATUS, NULL);
	serve();
	assert_int_equal(take(silent[count - 1]), 0);
	for (int i = count - LIMIT_CONTROL_CLIENTS; i < count - 1; i++)
		close(silent[i]);
	serve();
	assert_int_equal(open_descriptors(), before);
}

static void an_idle_socket_wakes_nobody(void **state)
{
	int fd = connected();

	(void)state;
	assert_true(serve() > 0);
	assert_int_equal(serve(), 0);
	close(fd);
	assert_true(serve() > 0);
	assert_int_equal(serve(), 0);
}

/* It sends requests and reads nothing: each reply goes to the kernel or nowhere. */
static void a_client_that_does_not_read(void **state)
{
	int before = open_descriptors(), tiny = 1;

	(void)state;
	answer_bytes = CONTROL_TEXT - 1;
	for (int i = 0; i < 50; i++) {
		int fd = connected();

		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny));
		request(fd, CONTROL_STATUS, NULL);
		request(fd, CONTROL_STATUS, NULL);
		serve();
		close(fd);
	}
	assert_int_equal(asked, 50);
	assert_int_equal(open_descriptors(), before);
}

static void what_is_no_request_is_not_answered(void **state)
{
	char bytes[2 * sizeof(struct control_request)] = {0};
	static const size_t sizes[] = {0, 1, sizeof(struct control_request) - 1,
		sizeof(struct control_request), sizeof(struct control_request) + 1,
		2 * sizeof(struct control_request)};
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = connected();
		assert_int_equal(send(fd, bytes, sizes[i], MSG_NOSIGNAL), sizes[i]);
		serve();
		dropped(fd);
	}
	/* A valid one followed by something else isn't valid. */
	control_ipc_make((void *)bytes, CONTROL_STATUS, NULL, NULL, NULL);
	fd = connected();
	assert_int_equal(send(fd, bytes, sizeof(struct control_request) + 1, MSG_NOSIGNAL),
		sizeof(struct control_request) + 1);
	serve();
	dropped(fd);
	assert_int_equal(asked, 0);
}

/* As another user: 1 if connect() fails, 2 if it succeeds without effect. */
static int as_nobody(void)
{
	int status, go[2];
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		struct control_request r;
		char byte;
		int fd;

		if (setresuid(65000, 65000, 65000) < 0)
			_exit(10);
		fd = reach();
		if (fd < 0)
			_exit(errno == EACCES ? 1 : 11);
		control_ipc_make(&r, CONTROL_STATUS, NULL, NULL, NULL);
		if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
			_exit(12);
		close(go[1]);
		if (read(go[0], &byte, 1) != 0)
			_exit(13);
		_exit(recv(fd, &byte, 1, 0) > 0 ? 14 : 2);
	}
	close(go[0]);
	/* Served until the child has its result. */
	for (int i = 0; i < 100; i++) {
		serve();
		usleep(1000);
	}
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void only_root_is_answered(void **state)
{
	(void)state;
	assert_int_equal(as_nobody(), 1);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(as_nobody(), 2);
	assert_int_equal(asked, 0);
}

static void a_socket_of_an_earlier_life_is_replaced(void **state)
{
	struct control *again;
	struct failure f;
	int fd;

	(void)state;
	assert_int_equal(control_open(&again, path, &monitor, answer, watched, &asked, &f), 0);
	control_close(again);
	assert_int_equal(control_open(&again, path, &monitor, answer, watched, &asked, &f), 0);
	control_close(control);
	control = again;
	/* The former one removed the name at its end; that is all. */
	assert_int_equal(reach(), -1);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	/* Something that isn't a socket isn't ours: it stays. */
	assert_int_equal(control_open(&again, path, &monitor, answer, watched, &asked, &f), -1);
	assert_null(again);
	assert_string_equal(f.subject, path);
	unlink(path);
}

static void a_place_that_cannot_hold_it(void **state)
{
	char longer[200];
	struct control *none;
	struct failure f;

	(void)state;
	assert_int_equal(control_open(&none, "/nonexistent/control", &monitor, answer, watched,
				 &asked, &f),
		-1);
	assert_null(none);
	/* Something else of that name isn't ours. */
	snprintf(longer, sizeof(longer), "%s3", path);
	close(open(longer, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(
		control_open(&none, longer, &monitor, answer, watched, &asked, &f), -1);
	assert_int_equal(unlink(longer), 0);
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(
		control_open(&none, longer, &monitor, answer, watched, &asked, &f), -1);
	/* No room in PID 1's loop. */
	for (size_t i = 0; i < MONITOR_SOURCES; i++)
		if (monitor.sources[i].fd < 0)
			monitor.sources[i].fd = 1000;
	snprintf(longer, sizeof(longer), "%s2", path);
	assert_int_equal(
		control_open(&none, longer, &monitor, answer, watched, &asked, &f), -1);
	assert_int_equal(access(longer, F_OK), -1);
}

static void every_field_is_checked(void **state)
{
	struct control_request good, r;
	const char *reason;
	struct target t, v4;

	(void)state;
	assert_true(target_parse("a.example:443", &t, &reason));
	control_ipc_make(&good, CONTROL_EXPLAIN, &t, NULL, NULL);
	assert_true(control_ipc_check(&good, sizeof(good), &t));
	assert_false(control_ipc_check(&good, sizeof(good) - 1, &t));
#define REFUSED(change)                                                                        \
	do {                                                                                   \
		r = good;                                                                      \
		change;                                                                        \
		assert_false(control_ipc_check(&r, sizeof(r), &t));                            \
	} while (0)
	REFUSED(r.magic++);
	REFUSED(r.type = 0);
	REFUSED(r.type = CONTROL_DENY); /* which has no port */
	REFUSED(r.type = CONTROL_UNDO + 1);
	REFUSED(r.by[0] = 'a'); /* nobody gives a rule */
	REFUSED(r.type = UINT32_MAX);
	REFUSED(r.type = CONTROL_STATUS); /* which has no target */
	REFUSED(r.allows = 1);
	REFUSED(r.question = 1);
	REFUSED(r.family = 5);
	REFUSED(r.family = 4); /* a name and an address */
	REFUSED(r.address[0] = 1);
	REFUSED(r.text[0] = '\0');
	REFUSED(r.text[0] = 'A'); /* not normalised */
	REFUSED(r.text[0] = ' ');
	REFUSED(r.text[0] = (char)0xff);
	REFUSED(strcpy(r.text, "a.example."));
	REFUSED(strcpy(r.text, "1.2.3.4"));
	REFUSED(r.text[20] = 'x'); /* behind the end */
	REFUSED(memset(r.text, 'a', sizeof(r.text)));
	REFUSED(for (size_t i = 0; i < sizeof(r.text); i++) r.text[i] = i % 9 ? 'a' : '.');
	assert_true(target_parse("1.2.3.4", &v4, &reason));
	control_ipc_make(&good, CONTROL_EXPLAIN, &v4, NULL, NULL);
	assert_true(control_ipc_check(&good, sizeof(good), &t));
	assert_int_equal(t.address.family, 4);
	REFUSED(r.address[4] = 1); /* behind an IPv4 address */
	REFUSED(r.text[0] = 'a');
	REFUSED(r.family = 0);
	control_ipc_make(&good, CONTROL_STATUS, NULL, NULL, NULL);
	assert_true(control_ipc_check(&good, sizeof(good), &t));
	REFUSED(r.port = 1);
	REFUSED(r.family = 6);
	REFUSED(r.text[0] = 'a');
	REFUSED(r.by[0] = 'a');
	control_ipc_make(&good, CONTROL_DENY, NULL, "a.example:22", "somebody");
	assert_true(control_ipc_check(&good, sizeof(good), &t));
	assert_string_equal(good.text, "a.example:22");
	REFUSED(r.by[0] = '\n');
	REFUSED(r.by[0] = '\0'); /* and more behind it */
	REFUSED(memset(r.by, 'a', sizeof(r.by)));
	REFUSED(r.port = 1);
	REFUSED(r.family = 4);
	REFUSED(r.text[0] = '\0');
	REFUSED(memset(r.text, 0, sizeof(r.text)));
	REFUSED(r.text[20] = 'x');                    /* behind the end */
	REFUSED(r.text[LIMIT_RULE_TEXT] = 'x');       /* behind the longest */
	REFUSED(memset(r.text, 'a', sizeof(r.text))); /* without an end */
	memset(good.text, 'a', LIMIT_RULE_TEXT);
	assert_true(control_ipc_check(&good, sizeof(good), &t));
	control_ipc_make_answer(&good, 3, false, "somebody");
	assert_true(control_ipc_check(&good, sizeof(good), &t));
	REFUSED(r.question = 0);
	REFUSED(r.allows = 2);
	REFUSED(r.by[0] = '\n');
	REFUSED(r.text[0] = 'a');
	REFUSED(r.port = 1);
	REFUSED(r.type = CONTROL_WATCH); /* which answers none */
}

static void the_second_name(void **state)
{
	(void)state;
	assert_true(egress_called("codex-egress"));
	assert_true(egress_called("/usr/sbin/codex-egress"));
	assert_false(egress_called("codex-init"));
	assert_false(egress_called("/codex-egress/codex-init"));
	assert_false(egress_called("codex-egress2"));
	assert_false(egress_called(""));
	assert_false(egress_called(NULL));
}

/* codex-egress, asking the socket of this test. */
static _Noreturn void become_client(void)
{
	char name[] = "codex-egress", word[] = "explain", host[] = "example.com";
	char *argv[] = {name, word, host, NULL};

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 || mkdir("/run/codex", 0755) < 0 ||
		symlink(path, CONTROL_PATH) < 0 || !freopen("/dev/null", "w", stdout))
		_exit(99);
	_exit(egress_main(3, argv));
}

/* Until it has asked, and waits. */
static void wait_until_asked(pid_t client)
{
	char name[40], text[16] = "";
	int call = -1;

	snprintf(name, sizeof(name), "/proc/%d/syscall", (int)client);
	while (call != SYS_recvfrom) {
		siginfo_t ended = {0};
		FILE *f = fopen(name, "re");

		waitid(P_PID, (id_t)client, &ended, WEXITED | WNOHANG | WNOWAIT);
		assert_int_equal(ended.si_pid, 0);

		assert_non_null(f);
		if (fgets(text, sizeof(text), f))
			call = atoi(text);
		fclose(f);
		poll(NULL, 0, 1);
	}
}

/* As by the shell's job control, or while its container is paused: with a time limit recv(2)
 * then ends, with EINTR. */
static void a_client_that_was_stopped_waits_on(void **state)
{
	const pid_t client = fork();
	int status;

	(void)state;
	if (client == 0)
		become_client();
	wait_until_asked(client);
	assert_int_equal(kill(client, SIGSTOP), 0);
	assert_int_equal(waitpid(client, &status, WUNTRACED), client);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(client, SIGCONT), 0);
	wait_until_asked(client);
	while (waitpid(client, &status, WNOHANG) == 0) {
		serve();
		poll(NULL, 0, 1);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1); /* what answer() says */
	assert_int_equal(asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_question_is_answered),
		TEST(the_longest_answer_arrives_whole),
		TEST(silent_clients_do_not_affect_others),
		TEST(an_idle_socket_wakes_nobody),
		TEST(a_client_that_does_not_read),
		TEST(what_is_no_request_is_not_answered),
		TEST(only_root_is_answered),
		TEST(a_client_that_was_stopped_waits_on),
		TEST(a_socket_of_an_earlier_life_is_replaced),
		TEST(a_place_that_cannot_hold_it),
		cmocka_unit_test(every_field_is_checked),
		cmocka_unit_test(the_second_name),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
