/*
 * The broker's rules as haproxy gets them, its log, and PID 1's checks on its messages: pure.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "init/boot/broker_lives.h"
#include "init/broker/broker.h"
#include "init/monitor/broker_messages.h"

#define SECRET "sk-lab-0123456789"

/* ---- The rules ----------------------------------------------------------------------- */

static char *rules(bool chatgpt)
{
	const struct broker_files files = {9, 10, 11, 12, 13};
	const struct broker_config c = {.web = 7,
		.port = 40123,
		.to = "codex-init-broker",
		.roots = "/etc/roots.pem",
		.leaf = 8};
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	broker_rules_begin(&c, &files, chatgpt, to);
	fflush(to);
	/* haproxy has to wait for the certificate with no more than the rest. */
	assert_null(strstr(text, "/proc/self/fd/8"));
	assert_non_null(strstr(text, " ca-file "));
	broker_rules_end(&c, &files, chatgpt, to);
	fclose(to);
	return text;
}

static size_t times(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		count++;
	return count;
}

static void the_rules_have_what_they_are_made_for(void **state)
{
	char *text = rules(false);

	(void)state;
	assert_int_equal(times(text, "{ method POST } { path -m str /v1/responses }"), 1);
	assert_int_equal(times(text, "{ method GET } { path -m str /v1/models }"), 1);
	assert_int_equal(times(text, "set-var(txn.kind)"), 4);
	assert_int_equal(times(text, "127.0.0.1:40123"), 1);
	assert_int_equal(times(text, "bind fd@7\n"), 1);
	assert_int_equal(times(text, "log fd@9 "), 1);
	assert_int_equal(times(text, "server "), 1 + times(text, "timeout server "));
	assert_int_equal(times(text, "abns@codex-init-broker ssl verify required"), 1);
	assert_int_equal(times(text, "ca-file /etc/roots.pem "), 1);
	assert_int_equal(times(text, "sockpair@10 "), 1);
	/* From the files: into the request, and looked for in the response. */
	assert_int_equal(times(text, "\"Bearer %[str(x),map_str(/proc/self/fd/11)]\"\n"), 1);
	assert_int_equal(times(text, "res.hdrs -m sub -f /proc/self/fd/13 "), 1);
	assert_int_equal(times(text, "/proc/self/fd/"), 2);
	/* The refusals come before what adds the credential. */
	assert_true(strstr(text, "http-request deny ") < strstr(text, "Bearer"));
	free(text);
}

static void those_of_a_chatgpt_login_are_for_another_server(void **state)
{
	char *text = rules(true);

	(void)state;
	assert_int_equal(times(text, "bind fd@7 ssl crt /proc/self/fd/8 "), 1);
	assert_int_equal(
		times(text, "{ method POST } { path -m str /backend-api/codex/responses }"), 1);
	assert_int_equal(times(text, "/v1/"), 0);
	assert_int_equal(times(text, "api.openai.com"), 0);
	assert_int_equal(times(text, "{ req.fhdr(host) -m str chatgpt.com }"), 1);
	assert_int_equal(
		times(text, "ChatGPT-Account-ID \"%[str(x),map_str(/proc/self/fd/12)]\"\n"), 1);
	assert_int_equal(times(text, "verifyhost chatgpt.com "), 1);
	free(text);
}

/* Those that run while a request or a WebSocket is under way: no stream is cut. */
static void nothing_ends_what_has_begun(void **state)
{
	char *text = rules(false);

	(void)state;
	assert_int_equal(times(text, "    timeout client 24h\n"), 1);
	assert_int_equal(times(text, "    timeout server 24h\n"), 1);
	assert_int_equal(times(text, "    timeout tunnel 24h\n"), 1);
	assert_int_equal(times(text, "timeout "), 7);
	assert_null(strstr(text, "http-buffer-request"));
	free(text);
}

/* haproxy's own client is the only one that doesn't verify, and nothing uses it. */
static void every_server_is_verified(void **state)
{
	char *text = rules(false);

	(void)state;
	assert_int_equal(times(text, "verify none"), 1);
	assert_int_equal(times(text, "    httpclient.ssl.verify none\n"), 1);
	assert_int_equal(times(text, "    ssl-server-verify required\n"), 1);
	assert_null(strstr(text, "lua"));
	free(text);
}

static void each_reason_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (uint32_t i = BROKER_FINE + 1; i <= BROKER_REASON_LAST; i++) {
		assert_non_null(broker_ipc_reason_text(i));
		assert_int_equal(broker_ipc_reason(broker_ipc_reason_word(i)), i);
	}
	assert_null(broker_ipc_reason_text(BROKER_FINE));
	assert_null(broker_ipc_reason_text(BROKER_REASON_LAST + 1));
	assert_int_equal(broker_ipc_reason("-"), BROKER_FINE);
	assert_int_equal(broker_ipc_reason(""), BROKER_FINE);
}

