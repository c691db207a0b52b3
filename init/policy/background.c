/* See background.h. */
#include "background.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	uint64_t most;
	const char *what;
} requests[] = {
	/* If a user's config.toml turns analytics on again, which the image turns off. */
	{"ab.chatgpt.com", UINT64_MAX, "telemetry"},
	/* One lookup when a session at a terminal starts: A and AAAA. */
	{"raw.githubusercontent.com", 2, "its tip of the day"},
};

const char *background_request(const char *name, uint64_t count)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (strcmp(name, requests[i].name) == 0 && count <= requests[i].most)
			return requests[i].what;
	return NULL;
}
