#include "scope.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/landlock.h> and <sys/syscall.h> may be older; the numbers are the same everywhere. */
#define CALL_CREATE_RULESET 444
#define CALL_RESTRICT_SELF  446
#define SCOPE_SIGNAL        (UINT64_C(1) << 1) /* LANDLOCK_SCOPE_SIGNAL, ABI 6 */
#define NET_TCP             UINT64_C(3) /* LANDLOCK_ACCESS_NET_{BIND,CONNECT}_TCP, ABI 4 */

/* struct landlock_ruleset_attr as of ABI 6. A kernel with an older ABI rejects what it doesn't
 * know (E2BIG), but for zeroes. */
struct scope_attributes {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

static bool enter(const struct scope_attributes *a)
{
	int ruleset = (int)syscall(CALL_CREATE_RULESET, a, sizeof(*a), 0);
	bool entered = ruleset >= 0 && syscall(CALL_RESTRICT_SELF, ruleset, 0) == 0;

	if (ruleset >= 0)
		close(ruleset);
	return entered;
}

bool scope_enter(void)
{
	return enter(&(struct scope_attributes){.scoped = SCOPE_SIGNAL});
}

bool scope_enter_offline(void)
{
	return enter(&(struct scope_attributes){.handled_access_net = NET_TCP});
}
