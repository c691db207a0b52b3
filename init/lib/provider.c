/* See provider.h. */
#include "provider.h"

#include <stddef.h>
#include <string.h>

const char *const provider_keys[] = {"model_provider", "openai_base_url", NULL};

bool provider_word(const char *word)
{
	static const char config[] = "--config=", provider[] = "--local-provider";
	size_t size;

	if (strcmp(word, "--oss") == 0 || strncmp(word, provider, sizeof(provider) - 1) == 0)
		return true;
	if (strncmp(word, config, sizeof(config) - 1) == 0)
		word += sizeof(config) - 1;
	word += strspn(word, " ");
	size = strcspn(word, "=");
	if (!word[size])
		return false;
	while (size > 0 && word[size - 1] == ' ')
		size--;
	if (strcspn(word, " \t\n") < size)
		return false;
	for (size_t i = 0; provider_keys[i]; i++) {
		const char *at = strstr(word, provider_keys[i]);

		if (at && at + strlen(provider_keys[i]) <= word + size)
			return true;
	}
	return false;
}
