/* Codex's own arguments: those that concern the container, in every spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/codex_args.h"

#define WORDS 12

static struct error error;

/* The remaining arguments, on one line with a blank after each; NULL: refused. */
static const char *left(const char *const *given, bool *read_only)
{
	static char line[512];
	char *string_list[WORDS + 1] = {NULL};
	struct string_list out = {0};
	int status;

	for (size_t i = 0; i < WORDS && given[i]; i++)
		string_list[i] = (char *)(uintptr_t)given[i];
	memset(&error, 0, sizeof(error));
	status = codex_args_take(string_list, &out, read_only, &error);
	line[0] = '\0';
	for (size_t i = 0; i < out.count; i++) {
		strcat(line, out.word[i]);
		strcat(line, " ");
	}
	string_list_free(&out);
	return status < 0 ? NULL : line;
}

#define LEFT(ro, ...) left((const char *const[]){__VA_ARGS__, NULL}, ro)

static void what_is_codexs_stays(void **state)
{
	static const char *const lines[][WORDS + 1] = {
		{NULL},
		{"exec", "--json", "-m", "gpt-5", "do it"},
		{"-s", "danger-full-access"},
		{"--sandbox=danger-full-access", "x"},
		{"-a", "never", "exec"},
		{"--ask-for-approval=never"},
		{"-c", "model=\"read-only\""},
		{"-c", "sandbox_mode=danger-full-access"},
		{"-c", "default_permissions=\":danger-full-access\""},
		{"--yolo"},
		{"--dangerously-bypass-approvals-and-sandbox"},
		{"-s", "nonsense"}, /* an error, which Codex reports */
		{"-s"},             /* likewise */
		{"-c"},
		{"-c", "nonsense"},
		{"-sandbox", "read-only"}, /* -s with the value "andbox" */
		{"--sandboxes", "read-only"},
		{"exec", "--", "-s", "read-only"},
		{"exec", "read-only"},
		{"exec", "-", "--full-autos"},
		{"sandbox", "linux", "--full-auto", "ls"},
		{"mcp", "add", "x", "-a", "untrusted"},
		{"-m", "gpt-5", "debug", "-s", "read-only"},
		{"-C", "-s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[512] = "";
		bool read_only;

		for (size_t j = 0; lines[i][j]; j++) {
			strcat(line, lines[i][j]);
			strcat(line, " ");
		}
		assert_string_equal(left(lines[i], &read_only), line);
		assert_false(read_only);
	}
}

static void what_the_container_is_anyway_goes(void **state)
{
	static const char *const lines[][WORDS + 1] = {
		{"exec", "-s", "workspace-write", "x"}, {"exec", "-sworkspace-write", "x"},
		{"exec", "-s=workspace-write", "x"},
		{"exec", "--sandbox", "workspace-write", "x"},
		{"exec", "--sandbox=workspace-write", "x"},
		{"exec", "-c", "sandbox_mode=workspace-write", "x"},
		{"exec", "-c", "sandbox_mode = \"workspace-write\"", "x"},
		{"exec", "-csandbox_mode='workspace-write'", "x"},
		{"exec", "--config", "sandbox_mode=\"workspace-write\"", "x"},
		{"exec", "--config=sandbox_mode=workspace-write", "x"},
		{"exec", "-c", "default_permissions=\":workspace\"", "x"},
		{"exec", "--full-auto", "x"}, {"-a", "on-request", "exec", "x"},
		{"-aon-failure", "exec", "x"}, {"--ask-for-approval=on-request", "exec", "x"},
		{"-c", "approval_policy=\"on-failure\"", "exec", "x"},
		{"exec", "x", "-s", "workspace-write"}, /* also after the prompt */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bool read_only;

		assert_string_equal(left(lines[i], &read_only), "exec x ");
		assert_false(read_only);
	}
}

static void read_only_is_the_launchers_to_give(void **state)
{
	static const char *const lines[][WORDS + 1] = {
		{"-s", "read-only", "exec", "x"}, {"exec", "--sandbox=read-only", "x"},
		{"exec", "-c", "sandbox_mode=\"read-only\"", "x"},
		{"exec", "-c", "default_permissions=\":read-only\"", "x"},
		{"exec", "--full-auto", "-s", "read-only", "x"},
		{"exec", "debug", "x", "-s", "read-only"}, /* a prompt, not a command */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bool read_only = false;

		assert_string_equal(
			left(lines[i], &read_only), i == 5 ? "exec debug x " : "exec x ");
		assert_true(read_only);
	}
}

static void what_cannot_be_had_is_refused(void **state)
{
	bool read_only;

	(void)state;
	assert_null(LEFT(&read_only, "-a", "untrusted", "exec"));
	assert_string_equal(error.subject, "-a untrusted");
	assert_int_equal(error.status, STATUS_REFUSED);
	assert_non_null(strstr(error.reason, "can't ask before it runs commands"));
	assert_non_null(strstr(error.hint, "leave it out"));
	assert_null(LEFT(&read_only, "--ask-for-approval=untrusted"));
	assert_null(LEFT(&read_only, "exec", "-c", "approval_policy=\"untrusted\""));
	assert_null(LEFT(&read_only, "exec", "-c", "default_permissions=\"mine\""));
	assert_string_equal(error.subject, "-c default_permissions=\"mine\"");
	assert_non_null(strstr(error.reason, "profiles"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_codexs_stays),
		cmocka_unit_test(what_the_container_is_anyway_goes),
		cmocka_unit_test(read_only_is_the_launchers_to_give),
		cmocka_unit_test(what_cannot_be_had_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
