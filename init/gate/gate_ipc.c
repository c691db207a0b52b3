/*
 * Texts of the gate's reasons, for events, the closing report and refusals.
 */
#include "gate_ipc.h"

#include <stddef.h>

/* Arrays rather than pointers, which would need relocations. */
static const char texts[][64] = {
	[GATE_NOT_ALLOWED] = "not allowed",
	[GATE_DENIED] = "denied by a rule",
	[GATE_NO_NAME] = "the client named no host",
	[GATE_BAD_NAME] = "not a host name",
	[GATE_NAMES_DIFFER] = "the client named several hosts",
	[GATE_ECH] = "Encrypted Client Hello hides the true name",
	[GATE_MALFORMED] = "malformed",
	[GATE_TOO_LONG] = "too long",
	[GATE_TOO_SLOW] = "too slow",
	[GATE_PROTOCOL] = "a protocol that can't be checked",
	[GATE_SSH] = "ssh names no host: use port 22",
	[GATE_UNRESOLVED] = "has no address now",
	[GATE_UNREACHABLE] = "no address accepted the connection",
	[GATE_PROXY] = "the proxy refused or could not be reached",
	[GATE_REVOKED] = "denied while connected",
	[GATE_ADDRESS] = "addresses can't be reached in the cell, names can",
	[GATE_BROKER] = "only the broker, which has the credential, may connect there",
};
_Static_assert(sizeof(texts) / sizeof(texts[0]) == GATE_REASON_LAST + 1, "each has its text");

const char *gate_ipc_reason_text(uint32_t reason)
{
	return reason != GATE_FINE && reason < sizeof(texts) / sizeof(texts[0]) ? texts[reason]
										: NULL;
}
