/* What the broker leaves in Codex's home and in /etc/codex, and how it is taken away again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/home/endpoint.h"
#include "init/home/placeholder.h"
#include "init/home/uses.h"
#include "init/lib/placeholder_login.h"
#include "init/lib/provider.h"

#define OURS "# codex-sandbox: for older versions\nsandbox_mode = \"danger-full-access\"\n"

static char dir[] = "/tmp/test-broker-XXXXXX";
static int fd;

static int begin(void **state)
{
	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	unlinkat(fd, "auth.json", 0);
	unlinkat(fd, "config.toml", 0);
	unlinkat(fd, "managed_config.toml", 0);
	close(fd);
	return rmdir(dir);
}

static void put(const char *name, const char *text)
{
	int to = openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(to >= 0);
	assert_int_equal(write(to, text, strlen(text)), strlen(text));
	close(to);
}

static const char *get(const char *name)
{
	static char text[4096];
	int from = openat(fd, name, O_RDONLY);
	ssize_t n = from < 0 ? -1 : read(from, text, sizeof(text) - 1);

	if (from >= 0)
		close(from);
	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? NULL : text;
}

/* ---- The home ------------------------------------------------------------------------ */

static void a_placeholder_comes_and_goes(void **state)
{
	(void)state;
	assert_false(placeholder_is_there(fd));
	assert_int_equal(placeholder_settle(fd, PLACEHOLDER_LOGIN), 0);
	assert_true(placeholder_is_there(fd));
	assert_int_equal(placeholder_settle(fd, PLACEHOLDER_LOGIN), 0);
	assert_non_null(strstr(get("auth.json"), "\"auth_mode\":\"apikey\""));
	assert_int_equal(placeholder_settle(fd, NULL), 0);
	assert_null(get("auth.json"));
	assert_int_equal(placeholder_settle(fd, NULL), 0);
}

/* What an engine leaves as a mount point is none, and what Codex made of ours is ours. */
static void another_placeholder_takes_its_place(void **state)
{
	(void)state;
	put("auth.json", "");
	assert_int_equal(placeholder_settle(fd, PLACEHOLDER_LOGIN), 0);
	assert_true(placeholder_is_there(fd));
	put("auth.json", "{\"tokens\": {\"refresh_token\": \"" PLACEHOLDER_WORD "\"}}");
	assert_true(placeholder_is_there(fd));
	assert_int_equal(placeholder_settle(fd, PLACEHOLDER_LOGIN), 0);
	assert_string_equal(get("auth.json"), PLACEHOLDER_LOGIN);
	assert_int_equal(placeholder_settle(fd, NULL), 0);
	assert_null(get("auth.json"));
}

static void a_login_is_left_alone(void **state)
{
	(void)state;
	put("auth.json", "{\"OPENAI_API_KEY\":\"sk-mine\"}");
	for (int wanted = 0; wanted < 2; wanted++) {
		assert_int_equal(placeholder_settle(fd, wanted ? PLACEHOLDER_LOGIN : NULL), 0);
		assert_string_equal(get("auth.json"), "{\"OPENAI_API_KEY\":\"sk-mine\"}");
	}
	unlinkat(fd, "auth.json", 0);
	assert_int_equal(symlinkat("/nowhere/auth.json", fd, "auth.json"), 0);
	assert_int_equal(placeholder_settle(fd, PLACEHOLDER_LOGIN), 0);
	assert_int_equal(placeholder_settle(fd, NULL), 0);
	assert_int_equal(faccessat(fd, "auth.json", F_OK, AT_SYMLINK_NOFOLLOW), 0);
}

static struct home_uses uses(const char *from)
{
	struct home_uses out;
	struct failure f;

	assert_int_equal(home_uses(dir, from, &out, &f), 0);
	return out;
}

