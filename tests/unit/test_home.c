/* The drop-off copied into the home: what is copied, what stays, and what may be in the way. */
#include "home_fixture.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../init/home/advice.h"
#include "../../init/lib/limits.h"

static int prepare(void *context, void *result, struct failure *f)
{
	return home_prepare(context, result, f);
}

static struct home_result result;
static struct failure why;

static int run_from(const struct tree *t, const char *from)
{
	char home[PATH_MAX], source[PATH_MAX];
	char etc[PATH_MAX];
	struct home_request r = {.home = home, .etc = etc, .uid = USER, .gid = GROUP};

	snprintf(home, sizeof(home), "%s", at(t, "home"));
	snprintf(etc, sizeof(etc), "%s", at(t, "etc"));
	if (from) {
		snprintf(source, sizeof(source), "%s", from);
		r.from = source;
	}
	result = (struct home_result){0};
	return limited(prepare, &r, &result, sizeof(result), &why);
}

static int run(const struct tree *t)
{
	return run_from(t, at(t, "in"));
}

static void must_work(const struct tree *t)
{
	if (run(t) < 0)
		fail_msg("%s: %s: %s", why.operation, why.subject, why.reason);
}

/* Fails for this reason and leaves the home unchanged. */
static void must_fail(const struct tree *t, const char *reason)
{
	unsigned before = entries(at(t, "home"));

	assert_int_equal(run(t), -1);
	assert_in(why.reason, reason);
	assert_int_equal(entries(at(t, "home")), before);
	assert_false(result.hook);
}

static void nothing_to_copy(void **state)
{
	must_work(*state);
	assert_int_equal(entries(at(*state, "home")), 0);
	assert_false(result.hook);
	assert_int_equal(run_from(*state, NULL), 0);
	assert_int_equal(entries(at(*state, "home")), 0);
}

static void all_three_are_copied(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "model = \"x\"\n", 0644, 0);
	put(at(t, "in/init.sh"), "#!/bin/sh\n", 0644, 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/one.md"), "one", 0644, 0);
	make_dir(at(t, "in/prompts/deep"), 0755, 0);
	put(at(t, "in/prompts/deep/two.md"), "two", 0644, 0);
	must_work(t);
	assert_true(result.hook);
	assert_string_equal(result.warning, "");
	assert_string_equal(text_of(at(t, "home/config.toml")), "model = \"x\"\n");
	assert_string_equal(text_of(at(t, "home/prompts/deep/two.md")), "two");
	assert_owned(at(t, "home/config.toml"), USER, 0600);
	assert_owned(at(t, "home/init.sh"), USER, 0755);
	assert_owned(at(t, "home/prompts"), USER, 0755);
	assert_owned(at(t, "home/prompts/one.md"), USER, 0644);
	assert_int_equal(entries(at(t, "home")), 3);
	assert_int_equal(entries(at(t, "home/prompts")), 2);
}

static void what_took_the_place_of_prompts_is_copied_too(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/AGENTS.md"), "be brief", 0644, 0);
	make_dir(at(t, "in/rules"), 0755, 0);
	put(at(t, "in/rules/my.rules"), "rule", 0644, 0);
	make_dir(at(t, "in/skills"), 0755, 0);
	make_dir(at(t, "in/skills/one"), 0755, 0);
	put(at(t, "in/skills/one/SKILL.md"), "skill", 0644, 0);
	put(at(t, "in/skills/one/run.sh"), "#!/bin/sh\n", 0755, 0);
	make_dir(at(t, "in/skills/.system"), 0755, 0);
	put(at(t, "in/skills/.system/codexs"), "", 0644, 0);
	must_work(t);
	assert_string_equal(result.warning, "");
	assert_string_equal(text_of(at(t, "home/AGENTS.md")), "be brief");
	assert_string_equal(text_of(at(t, "home/rules/my.rules")), "rule");
	assert_owned(at(t, "home/AGENTS.md"), USER, 0600);
	assert_owned(at(t, "home/skills/one/SKILL.md"), USER, 0644);
	assert_owned(at(t, "home/skills/one/run.sh"), USER, 0755);
	assert_false(there(at(t, "home/skills/.system")));
	/* The next time nothing is overwritten, not even what has changed since. */
	put(at(t, "home/AGENTS.md"), "mine", 0600, USER);
	put(at(t, "home/skills/one/run.sh"), "mine", 0755, USER);
	put(at(t, "in/skills/one/new"), "new", 0644, 0);
	must_work(t);
	assert_true(there(at(t, "home/skills/one/new")));
	assert_string_equal(text_of(at(t, "home/AGENTS.md")), "mine");
	assert_string_equal(text_of(at(t, "home/skills/one/run.sh")), "mine");
}

