/*
 * Reading the wall back: whatever nft(8) does to the table between building and reading must
 * be detected. And what building must and must not touch. Runs as root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/nft/wall.h"

static struct wall *wall;
static struct policy policy;
static struct wall_config config;

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* Runs a command and returns its output, to be freed. */
static char *output_of(const char *command)
{
	size_t used = 0, n, room = 1 << 20;
	char *text = calloc(1, room);
	FILE *p = popen(command, "r");

	assert_non_null(p);
	while ((n = fread(text + used, 1, room - 1 - used, p)) > 0)
		used += n;
	assert_int_equal(pclose(p), 0);
	return text;
}

static void build(void)
{
	struct failure f = {0};

	if (wall_build(wall, &config, &f) < 0 || wall_verify(wall, &config, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
}

static void rule_add(const char *text, enum rule_effect effect)
{
	struct rule_error e;

	if (policy_add(&policy, text, effect, ORIGIN_OPTION, NULL, NULL, &e) < 0)
		fail_msg("%s: %s", text, e.reason);
}

static int begin(void **state)
{
	struct failure f = {0};

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	policy_init(&policy);
	rule_add("20.1.0.0/16:443", RULE_ALLOW);
	rule_add("[2600::/16]:443", RULE_ALLOW);
	rule_add("10.9.0.0/16:5432+private", RULE_ALLOW);
	rule_add("20.7.0.0/16", RULE_DENY);
	rule_add("20.8.0.0/16:25", RULE_DENY);
	assert_int_equal(policy_compile(&policy), 0);
	config = (struct wall_config){.policy = &policy,
		.resolver_uid = UID_RESOLVER,
		.resolver_port = 5300,
		.gate_uid = UID_GATE,
		.gate_port = 5443,
		.diverts = true,
		.upstreams = {{{4, {9, 9, 9, 9}}, 53}},
		.upstreams_count = 1,
		.gateways = {{4, {172, 30, 0, 1}}},
		.gateways_count = 1};
	if (wall_open(&wall, &f) < 0)
		fail_msg("%s: %s", f.operation, f.reason);
	return 0;
}

static int end(void **state)
{
	(void)state;
	wall_close(wall);
	policy_free(&policy);
	return 0;
}

/* Each is one change of the table by somebody else. */
static const char *const tampering[] = {
	"add rule inet codex_init output accept",
	"insert rule inet codex_init output accept",
	"insert rule inet codex_init egress4 accept",
	"add rule inet codex_init egress6 tcp dport 22 accept",
	"insert rule inet codex_init reject_all accept",
	"insert rule inet codex_init forward accept",
	"add rule inet codex_init reject_all counter",
	"flush chain inet codex_init egress4",
	"flush chain inet codex_init leaving",
	"flush chain inet codex_init sources4",
	"flush chain inet codex_init sources6",
	"insert rule inet codex_init sources4 return",
	"insert rule inet codex_init sources6 ip6 saddr ::2 return",
	"flush chain inet codex_init redirect_dns",
	"flush chain inet codex_init redirect_web",
	"flush chain inet codex_init diverted_in",
	"flush chain inet codex_init direct4",
	"flush chain inet codex_init web6",
	"flush chain inet codex_init record6",
	"flush table inet codex_init",
	"delete table inet codex_init",
	"add chain inet codex_init output { policy accept; }",
	"add chain inet codex_init input { policy accept; }",
	"add chain inet codex_init forward { policy accept; }",
	"add chain inet codex_init another",
	"add chain inet codex_init early { type filter hook output priority -10; }",
	"add set inet codex_init another { type ipv4_addr; }",
	"add map inet codex_init another { type ipv4_addr : verdict; }",
	"add counter inet codex_init another",
	"add table inet codex_init { flags dormant; }",
};

static void every_change_is_found(void **state)
{
	struct failure f;
	char command[256];

	(void)state;
	for (size_t i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
		build();
		snprintf(command, sizeof(command), "nft '%s'", tampering[i]);
		run(command);
		memset(&f, 0, sizeof(f));
		if (wall_verify(wall, &config, &f) == 0)
			fail_msg("not found: %s", tampering[i]);
		assert_true(f.operation[0] && f.subject[0] && f.reason[0]);
	}
	build();
}

/* Replaces a chain by one that differs in one attribute. */
static void every_attribute_of_a_chain_counts(void **state)
{
	static const struct {
		const char *chain, *like, *why;
	} cases[] = {
		{"forward", "type filter hook forward priority 0; policy drop;", NULL},
		{"forward", "type filter hook forward priority 5; policy drop;", "priority"},
		{"forward", "type filter hook forward priority -5; policy drop;", "priority"},
		{"forward", "type filter hook input priority 0; policy drop;", "hook"},
		{"forward", "type filter hook forward priority 0; policy accept;", "policy"},
		{"forward", "", "hook"},
		{"leaving", "type nat hook postrouting priority 0; policy accept;", "type"},
	};
	struct failure f;
	char command[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *chain = cases[i].chain;
		int status;

		build();
		snprintf(command, sizeof(command),
			"nft 'flush chain inet codex_init %s; delete chain inet codex_init %s; "
			"add chain inet codex_init %s { %s }'",
			chain, chain, chain, cases[i].like);
		run(command);
		memset(&f, 0, sizeof(f));
		status = wall_verify(wall, &config, &f);
		if (cases[i].why ? status == 0 || strcmp(f.subject, chain) != 0 ||
					   !strstr(f.reason, cases[i].why)
				 : status < 0)
			fail_msg("%s { %s }: %d: %s: %s", chain, cases[i].like, status,
				f.subject, f.reason);
	}
}

/* Replaces a rule by one that differs in a word, or in none. */
static void every_attribute_of_a_rule_counts(void **state)
{
	static const struct {
		const char *chain, *rule, *like;
	} cases[] = {
		{"sources4", "ip saddr . tcp sport @upstreams4 drop", NULL},
		{"sources4", "ip saddr . tcp sport @upstreams4 drop",
			"ip saddr . tcp sport != @upstreams4 drop"},
		{"sources4", "ip saddr . tcp sport @upstreams4 drop",
			"ip daddr . tcp sport @upstreams4 drop"},
		{"sources4", "ip saddr . tcp sport @upstreams4 drop",
			"ip saddr . tcp sport @pins4 drop"},
		{"sources4", "fib saddr type != local drop", NULL},
		{"sources4", "fib saddr type != local drop", "fib saddr type local drop"},
		{"sources4", "fib saddr type != local drop", "fib daddr type != local drop"},
		{"reject_all", "reject with icmpx admin-prohibited", NULL},
		{"reject_all", "reject with icmpx admin-prohibited",
			"reject with icmpx port-unreachable"},
		{"reject_all", "reject with icmpx admin-prohibited",
			"counter reject with icmpx admin-prohibited"},
		{"refuse", "goto reject_all", NULL},
		{"refuse", "goto reject_all", "jump reject_all"},
		{"approve", "ct mark set 0x0c0de000 accept", NULL},
		{"approve", "ct mark set 0x0c0de000 accept", "meta mark set 0x0c0de000 accept"},
		{"redirect_dns", "tcp dport 53 meta skuid != 65311 redirect to :5300", NULL},
		{"redirect_dns", "tcp dport 53 meta skuid != 65311 redirect to :5300",
			"tcp dport 53 meta skuid != 65311 redirect to :5300 random"},
		{"redirect_dns", "tcp dport 53 meta skuid != 65311 redirect to :5300",
			"tcp dport 53 meta skuid != 65311 redirect to :5300-5301"},
	};
	struct failure f;
	char command[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *chain = cases[i].chain, *like = cases[i].like;

		build();
		snprintf(command, sizeof(command),
			"nft replace rule inet codex_init %s handle $(nft -a list chain inet "
			"codex_init %s | sed -n 's/^\t*%s # handle //p') '%s'",
			chain, chain, cases[i].rule, like ? like : cases[i].rule);
		run(command);
		memset(&f, 0, sizeof(f));
		if ((wall_verify(wall, &config, &f) == 0) != !like)
			fail_msg("%s: %s: %s", chain, like ? like : cases[i].rule, f.reason);
		assert_true(!like || strcmp(f.subject, chain) == 0);
	}
}

/* Replaces a set. No rule may refer to a deleted one, so all rules are gone; a set that is
 * right leaves that as the first error. */
static void every_attribute_of_a_set_counts(void **state)
{
	static const struct {
		const char *set, *like, *why;
	} cases[] = {
		{"pins4", "type ipv4_addr . inet_service; size 65536; flags timeout;", "rule"},
		{"pins4", "type ipv4_addr . inet_service; size 65535; flags timeout;", "size"},
		{"pins4", "type ipv4_addr . inet_service; size 65536;", "type"},
		{"pins4", "type ipv4_addr . inet_proto; size 65536; flags timeout;", "type"},
		{"pins4", "type ipv6_addr . inet_service; size 65536; flags timeout;", "type"},
		{"pins4",
			"type ipv4_addr . inet_service; size 65536; flags timeout; timeout 1h;",
			"expire"},
		{"denied6", "type ipv6_addr; flags interval;", "rule"},
		{"denied6", "type ipv6_addr;", "type"},
	};
	struct failure f;
	char command[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build();
		snprintf(command, sizeof(command),
			"nft 'flush table inet codex_init; delete set inet codex_init %s; "
			"add set inet codex_init %s { %s }'",
			cases[i].set, cases[i].set, cases[i].like);
		run(command);
		memset(&f, 0, sizeof(f));
		if (wall_verify(wall, &config, &f) == 0 || !strstr(f.reason, cases[i].why))
			fail_msg("%s { %s }: %s: %s", cases[i].set, cases[i].like, f.subject,
				f.reason);
	}
}

/* Rules replaced one by one: deleted (a rule is missing) and with a word changed. */
static void every_rule_counts(void **state)
{
	static const char *const chains[] = {"output", "input", "leaving", "redirect_dns",
		"redirect_web", "diverted_out", "diverted_in", "direct4", "direct6", "web4",
		"web6", "bypass", "to_gate", "loopback", "egress4", "egress6", "approve",
		"refuse", "record4", "record6", "reject_all", "pinned4", "pinned6", "sources4",
		"sources6", "unowned"};
	struct failure f;
	char command[512];
	size_t deleted = 0;

	(void)state;
	for (size_t c = 0; c < sizeof(chains) / sizeof(chains[0]); c++) {
		for (size_t n = 1;; n++) {
			char *handle;

			build();
			/* The n-th rule's handle, or nothing. */
			snprintf(command, sizeof(command),
				"nft -a list chain inet codex_init %s | grep -v -e chain -e "
				"hook "
				"| grep -o 'handle [0-9]*' | sed -n %zup",
				chains[c], n);
			handle = output_of(command);
			if (!handle[0]) {
				free(handle);
				break;
			}
			snprintf(command, sizeof(command),
				"nft delete rule inet codex_init %s %s", chains[c], handle);
			free(handle);
			run(command);
			if (wall_verify(wall, &config, &f) == 0)
				fail_msg("rule %zu of %s was not missed", n, chains[c]);
			deleted++;
		}
	}
	assert_int_equal(deleted, 162); /* all there are */
}

/* The wall of any other config is rejected. */
static void every_difference_of_config_is_found(void **state)
{
	struct wall_config other;
	struct failure f;

	(void)state;
	build();
#define DIFFERS(change)                                                                        \
	do {                                                                                   \
		other = config;                                                                \
		change;                                                                        \
		if (wall_verify(wall, &other, &f) == 0)                                        \
			fail_msg("not found: %s", #change);                                    \
	} while (0)
	DIFFERS(other.resolver_uid++);
	DIFFERS(other.resolver_port++);
	DIFFERS(other.gate_uid++);
	DIFFERS(other.gate_port++);
	DIFFERS(other.gate_port = 0);
	DIFFERS(other.diverts = false);
	DIFFERS(other.no_fib = true);
	DIFFERS(other.upstreams[0].port++);
	DIFFERS(other.upstreams[0].address.bytes[3]++);
	DIFFERS(other.upstreams_count = 0);
	DIFFERS(other.gateways[0].bytes[3]++);
	DIFFERS(other.gateways_count = 0);
	DIFFERS(other.embedded_dns = true);
	DIFFERS(other.audit = true);
	DIFFERS(policy.rules[0].network.bytes[1] ^= 1);
	policy.rules[0].network.bytes[1] ^= 1;
	assert_int_equal(wall_verify(wall, &config, &f), 0);
}

static void pins_and_refusals_are_no_change(void **state)
{
	struct pin p = {{4, {20, 2, 2, 2}}, 443, false, 60};
	struct failure f;

	(void)state;
	build();
	assert_int_equal(wall_pin(wall, &p, 1, &f), 0);
	assert_int_equal(wall_verify(wall, &config, &f), 0);
}

static void fixed_sets_are_closed(void **state)
{
	(void)state;
	build();
	assert_int_not_equal(system("nft add element inet codex_init inside4 "
				    "'{ 20.0.0.0/8 }' 2>/dev/null"),
		0);
	assert_int_not_equal(system("nft delete element inet codex_init special4 "
				    "'{ 169.254.0.0/16 }' 2>/dev/null"),
		0);
}

static void a_second_build_replaces_the_first(void **state)
{
	struct pin p = {{4, {20, 2, 2, 2}}, 443, false, 0};
	struct failure f;
	char *list;

	(void)state;
	build();
	assert_int_equal(wall_pin(wall, &p, 1, &f), 0);
	run("nft add chain inet codex_init leftover");
	build();
	list = output_of("nft list table inet codex_init");
	assert_null(strstr(list, "leftover"));
	assert_null(strstr(list, "20.2.2.2"));
	free(list);
}

static void other_tables_stay(void **state)
{
	char *before, *after;

	(void)state;
	/* As the engine does for its embedded resolver. */
	run("nft 'add table ip nat; add chain ip nat DOCKER_OUTPUT; "
	    "add chain ip nat OUTPUT { type nat hook output priority -100; }; "
	    "add rule ip nat OUTPUT ip daddr 127.0.0.11 jump DOCKER_OUTPUT; "
	    "add rule ip nat DOCKER_OUTPUT udp dport 53 dnat to 127.0.0.11:34567'");
	before = output_of("nft -a list table ip nat");
	build();
	build();
	after = output_of("nft -a list table ip nat");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* A refused transaction leaves everything unchanged. */
static void a_build_that_fails_changes_nothing(void **state)
{
	struct failure f = {0};
	char *before, *after;

	(void)state;
	build();
	before = output_of("nft -a list ruleset");
	/* More pins than the set holds, in one transaction. */
	{
		size_t count = 70000;
		struct pin *pins = calloc(count, sizeof(*pins));

		for (size_t i = 0; i < count; i++)
			pins[i] = (struct pin){
				{4, {20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}},
				443, false, 60};
		assert_int_equal(wall_pin(wall, pins, count, &f), -1);
		assert_true(f.reason[0]);
		free(pins);
	}
	after = output_of("nft -a list ruleset");
	assert_string_equal(before, after);
	assert_int_equal(wall_verify(wall, &config, &f), 0);
	free(before);
	free(after);
}

static void ten_thousand_networks_fit(void **state)
{
	char text[64];
	struct failure f = {0};

	(void)state;
	policy_free(&policy);
	policy_init(&policy);
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "20.%d.%d.0/24:443", i / 256, i % 256);
		rule_add(text, RULE_ALLOW);
	}
	assert_int_equal(policy_compile(&policy), 0);
	if (wall_build(wall, &config, &f) < 0 || wall_verify(wall, &config, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
	run("nft get element inet codex_init nets4 '{ 20.39.15.0/24 . 443 }' >/dev/null");
}

static void without_the_capability(void **state)
{
	int pipes[2];
	char hint[384] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		struct failure f = {0};
		struct wall *w;

		if (setuid(1000) < 0 || wall_open(&w, &f) == 0)
			_exit(1);
		(void)!write(pipes[1], f.hint, sizeof(f.hint));
		_exit(0);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], hint, sizeof(hint)), sizeof(hint));
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	assert_non_null(strstr(hint, "--cap-add=NET_ADMIN"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(every_change_is_found),
		T(every_attribute_of_a_chain_counts),
		T(every_attribute_of_a_rule_counts),
		T(every_attribute_of_a_set_counts),
		T(every_rule_counts),
		T(every_difference_of_config_is_found),
		T(pins_and_refusals_are_no_change),
		T(fixed_sets_are_closed),
		T(a_second_build_replaces_the_first),
		T(other_tables_stay),
		T(a_build_that_fails_changes_nothing),
		T(ten_thousand_networks_fit),
		T(without_the_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