static void what_codex_will_use(void **state)
{
	static const char *const elsewhere[] = {"model_provider = \"mine\"\n",
		"openai_base_url = \"https://a.test\"\n",
		"[profiles.work]\nmodel_provider = \"azure\"\n"};
	struct home_uses out;
	struct failure f;

	(void)state;
	assert_int_equal(home_uses("/nonexistent", NULL, &out, &f), 0);
	assert_false(out.login || out.provider);
	assert_false(uses(NULL).login || uses(NULL).provider);
	assert_int_equal(placeholder_settle(fd, PLACEHOLDER_LOGIN), 0);
	assert_false(uses(NULL).login);
	put("auth.json", "{}");
	assert_true(uses(NULL).login);
	put("auth.json", "");
	assert_false(uses(NULL).login);
	put("config.toml",
		"model_provider = \"openai\"\n[model_providers.mine]\nname = \"x\"\n");
	assert_false(uses(NULL).provider);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		put("config.toml", elsewhere[i]);
		assert_true(uses(NULL).provider);
	}
}

static void which_words_name_another_place(void **state)
{
	static const char *const yes[] = {"model_provider=\"x\"", " model_provider = x",
		"--oss", "--local-provider", "--local-provider=ollama", "-cmodel_provider=x",
		"--config=openai_base_url=\"http://x\"", "profiles.a.model_provider=x"};
	static const char *const no[] = {"", "model=gpt", "model_provider", "openai_base_url",
		"what does model_provider = x do?", "a=model_provider",
		"a=\"model_provider=x\"", "use --oss", "--ossify", "model_provide=r",
		"explain\nmodel_provider=x"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(provider_word(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(provider_word(no[i]));
}

/* ---- The settings -------------------------------------------------------------------- */

static void written(uint16_t port)
{
	struct failure f;

	assert_int_equal(endpoint_write(dir, port, &f), 0);
}

static void the_endpoint_in_a_file_of_its_own(void **state)
{
	(void)state;
	written(0);
	assert_null(get("managed_config.toml"));
	written(40000);
	assert_non_null(strstr(get("managed_config.toml"),
		"\nopenai_base_url = \"http://127.0.0.1:40000/v1\"\n"));
	written(40001);
	assert_null(strstr(get("managed_config.toml"), "40000"));
	written(0);
	assert_null(strstr(get("managed_config.toml"), "openai_base_url"));
}

static void the_endpoint_in_the_images_file(void **state)
{
	(void)state;
	put("managed_config.toml", OURS);
	written(40000);
	assert_int_equal(strncmp(get("managed_config.toml"), OURS, strlen(OURS)), 0);
	assert_non_null(strstr(get("managed_config.toml"), "127.0.0.1:40000/v1"));
	written(0);
	assert_string_equal(get("managed_config.toml"), OURS);
}

static void an_organisations_file_is_left_alone(void **state)
{
	(void)state;
	put("config.toml", "# codex-sandbox: ours\n");
	assert_true(endpoint_settable(dir));
	put("managed_config.toml",
		"approval_policy = \"on-request\"\nopenai_base_url = \"x\"\n");
	assert_false(endpoint_settable(dir));
	written(0);
	assert_non_null(strstr(get("managed_config.toml"), "openai_base_url = \"x\""));
	put("managed_config.toml", OURS);
	assert_true(endpoint_settable(dir));
	put("config.toml", "model = \"x\"\n");
	assert_false(endpoint_settable(dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_placeholder_comes_and_goes, begin, end),
		cmocka_unit_test_setup_teardown(
			another_placeholder_takes_its_place, begin, end),
		cmocka_unit_test_setup_teardown(a_login_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(what_codex_will_use, begin, end),
		cmocka_unit_test(which_words_name_another_place),
		cmocka_unit_test_setup_teardown(the_endpoint_in_a_file_of_its_own, begin, end),
		cmocka_unit_test_setup_teardown(the_endpoint_in_the_images_file, begin, end),
		cmocka_unit_test_setup_teardown(
			an_organisations_file_is_left_alone, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
