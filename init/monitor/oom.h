/*
 * Processes killed for lack of memory, from the container's memory cgroup: memory.events
 * (cgroup v2), memory.oom_control (v1, Linux 4.13). Both count processes in that cgroup,
 * whether the cgroup's own limit was reached or the machine's.
 */
#ifndef INIT_MONITOR_OOM_H
#define INIT_MONITOR_OOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oom {
	uint64_t kills; /* processes killed since the cgroup was created */
	uint64_t limit; /* in octets; 0: no limit of its own */
};

/* False if it is unknown (no /sys/fs/cgroup in the container). */
bool oom_read(struct oom *out);

/* Pure. The count in memory.events or memory.oom_control. False if there is none. */
bool oom_count(const char *text, uint64_t *kills);

/*
 * Pure. This process's path in the hierarchy of a controller ("memory"; "": cgroup v2), from
 * the text of /proc/self/cgroup (cgroups(7)): "ID:controllers:/path" in each line. "/"
 * becomes "". False if there is no such line, or one that leads out of what we see
 * ("/../..").
 */
bool oom_path(const char *text, const char *controller, char *out, size_t size);

#endif