static void what_may_be_quoted_in_them(void **state)
{
	static char longest[BROKER_CREDENTIAL + 2];

	(void)state;
	assert_true(broker_credential_valid("sk-proj-Ab_9.~+/=x"));
	assert_false(broker_credential_valid("short"));
	assert_false(broker_credential_valid("sk-with a blank"));
	assert_false(broker_credential_valid("sk-%[env(X)]aaaa"));
	assert_false(broker_credential_valid("sk-\"quoted\"aaa"));
	assert_false(broker_credential_valid("sk-line\nbreak"));
	memset(longest, 'k', sizeof(longest));
	longest[BROKER_CREDENTIAL] = '\0';
	assert_true(broker_credential_valid(longest));
	longest[BROKER_CREDENTIAL] = 'k', longest[BROKER_CREDENTIAL + 1] = '\0';
	assert_false(broker_credential_valid(longest));
	assert_true(broker_account_valid("00000000-0000-4000-8000-000000000001"));
	assert_false(broker_account_valid(""));
	assert_false(broker_account_valid("a b"));
	assert_true(broker_path_valid("/app/home/you/a-b_c@1.pem"));
	assert_false(broker_path_valid("relative.pem"));
	assert_false(broker_path_valid("/a b.pem"));
	assert_false(broker_path_valid("/a\"b.pem"));
	assert_false(broker_path_valid("/$HOME.pem"));
}

static void a_program_that_only_root_can_replace(void **state)
{
	char mine[] = "/tmp/test-broker-XXXXXX", roots[] = "/run/test-broker-XXXXXX", link[64],
	     through[64];
	int fd = mkstemp(mine);

	(void)state;
	assert_true(broker_lives_program("/usr/bin/env"));
	assert_false(broker_lives_program("/usr/bin/none-of-this-name"));
	assert_false(broker_lives_program("/usr/bin"));
	assert_false(broker_lives_program("/etc/passwd")); /* not executable */
	assert_int_equal(fchmod(fd, 0755), 0);
	assert_false(broker_lives_program(mine)); /* in a directory of everybody's */
	assert_non_null(mkdtemp(roots));
	snprintf(link, sizeof(link), "%s/link", roots);
	assert_int_equal(symlink("/usr/bin/env", link), 0);
	assert_true(broker_lives_program(link));
	unlink(link);
	assert_int_equal(symlink(mine, link), 0);
	assert_false(broker_lives_program(link)); /* root's link to the same */
	unlink(link);
	/* Root's link, by another's directory, to root's program. */
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(mine), 0);
	assert_int_equal(symlink("/usr/bin/env", mine), 0);
	assert_int_equal(symlink(mine, link), 0);
	assert_false(broker_lives_program(link));
	unlink(link);
	/* The same by a directory of root's alone, relative and with dots. */
	snprintf(through, sizeof(through), "%s/through", roots);
	assert_int_equal(symlink("../../usr/bin/env", through), 0);
	assert_int_equal(symlink("./through", link), 0);
	assert_true(broker_lives_program(link));
	unlink(through);
	assert_int_equal(symlink("link", through), 0);
	assert_false(broker_lives_program(link)); /* in a circle */
	unlink(through);
	unlink(link);
	rmdir(roots);
	unlink(mine);
}

/* Whoever the root belongs to can put another /usr there. */
static void nor_can_the_roots_owner(void **state)
{
	char root[] = "/run/test-broker-XXXXXX";
	pid_t pid;
	int status;

	(void)state;
	assert_non_null(mkdtemp(root));
	pid = fork();
	if (pid == 0) {
		bool good = chroot(root) == 0 && chdir("/") == 0 && mkdir("/bin", 0755) == 0 &&
			    close(open("/bin/env", O_WRONLY | O_CREAT, 0755)) == 0 &&
			    broker_lives_program("/bin/env");

		good &= chown("/", 65534, 65534) == 0 && !broker_lives_program("/bin/env");
		good &= chown("/", 0, 0) == 0 && chmod("/", 0777) == 0 &&
			!broker_lives_program("/bin/env");
		unlink("/bin/env");
		rmdir("/bin");
		_exit(!good);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(rmdir(root), 0);
	assert_int_equal(status, 0);
}

/* At the end of a session, and where there is no broker at all. */
static void those_that_wait_are_ended(void **state)
{
	struct broker_lives none = {.next = 0}, lives = {.next = 1};
	int ends[2][2];
	char octet;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends[i]), 0);
		lives.life[i].pid = 1000 + i;
		lives.life[i].channel = ends[i][0];
	}
	broker_lives_end(&none);
	assert_true(fcntl(0, F_GETFD) >= 0);
	broker_lives_end(&lives);
	assert_int_equal(recv(ends[0][1], &octet, 1, MSG_DONTWAIT), -1); /* it serves */
	assert_int_equal(recv(ends[1][1], &octet, 1, MSG_DONTWAIT), 0);
	close(ends[0][0]);
	close(ends[0][1]);
	close(ends[1][1]);
}

