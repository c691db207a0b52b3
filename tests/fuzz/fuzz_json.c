/*
 * auth.json: whatever the bytes are, the parser stays within them, and what it extracts from
 * an object is inside the object.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../stub/auth.h"
#include "../../stub/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path[] = {"tokens", "access_token", NULL};
	const char *text = (const char *)data, *found;
	size_t position, found_size;
	int64_t number;
	static struct auth_chatgpt login;
	char key[BOUND_KEY_BYTES + 1];
	bool good = json_is_object(text, size, &position);

	if (position > size || (good && position != size))
		abort();
	found = json_string(text, size, path, &found_size);
	if (found && (!good || found < text || found + found_size >= text + size))
		abort();
	if (json_integer(text, size, path, &number) && (!good || found))
		abort();
	if (auth_expiry(text, size, &number) && !found)
		abort();
	if (auth_chatgpt(text, size, &login) ? !login.account[0] || !login.claims[0]
					     : login.token[0])
		abort();
	if (auth_key(text, size, key) ? !good || strlen(key) < BOUND_KEY_LEAST : key[0])
		abort();
	return 0;
}
