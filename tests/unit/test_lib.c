/* The small helpers of lib/: digits, UTF-8, addresses in the kernel's form, files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/lib/file.h"
#include "init/lib/index_list.h"
#include "init/lib/num.h"
#include "init/lib/rate.h"
#include "init/lib/sockaddr.h"
#include "init/lib/utf8.h"

static void test_hexadecimal_digits(void **state)
{
	static const char digits[] = "0123456789abcdef";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

		assert_int_equal(num_hex((char)c), at ? (int)(at - digits) : -1);
	}
}

static void test_numbers(void **state)
{
	static const char *const wrong[] = {
		"", "x1", " 1", "+1", "-1", "18446744073709551616", "99999999999999999999"};
	const char *after;
	uint64_t n = 7;

	(void)state;
	after = num_read("0012 kB", &n);
	assert_string_equal(after, " kB");
	assert_int_equal(n, 12);
	after = num_read("18446744073709551615", &n);
	assert_string_equal(after, "");
	assert_int_equal(n, UINT64_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		n = 7;
		assert_null(num_read(wrong[i], &n));
		assert_int_equal(n, 0);
	}
}

static void test_ports(void **state)
{
	static const char *const wrong[] = {
		"", "0", "080", "65536", "99999", "100000", "8o", " 80", "80 ", "+80", "-1"};
	uint16_t port = 7;

	(void)state;
	assert_true(num_port("1", 1, &port) && port == 1);
	assert_true(num_port("65535", 5, &port) && port == 65535);
	assert_true(num_port("4430", 3, &port) && port == 443);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(num_port(wrong[i], strlen(wrong[i]), &port));
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
		uint32_t point;
	} rows[] = {
		{"A", 1, 'A'},
		{"\xc2\x80", 2, 0x80},
		{"\xe2\x82\xac", 3, 0x20ac},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\x80", 0, 0},             /* begins in the middle */
		{"\xc1\xbf", 0, 0},         /* two bytes for what fits in one */
		{"\xe0\x9f\xbf", 0, 0},     /* three for two */
		{"\xf0\x8f\xbf\xbf", 0, 0}, /* four for three */
		{"\xed\xa0\x80", 0, 0},     /* a surrogate */
		{"\xf4\x90\x80\x80", 0, 0}, /* beyond the last */
		{"\xc3(", 0, 0},
		{"\xf8\x88\x80\x80\x80", 0, 0},
	};
	uint32_t point;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned char *text = (const unsigned char *)rows[i].text;

		assert_int_equal(utf8_read(text, strlen(rows[i].text), &point), rows[i].bytes);
		if (rows[i].bytes)
			assert_int_equal(point, rows[i].point);
		/* Truncated sequences are invalid. */
		if (rows[i].bytes > 1)
			assert_int_equal(utf8_read(text, rows[i].bytes - 1, &point), 0);
	}
}

