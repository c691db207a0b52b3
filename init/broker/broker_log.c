/*
 * The lines that haproxy logs: "STATUS STATE REASON METHOD PATH", one for each request. The
 * state is haproxy's, two letters (its manual, "Session state at disconnection"). Method and
 * path were sent by the payload. Pure.
 */
#include "broker.h"

#include <string.h>

/* In place of a method and a path that haproxy could not read. */
#define UNREADABLE "<BADREQ>"

/* Takes a word off the line, as long as it has room. */
static bool take(const char **at, const char *end, char *out, size_t room)
{
	size_t n = 0;

	for (; *at < end && **at != ' '; (*at)++)
		if (n + 1 < room)
			out[n++] = **at > ' ' && **at <= '~' ? **at : '?';
	out[n] = '\0';
	if (*at < end)
		(*at)++;
	return n > 0;
}

/* What haproxy itself found wrong. */
static void judge(const char *state, struct broker_message *out)
{
	/* The proxy's own word about a request, or its timeout for one. */
	if ((state[0] == 'P' || state[0] == 'c') && state[1] == 'R') {
		out->type = BROKER_REFUSED;
		out->reason = BROKER_MALFORMED;
	} else if ((state[0] == 'S' || state[0] == 's') && state[1] == 'C') {
		out->type = BROKER_UNREACHED;
		out->reason = BROKER_SERVER;
	} else if (state[0] == 'P' && state[1] == 'H') {
		out->type = BROKER_UNREACHED;
		out->reason = BROKER_ECHO;
	}
}

bool broker_log_read(const char *line, size_t size, struct broker_message *out)
{
	const char *at = line, *end = line + size;
	char status[8], state[4], why[16];

	*out = (struct broker_message){.count = 1};
	if (!take(&at, end, status, sizeof(status)) || !take(&at, end, state, sizeof(state)) ||
		!take(&at, end, why, sizeof(why)) || strlen(state) != 2)
		return false;
	take(&at, end, out->method, sizeof(out->method));
	take(&at, end, out->path, sizeof(out->path));
	if (strcmp(out->method, UNREADABLE) == 0)
		out->method[0] = out->path[0] = '\0';
	out->reason = broker_ipc_reason(why);
	out->type = out->reason == BROKER_ECHO ? BROKER_UNREACHED : BROKER_REFUSED;
	if (out->reason == BROKER_FINE)
		judge(state, out);
	if (out->reason == BROKER_FINE && strcmp(status, "401") == 0) {
		out->type = BROKER_UNREACHED;
		out->reason = BROKER_EXPIRED;
	}
	return out->reason != BROKER_FINE;
}
