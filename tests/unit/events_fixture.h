/* The event log: its lines, its rate limit, and the closing summary. */
#ifndef TESTS_UNIT_EVENTS_FIXTURE_H
#define TESTS_UNIT_EVENTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../init/monitor/events.h"
#include "../../init/lib/limits.h"
#include "../../init/policy/policy.h"

struct fixture {
	char directory[32], path[64];
	struct events *events;
	char *text; /* the log's */
};

static __attribute__((unused)) int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct failure f;

	assert_non_null(x);
	snprintf(x->directory, sizeof(x->directory), "/tmp/test-events-XXXXXX");
	assert_non_null(mkdtemp(x->directory));
	snprintf(x->path, sizeof(x->path), "%s/log", x->directory);
	assert_int_equal(events_open(&x->events, x->path, &f), 0);
	*state = x;
	return 0;
}

static __attribute__((unused)) int teardown(void **state)
{
	struct fixture *x = *state;

	events_close(x->events);
	unlink(x->path);
	rmdir(x->directory);
	free(x->text);
	free(x);
	return 0;
}

/* The log's text so far. */
static __attribute__((unused)) const char *logged(struct fixture *x)
{
	FILE *f = fopen(x->path, "r");
	size_t size = 0;

	assert_non_null(f);
	free(x->text);
	x->text = NULL;
	if (getdelim(&x->text, &size, '\0', f) < 0) {
		free(x->text);
		x->text = strdup("");
	}
	fclose(f);
	return x->text;
}

static __attribute__((unused)) unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static __attribute__((unused)) char *summary(const struct events *e)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	events_summary(e, f);
	fclose(f);
	return text;
}

static __attribute__((unused)) struct address address(const char *text)
{
	struct address a;

	assert_true(address_parse(text, strlen(text), &a));
	return a;
}

static __attribute__((unused)) void refuse_name(
	struct events *e, const char *name, uint64_t count, const char *reason)
{
	events_add(e, &(struct event){.kind = EVENT_REFUSED_NAME,
			      .name = name,
			      .count = count,
			      .reason = reason});
}

static __attribute__((unused)) void refuse_address(
	struct events *e, const char *text, uint16_t port, uint64_t count, const char *reason)
{
	events_add(e, &(struct event){.kind = EVENT_REFUSED_ADDRESS,
			      .address = address(text),
			      .port = port,
			      .count = count,
			      .reason = reason});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