static void test_addresses_to_and_fro(void **state)
{
	static const struct endpoint rows[] = {
		{{4, {192, 0, 2, 7}}, 443}, {{6, {0x20, 0x01, 0x0d, 0xb8, [15] = 9}}, 53}};
	union sockaddr_any a, b;

	(void)state;
	for (int i = 0; i < 2; i++) {
		const socklen_t len = i ? sizeof(a.v6) : sizeof(a.v4);
		struct endpoint e;

		assert_int_equal(sockaddr_of(&rows[i], &a), len);
		e = sockaddr_endpoint(&a);
		assert_int_equal(address_compare(&e.address, &rows[i].address), 0);
		assert_int_equal(e.port, rows[i].port);
		sockaddr_make(&rows[i].address, 1, &b);
		assert_true(sockaddr_same_address(&a, &b));
		assert_false(sockaddr_same(&a, &b));
	}
	memset(&a, 0xff, sizeof(a));
	a.any.sa_family = AF_UNIX;
	assert_int_equal(sockaddr_endpoint(&a).address.family, 0);
	assert_int_equal(sockaddr_endpoint(&a).port, 0);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/test_lib.XXXXXX", text[8];
	struct rlimit all;
	int root, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(root >= 0);
	fd = file_open(root, "a", O_WRONLY | O_CREAT, 0600, RESOLVE_BENEATH);
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "12345", 5), 5);
	close(fd);
	assert_int_equal(symlinkat("a", root, "link"), 0);
	fd = file_open(root, "link", O_RDONLY, 0, RESOLVE_BENEATH);
	assert_int_equal(file_read(fd, text, 3), 3);
	assert_int_equal(file_read(fd, text, sizeof(text)), 2);
	assert_int_equal(file_read(fd, text, sizeof(text)), 0);
	close(fd);
	assert_int_equal(file_read(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, EBADF);
	fd = openat(root, "a", O_RDONLY);
	assert_int_equal(file_take(fd, text, sizeof(text)), 5);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(file_take(openat(root, "b", O_RDONLY), text, sizeof(text)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_take(openat(root, ".", O_DIRECTORY), text, 1), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(file_open(root, "link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(file_open(root, "..", O_RDONLY, 0, RESOLVE_BENEATH), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(file_open(root, "/proc/self/exe", O_RDONLY, 0, 0), -1);
	/* No more than 5 octets, as on a disk that is full: the rest says why. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){5, all.rlim_max}), 0);
	fd = file_open(root, "a", O_RDWR | O_TRUNC, 0, 0);
	errno = 0;
	assert_int_equal(file_write(fd, "12345678", 8), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
	assert_int_equal(file_write(fd, "678", 3), 0);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 8);
	assert_memory_equal(text, "12345678", 8);
	close(fd);
	assert_int_equal(file_write(fd, "", 0), 0);
	unlinkat(root, "link", 0);
	unlinkat(root, "a", 0);
	close(root);
	rmdir(dir);
}

static void test_fields_of_a_line(void **state)
{
	char line[] = "  0: 0B00007F:9C40\t\t07\n", none[] = "", *field[4];

	(void)state;
	file_fields(line, field, 4);
	assert_string_equal(field[0], "0:");
	assert_string_equal(field[1], "0B00007F:9C40");
	assert_string_equal(field[2], "07");
	assert_string_equal(field[3], "");
	file_fields(none, field, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(field[i], "");
}

static bool two_numbers_of(const char *text)
{
	char path[] = "/tmp/codex-lib-XXXXXX";
	int fd = mkstemp(path);
	uint64_t n[2] = {0, 0};
	bool there;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	there = file_two_numbers(path, n);
	unlink(path);
	assert_int_equal(there && (n[0] != 32768 || n[1] != 60999), 0);
	return there;
}

static void test_two_numbers(void **state)
{
	uint64_t n[2];

	(void)state;
	assert_true(two_numbers_of("32768\t60999\n"));
	assert_true(two_numbers_of("     32768      60999          1\n0 0 1\n"));
	assert_false(two_numbers_of(""));
	assert_false(two_numbers_of("32768\n60999\n"));
	assert_false(two_numbers_of("32768 60999x\n"));
	assert_false(file_two_numbers("/proc/no-such-file", n));
}

/* The list, forwards and backwards, as a number: 213 for 2, 1, 3. */
static void see(const struct index_list *l, const struct index_link *links, int forward)
{
	int there = 0, back = 0, scale = 1;

	for (int32_t i = l->first; i != INDEX_LIST_END; i = links[i].next)
		there = 10 * there + i;
	for (int32_t i = l->last; i != INDEX_LIST_END; i = links[i].previous, scale *= 10)
		back += scale * i;
	assert_int_equal(there, forward);
	assert_int_equal(back, forward);
}

static void test_lists_by_index(void **state)
{
	struct index_list l = INDEX_LIST_EMPTY;
	struct index_link links[5];
	static const struct {
		int add, remove, then;
	} steps[] = {{3, 0, 3}, {1, 0, 31}, {4, 0, 314}, {0, 1, 34}, {1, 0, 341}, {0, 3, 41},
		{2, 0, 412}, {0, 2, 41}, {0, 4, 1}, {0, 1, 0}, {2, 0, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].add)
			index_list_append(&l, links, sizeof(links[0]), steps[i].add);
		else
			index_list_remove(&l, links, sizeof(links[0]), steps[i].remove);
		see(&l, links, steps[i].then);
	}
}

static void test_so_many_a_second(void **state)
{
	struct rate r = RATE_INIT;

	(void)state;
	for (int64_t second = 5000; second < 8000; second += 1000) {
		for (int i = 0; i < 3; i++) {
			assert_true(rate_left(&r, second + 10 * i, 3));
			rate_use(&r);
		}
		assert_false(rate_left(&r, second + 999, 3));
	}
}

static void test_what_is_pending_is_due_in_a_second(void **state)
{
	struct rate r = RATE_INIT;

	(void)state;
	assert_true(r.due == INT64_MAX);
	rate_pend(&r, 5000);
	rate_pend(&r, 5900);
	assert_true(r.due == 6000);
	assert_true(rate_done(&r, 6000, true) == 7000);
	assert_true(rate_done(&r, 7000, false) == INT64_MAX);
	/* At the end everything is due, and there is room for it. */
	while (rate_left(&r, 7100, 4))
		rate_use(&r);
	rate_close(&r, 7200);
	assert_true(r.due == 7200 && rate_left(&r, 7200, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hexadecimal_digits),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_addresses_to_and_fro),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_fields_of_a_line),
		cmocka_unit_test(test_two_numbers),
		cmocka_unit_test(test_lists_by_index),
		cmocka_unit_test(test_so_many_a_second),
		cmocka_unit_test(test_what_is_pending_is_due_in_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
