/* The proxy's names, denials at run time, and what fits under a wildcard. */
#include "policy_fixture.h"

/* Which names the proxy resolves, and which we do. */
static void names_by_the_proxy_and_others(void **state)
{
	static struct exceptions direct;
	struct policy p = POLICY("a.example", "inner.example+private", "*.corp.example",
		"*.inside.example:443+private", "both.example", "both.example:5432+private",
		"proxy.example:22");
	const char *bad;

	(void)state;
	assert_false(policy_by_proxy(&p, "a.example"));
	direct = (struct exceptions){0};
	assert_int_equal(exceptions_add(&direct, ".git.corp.example", &bad), 0);
	policy_set_proxy(&p, "proxy.example", 3128, &direct);
	assert_int_equal(policy_compile(&p), 0);
	assert_true(policy_by_proxy(&p, "a.example"));
	assert_true(policy_by_proxy(&p, "x.corp.example"));
	assert_true(policy_by_proxy(&p, "no.rule.example")); /* in audit mode */
	assert_false(policy_by_proxy(&p, "git.corp.example"));
	assert_false(policy_by_proxy(&p, "a.git.corp.example"));
	assert_false(policy_by_proxy(&p, "inner.example"));
	assert_false(policy_by_proxy(&p, "x.inside.example"));
	assert_false(policy_by_proxy(&p, "both.example"));
	assert_false(policy_by_proxy(&p, "proxy.example"));
	/* One without a name. */
	policy_set_proxy(&p, "", 3128, &direct);
	assert_int_equal(policy_compile(&p), 0);
	assert_true(policy_by_proxy(&p, "a.example"));
	assert_false(policy_by_proxy(&p, "inner.example"));
	policy_free(&p);
}

static int allow(struct policy *p, const char *rule, struct rule_error *e)
{
	return later(p, rule, RULE_ALLOW, e);
}

static int undo(struct policy *p, const char *rule)
{
	struct rule_error e;

	return policy_undo(p, rule, read_preset, (void *)(uintptr_t)later_presets, &change, &e);
}

static void a_denial_wins_and_only_narrows(void **state)
{
	struct policy p = POLICY("a.example:22,443", "*.w.example", "one.example",
		"9.9.9.0/24:53,853", "10.0.0.0/8:5432+private");
	struct address nine = {4, {9, 9, 9, 9}}, ten = {4, {10, 1, 2, 3}};
	struct rule_error e;
	struct verdict v;
	const char *why;

	(void)state;
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(deny(&p, "a.example:22", &e), 0);
	assert_true(change.narrowed && !change.widened && !change.networks);
	v = policy_check_name(&p, "a.example");
	assert_true(v.allowed && v.ports.count == 1 && v.ports.port[0] == 443);
	v = policy_check_name_port(&p, "a.example", 22);
	assert_false(v.allowed);
	assert_int_equal(v.rule->origin, ORIGIN_RUNTIME);
	assert_int_equal(deny(&p, "A.Example.", &e), 0); /* parsed like every rule */
	assert_false(policy_check_name(&p, "a.example").allowed);
	assert_false(policy_check_pin(&p, "a.example").allowed);

	assert_int_equal(deny(&p, "*.deep.w.example", &e), 0);
	assert_true(policy_check_name(&p, "x.w.example").allowed);
	assert_true(policy_check_name(&p, "deep.w.example").allowed);
	assert_true(policy_check_name(&p, "xdeep.w.example").allowed);
	assert_false(policy_check_name(&p, "x.deep.w.example").allowed);
	assert_false(policy_check_name(&p, "y.x.deep.w.example").allowed);

	assert_int_equal(deny(&p, "9.9.9.9:53", &e), 0);
	assert_true(change.networks && !change.private);
	assert_false(policy_check_address(&p, &nine, 53).allowed);
	assert_true(policy_check_address(&p, &nine, 853).allowed);
	assert_true(policy_address_usable(&p, &v, &nine, &why));
	assert_int_equal(deny(&p, "9.9.9.0/28", &e), 0);
	assert_false(policy_check_address(&p, &nine, 853).allowed);
	assert_false(policy_address_usable(&p, &v, &nine, &why));
	assert_true(policy_check_address(&p, &ten, 5432).allowed);

	/* A whole preset; and what isn't allowed isn't affected. */
	assert_int_equal(deny(&p, "@two", &e), 0);
	assert_false(policy_check_name(&p, "one.example").allowed);
	assert_false(policy_check_name(&p, "two.example").allowed);
	assert_int_equal(policy_overlaid(&p), 7);
	policy_free(&p);
}