/* ---- The log ------------------------------------------------------------------------- */

static struct broker_message m;

static bool reads(const char *line)
{
	return broker_log_read(line, strlen(line), &m);
}

static void a_refusal_is_read(void **state)
{
	(void)state;
	assert_true(reads("403 PR request POST /v1/files"));
	assert_int_equal(m.type, BROKER_REFUSED);
	assert_int_equal(m.reason, BROKER_REQUEST);
	assert_string_equal(m.method, "POST");
	assert_string_equal(m.path, "/v1/files");
	assert_true(reads("404 LR vain GET /backend-api/wham/usage"));
	assert_int_equal(m.type, BROKER_REFUSED);
	assert_int_equal(m.reason, BROKER_VAIN);
	assert_true(reads("400 PR - <BADREQ> <BADREQ>"));
	assert_int_equal(m.reason, BROKER_MALFORMED);
	assert_string_equal(m.method, "");
	assert_string_equal(m.path, "");
	assert_true(reads("408 cR - <BADREQ> <BADREQ>")); /* it didn't come to an end */
	assert_int_equal(m.reason, BROKER_MALFORMED);
	assert_true(reads("502 PH echo GET /v1/models"));
	assert_int_equal(m.type, BROKER_UNREACHED);
	assert_true(reads("503 SC - GET /v1/models"));
	assert_int_equal(m.type, BROKER_UNREACHED);
	assert_int_equal(m.reason, BROKER_SERVER);
}

static void what_went_well_is_not_reported(void **state)
{
	(void)state;
	assert_false(reads("200 -- - POST /v1/responses"));
	assert_false(reads("429 -- - POST /v1/responses"));
	assert_false(reads("200 CD - POST /v1/responses"));
	assert_false(reads("200 LR - POST /codex-sandbox/renew"));
	assert_false(reads("400 CR - <BADREQ> <BADREQ>")); /* the client went away */
	assert_false(reads(""));
	assert_false(reads("403"));
	assert_false(reads("403 PR"));
	assert_false(reads("[NOTICE] something else"));
}

static void a_line_of_anything(void **state)
{
	char line[4096];

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_false(broker_log_read(line, sizeof(line), &m));
	memcpy(line, "403 PR host ", 12);
	assert_true(broker_log_read(line, sizeof(line), &m));
	assert_int_equal(strlen(m.method), BROKER_METHOD - 1);
	assert_true(reads("403 PR host GET /\x1b[31m\x80"));
	assert_string_equal(m.path, "/?[31m?");
}

/* ---- Messages ------------------------------------------------------------------------ */

static struct events *events;
static uint32_t told;

static int begin(void **state)
{
	struct failure f;

	(void)state;
	m = (struct broker_message){
		.type = BROKER_REFUSED, .reason = BROKER_REQUEST, .count = 1};
	return events_open(&events, NULL, &f);
}

static int end(void **state)
{
	(void)state;
	events_close(events);
	return 0;
}

static int take(size_t size)
{
	told = 0;
	return broker_messages_take(events, "api.openai.com", &m, size, &told);
}

static void what_the_boot_and_a_renewal_wait_for(void **state)
{
	(void)state;
	assert_int_equal(take(sizeof(m)), 0);
	assert_int_equal(told, 0);
	m = (struct broker_message){.type = BROKER_READY};
	assert_int_equal(take(sizeof(m)), 0);
	assert_int_equal(told, BROKER_READY);
	m = (struct broker_message){.type = BROKER_RENEWED, .count = 1};
	assert_int_equal(take(sizeof(m)), 0);
	assert_int_equal(told, BROKER_RENEWED);
	assert_int_equal(take(sizeof(m) - 1), -1);
	assert_int_equal(told, 0);
}

static void what_is_taken_is_in_the_summary(void **state)
{
	char text[1024] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");

	(void)state;
	strcpy(m.method, "POST");
	strcpy(m.path, "/v1/files");
	assert_int_equal(take(sizeof(m)), 0);
	assert_int_equal(take(sizeof(m)), 0);
	assert_int_equal(events_refused(events), 2);
	events_summary(events, to);
	fclose(to);
	assert_non_null(strstr(text, "2 requests to 1 place failed at the broker:\n"));
	assert_non_null(
		strstr(text, "  POST /v1/files     2x   Codex needs no such request\n"));
	/* One that can't be read has neither method nor path. */
	m = (struct broker_message){
		.type = BROKER_REFUSED, .reason = BROKER_MALFORMED, .count = 1};
	assert_int_equal(take(sizeof(m)), 0);
	memset(text, 0, sizeof(text));
	to = fmemopen(text, sizeof(text), "w");
	events_summary(events, to);
	fclose(to);
	assert_non_null(strstr(text, "  (unknown)          1x   malformed, or"));
}

