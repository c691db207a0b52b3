/* The hook's variables: whatever the file contains, what is accepted is NAME=value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/home/envfile.h"
#include "../../init/lib/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *reason;
	char **vars;
	unsigned line, n = 0;

	if (envfile_parse((const char *)data, size, &vars, &line, &reason) < 0) {
		if (!reason || line == 0)
			abort();
		return 0;
	}
	for (char **v = vars; *v; v++, n++) {
		size_t name = strspn(
			*v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

		if (name == 0 || (*v)[name] != '=' || (**v >= '0' && **v <= '9'))
			abort();
	}
	if (n > LIMIT_ENV_FILE_LINES)
		abort();
	envfile_free(vars);
	return 0;
}