static void what_is_denied_or_too_large_in_a_collection_is_left_out(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/skills"), 0755, 0);
	put(at(t, "in/skills/theirs"), "x", 0600, USER + 7);
	put(at(t, "in/skills/large"), "", 0644, 0);
	assert_int_equal(truncate(at(t, "in/skills/large"), LIMIT_HOME_BYTES + 1), 0);
	put(at(t, "in/skills/good"), "x", 0644, 0);
	must_work(t);
	assert_int_equal(entries(at(t, "home/skills")), 1);
	assert_in(result.warning, "2 files of");
}

static void a_name_that_only_begins_like_one_of_them_is_not_copied(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/skills2"), 0755, 0);
	put(at(t, "in/skills2/x"), "x", 0644, 0);
	put(at(t, "in/history.jsonl"), "x", 0644, 0);
	put(at(t, "in/auth.json"), "{}", 0644, 0);
	must_work(t);
	assert_int_equal(entries(at(t, "home")), 0);
}

static void the_effective_config_is_checked(void **state)
{
	const struct tree *t = *state;
	char line[1000];

	put(at(t, "in/config.toml"), "model = \"x\"\n", 0644, 0);
	must_work(t);
	assert_int_equal(result.advice, 0);
	assert_false(result.provider);
	put(at(t, "home/config.toml"), "notify = [\"say\"]\nmodel_provider = \"x\"\n", 0600,
		USER);
	must_work(t);
	assert_true(result.provider);
	advice_line(result.advice, line, sizeof(line));
	assert_in(line, "notify");
}

static void requirements_for_codex_are_checked(void **state)
{
	const struct tree *t = *state;
	char line[1000];

	make_dir(at(t, "etc"), 0755, 0);
	put(at(t, "in/config.toml"), "sandbox_mode = \"read-only\"\n", 0644, 0);
	put(at(t, "etc/requirements.toml"), "# codex-sandbox: \n", 0644, 0);
	must_work(t);
	assert_true(result.layers.ours);
	assert_int_equal(result.advice, 0);
	put(at(t, "etc/requirements.toml"), "allowed_sandbox_modes = []\n", 0644, 0);
	must_work(t);
	assert_string_equal(result.layers.closed, "requirements.toml");
	advice_line(result.advice, line, sizeof(line));
	assert_in(line, "sandbox_mode");
	/* What Codex can't read either. */
	put(at(t, "etc/requirements.toml"), "allowed_sandbox_modes = []\n", 0600, 0);
	must_work(t);
	assert_string_equal(result.layers.closed, "");
}

static void a_policy_that_stops_codex_is_mended_in_the_copy(void **state)
{
	const struct tree *t = *state;
	const char theirs[] = "approval_policy = \"untrusted\"\nx = 1\n";

	put(at(t, "in/config.toml"), theirs, 0644, 0);
	put(at(t, "in/AGENTS.md"), theirs, 0644, 0);
	must_work(t);
	assert_string_equal(
		text_of(at(t, "home/config.toml")), "approval_policy = \"never\"    \nx = 1\n");
	assert_int_equal(result.advice, 0);
	assert_string_equal(text_of(at(t, "in/config.toml")), theirs);
	assert_string_equal(text_of(at(t, "home/AGENTS.md")), theirs);
	/* An existing one is the user's, so it is only reported. */
	put(at(t, "home/config.toml"), theirs, 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), theirs);
	assert_int_not_equal(result.advice, 0);
}

static void a_config_that_is_there_stays(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "theirs", 0644, 0);
	put(at(t, "home/config.toml"), "mine", 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "mine");
}

