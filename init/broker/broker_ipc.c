/*
 * Words and texts of the broker's reasons, for its log, the events and the closing report.
 */
#include "broker_ipc.h"

#include <stddef.h>
#include <string.h>

static const struct {
	char word[12], text[64];
} reasons[] = {
	[BROKER_REQUEST] = {"request", "Codex needs no such request"},
	[BROKER_VAIN] = {"vain", "Codex asks for it by itself, and does without"},
	[BROKER_HOST] = {"host", "it is for another host"},
	[BROKER_FORM] = {"form", "its target is not a path"},
	[BROKER_QUERY] = {"query", "it has parameters where none belong"},
	[BROKER_BODY] = {"body", "it has a body where none belongs, or in chunks"},
	[BROKER_MALFORMED] = {"malformed", "malformed, or not complete in time"},
	[BROKER_SERVER] = {"server", "not reached, or its certificate isn't trusted"},
	[BROKER_ECHO] = {"echo", "the response contained the credential, or is invalid"},
	[BROKER_EXPIRED] = {"expired", "OpenAI refuses it: renew the login, or check the key"},
};

#define COUNT (sizeof(reasons) / sizeof(reasons[0]))

const char *broker_ipc_reason_text(uint32_t reason)
{
	return reason != BROKER_FINE && reason < COUNT ? reasons[reason].text : NULL;
}

const char *broker_ipc_reason_word(enum broker_reason reason)
{
	return reasons[reason].word;
}

enum broker_reason broker_ipc_reason(const char *word)
{
	for (size_t i = BROKER_FINE + 1; i < COUNT; i++)
		if (strcmp(reasons[i].word, word) == 0)
			return (enum broker_reason)i;
	return BROKER_FINE;
}
