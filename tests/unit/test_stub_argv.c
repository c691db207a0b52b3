/* From a request to the engine's arguments: the whole command, compared literally. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/argv.h"
#include "../../stub/mounts.h"

#define RUN(engine)                                                                            \
	engine " run --rm --init=false --pull=never --name codex_p_1 --hostname "              \
	       "codex-sandbox-1 --label=codex-sandbox.uid=1000 "                               \
	       "--label=codex-sandbox.workdir=/p --label=codex-sandbox.wall=nft "
#define RIGHTS                                                                                 \
	"--cap-drop=ALL --cap-add=NET_ADMIN --cap-add=SETUID --cap-add=SETGID "                \
	"--cap-add=SETPCAP --cap-add=KILL --security-opt no-new-privileges "                   \
	"--pids-limit=4096 "
#define TERMINAL "-it '--detach-keys=ctrl-^,ctrl-@,ctrl-^,ctrl-@,ctrl-^' "
#define LOG      "--log-driver=json-file --log-opt=max-size=10m "
#define PLACE    "-w /app/p -e LANG=C.UTF-8 -e SANDBOX_ENV_DIR=/app/p/.codex/.environment "

static struct arena arena;

static struct request plain(void)
{
	return (struct request){
		.engine = "docker",
		.program = "docker",
		.image = "codex-sandbox",
		.name = "codex_p_1",
		.directory = "/app/p",
		.caller = 1000,
		.enforces = "nft",
		.env_dir = "/app/p/.codex/.environment",
	};
}

static void expect(struct request *r, const char *line)
{
	struct string_list argv = {0};

	argv_build(r, &arena, &argv);
	assert_null(argv.word[argv.count]);
	assert_string_equal(argv_line(&argv, &arena), line);
	string_list_free(&argv);
	string_list_free(&r->rest);
	string_list_free(&r->env);
	string_list_free(&r->allow);
	string_list_free(&r->deny);
	string_list_free(&r->add_host);
	arena_free(&arena);
}

static void the_plainest(void **state)
{
	struct request r = plain();

	(void)state;
	expect(&r, RUN("docker") RIGHTS LOG PLACE "codex-sandbox -- codex");
}

static void the_cell_asks_for_no_capability(void **state)
{
	struct request r = plain();

	(void)state;
	r.wall = "cell";
	expect(&r, RUN("docker") "--security-opt no-new-privileges --pids-limit=4096 " LOG PLACE
				 "codex-sandbox --wall cell -- codex");
	r = plain();
	r.wall = "nft";
	expect(&r, RUN("docker") RIGHTS LOG PLACE "codex-sandbox --wall nft -- codex");
	r = plain();
	r.broker = "off";
	expect(&r, RUN("docker") RIGHTS LOG PLACE "codex-sandbox --broker off -- codex");
}

/* The broker listens on port 443 for it. */
static void a_chatgpt_login_for_the_broker_needs_one_more(void **state)
{
	struct request r = plain();

	(void)state;
	r.chatgpt = "token account claims";
	expect(&r, RUN("docker") "--cap-drop=ALL --cap-add=NET_ADMIN --cap-add=SETUID "
				 "--cap-add=SETGID --cap-add=SETPCAP --cap-add=KILL "
				 "--cap-add=NET_BIND_SERVICE --security-opt no-new-privileges "
				 "--pids-limit=4096 " LOG PLACE "codex-sandbox -- codex");
}

static void a_terminal_or_only_input(void **state)
{
	struct request r = plain();

	(void)state;
	r.input = r.terminal = true;
	expect(&r, RUN("docker") TERMINAL RIGHTS LOG PLACE "codex-sandbox -- codex");
	r.terminal = false;
	expect(&r, RUN("docker") "-i " RIGHTS LOG PLACE "codex-sandbox -- codex");
}

static void podman(void **state)
{
	struct request r = plain();

	(void)state;
	r.engine = r.program = "podman";
	expect(&r,
		RUN("podman") RIGHTS LOG "--http-proxy=false " PLACE "codex-sandbox -- codex");
	r.terminal = true; /* it accepts an empty list: no detach keys */
	expect(&r, RUN("podman") "-it --detach-keys= " RIGHTS LOG "--http-proxy=false " PLACE
				 "codex-sandbox -- codex");
	r.terminal = false;
	r.keep_id = true;
	expect(&r,
		RUN("podman") RIGHTS LOG "--http-proxy=false --userns=keep-id --user=0:0 " PLACE
					 "codex-sandbox -- codex");
}

static void mounts(void **state)
{
	struct mount list[] = {{.source = "/p", .target = "/app/p", .writable = true},
		{.source = "/a,b", .target = "/app/a,b"},
		{.source = "/a\"b c", .target = "/app/a\"b c"}};
	struct request r = plain();

	(void)state;
	r.mounts = list;
	r.mounts_count = 3;
	expect(&r, RUN("docker") RIGHTS LOG
		"--mount type=bind,source=/p,target=/app/p "
		"--mount 'type=bind,\"source=/a,b\",\"target=/app/a,b\",readonly' "
		"--mount 'type=bind,\"source=/a\"\"b c\",\"target=/app/a\"\"b "
		"c\",readonly' " PLACE "codex-sandbox -- codex");
}

static void network_and_environment(void **state)
{
	struct request r = plain();

	(void)state;
	r.network = "lab";
	string_list_add(&r.env, "TERM");
	string_list_add(&r.env, "A=b c");
	expect(&r, RUN("docker") RIGHTS LOG "--network lab " PLACE
					    "-e TERM -e 'A=b c' codex-sandbox -- codex");
}