static void prompts_that_are_there_stay(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "theirs", 0644, 0);
	put(at(t, "in/prompts/b.md"), "new", 0644, 0);
	make_dir(at(t, "home/prompts"), 0755, USER);
	put(at(t, "home/prompts/a.md"), "mine", 0644, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/prompts/a.md")), "mine");
	assert_string_equal(text_of(at(t, "home/prompts/b.md")), "new");
}

static void the_hook_is_replaced(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/init.sh"), "new", 0644, 0);
	put(at(t, "home/init.sh"), "old and longer", 0755, USER);
	assert_int_equal(link(at(t, "home/init.sh"), at(t, "other-name")), 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/init.sh")), "new");
	assert_owned(at(t, "home/init.sh"), USER, 0755);
	/* Replaced, not overwritten: a hard link elsewhere keeps its contents. */
	assert_string_equal(text_of(at(t, "other-name")), "old and longer");
}

static void a_login_that_is_there_is_seen(void **state)
{
	const struct tree *t = *state;
	char end[PATH_MAX];

	must_work(t);
	assert_false(result.login);
	put(at(t, "home/auth.json"), "", 0600, USER);
	must_work(t);
	assert_false(result.login);
	put(at(t, "home/auth.json"), "{}", 0600, USER);
	must_work(t);
	assert_true(result.login);
	assert_string_equal(result.login_link, "");
	assert_int_equal(unlink(at(t, "home/auth.json")), 0);
	snprintf(end, sizeof(end), "%s", at(t, "login.json"));
	assert_int_equal(symlink(end, at(t, "home/auth.json")), 0);
	must_work(t);
	assert_false(result.login);
	assert_string_equal(result.login_link, end);
	put(end, "{}", 0644, USER);
	must_work(t);
	assert_true(result.login);
}

static void a_hook_that_is_there_is_found(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/init.sh"), "#!/bin/sh\n", 0700, USER);
	must_work(t);
	assert_true(result.hook);
	assert_int_equal(run_from(t, NULL), 0);
	assert_true(result.hook);
}

static void a_hook_without_its_bit_is_not_run(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/init.sh"), "#!/bin/sh\n", 0600, USER);
	must_work(t);
	assert_false(result.hook);
	assert_in(result.warning, "not executable");
}

static void a_directory_is_no_hook(void **state)
{
	make_dir(at(*state, "home/init.sh"), 0755, USER);
	assert_int_equal(run_from(*state, NULL), 0);
	assert_false(result.hook);
}

static void sources_of_root_alone_are_read(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "root's", 0600, 0);
	make_dir(at(t, "in/prompts"), 0700, 0);
	put(at(t, "in/prompts/a.md"), "a", 0600, 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "root's");
	assert_string_equal(text_of(at(t, "home/prompts/a.md")), "a");
}

/* Somebody who can write to a directory could have moved a file of root's into it. */
static void what_root_alone_may_read_is_not_taken_from_the_users_directories(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/prompts"), 0755, USER);
	put(at(t, "in/prompts/a.md"), "a", 0600, 0);
	put(at(t, "in/prompts/b.md"), "b", 0644, 0);
	make_dir(at(t, "in/prompts/sub"), 0755, 0);
	put(at(t, "in/prompts/sub/c.md"), "c", 0600, 0);
	make_dir(at(t, "in/skills"), 0775, 0);
	put(at(t, "in/skills/d.md"), "d", 0600, 0);
	must_work(t);
	assert_false(there(at(t, "home/prompts/a.md")));
	assert_string_equal(text_of(at(t, "home/prompts/b.md")), "b");
	assert_false(there(at(t, "home/prompts/sub/c.md")));
	assert_false(there(at(t, "home/skills/d.md")));
	assert_in(result.warning, "3 files of prompts, skills or rules were not copied");
}

static void sources_of_the_user_alone_are_read(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "root's", 0600, 0);
	put(at(t, "in/init.sh"), "user's", 0600, USER);
	make_dir(at(t, "in/prompts"), 0700, USER);
	put(at(t, "in/prompts/a.md"), "a", 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "root's");
	assert_string_equal(text_of(at(t, "home/init.sh")), "user's");
	assert_string_equal(text_of(at(t, "home/prompts/a.md")), "a");
}

static void a_drop_off_of_the_user_alone_is_read(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "c", 0600, USER);
	assert_int_equal(chown(at(t, "in"), USER, GROUP), 0);
	assert_int_equal(chmod(at(t, "in"), 0700), 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "c");
}

