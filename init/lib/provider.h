/* Whether Codex is told, on its command line, to send its requests to another place than
 * OpenAI's API. Pure. */
#ifndef LIB_PROVIDER_H
#define LIB_PROVIDER_H

#include <stdbool.h>

/*
 * True for --oss, --local-provider, and for a setting KEY=VALUE, as -c and --config take it,
 * with a key that has one of provider_keys[] in it. A prompt that mentions such a key isn't
 * one.
 */
bool provider_word(const char *word);

/* The keys, up to a NULL. */
extern const char *const provider_keys[];

#endif