static void limits_are_said_as_they_were_given(void **state)
{
	struct request r = plain();

	(void)state;
	r.memory = "4g";
	r.cpus = "1.5";
	r.shm_size = "512m";
	string_list_add(&r.add_host, "a.test:10.1.2.3");
	expect(&r, RUN("docker") RIGHTS "--memory=4g --cpus=1.5 --shm-size=512m " LOG
					"--add-host=a.test:10.1.2.3 " PLACE
					"codex-sandbox -- codex");
}

static void the_machines_own_name_is_added(void **state)
{
	struct request r = plain();

	(void)state;
	r.host_name = true;
	expect(&r, RUN("docker") RIGHTS LOG
		"--add-host=host.docker.internal:host-gateway " PLACE "codex-sandbox -- codex");
	r.engine = r.program = "podman";
	expect(&r,
		RUN("podman") RIGHTS LOG "--http-proxy=false " PLACE "codex-sandbox -- codex");
}

static void options_of_codex_init_come_before_the_dashes(void **state)
{
	struct request r = plain();

	(void)state;
	string_list_add(&r.allow, "a.example");
	string_list_add(&r.allow, "*.b.example:443,8443");
	string_list_add(&r.deny, "c.example");
	r.audit = true;
	r.user = "1000:1000";
	string_list_add(&r.rest, "exec");
	string_list_add(&r.rest, "--json");
	expect(&r, RUN("docker") RIGHTS LOG PLACE
		"codex-sandbox --allow a.example --allow '*.b.example:443,8443' --deny "
		"c.example "
		"--egress=audit --user 1000:1000 -- codex exec --json");
}

static void trust_is_said_to_codex(void **state)
{
	struct request r = plain();

	(void)state;
	r.trust = true;
	string_list_add(&r.rest, "resume");
	expect(&r, RUN("docker") RIGHTS LOG PLACE
		"codex-sandbox -- codex -c 'projects={\"/app/p\"={trust_level=\"trusted\"}}' "
		"resume");
}

static void trust_is_not_said_to_another_command(void **state)
{
	struct request r = plain();

	(void)state;
	r.trust = r.exec = true;
	string_list_add(&r.rest, "ls");
	string_list_add(&r.rest, "-l");
	expect(&r, RUN("docker") RIGHTS LOG PLACE "codex-sandbox -- ls -l");
}

static void trust_quotes_the_path_for_toml(void **state)
{
	struct request r = plain();
	struct string_list argv = {0};

	(void)state;
	r.trust = true;
	r.directory = "/app/a\"\\b";
	argv_build(&r, &arena, &argv);
	assert_string_equal(argv.word[argv.count - 1],
		"projects={\"/app/a\\\"\\\\b\"={trust_level=\"trusted\"}}");
	string_list_free(&argv);
	arena_free(&arena);
}

static void a_target_is_used_once(void **state)
{
	static struct error t;
	struct mounts m = {0};

	(void)state;
	assert_int_equal(mounts_add(&m, "/a", "/app/a", false, &t), 0);
	assert_int_equal(mounts_add(&m, "/a", "/app/a", false, &t), 0);
	assert_int_equal(m.count, 1);
	assert_int_equal(mounts_add(&m, "/a", "/app/a", true, &t), -1);
	assert_int_equal(t.status, STATUS_REFUSED);
	assert_int_equal(mounts_add(&m, "/b", "/app/a", false, &t), -1);
	assert_int_equal(mounts_add(&m, "/a\n", "/app/b", false, &t), -1);
	assert_int_equal(mounts_add(&m, "/b", "/app/b\n", false, &t), -1);
	assert_int_equal(m.count, 1);
	mounts_free(&m);
}

static void parents_come_first(void **state)
{
	static const char *const order[] = {"/a", "/a/b", "/c/b", "/a/b/c", "/b/b/c"};
	static struct error t;
	struct mounts m = {0};

	(void)state;
	assert_int_equal(mounts_add(&m, "/s", "/a/b/c", true, &t), 0);
	assert_int_equal(mounts_add(&m, "/s", "/a/b", true, &t), 0);
	assert_int_equal(mounts_add(&m, "/s", "/b/b/c", true, &t), 0);
	assert_int_equal(mounts_add(&m, "/s", "/a", true, &t), 0);
	assert_int_equal(mounts_add(&m, "/s", "/c/b", true, &t), 0);
	mounts_sort(&m);
	for (size_t i = 0; i < m.count; i++)
		assert_string_equal(m.mount[i].target, order[i]);
	mounts_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plainest),
		cmocka_unit_test(the_cell_asks_for_no_capability),
		cmocka_unit_test(a_chatgpt_login_for_the_broker_needs_one_more),
		cmocka_unit_test(a_terminal_or_only_input),
		cmocka_unit_test(podman),
		cmocka_unit_test(mounts),
		cmocka_unit_test(network_and_environment),
		cmocka_unit_test(limits_are_said_as_they_were_given),
		cmocka_unit_test(the_machines_own_name_is_added),
		cmocka_unit_test(options_of_codex_init_come_before_the_dashes),
		cmocka_unit_test(trust_is_said_to_codex),
		cmocka_unit_test(trust_is_not_said_to_another_command),
		cmocka_unit_test(trust_quotes_the_path_for_toml),
		cmocka_unit_test(a_target_is_used_once),
		cmocka_unit_test(parents_come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
