/* Uses /proc/net (proc(5)) and SIOCETHTOOL. See netns.h. */
#include "netns.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/num.h"

#define TRIED "build the wall"
/* The engine's resolver on a user-defined network, which listens in the container's
 * namespace. */
#define EMBEDDED "0B00007F"

static int shared(struct failure *f, const char *on, const char *why)
{
	fail(f, TRIED, on, "%s", why);
	return fail_hint(f,
		"the wall would cut off everything in this network namespace: start the "
		"container in one of its own, without --network host, container:NAME "
		"or service:NAME");
}

/* A table longer than we read isn't a new namespace's. */
static bool is_long(FILE *table, const char *name, char on[NETNS_TEXT])
{
	snprintf(on, NETNS_TEXT, "the table of %s sockets", name);
	return fgetc(table) != EOF;
}

bool netns_inet_taken(FILE *table, const char *name, char on[NETNS_TEXT])
{
	/* Slot, local and remote address, state, queues, timer, retransmissions, uid, timeout,
	 * inode. */
	char line[512], *field[10];
	uint64_t inode;

	for (int i = 0; i < LIMIT_SOCKETS && fgets(line, sizeof(line), table); i++) {
		file_fields(line, field, 10);
		/* No inode: the heading, or a connection without a process. */
		if (!num_read(field[9], &inode) || inode == 0 ||
			strncmp(field[1], EMBEDDED ":", sizeof(EMBEDDED)) == 0)
			continue;
		snprintf(on, NETNS_TEXT, "%s socket %.39s of uid %.10s", name, field[1],
			field[7]);
		return true;
	}
	return is_long(table, name, on);
}

/* Services that containers don't have; every machine that runs containers has one of them. */
static const char *const services[] = {"/systemd/", "/dbus/system_bus_socket", "docker.sock",
	"containerd.sock", "crio.sock", "podman.sock", "/libnetwork/"};

bool netns_unix_taken(FILE *table, char on[NETNS_TEXT])
{
	/* Number, references, protocol, flags, type, state, inode, path. */
	char line[512], *field[8];

	for (int i = 0; i < LIMIT_SOCKETS && fgets(line, sizeof(line), table); i++) {
		file_fields(line, field, 8);
		for (size_t j = 0; j < sizeof(services) / sizeof(services[0]); j++)
			if (strstr(field[7], services[j])) {
				snprintf(on, NETNS_TEXT, "%.120s", field[7]);
				return true;
			}
	}
	return is_long(table, "unix", on);
}

static int check_sockets(struct failure *f)
{
	static const char names[][8] = {
		"tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "unix"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const bool local = strcmp(names[i], "unix") == 0;
		char path[96], on[NETNS_TEXT];
		FILE *table;
		bool taken;

		snprintf(path, sizeof(path), "/proc/net/%s", names[i]);
		table = fopen(path, "re");
		/* A kernel without that protocol. */
		if (!table && errno == ENOENT)
			continue;
		if (!table)
			return fail_errno(
				f, "find out who else uses this network namespace", path);
		taken = local ? netns_unix_taken(table, on)
			      : netns_inet_taken(table, names[i], on);
		fclose(table);
		if (taken)
			return shared(f, on,
				local ? "this is the machine's own network namespace"
				      : "it belongs to another process in this network "
					"namespace");
	}
	return 0;
}

/* A bridge connects other containers to this namespace, so it is an engine's. */
static int check_devices(struct failure *f)
{
	FILE *table = fopen("/proc/net/dev", "re");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = 0;
	char line[512], *name;

	if (!table || fd < 0)
		result = fail_errno(f, "list the devices of this network namespace", "");
	/* A heading, or a name with a colon and numbers. */
	while (result == 0 && fgets(line, sizeof(line), table)) {
		struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
		struct ifreq r = {.ifr_data = (void *)&info};

		file_fields(line, &name, 1);
		name[strcspn(name, ":")] = '\0';
		strncpy(r.ifr_name, name, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCETHTOOL, &r) == 0 && strcmp(info.driver, "bridge") == 0)
			result = shared(f, name,
				"it has a bridge, so it is an engine's network namespace");
	}
	if (fd >= 0)
		close(fd);
	if (table)
		fclose(table);
	return result;
}

int netns_alone(struct failure *f)
{
	return check_devices(f) < 0 ? -1 : check_sockets(f);
}
