/* Clients of the control socket that stay: what they get, and that none is in anybody's way. */
#include "control_fixture.h"

/* The head of a reply and its text, on a connection that stays. Returns the status. */
static int take_reply(int fd)
{
	struct control_reply head;
	char text[CONTROL_DATAGRAM];

	assert_int_equal(recv(fd, &head, sizeof(head), MSG_TRUNC), sizeof(head));
	assert_int_equal(head.magic, CONTROL_MAGIC);
	assert_true(head.bytes <= sizeof(text));
	assert_int_equal(recv(fd, text, sizeof(text), 0), head.bytes);
	return (int)head.status;
}

static int watching(void)
{
	int fd = connected();

	request(fd, CONTROL_WATCH, NULL);
	serve();
	assert_int_equal(take_reply(fd), 0);
	return fd;
}

static void tell(const char *line)
{
	control_tell(control, line, strlen(line));
}

static void a_watcher_has_lines_and_answers(void **state)
{
	struct control_request r;
	struct target t;
	const char *reason;
	char text[64];
	int fd, other;

	(void)state;
	tell("to nobody\n");
	fd = watching();
	other = watching();
	assert_int_equal(watchers, 2);
	tell("a line\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recv(i ? other : fd, text, sizeof(text), 0), 7);
		assert_memory_equal(text, "a line\n", 7);
	}
	assert_true(target_parse("a.example", &t, &reason));
	request(fd, CONTROL_EXPLAIN, &t);
	serve();
	assert_int_equal(take_reply(fd), 1);
	control_ipc_make_answer(&r, 7, true, "who");
	assert_int_equal(send(fd, &r, sizeof(r), 0), sizeof(r));
	serve();
	assert_int_equal(take_reply(fd), 0);
	assert_int_equal(recv(other, text, sizeof(text), 0), -1); /* not its answers */
	/* It is a watcher already. */
	request(fd, CONTROL_WATCH, NULL);
	serve();
	close(fd);
	close(other);
	serve();
	assert_int_equal(watchers, 0);
	tell("to nobody\n");
}

/* It gets the same, in a place of the same few, and no question waits for it. */
static void one_who_follows_is_not_waited_for(void **state)
{
	char text[64];
	int fd = connected(), other;

	(void)state;
	request(fd, CONTROL_FOLLOW, NULL);
	serve();
	assert_int_equal(take_reply(fd), 0);
	assert_int_equal(watchers, 0);
	other = watching();
	assert_int_equal(watchers, 1);
	tell("a line\n");
	assert_int_equal(recv(fd, text, sizeof(text), 0), 7);
	close(other);
	serve();
	assert_int_equal(watchers, 0);
	tell("more\n");
	assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
	close(fd);
	serve();
	assert_int_equal(watchers, 0);
}

static void watchers_are_few_and_keep_their_places(void **state)
{
	int watcher[LIMIT_CONTROL_WATCHERS], silent[3 * LIMIT_CONTROL_CLIENTS], fd;
	char text[64];

	(void)state;
	for (int i = 0; i < LIMIT_CONTROL_WATCHERS; i++)
		watcher[i] = watching();
	fd = connected();
	request(fd, CONTROL_WATCH, NULL);
	serve();
	assert_int_equal(take_reply(fd), 111);
	assert_int_equal(recv(fd, text, 1, 0), 0);
	close(fd);
	for (int i = 0; i < 3 * LIMIT_CONTROL_CLIENTS; i++) {
		silent[i] = connected();
		serve();
	}
	tell("there\n");
	for (int i = 0; i < LIMIT_CONTROL_WATCHERS; i++)
		assert_int_equal(recv(watcher[i], text, sizeof(text), 0), 6);
	close(watcher[0]);
	serve();
	assert_int_equal(watchers, LIMIT_CONTROL_WATCHERS - 1);
	watcher[0] = watching();
	for (int i = 0; i < LIMIT_CONTROL_WATCHERS; i++)
		close(watcher[i]);
	for (int i = 0; i < 3 * LIMIT_CONTROL_CLIENTS; i++)
		close(silent[i]);
	serve();
}

/* It hangs: it is dropped when the kernel takes no more for it, and others aren't. */
static void a_watcher_that_does_not_read_is_dropped(void **state)
{
	int hung = watching(), fd = watching(), lines = 0;
	char line[1000], text[sizeof(line)];

	(void)state;
	memset(line, 'x', sizeof(line));
	while (watchers == 2) {
		assert_true(lines++ < 10000);
		control_tell(control, line, sizeof(line));
		assert_int_equal(recv(fd, text, sizeof(text), 0), sizeof(text));
	}
	assert_true(lines > 10);
	assert_int_equal(watchers, 1);
	close(hung);
	close(fd);
	serve();
	/* What it asks without reading the answers ends it as well. */
	hung = watching();
	answer_bytes = CONTROL_TEXT - 1;
	for (int i = 0; watchers > 0; i++) {
		struct control_request r;

		assert_true(i < 100);
		control_ipc_make(&r, CONTROL_STATUS, NULL, NULL, NULL);
		send(hung, &r, sizeof(r), MSG_NOSIGNAL);
		serve();
	}
	close(hung);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_watcher_has_lines_and_answers),
		TEST(one_who_follows_is_not_waited_for),
		TEST(watchers_are_few_and_keep_their_places),
		TEST(a_watcher_that_does_not_read_is_dropped),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