static void somebody_elses_source_is_a_failure(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/init.sh"), "x", 0644, 0);
	put(at(t, "in/config.toml"), "x", 0600, USER + 7);
	must_fail(t, "neither root nor the user");
}

static void a_missing_drop_off_is_a_failure(void **state)
{
	assert_int_equal(run_from(*state, at(*state, "nowhere")), -1);
	assert_in(why.reason, "No such file");
	assert_in(why.subject, "nowhere");
}

/* Links and special files among the sources. */
static void a_link_as_a_source_is_a_failure(void **state)
{
	static const char *const names[] = {"config.toml", "init.sh", "prompts"};
	const struct tree *t = *state;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(symlink("/etc/passwd", at(t, "in/%s", names[i])), 0);
		must_fail(t, "symbolic link");
		assert_int_equal(unlink(at(t, "in/%s", names[i])), 0);
	}
}

static void special_sources_are_failures(void **state)
{
	static const char *const names[] = {"config.toml", "init.sh", "prompts"};
	const struct tree *t = *state;

	for (unsigned i = 0; i < 3; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s", at(t, "in/%s", names[i]));
		assert_int_equal(mkfifo(path, 0666), 0);
		must_fail(t, "the wrong type");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 5)), 0); /* zero */
		must_fail(t, "the wrong type");
		assert_int_equal(unlink(path), 0);
	}
	put(at(t, "in/prompts"), "a file", 0644, 0);
	must_fail(t, "the wrong type");
	assert_int_equal(unlink(at(t, "in/prompts")), 0);
	make_dir(at(t, "in/config.toml"), 0755, 0);
	must_fail(t, "the wrong type");
}

static void special_prompts_are_left_out(void **state)
{
	const struct tree *t = *state;
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/good.md"), "good", 0644, 0);
	assert_int_equal(symlink("/etc/shadow", at(t, "in/prompts/link.md")), 0);
	assert_int_equal(symlink("/etc", at(t, "in/prompts/dir")), 0);
	assert_int_equal(mkfifo(at(t, "in/prompts/pipe"), 0666), 0);
	assert_int_equal(mknod(at(t, "in/prompts/null"), S_IFCHR | 0666, makedev(1, 3)), 0);
	snprintf(where.sun_path, sizeof(where.sun_path), "%s", at(t, "in/prompts/socket"));
	assert_int_equal(bind(s, (struct sockaddr *)&where, sizeof(where)), 0);
	close(s);
	must_work(t);
	assert_int_equal(entries(at(t, "home/prompts")), 1);
	assert_in(result.warning, "5 files of prompts");
}

/* Traps in the home, as an earlier Codex might have left them. */
static void links_in_the_home_are_not_followed(void **state)
{
	const struct tree *t = *state;

	put(at(t, "victim"), "victim", 0666, 0);
	put(at(t, "in/config.toml"), "x", 0644, 0);
	assert_int_equal(symlink(at(t, "victim"), at(t, "home/config.toml")), 0);
	must_fail(t, "symbolic link");
	assert_int_equal(unlink(at(t, "home/config.toml")), 0);
	/* A dangling one would create its target. */
	assert_int_equal(symlink(at(t, "home/made"), at(t, "home/config.toml")), 0);
	must_fail(t, "symbolic link");
	assert_false(there(at(t, "home/made")));
	assert_int_equal(unlink(at(t, "home/config.toml")), 0);
	put(at(t, "in/init.sh"), "x", 0644, 0);
	assert_int_equal(symlink(at(t, "victim"), at(t, "home/init.sh")), 0);
	must_fail(t, "symbolic link");
	assert_string_equal(text_of(at(t, "victim")), "victim");
}

static void a_linked_prompts_directory_is_not_entered(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "elsewhere"), 0777, USER);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	put(at(t, "in/config.toml"), "x", 0644, 0);
	assert_int_equal(symlink(at(t, "elsewhere"), at(t, "home/prompts")), 0);
	must_fail(t, "symbolic link");
	assert_int_equal(entries(at(t, "elsewhere")), 0);
}

