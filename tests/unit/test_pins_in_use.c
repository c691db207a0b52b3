/* Pins in use are renewed, in turns; and the reasons' texts. */
#include "pins_fixture.h"

static void keep_asked(void *context, const struct resolver_in_use *m)
{
	struct asked *a = context;

	if (a->count++ == 0)
		a->first = *m;
	a->last = *m;
}

static struct asked look(struct fixture *x)
{
	struct asked a = {0};
	struct failure f;

	a.pins = pins_in_use(&x->pins, keep_asked, &a, &f);
	assert_true(a.pins >= 0);
	return a;
}

/* Reduces a pin's remaining time. */
static void leave(const char *set, const char *pin, unsigned seconds)
{
	char command[256];

	snprintf(command, sizeof(command),
		"nft 'delete element inet codex_init %s { %s }; add element inet codex_init %s "
		"{ %s timeout %us }'",
		set, pin, set, pin, seconds);
	assert_int_equal(system(command), 0);
}

static void use(const char *set, const char *pin)
{
	char command[256];

	snprintf(command, sizeof(command),
		"nft 'add element inet codex_init %s { %s timeout 1h }'", set, pin);
	assert_int_equal(system(command), 0);
}

static void a_pin_in_use_is_renewed_before_it_expires(void **state)
{
	struct resolver_message m = PIN("a.wild.example", "9.9.9.9", "2600::1");
	uint32_t accepted;
	struct asked a;

	assert_int_equal(give(*state, &m, &accepted), 0);
	use("used4", "9.9.9.9 . 8443");
	assert_int_equal(look(*state).count, 0);
	leave("pins4", "9.9.9.9 . 8443", PINS_SOON + 10);
	assert_int_equal(look(*state).count, 0);
	leave("pins4", "9.9.9.9 . 8443", PINS_SOON);
	leave("pins6", "2600::1 . 8443", PINS_SOON);
	a = look(*state);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.first.name, "a.wild.example");
	assert_int_equal(a.first.family, 4);
	use("used6", "2600::1 . 8443");
	a = look(*state);
	assert_int_equal(a.count, 2);
	assert_int_equal(a.first.family + a.last.family, 10);
	/* Only the resolver's answer renews it. */
	assert_int_equal(listed("pins4", "9.9.9.9 . 8443 timeout 1m"), 1);
}

static void a_private_pin_in_use_is_renewed(void **state)
{
	struct resolver_message m = PIN("inside.example", "10.9.9.9");
	uint32_t accepted;
	struct asked a;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 1);
	leave("private4", "10.9.9.9 . 5432", 30);
	a = look(*state);
	assert_int_equal(a.count, 0);
	assert_int_equal(a.pins, 1);
	use("used4", "10.9.9.9 . 5432");
	a = look(*state);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.first.name, "inside.example");
}

/* Unused, another port's, expired, or of another name with that address but without the
 * port: the resolver isn't notified. */
static void what_is_not_in_use_is_not_looked_up(void **state)
{
	struct resolver_message a = PIN("a.wild.example", "9.9.9.9"),
				b = PIN("good.example", "9.9.9.9"),
				c = PIN("c.wild.example", "9.9.9.10");
	struct fixture *x = *state;
	struct policy_change change;
	struct rule_error e;
	uint32_t accepted;

	assert_int_equal(give(x, &a, &accepted), 0);
	assert_int_equal(give(x, &b, &accepted), 0);
	assert_int_equal(give(x, &c, &accepted), 0);
	leave("pins4", "9.9.9.9 . 8443", 30);
	assert_int_equal(look(x).count, 0);
	use("used4", "9.9.9.9 . 443");
	use("used4", "9.9.9.10 . 8443");
	assert_int_equal(look(x).count, 0);
	assert_int_equal(look(x).pins, 4);
	leave("pins4", "9.9.9.10 . 8443", 1);
	sleep(2);
	assert_int_equal(look(x).pins, 3);
	assert_int_equal(look(x).count, 0);
	use("used4", "9.9.9.9 . 8443");
	assert_string_equal(look(x).first.name, "a.wild.example");
	assert_int_equal(look(x).count, 1);
	/* Nor what has been denied since. */
	x->policy.overlay = &x->overlay;
	assert_int_equal(
		policy_say(&x->policy, "a.wild.example", RULE_DENY, NULL, NULL, &change, &e),
		0);
	assert_int_equal(look(x).count, 0);
}

/* A limited number at a time; then it is the others' turn. */
static void pins_in_use_take_turns(void **state)
{
	char name[64], address[16], element[32], first[256];
	struct fixture *x = *state;
	uint32_t accepted;
	struct asked a;

	for (unsigned i = 0; i < PINS_LOOKUPS + 3; i++) {
		struct resolver_message m;

		snprintf(name, sizeof(name), "n%u.wild.example", i);
		snprintf(address, sizeof(address), "9.9.8.%u", i);
		m = PIN(name, address);
		assert_int_equal(give(x, &m, &accepted), 0);
		snprintf(element, sizeof(element), "%s . 8443", address);
		leave("pins4", element, PINS_SOON);
		use("used4", element);
	}
	a = look(x);
	assert_int_equal(a.count, PINS_LOOKUPS);
	memcpy(first, a.first.name, sizeof(first));
	a = look(x);
	assert_int_equal(a.count, PINS_LOOKUPS);
	assert_string_not_equal(a.first.name, first);
	snprintf(name, sizeof(name), "n%u.wild.example", PINS_LOOKUPS);
	assert_string_equal(a.first.name, name);
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	assert_null(pins_reason(REASON_NONE));
	for (uint32_t i = REASON_NONE + 1; i <= REASON_LAST; i++)
		assert_non_null(pins_reason(i));
	assert_null(pins_reason(REASON_LAST + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pin_in_use_is_renewed_before_it_expires),
		TEST(a_private_pin_in_use_is_renewed),
		TEST(what_is_not_in_use_is_not_looked_up),
		TEST(pins_in_use_take_turns),
		cmocka_unit_test(every_reason_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
