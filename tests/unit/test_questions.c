/* The questions that stand at PID 1, and the addresses for the names that they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../../init/lib/limits.h"
#include "../../init/lib/stand_ins.h"
#include "../../init/monitor/questions.h"
#include "../../init/policy/policy.h"

static void one_about_a_name_and_its_web_ports(void **state)
{
	struct questions q = {0};
	const struct question *first = questions_put(&q, "a.test", 443, 100, 0);

	(void)state;
	assert_non_null(first);
	assert_int_equal(first->number, 1);
	assert_ptr_equal(questions_put(&q, "a.test", 80, 200, 0), first);
	assert_int_equal(first->until, 200);
	assert_int_equal(questions_put(&q, "a.test", 8443, 100, 0)->number, 2);
	assert_int_equal(questions_put(&q, "b.test", 443, 100, 0)->number, 3);
	assert_ptr_equal(questions_about(&q, "a.test", 443), first);
	assert_null(questions_about(&q, "c.test", 443));
	assert_null(questions_find(&q, 4));
	assert_null(questions_find(&q, 0));
}

static void one_that_is_over_is_known_for_a_while(void **state)
{
	struct questions q = {0};
	struct question *first = questions_put(&q, "a.test", 443, 100, 0);

	(void)state;
	first->stands = false;
	assert_null(questions_about(&q, "a.test", 443));
	assert_ptr_equal(questions_find(&q, 1), first);
	/* Asked again it is another one. */
	assert_int_equal(questions_put(&q, "a.test", 443, 100, 0)->number, 2);
	assert_string_equal(questions_find(&q, 1)->name, "a.test");
}

static void no_question_has_the_number_0(void **state)
{
	struct questions q = {.last = UINT32_MAX};

	(void)state;
	assert_int_equal(questions_put(&q, "a.test", 443, 100, 0)->number, 1);
	assert_string_equal(questions_find(&q, 1)->name, "a.test");
}

static void there_is_room_for_some(void **state)
{
	struct questions q = {0};
	char name[16];

	(void)state;
	for (unsigned i = 0; i < LIMIT_ASKED; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		assert_non_null(questions_put(&q, name, 443, 100, 0));
	}
	assert_null(questions_put(&q, "more.test", 443, 100, 99));
	assert_non_null(questions_put(&q, "n3.test", 443, 100, 99));
	/* What is over makes room, the first first. */
	questions_about(&q, "n4.test", 443)->stands = false;
	questions_about(&q, "n1.test", 443)->stands = false;
	assert_int_equal(questions_put(&q, "more.test", 443, 200, 99)->number, LIMIT_ASKED + 1);
	assert_null(questions_find(&q, 2));
	assert_non_null(questions_find(&q, 5));
	/* A gate that never says that one is over keeps no place for ever: from its last
	 * moment. */
	assert_non_null(questions_put(&q, "late.test", 443, 300, 100));
}

/* ---- Addresses ----------------------------------------------------------------------- */

static void assert_name(const struct stand_ins *s, size_t place, const char *name)
{
	char out[NAME_TEXT];

	stand_ins_name(s, place, out);
	assert_string_equal(out, name);
}

/* A resolver may be killed at any moment; the next one has the same memory. */
static void a_place_survives_its_writer(void **state)
{
	struct stand_ins *s = stand_ins_new();
	size_t a;

	(void)state;
	assert_non_null(s);
	s->places[0].version = 1; /* as it is left in the midst of writing */
	a = stand_ins_give(s, "a.test", 1000);
	assert_int_equal(a, 0);
	assert_name(s, a, "a.test");
	munmap(s, sizeof(*s));
}

static void a_name_keeps_its_place(void **state)
{
	struct stand_ins *s = stand_ins_new();
	size_t a, b;

	(void)state;
	assert_non_null(s);
	a = stand_ins_give(s, "a.test", 1000);
	b = stand_ins_give(s, "b.test", 1000);
	assert_true(a != b);
	assert_int_equal(stand_ins_give(s, "a.test", 2000), a);
	assert_name(s, a, "a.test");
	assert_name(s, b, "b.test");
	assert_name(s, STAND_INS_NAMELESS - 1, "");
	assert_name(s, STAND_INS_NAMELESS, "");
	assert_name(s, STAND_INS_NAMELESS + 1, "");
	assert_name(s, SIZE_MAX, "");
	munmap(s, sizeof(*s));
}