static void a_prompt_that_is_a_link_stays_one(void **state)
{
	const struct tree *t = *state;

	put(at(t, "victim"), "victim", 0666, 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	make_dir(at(t, "home/prompts"), 0755, USER);
	assert_int_equal(symlink(at(t, "victim"), at(t, "home/prompts/a.md")), 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "victim")), "victim");
}

static void special_files_in_the_home_are_failures(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "x", 0644, 0);
	put(at(t, "in/init.sh"), "x", 0644, 0);
	make_dir(at(t, "home/config.toml"), 0755, USER);
	must_fail(t, "in the way");
	assert_int_equal(rmdir(at(t, "home/config.toml")), 0);
	assert_int_equal(mkfifo(at(t, "home/config.toml"), 0666), 0);
	must_fail(t, "in the way");
	assert_int_equal(unlink(at(t, "home/config.toml")), 0);
	make_dir(at(t, "home/init.sh"), 0755, USER);
	must_fail(t, "in the way");
	assert_int_equal(rmdir(at(t, "home/init.sh")), 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	put(at(t, "home/prompts"), "a file", 0644, USER);
	must_fail(t, "Not a directory");
}

/* The home itself. */
static void somebody_elses_home_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(chown(at(t, "home"), USER + 1, GROUP), 0);
	assert_int_equal(chmod(at(t, "home"), 0777), 0);
	must_fail(t, "belongs to uid 4322");
	assert_in(why.hint, "uid 4321");
}

static void a_home_that_is_a_link_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(rename(at(t, "home"), at(t, "real")), 0);
	assert_int_equal(symlink(at(t, "real"), at(t, "home")), 0);
	assert_int_equal(run(t), -1);
	assert_in(why.reason, "not a directory");
	assert_int_equal(unlink(at(t, "home")), 0);
}

static void the_user_can_t_become_root(void **state)
{
	const struct tree *t = *state;
	struct home_request r = {.home = at(t, "home"), .etc = "/nowhere", .uid = 0, .gid = 0};

	assert_int_equal(limited(prepare, &r, &result, sizeof(result), &why), -1);
}

/* Limits. */
static void a_file_that_is_too_large_is_a_failure(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/init.sh"), "x", 0644, 0);
	put(at(t, "in/config.toml"), "", 0644, 0);
	assert_int_equal(truncate(at(t, "in/config.toml"), LIMIT_HOME_BYTES + 1), 0);
	must_fail(t, "larger than");
	assert_int_equal(truncate(at(t, "in/config.toml"), LIMIT_HOME_BYTES), 0);
	must_work(t);
}

static void too_many_files_are_reported(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/prompts"), 0755, 0);
	for (unsigned i = 0; i < LIMIT_HOME_FILES; i++)
		put(at(t, "in/prompts/%u", i), "", 0644, 0);
	must_work(t);
	/* The directory itself and others count as well. */
	const unsigned copied = entries(at(t, "home/prompts"));

	assert_true(copied > LIMIT_HOME_FILES - 10 && copied < LIMIT_HOME_FILES);
	assert_in(result.warning, "were not copied");
}

static void too_deep_a_directory_is_left_out(void **state)
{
	const struct tree *t = *state;
	char path[PATH_MAX] = "in/prompts";

	make_dir(at(t, "%s", path), 0755, 0);
	for (unsigned i = 1; i < LIMIT_HOME_DEPTH; i++) {
		strcat(path, "/d");
		make_dir(at(t, "%s", path), 0755, 0);
	}
	put(at(t, "%s/f", path), "f", 0644, 0);
	must_work(t);
	assert_true(there(at(t, "home%s/f", path + strlen("in"))));
	strcat(path, "/d");
	make_dir(at(t, "%s", path), 0755, 0);
	put(at(t, "%s/f", path), "f", 0644, 0);
	must_work(t);
	assert_false(there(at(t, "home%s/f", path + strlen("in"))));
	assert_in(result.warning, "1 files of prompts");
}

static void long_names_are_no_trouble(void **state)
{
	const struct tree *t = *state;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/%s", name), "x", 0644, 0);
	put(at(t, "in/prompts/new\nline"), "x", 0644, 0);
	must_work(t);
	assert_int_equal(entries(at(t, "home/prompts")), 2);
	assert_true(there(at(t, "home/prompts/%s", name)));
}

