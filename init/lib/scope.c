#include "scope.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/landlock.h> and <sys/syscall.h> may be older; the numbers are the same everywhere. */
#define CALL_CREATE_RULESET 444
#define CALL_RESTRICT_SELF  446
#define SCOPE_SIGNAL        (UINT64_C(1) << 1) /* LANDLOCK_SCOPE_SIGNAL, ABI 6 */

/* struct landlock_ruleset_attr as of ABI 6. A kernel with an older ABI rejects it (E2BIG). */
struct scope_attributes {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

bool scope_enter(void)
{
	const struct scope_attributes a = {.scoped = SCOPE_SIGNAL};
	int ruleset = (int)syscall(CALL_CREATE_RULESET, &a, sizeof(a), 0);
	bool entered = ruleset >= 0 && syscall(CALL_RESTRICT_SELF, ruleset, 0) == 0;

	if (ruleset >= 0)
		close(ruleset);
	return entered;
}
