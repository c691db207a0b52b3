/*
 * Capabilities are set by capset(2) and prctl(2) directly: libcap-ng, which makes the same
 * calls, is available as a static library for glibc only, and would add /proc parsing to PID
 * 1.
 *
 * The order matters: each step comes before the capability that it needs is dropped. The
 * bounding set and the secure bits need SETPCAP, the groups SETGID, the user SETUID.
 */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

/* Capabilities are bits of a 64-bit mask in every kernel; the highest known one may be
 * lower. */
#define LIMIT_CAPABILITIES 64
/* Groups checked if they can't be dropped: an engine sets a dozen at most. */
#define LIMIT_GROUPS 64

struct sets {
	uint64_t permitted, effective, inheritable;
};

static int sets_get(struct sets *s)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	s->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	s->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	s->inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
	return 0;
}

static int sets_put(const struct sets *s)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {
		{(uint32_t)s->effective, (uint32_t)s->permitted, (uint32_t)s->inheritable},
		{(uint32_t)(s->effective >> 32), (uint32_t)(s->permitted >> 32),
			(uint32_t)(s->inheritable >> 32)},
	};

	return (int)syscall(SYS_capset, &header, data);
}

/* System calls: musl's setresuid(3) and its kin bring 2 KB that do the same in each thread, and
 * no process here has more than one. */
static int set_groups(size_t count, const gid_t *groups)
{
	return (int)syscall(SYS_setgroups, count, groups);
}

static int set_gid(gid_t gid)
{
	return (int)syscall(SYS_setresgid, gid, gid, gid);
}

static int set_uid(uid_t uid)
{
	return (int)syscall(SYS_setresuid, uid, uid, uid);
}

/* Whether the user can be changed back, which it mustn't. */
static bool becomes_root(void)
{
	return set_uid(0) == 0 || syscall(SYS_setuid, 0) == 0;
}

static uint64_t bit(int capability)
{
	return UINT64_C(1) << capability;
}

bool privileges_have(int capability)
{
	struct sets s;

	return sets_get(&s) == 0 && (s.effective & bit(capability));
}

/* Drops everything but keep from the bounding set. Capabilities that are already gone need
 * no privilege. */
static int drop_bounding(uint64_t keep, struct failure *f)
{
	char on[32];

	for (int c = 0; c < LIMIT_CAPABILITIES; c++) {
		int in = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

		if (in < 0) /* above the kernel's last one */
			return 0;
		if (in == 0 || (keep & bit(c)) || prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0)
			continue;
		snprintf(on, sizeof(on), "capability %d", c);
		fail(f, "empty the bounding set", on, "%s", strerror(EPERM));
		return fail_hint(f, "give the container --cap-add=SETPCAP");
	}
	return 0;
}

/* Makes uid 0 meaningless and ambient sets impossible. A second lock, hence only with
 * SETPCAP. */
static int lock_securebits(struct failure *f)
{
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
				   SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
				   SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	if (!privileges_have(CAP_SETPCAP))
		return 0;
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return fail_errno(f, "lock the secure bits", "");
	return 0;
}

/* Without SETGID it is acceptable to have no supplementary group but our own. */
static bool only_group(gid_t gid)
{
	gid_t groups[LIMIT_GROUPS];
	int n = getgroups(LIMIT_GROUPS, groups);

	for (int i = 0; i < n; i++)
		if (groups[i] != gid)
			return false;
	return n >= 0;
}

static int change_ids(uid_t uid, gid_t gid, struct failure *f)
{
	char on[64];
	int why;

	snprintf(on, sizeof(on), "%u:%u", (unsigned int)uid, (unsigned int)gid);
	if (set_groups(0, NULL) < 0 && !only_group(gid)) {
		fail(f, "drop the supplementary groups for", on, "%s", strerror(EPERM));
		return fail_hint(f, "give the container --cap-add=SETGID");
	}
	if (set_gid(gid) < 0) {
		why = errno;
		fail_errno(f, "become the group of", on);
		return fail_hint(f, why == EINVAL ? "this user namespace has no such group id"
						  : "give the container --cap-add=SETGID");
	}
	if (set_uid(uid) < 0) {
		why = errno;
		fail_errno(f, "become the user", on);
		return fail_hint(f, why == EINVAL ? "this user namespace has no such user id"
						  : "give the container --cap-add=SETUID");
	}
	return 0;
}