/* What has another port or suffix is another rule, and no opposite. */
static void a_rule_is_replaced_by_its_opposite_alone(void **state)
{
	struct policy p = POLICY("a.example");
	struct rule_error e;

	(void)state;
	assert_int_equal(allow(&p, "b.example:443", &e), 0);
	assert_int_equal(deny(&p, "b.example:22", &e), 0);
	assert_true(policy_check_name_port(&p, "b.example", 443).allowed);
	assert_int_equal(deny(&p, "b.example:443", &e), 0);
	assert_false(policy_check_name_port(&p, "b.example", 443).allowed);
	assert_int_equal(allow(&p, "c.example", &e), 0);
	assert_false(policy_check_name_port(&p, "c.example", 443).ech);
	assert_int_equal(allow(&p, "c.example+ech", &e), 0);
	assert_true(policy_check_name_port(&p, "c.example", 443).ech);
	policy_free(&p);
}

static void what_cannot_be_said_changes_nothing(void **state)
{
	static const struct {
		const char *rule;
		size_t position;
	} bad[] = {{"a..example", 2}, {"a.example:99999", 10}, {"@none", 1},
		{"a.example+private", 9}, {"", 0}, {"1.2.3.4/33", 8}};
	struct policy p = POLICY("a.example");
	struct rule_error e;
	char rule[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(deny(&p, bad[i].rule, &e), -1);
		assert_int_equal(e.position, bad[i].position);
		assert_true(e.reason[0]);
		assert_int_equal(undo(&p, bad[i].rule), strchr(bad[i].rule, '+') ? 0 : -1);
		assert_int_equal(policy_overlaid(&p), 0);
	}
	assert_int_equal(allow(&p, "10.0.0.0/8:22", &e), -1); /* it needs +private */
	assert_int_equal(allow(&p, "1.2.3.0/24", &e), -1);    /* a port */
	assert_int_equal(allow(&p, "*.com", &e), -1);
	assert_int_equal(policy_overlaid(&p), 0);
	assert_int_equal(policy_version(&p), 0);
	for (unsigned i = 0; i < LIMIT_OVERLAY - 2; i++) {
		snprintf(rule, sizeof(rule), "n%u.example", i);
		assert_int_equal(deny(&p, rule, &e), 0);
		assert_int_equal(deny(&p, rule, &e), 0); /* it isn't stored twice */
		assert_false(change.narrowed);
	}
	assert_int_equal(deny(&p, "@three", &e), -1);
	assert_non_null(strstr(e.reason, "room for 2 more of the 256"));
	assert_int_equal(policy_overlaid(&p), LIMIT_OVERLAY - 2);
	assert_int_equal(deny(&p, "@two", &e), 0);
	assert_int_equal(deny(&p, "a.example", &e), -1);
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(policy_overlaid(&p), LIMIT_OVERLAY);
	/* What was undone keeps its place, and is said again in it. */
	assert_int_equal(undo(&p, "n7.example"), 0);
	assert_true(change.widened);
	assert_int_equal(deny(&p, "a.example", &e), -1);
	assert_int_equal(deny(&p, "n7.example", &e), 0);
	assert_int_equal(policy_overlaid(&p), LIMIT_OVERLAY);
	policy_free(&p);
}