/* Codex's own requests come last: nobody has to do anything about them. */
static void what_is_in_vain_comes_last(void **state)
{
	char text[1024] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");

	(void)state;
	strcpy(m.method, "GET");
	strcpy(m.path, "/first");
	m.reason = BROKER_VAIN;
	assert_int_equal(take(sizeof(m)), 0);
	strcpy(m.path, "/second");
	m.reason = BROKER_REQUEST;
	assert_int_equal(take(sizeof(m)), 0);
	events_summary(events, to);
	fclose(to);
	assert_non_null(strstr(text, "/first"));
	assert_true(strstr(text, "/second") < strstr(text, "/first"));
}

static void what_breaks_the_protocol_is_not(void **state)
{
	const struct broker_message good = m;

	(void)state;
	assert_int_equal(take(sizeof(m) - 1), -1);
	m.type = BROKER_RENEWED + 1;
	assert_int_equal(take(sizeof(m)), -1);
	m = good;
	m.reason = BROKER_FINE;
	assert_int_equal(take(sizeof(m)), -1);
	m.reason = BROKER_REASON_LAST + 1;
	assert_int_equal(take(sizeof(m)), -1);
	m = good;
	m.count = 0;
	assert_int_equal(take(sizeof(m)), -1);
	m = good;
	memset(m.path, 'a', sizeof(m.path));
	assert_int_equal(take(sizeof(m)), -1);
	m = good;
	strcpy(m.path, "/\n{\"event\":\"pin\"}");
	assert_int_equal(take(sizeof(m)), -1);
	m = good;
	m.type = BROKER_RESTARTED;
	assert_int_equal(take(sizeof(m)), -1);
	/* Each field counts, also those that such a message doesn't use. */
	m = (struct broker_message){.type = BROKER_READY, .count = 1};
	assert_int_equal(take(sizeof(m)), -1);
	m = (struct broker_message){.type = BROKER_READY, .path = "/"};
	assert_int_equal(take(sizeof(m)), -1);
	m = (struct broker_message){.type = BROKER_RENEWED};
	assert_int_equal(take(sizeof(m)), -1);
	m = (struct broker_message){.type = BROKER_RENEWED, .count = 1, .reason = BROKER_ECHO};
	assert_int_equal(take(sizeof(m)), -1);
	m = (struct broker_message){.type = BROKER_RESTARTED, .count = 1, .method = "GET"};
	assert_int_equal(take(sizeof(m)), -1);
	assert_int_equal(told, 0);
	assert_int_equal(events_refused(events), 0);
}

/* ---- The session's authority ---------------------------------------------------------- */

/* haproxy is started again, when the descriptor's number is another's. */
static void the_file_for_it_is_closed_once(void **state)
{
	struct broker_config c = {.leaf = memfd_create("leaf", MFD_ALLOW_SEALING)};
	int other;

	(void)state;
	assert_int_equal(fcntl(c.leaf, F_ADD_SEALS, F_SEAL_WRITE), 0); /* as once it is made */
	other = c.bundle = dup(c.leaf);
	assert_true(other >= 0);
	assert_int_equal(session_ca_make(&c), 0);
	assert_int_equal(fcntl(other, F_GETFD), -1);
	assert_int_equal(dup2(c.leaf, other), other);
	assert_int_equal(session_ca_make(&c), 0);
	assert_true(fcntl(other, F_GETFD) >= 0);
	close(other);
	close(c.leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_have_what_they_are_made_for),
		cmocka_unit_test(nothing_ends_what_has_begun),
		cmocka_unit_test(every_server_is_verified),
		cmocka_unit_test(those_of_a_chatgpt_login_are_for_another_server),
		cmocka_unit_test(each_reason_has_a_word_of_its_own),
		cmocka_unit_test(what_may_be_quoted_in_them),
		cmocka_unit_test(a_program_that_only_root_can_replace),
		cmocka_unit_test(nor_can_the_roots_owner),
		cmocka_unit_test(those_that_wait_are_ended),
		cmocka_unit_test(the_file_for_it_is_closed_once),
		cmocka_unit_test(a_refusal_is_read),
		cmocka_unit_test(what_went_well_is_not_reported),
		cmocka_unit_test(a_line_of_anything),
		cmocka_unit_test_setup_teardown(what_is_taken_is_in_the_summary, begin, end),
		cmocka_unit_test_setup_teardown(what_is_in_vain_comes_last, begin, end),
		cmocka_unit_test_setup_teardown(
			what_the_boot_and_a_renewal_wait_for, begin, end),
		cmocka_unit_test_setup_teardown(what_breaks_the_protocol_is_not, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