/* Reads back what was dropped. */
static int check_dropped(uid_t uid, gid_t gid, struct failure *f)
{
	static const char operation[] = "make sure that privilege is gone";
	uid_t r, e, s;
	gid_t gr, ge, gs;
	struct sets sets;

	if (getresuid(&r, &e, &s) < 0 || r != uid || e != uid || s != uid)
		return fail(f, operation, "user ids", "one of them is different");
	if (getresgid(&gr, &ge, &gs) < 0 || gr != gid || ge != gid || gs != gid)
		return fail(f, operation, "group ids", "one of them is different");
	if (!only_group(gid))
		return fail(f, operation, "supplementary groups", "some are left");
	/* Ambient capabilities are always permitted ones as well, so this covers them. */
	if (sets_get(&sets) < 0 || sets.permitted || sets.effective || sets.inheritable)
		return fail(f, operation, "capabilities", "some are left");
	for (int c = 0; c < LIMIT_CAPABILITIES; c++) {
		int in = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

		if (in > 0)
			return fail(f, operation, "bounding set", "some are left");
		if (in < 0)
			break;
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return fail(f, operation, "no_new_privs", "it isn't set");
	return 0;
}

/* Each attempt to regain privilege must fail. */
static int try_to_regain(gid_t gid, struct failure *f)
{
	static const char operation[] = "make sure that privilege can't be regained";
	const struct sets one = {.permitted = bit(CAP_SETUID), .effective = bit(CAP_SETUID)};
	const gid_t root = 0;

	if (becomes_root())
		return fail(f, operation, "user ids", "setuid(0) was allowed");
	if (gid != 0 && (set_gid(0) == 0 || set_groups(1, &root) == 0))
		return fail(f, operation, "group ids", "group 0 was allowed");
	if (sets_put(&one) == 0)
		return fail(f, operation, "capabilities", "one could be regained");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) == 0)
		return fail(f, operation, "ambient set", "one could be regained");
	if (prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)
		return fail(f, operation, "no_new_privs", "it could be cleared");
	return 0;
}

bool privileges_shared(void)
{
	return !privileges_have(CAP_SETUID) || !privileges_have(CAP_SETGID) ||
	       !privileges_have(CAP_SETPCAP) || !privileges_have(CAP_KILL);
}

bool privileges_root_is_user(void)
{
	uint64_t uid[2]; /* inside, outside */

	return file_two_numbers("/proc/self/uid_map", uid) && uid[0] == 0 && uid[1] != 0;
}

static int check_shed(struct failure *f)
{
	static const char operation[] = "make sure that privilege is gone";
	const struct sets one = {.permitted = bit(CAP_NET_RAW), .effective = bit(CAP_NET_RAW)};
	struct sets sets;

	if (sets_get(&sets) < 0 || sets.permitted || sets.effective || sets.inheritable)
		return fail(f, operation, "capabilities", "some are left");
	if (sets_put(&one) == 0)
		return fail(f, operation, "capabilities", "one could be regained");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return fail(f, operation, "no_new_privs", "it isn't set");
	if (geteuid() != 0 && becomes_root())
		return fail(f, operation, "user ids", "setuid(0) was allowed");
	return 0;
}

/* What every process that drops gives up last, whatever its uid. */
static int give_up_all(struct failure *f)
{
	const struct sets empty = {0};

	/* Kernels before 4.3 have no ambient set. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_errno(f, "empty the ambient set", "");
	if (sets_put(&empty) < 0)
		return fail_errno(f, "empty the capability sets", "");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(f, "set no_new_privs", "");
	/* Other processes of the same uid can't trace us before exec, which resets this. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail_errno(f, "make the process untraceable", "");
	return 0;
}

int privileges_shed(struct failure *f)
{
	/* Without SETPCAP it remains; with no_new_privs it has no effect. */
	if (privileges_have(CAP_SETPCAP) && drop_bounding(0, f) < 0)
		return -1;
	return give_up_all(f) < 0 ? -1 : check_shed(f);
}

int privileges_drop(uid_t uid, gid_t gid, struct failure *f)
{
	if (uid == geteuid() && privileges_shared())
		return privileges_shed(f);
	if (uid == 0)
		return fail(f, "drop privileges", "user 0", "root keeps its privileges");
	if (drop_bounding(0, f) < 0 || lock_securebits(f) < 0 || change_ids(uid, gid, f) < 0)
		return -1;
	if (give_up_all(f) < 0 || check_dropped(uid, gid, f) < 0)
		return -1;
	return try_to_regain(gid, f);
}

static int keep(uint64_t set, struct failure *f)
{
	struct sets before, wanted, after, more;

	if (sets_get(&before) < 0)
		return fail_errno(f, "read the capability sets", "");
	if (drop_bounding(set, f) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_errno(f, "empty the ambient set", "");
	wanted.permitted = wanted.effective = before.permitted & set;
	wanted.inheritable = 0;
	if (sets_put(&wanted) < 0)
		return fail_errno(f, "reduce the capability sets", "");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(f, "set no_new_privs", "");
	if (sets_get(&after) < 0 || memcmp(&after, &wanted, sizeof(after)) != 0)
		return fail(f, "reduce the capability sets", "", "they are still larger");
	more = wanted;
	more.permitted |= bit(CAP_SYS_ADMIN);
	if (sets_put(&more) == 0)
		return fail(f, "reduce the capability sets", "", "one could be regained");
	return 0;
}

int privileges_keep_needed(struct failure *f)
{
	return keep(bit(CAP_NET_ADMIN) | bit(CAP_SETUID) | bit(CAP_SETGID) | bit(CAP_SETPCAP) |
			    bit(CAP_KILL),
		f);
}

int privileges_keep_none(struct failure *f)
{
	return keep(0, f);
}

int privileges_keep_to_kill(struct failure *f)
{
	return keep(bit(CAP_SETUID) | bit(CAP_KILL), f);
}