static void what_is_allowed_later_is_allowed_until_it_is_undone(void **state)
{
	struct policy p = POLICY("a.example"), widest;
	struct address ten = {4, {10, 1, 2, 3}}, nine = {4, {9, 9, 9, 9}};
	struct rule_error e;
	struct verdict v;
	uint32_t version;

	(void)state;
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_int_equal(allow(&p, "b.example", &e), 0);
	assert_true(change.widened && !change.narrowed);
	version = policy_version(&p);
	assert_int_not_equal(version, 0);
	v = policy_check_name(&p, "b.example");
	assert_true(v.allowed && !v.private && v.ports.count == 2);
	assert_int_equal(policy_rule_number(&p, v.rule), p.count);
	v = policy_check_name(&p, "a.example");
	assert_true(policy_rule_number(&p, v.rule) < p.count);
	assert_false(policy_check_name(&p, "x.b.example").allowed);
	/* Said twice it is said once. */
	assert_int_equal(allow(&p, "B.example", &e), 0);
	assert_false(change.widened || change.narrowed);
	assert_int_equal(policy_version(&p), version);
	/* Ports and suffixes of a name are those of all its rules. */
	assert_int_equal(allow(&p, "a.example:22+private", &e), 0);
	v = policy_check_name(&p, "a.example");
	assert_true(v.private && v.ports.count == 3);
	assert_int_equal(allow(&p, "*.w.example+ech", &e), 0);
	assert_true(policy_check_name(&p, "x.w.example").ech);
	assert_false(policy_check_name(&p, "w.example").allowed);

	assert_int_equal(allow(&p, "10.0.0.0/8:22+private", &e), 0);
	assert_true(change.networks && change.private);
	assert_true(policy_check_address(&p, &ten, 22).allowed);
	assert_false(policy_check_address(&p, &ten, 23).allowed);
	assert_false(policy_check_address(&p, &nine, 22).allowed);

	assert_int_equal(undo(&p, "b.example"), 0);
	assert_true(change.narrowed && !change.widened);
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_null(policy_check_name(&p, "b.example").rule);
	assert_int_equal(undo(&p, "b.example"), 0);
	assert_false(change.narrowed || change.widened);
	assert_int_equal(undo(&p, "a.example:22"), 0); /* suffixes aside */
	v = policy_check_name(&p, "a.example");
	assert_true(v.allowed && !v.private && v.ports.count == 2);
	assert_int_equal(undo(&p, "a.example"), 0); /* which is of the start */
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(undo(&p, "10.0.0.0/8:22"), 0);
	assert_true(change.networks && change.narrowed);
	assert_false(policy_check_address(&p, &ten, 22).allowed);

	/* All that was ever open. */
	widest = policy_widest(&p);
	assert_true(policy_check_name(&widest, "b.example").allowed);
	assert_int_equal(policy_check_name(&widest, "a.example").ports.count, 3);
	assert_true(policy_check_address(&widest, &ten, 22).allowed);
	assert_false(policy_check_name(&widest, "c.example").allowed);
	policy_free(&p);
}

static void the_last_word_about_a_thing_counts(void **state)
{
	struct policy p = POLICY("a.example", "!d.example", "!*.gone.example", "!9.9.9.0/24");
	static const struct {
		const char *rule, *winner;
	} lost[] = {{"d.example", "d.example"}, {"d.example:22+private", "d.example"},
		{"x.gone.example", "*.gone.example"}, {"*.gone.example", "*.gone.example"},
		{"*.deep.gone.example", "*.gone.example"}, {"9.9.9.8/29:22", "9.9.9.0/24"},
		{"p.example:22", "p.example:22,23"}};
	char text[LIMIT_RULE_TEXT];
	struct rule_error e;

	(void)state;
	assert_int_equal(allow(&p, "b.example", &e), 0);
	assert_int_equal(deny(&p, "b.example", &e), 0);
	assert_true(change.narrowed);
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_int_equal(undo(&p, "b.example"), 0); /* the deny; the allow was taken back */
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_int_equal(deny(&p, "a.example", &e), 0);
	assert_int_equal(allow(&p, "a.example", &e), 0);
	assert_true(change.widened && !change.winner);
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(undo(&p, "a.example"), 0);
	assert_true(policy_check_name(&p, "a.example").allowed);
	/* A suffix makes it no other thing; a port does. */
	assert_int_equal(allow(&p, "s.example+private", &e), 0);
	assert_int_equal(deny(&p, "s.example", &e), 0);
	assert_int_equal(undo(&p, "s.example"), 0);
	assert_false(policy_check_name(&p, "s.example").allowed);
	assert_int_equal(deny(&p, "a.example:443", &e), 0);
	assert_int_equal(allow(&p, "a.example", &e), 0);
	assert_int_equal(policy_check_name(&p, "a.example").ports.count, 1);

	/* What another deny leaves nothing of is not allowed, and who wins is told. */
	assert_int_equal(deny(&p, "p.example:22,23", &e), 0);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		size_t before = policy_overlaid(&p);

		assert_int_equal(allow(&p, lost[i].rule, &e), 0);
		assert_non_null(change.winner);
		assert_false(change.widened || change.narrowed);
		rule_text(change.winner, text, sizeof(text));
		assert_string_equal(text, lost[i].winner);
		assert_int_equal(policy_overlaid(&p), before);
	}
	assert_int_equal(allow(&p, "gone.example", &e), 0);
	assert_null(change.winner);
	assert_int_equal(allow(&p, "9.9.0.0/16:22", &e), 0);
	assert_null(change.winner);
	assert_int_equal(allow(&p, "p.example:22,24", &e), 0);
	assert_null(change.winner);
	policy_free(&p);
}