static void a_path_that_is_too_long_is_left_out(void **state)
{
	const struct tree *t = *state;
	char path[PATH_MAX] = "in/prompts";

	make_dir(at(t, "%s", path), 0755, 0);
	for (unsigned i = 0; i < 5; i++) {
		size_t n = strlen(path);

		path[n] = '/';
		memset(path + n + 1, 'd', 220);
		path[n + 221] = '\0';
		make_dir(at(t, "%s", path), 0755, 0);
	}
	must_work(t);
	assert_in(result.warning, "1 files of prompts");
}

/* All or nothing if the disk is full after the first file. */
static void a_full_disk_leaves_nothing_behind(void **state)
{
	const struct tree *t = *state;
	char *big = calloc(1, 200 * 1024 + 1);

	memset(big, 'x', 200 * 1024);
	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", 0,
				 "size=128k,mode=0700,uid=4321,gid=4322"),
		0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/small.md"), "small", 0644, 0);
	put(at(t, "in/prompts/zbig.md"), big, 0644, 0);
	put(at(t, "in/config.toml"), "x", 0644, 0);
	put(at(t, "in/init.sh"), "x", 0644, 0);
	must_fail(t, "No space");
	assert_int_equal(entries(at(t, "home")), 0);
	free(big);
}

static void a_read_only_home_is_a_failure(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "x", 0644, 0);
	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", MS_RDONLY,
				 "size=64k,mode=0700,uid=4321,gid=4322"),
		0);
	must_fail(t, "Read-only");
}

static void the_second_boot_changes_nothing(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "x", 0644, 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	must_work(t);
	put(at(t, "home/config.toml"), "changed", 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "changed");
}

static int dies(void *context, void *none, struct failure *f)
{
	(void)none, (void)f;
	raise(*(const int *)context);
	_exit(5);
}

/* Whatever the child was for: homes, logins, mounts and projects are examined in such
 * children. */
static void a_child_that_dies_is_reported(void **state)
{
	int signal = SIGKILL;

	(void)state;
	assert_int_equal(child_run(dies, &signal, NULL, 0, &why), -1);
	assert_null(strstr(why.operation, "home"));
	assert_string_equal(why.reason, "signal 9 ended it");
	signal = 0;
	assert_int_equal(child_run(dies, &signal, NULL, 0, &why), -1);
	assert_string_equal(why.reason, "it ended with status 5");
}

#define T(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_that_dies_is_reported), T(nothing_to_copy),
		T(all_three_are_copied), T(what_took_the_place_of_prompts_is_copied_too),
		T(prompts_that_are_there_stay),
		T(what_is_denied_or_too_large_in_a_collection_is_left_out),
		T(a_name_that_only_begins_like_one_of_them_is_not_copied),
		T(the_effective_config_is_checked), T(requirements_for_codex_are_checked),
		T(a_policy_that_stops_codex_is_mended_in_the_copy),
		T(a_config_that_is_there_stays), T(the_hook_is_replaced),
		T(a_login_that_is_there_is_seen), T(a_hook_that_is_there_is_found),
		T(a_hook_without_its_bit_is_not_run), T(a_directory_is_no_hook),
		T(sources_of_root_alone_are_read),
		T(what_root_alone_may_read_is_not_taken_from_the_users_directories),
		T(sources_of_the_user_alone_are_read), T(a_drop_off_of_the_user_alone_is_read),
		T(somebody_elses_source_is_a_failure), T(a_missing_drop_off_is_a_failure),
		T(a_link_as_a_source_is_a_failure), T(special_sources_are_failures),
		T(special_prompts_are_left_out), T(links_in_the_home_are_not_followed),
		T(a_linked_prompts_directory_is_not_entered),
		T(a_prompt_that_is_a_link_stays_one), T(special_files_in_the_home_are_failures),
		T(somebody_elses_home_is_a_failure), T(a_home_that_is_a_link_is_a_failure),
		T(the_user_can_t_become_root), T(a_file_that_is_too_large_is_a_failure),
		T(too_many_files_are_reported), T(too_deep_a_directory_is_left_out),
		T(long_names_are_no_trouble), T(a_path_that_is_too_long_is_left_out),
		T(a_full_disk_leaves_nothing_behind), T(a_read_only_home_is_a_failure),
		T(the_second_boot_changes_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