/* A flood of names takes no place from one that was given lately. */
static void a_place_has_another_name_only_after_a_while(void **state)
{
	struct stand_ins *s = stand_ins_new();
	const int64_t now = 1000;
	char name[32];
	size_t a;

	(void)state;
	assert_non_null(s);
	a = stand_ins_give(s, "a.test", now);
	for (int i = 0; i < 10000; i++) {
		size_t place;

		snprintf(name, sizeof(name), "n%d.test", i);
		place = stand_ins_give(s, name, now + 1);
		assert_true(place != a);
		if (i >= STAND_INS_NAMELESS)
			assert_int_equal(place, STAND_INS_NAMELESS);
	}
	assert_name(s, a, "a.test");
	assert_int_equal(
		stand_ins_give(s, "new.test", now + LIMIT_STAND_IN_MS - 1), STAND_INS_NAMELESS);
	assert_int_equal(stand_ins_give(s, "new.test", now + LIMIT_STAND_IN_MS), a);
	assert_name(s, a, "new.test");
	assert_int_equal(
		stand_ins_give(s, "a.test", now + LIMIT_STAND_IN_MS), STAND_INS_NAMELESS);
	munmap(s, sizeof(*s));
}

/* The memory is another process's: what it writes there is a valid name, or nothing. */
static void what_is_written_is_not_believed(void **state)
{
	struct stand_ins *s = stand_ins_new();
	size_t a;

	(void)state;
	assert_non_null(s);
	a = stand_ins_give(s, "a.test", 1000);
	memcpy(s->places[a].name, "\"},{", 5);
	assert_name(s, a, "");
	memcpy(s->places[a].name, "1.2.3.4", 8);
	assert_name(s, a, "");
	memset(s->places[a].name, 'a', sizeof(s->places[a].name));
	assert_name(s, a, "");
	strcpy(s->places[a].name, "a.test");
	assert_name(s, a, "a.test");
	s->places[a].version++; /* in the middle of it */
	assert_name(s, a, "");
	munmap(s, sizeof(*s));
}

/* ---- Which names --------------------------------------------------------------------- */

static void what_is_asked_about(void **state)
{
	static struct policy_overlay overlay;
	struct policy p;
	struct rule_error e;

	(void)state;
	policy_init(&p);
	assert_int_equal(
		policy_add(&p, "good.test", RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e), 0);
	assert_int_equal(
		policy_add(&p, "bad.test", RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e), 0);
	assert_int_equal(
		policy_add(&p, "*.evil.test", RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e), 0);
	assert_int_equal(policy_compile(&p), 0);
	assert_false(policy_asks(&p, "new.test", 443)); /* there is no such memory */
	p.overlay = &overlay;
	assert_false(policy_asks(&p, "new.test", 443)); /* nobody watches */
	policy_watch(&p, true);
	assert_true(policy_watched(&p));
	assert_true(policy_asks(&p, "new.test", 443));
	assert_true(policy_asks(&p, "new.test", 0));
	assert_true(policy_asks(&p, "good.test", 22));
	assert_false(policy_asks(&p, "good.test", 0));
	assert_false(policy_asks(&p, "good.test", 443));
	assert_false(policy_asks(&p, "bad.test", 443));
	assert_false(policy_asks(&p, "a.evil.test", 80));
	assert_false(policy_asks(&p, "ab.chatgpt.com", 443));
	assert_false(policy_asks(&p, "", 443));
	policy_watch(&p, false);
	assert_false(policy_asks(&p, "new.test", 443));
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_about_a_name_and_its_web_ports),
		cmocka_unit_test(one_that_is_over_is_known_for_a_while),
		cmocka_unit_test(no_question_has_the_number_0),
		cmocka_unit_test(there_is_room_for_some),
		cmocka_unit_test(a_name_keeps_its_place),
		cmocka_unit_test(a_place_survives_its_writer),
		cmocka_unit_test(a_place_has_another_name_only_after_a_while),
		cmocka_unit_test(what_is_written_is_not_believed),
		cmocka_unit_test(what_is_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
