/*
 * Requests to PID 1 over the control socket: arbitrary octets. What is accepted is what
 * codex-egress makes, to the octet, and its texts are terminated and bounded.
 */
#include <stdlib.h>
#include <string.h>

#include "init/egress/control_ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void is_as_made(const struct control_request *r, const struct target *t)
{
	struct control_request made;

	if (r->type == CONTROL_ANSWER)
		control_ipc_make_answer(&made, r->question, r->allows, r->by);
	else if (r->type >= CONTROL_ALLOW)
		control_ipc_make(&made, r->type, NULL, r->text, r->by);
	else
		control_ipc_make(
			&made, r->type, r->type == CONTROL_EXPLAIN ? t : NULL, NULL, NULL);
	check(memcmp(&made, r, sizeof(made)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* With the magic number most inputs get further; the first octet says whether. */
	const bool help = size > 0 && data[0] & 1;
	struct control_request *r;
	struct target t;
	size_t n;

	if (size == 0)
		return 0;
	n = help ? sizeof(*r) : size - 1;
	/* Aligned, and not longer than the message. */
	r = calloc(1, n < sizeof(*r) ? sizeof(*r) : n);
	check(r != NULL);
	memcpy(r, data + 1, size - 1 < n ? size - 1 : n);
	if (help)
		r->magic = CONTROL_MAGIC;
	if (control_ipc_check(r, n, &t)) {
		check(n == sizeof(*r));
		check(memchr(r->text, '\0',
			      (r->type == CONTROL_CREDENTIAL ? LIMIT_TOKEN : LIMIT_RULE_TEXT) +
				      1) != NULL);
		check(memchr(r->by, '\0', sizeof(r->by)) != NULL);
		check(memchr(t.name, '\0', sizeof(t.name)) != NULL);
		check(t.address.family == 0 || t.address.family == 4 || t.address.family == 6);
		check(r->type != CONTROL_ANSWER || r->question != 0);
		for (const char *p = r->by; *p; p++)
			check(*p > ' ' && *p <= '~');
		is_as_made(r, &t);
	}
	free(r);
	return 0;
}
