/* An administrator's settings for Codex's own sandbox, and to which commands they apply. */
#include "home_fixture.h"

#include "../../init/home/layers.h"
#include "../../init/lib/limits.h"

#define PROFILES "allowed_permission_profiles"
#define FULL     "\":danger-full-access\" = true"
#define REMOTE                                                                                 \
	"[[remote_sandbox_config]]\nhostname_patterns = [\"a-*\"]\nallowed_sandbox_modes = "

static void permits(const char *text)
{
	if (!layers_permit(text, strlen(text)))
		fail_msg("refused: %s", text);
}

static void forbids(const char *text)
{
	if (layers_permit(text, strlen(text)))
		fail_msg("permitted: %s", text);
}

static void what_says_nothing_permits(void **state)
{
	(void)state;
	permits("");
	permits("allowed_web_search_modes = [\"cached\"]\n");
	permits("allowed_approval_policies = [\"on-request\"]\n");
	permits("# allowed_sandbox_modes = [\"read-only\"]\n");
	permits("[other]\nallowed_sandbox_modes = [\"read-only\"]\n");
	permits("x = '''\nallowed_sandbox_modes = [\"read-only\"]\n'''\n");
}

static void permission_profiles(void **state)
{
	(void)state;
	forbids("[" PROFILES "]\n\":workspace\" = true\n");
	forbids("[" PROFILES "]\n");
	forbids("[" PROFILES "]\n\":danger-full-access\" = false # no\n");
	forbids(PROFILES " = { \":read-only\" = true }\n");
	forbids(PROFILES ".\":workspace\" = true\n");
	forbids("[" PROFILES "]\n\"danger-full-access\" = true\n");
	permits("[" PROFILES "]\n\":workspace\" = true\n" FULL "\n");
	permits("[" PROFILES "]\n" FULL " # yes\n");
	permits(PROFILES " = { \":read-only\" = true, " FULL " }\n");
	permits(PROFILES "." FULL "\n");
}

static void sandbox_modes(void **state)
{
	(void)state;
	forbids("allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]\n");
	forbids("allowed_sandbox_modes = []\n");
	permits("allowed_sandbox_modes = [\"read-only\", \"danger-full-access\"]\n");
	permits("allowed_sandbox_modes = [\n  'read-only', # one\n  'danger-full-access' ]\n");
}

static void modes_for_some_hosts(void **state)
{
	(void)state;
	permits("allowed_sandbox_modes = [\"read-only\"]\n" REMOTE
		"[\"danger-full-access\"]\n");
	permits("allowed_sandbox_modes = [\"read-only\"]\nremote_sandbox_config = [{"
		"hostname_patterns = [\"a\"], allowed_sandbox_modes = "
		"[\"danger-full-access\"]}]");
	permits("allowed_sandbox_modes = [\"read-only\"]\n" REMOTE "[\"read-only\"]\n" REMOTE
		"[\"danger-full-access\"]\n");
	forbids("allowed_sandbox_modes = [\"read-only\"]\n" REMOTE "[\"read-only\"]\n");
	/* Both lists count. */
	forbids("[" PROFILES "]\n\":workspace\" = true\n" REMOTE "[\"danger-full-access\"]\n");
	forbids("allowed_sandbox_modes = [\"read-only\"]\n[" PROFILES "]\n" FULL "\n");
}

static void the_images_own_files_are_distinguished(void **state)
{
	static const char *const names[] = {"requirements.toml", "managed_config.toml"};
	char text[8192], path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *f;
		size_t n;

		snprintf(path, sizeof(path), "image/layers/%s", names[i]);
		f = fopen(path, "r");
		assert_non_null(f);
		n = fread(text, 1, sizeof(text), f);
		assert_int_equal(fclose(f), 0);
		assert_true(layers_are_ours(text, n));
		assert_true(layers_permit(text, n));
		assert_false(layers_are_ours(text + 1, n - 1));
	}
	assert_false(layers_are_ours("# codex", 7));
	assert_false(layers_are_ours("", 0));
}

/* ---- Files --------------------------------------------------------------------------- */

static struct layers look(const struct tree *t)
{
	struct layers out;

	layers_look(at(t, "etc"), &out);
	return out;
}

static void no_files(void **state)
{
	struct layers l = look(*state);

	assert_false(l.ours);
	assert_string_equal(l.closed, "");
	make_dir(at(*state, "etc"), 0755, 0);
	/* Something that isn't a file can't block. */
	assert_int_equal(mkfifo(at(*state, "etc/requirements.toml"), 0644), 0);
	make_dir(at(*state, "etc/managed_config.toml"), 0755, 0);
	l = look(*state);
	assert_false(l.ours);
	assert_string_equal(l.closed, "");
}

static void each_file_is_read(void **state)
{
	const struct tree *t = *state;
	struct layers l;

	make_dir(at(t, "etc"), 0755, 0);
	put(at(t, "etc/requirements.toml"), "# codex-sandbox: x\nx = 1\n", 0644, 0);
	l = look(t);
	assert_true(l.ours);
	assert_string_equal(l.closed, "");
	put(at(t, "etc/managed_config.toml"), "sandbox_mode = \"read-only\"\n", 0644, 0);
	assert_string_equal(look(t).closed, "managed_config.toml");
	put(at(t, "etc/managed_config.toml"), "sandbox_mode = 'danger-full-access'\n", 0644, 0);
	assert_string_equal(look(t).closed, "");
	put(at(t, "etc/managed_config.toml"), "[a]\nsandbox_mode = \"read-only\"\n", 0644, 0);
	assert_string_equal(look(t).closed, "");
	put(at(t, "etc/requirements.toml"), "allowed_sandbox_modes = []\n", 0644, 0);
	l = look(t);
	assert_false(l.ours);
	assert_string_equal(l.closed, "requirements.toml");
	put(at(t, "etc/managed_config.toml"), "# codex-sandbox: x\n", 0644, 0);
	assert_true(look(t).ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_says_nothing_permits),
		cmocka_unit_test(permission_profiles),
		cmocka_unit_test(sandbox_modes),
		cmocka_unit_test(modes_for_some_hosts),
		cmocka_unit_test(the_images_own_files_are_distinguished),
		cmocka_unit_test_setup_teardown(no_files, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(each_file_is_read, tree_make, tree_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