static void what_is_in_force_of_it_is_printed(void **state)
{
	struct policy p = POLICY("a.example");
	char *text = NULL;
	struct rule_error e;
	size_t size;
	FILE *f;

	(void)state;
	assert_int_equal(policy_print_overlay(&p, 0, NULL), 0);
	assert_int_equal(allow(&p, "@two", &e), 0);
	assert_int_equal(deny(&p, "a.example:80", &e), 0);
	assert_int_equal(allow(&p, "*.w.example", &e), 0);
	assert_int_equal(allow(&p, "late.example", &e), 0);
	assert_int_equal(undo(&p, "late.example"), 0);
	f = open_memstream(&text, &size);
	assert_int_equal(policy_print_overlay(&p, 9, f), 4);
	fclose(f);
	assert_string_equal(text, "  --allow one.example\n  --allow two.example+ech\n"
				  "  --deny a.example:80\n  --allow '*.w.example'\n");
	free(text);
	f = open_memstream(&text, &size);
	assert_int_equal(policy_print(&p, f), 0);
	fclose(f);
	assert_non_null(
		strstr(text, "one.example                              # codex-egress\n"));
	assert_null(strstr(text, "late"));
	free(text);
	assert_int_equal(undo(&p, "@two"), 0);
	assert_int_equal(policy_print_overlay(&p, 0, NULL), 2);
	policy_free(&p);
}

/* Writes labels of at most `label` octets, `size` octets in all, followed by the rule's
 * name. */
static const char *below(char out[NAME_TEXT], size_t size, size_t label, const char *name)
{
	memset(out, 'a', size);
	for (size_t i = label; i < size; i += label + 1)
		out[i] = '.';
	snprintf(out + size, NAME_TEXT - size, ".%s", name);
	return out;
}

/* What a name under a wildcard may contain: each limit, and one octet more. */
static void what_fits_under_a_wildcard(void **state)
{
	struct rule wild = {.kind = RULE_WILDCARD, .name = "w.example"};
	struct rule exact = {.kind = RULE_NAME};
	static const struct {
		const char *label;
		bool fits;
	} words[] = {
		{"prod-ap-southeast-1-starport-layer-bucket", true},
		{"my_team_bucket_of_build_artefacts_of_the_year_2026_and_of_2027", true},
		{"abcdefghijklmnopqrst-abcdefghijklmnopqrst-abcdefghijklmnopqrst-",
			true},                                         /* 63 */
		{"abcdefghijklmnopqrstu-abcdefghijklmnopqrst", false}, /* a word of 21 */
		{"abcdefghijklmnopqrst-abcdefghijklmnopqrstu", false},
		{"0123456789abcdef0123456789abcdef0123456789abcdef", false},
		{"data-0123456789abcdef0123456789abcdef-0123456789abcdef", false},
	};
	char name[NAME_TEXT];

	(void)state;
	assert_true(policy_wildcard_fits(&wild, below(name, 1, 40, wild.name)));
	assert_true(
		policy_wildcard_fits(&wild, below(name, LIMIT_WILDCARD_LABEL, 63, wild.name)));
	assert_false(policy_wildcard_fits(
		&wild, below(name, LIMIT_WILDCARD_LABEL + 1, 63, wild.name)));
	assert_true(
		policy_wildcard_fits(&wild, below(name, LIMIT_WILDCARD_PART, 30, wild.name)));
	assert_false(policy_wildcard_fits(
		&wild, below(name, LIMIT_WILDCARD_PART + 1, 30, wild.name)));
	/* Words with hyphens, as people name things, up to the limit of DNS. */
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		snprintf(name, sizeof(name), "%.63s.w.example", words[i].label);
		if (policy_wildcard_fits(&wild, name) != words[i].fits)
			fail_msg("%s", name);
	}
	below(name, LIMIT_WILDCARD_PART + 1, 30, wild.name);
	/* A rule for the exact name carries no information. */
	snprintf(exact.name, sizeof(exact.name), "%s", name);
	assert_true(policy_wildcard_fits(&exact, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_under_a_wildcard),
		cmocka_unit_test(names_by_the_proxy_and_others),
		cmocka_unit_test(a_denial_wins_and_only_narrows),
		cmocka_unit_test(a_rule_is_replaced_by_its_opposite_alone),
		cmocka_unit_test(what_cannot_be_said_changes_nothing),
		cmocka_unit_test(what_is_allowed_later_is_allowed_until_it_is_undone),
		cmocka_unit_test(the_last_word_about_a_thing_counts),
		cmocka_unit_test(what_is_in_force_of_it_is_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
