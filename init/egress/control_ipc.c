/* See control_ipc.h. */
#include "control_ipc.h"

#include <string.h>

void control_ipc_make(struct control_request *out, enum control_type type,
	const struct target *t, const char *rule, const char *by)
{
	memset(out, 0, sizeof(*out));
	out->magic = CONTROL_MAGIC;
	out->type = type;
	if (t) {
		out->port = t->port;
		out->family = t->address.family;
		memcpy(out->address, t->address.bytes, sizeof(out->address));
		rule = t->name;
	}
	if (rule)
		strncpy(out->text, rule,
			type == CONTROL_CREDENTIAL ? LIMIT_TOKEN : LIMIT_RULE_TEXT);
	if (by)
		strncpy(out->by, by, CONTROL_BY - 1);
}

void control_ipc_make_answer(
	struct control_request *out, uint32_t question, bool allows, const char *by)
{
	control_ipc_make(out, CONTROL_ANSWER, NULL, NULL, by);
	out->question = question;
	out->allows = allows;
}

/* True if the text is a name as the policy stores it: terminated, normalised, followed by
 * zeros. */
static bool take_name(const struct control_request *r, struct target *t)
{
	size_t len = strnlen(r->text, sizeof(r->text)), position;
	const char *reason;

	return len < sizeof(t->name) &&
	       name_normalise(r->text, len, t->name, &position, &reason) &&
	       strcmp(r->text, t->name) == 0;
}

bool control_ipc_check(const struct control_request *r, size_t size, struct target *t)
{
	static struct control_request again; /* large */
	const bool rule = r->type >= CONTROL_ALLOW;
	bool same;

	memset(t, 0, sizeof(*t));
	if (size != sizeof(*r) || r->magic != CONTROL_MAGIC || r->type < CONTROL_STATUS ||
		r->type > CONTROL_CREDENTIAL || (rule && !r->text[0]) ||
		(r->type == CONTROL_ANSWER && r->question == 0) ||
		!name_printable(r->by, sizeof(r->by)))
		return false;
	if (r->type == CONTROL_EXPLAIN) {
		t->port = r->port;
		if (r->family == 4 || r->family == 6) {
			t->address.family = r->family;
			memcpy(t->address.bytes, r->address, r->family == 4 ? 4 : 16);
		} else if (!take_name(r, t)) {
			return false;
		}
	}
	/* The parsed request, written again, must be identical: so nothing was ignored. */
	if (r->type == CONTROL_ANSWER)
		control_ipc_make_answer(&again, r->question, r->allows == 1, r->by);
	else
		control_ipc_make(&again, r->type, rule ? NULL : t, rule ? r->text : NULL,
			rule ? r->by : NULL);
	same = memcmp(&again, r, sizeof(again)) == 0;
	explicit_bzero(again.text, sizeof(again.text));
	return same;
}
