/*
 * What the kernel has killed for lack of memory, as the container's memory cgroup counts it:
 * memory.events (cgroup v2), memory.oom_control (v1, Linux 4.13). Both count the processes of
 * that cgroup, whether it was the cgroup's own limit that was reached or the machine's.
 */
#ifndef INIT_MONITOR_OOM_H
#define INIT_MONITOR_OOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oom {
	uint64_t kills; /* processes killed since the cgroup was made */
	uint64_t limit; /* octets of memory that it may have; 0: no limit of its own */
};

/* False: nobody tells (no /sys/fs/cgroup in the container). */
bool oom_read(struct oom *out);

/* Pure. The count in the text of memory.events or memory.oom_control. False: it has none. */
bool oom_count(const char *text, uint64_t *kills);

/*
 * Pure. Where in the hierarchy of a controller ("memory"; "": cgroup v2) this process is, by
 * the text of /proc/self/cgroup (cgroups(7)): "ID:controllers:/path" in each line. "/" comes
 * out as
 * "". False: it has no such line, or one that leads out of what we see ("/../..").
 */
bool oom_path(const char *text, const char *controller, char *out, size_t size);

#endif
