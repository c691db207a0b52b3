/*
 * Build-time program that prints the seccomp filters as C arrays, compiled by libseccomp for
 * the architecture named on the command line (default: this machine's). So codex-init
 * contains the output of a reviewed compiler, but not the compiler (136 KB). One file, so that
 * the filters can be compared with each other.
 *
 * Two properties of the interface determine how rules are written. A filter sees 64-bit
 * registers, but most arguments are ints of which the kernel uses only the low half: a test
 * for equality must mask the upper half, or garbage there bypasses it; a test for "at least"
 * needs no mask, since garbage only makes the number larger. And libseccomp accepts one
 * comparison per argument and rule, so a set of permitted values is written as "more than
 * the largest" and each gap below it.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <asm/ioctls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <unistd.h>

/*
 * mseal(2), Linux 6.10: the newest system call when the payload's list was written. Later
 * ones return ENOSYS, which C libraries treat as an older kernel, so a new call isn't
 * available to the payload before it has been reviewed. x32 calls (bit 30 set) are above it
 * too.
 */
#define NEWEST_CALL 462
/* The same number on every machine. */
#define FCHMODAT2 452
/* BPF_MAXINSNS, the kernel's limit. */
#define MAX_INSTRUCTIONS 4096

#define LOW_HALF 0xffffffffUL

static uint32_t machine;

static void die(const char *what, const char *on)
{
	fprintf(stderr, "filters_gen: %s: %s\n", what, on);
	exit(1);
}

/* Whether the target architecture has the call (arm64 never had open). A name that
 * libseccomp doesn't know is a typo. */
static bool exists(const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(machine, name);

	if (nr == __NR_SCMP_ERROR)
		die("libseccomp knows no such call", name);
	return nr >= 0;
}

static void rule(scmp_filter_ctx f, uint32_t action, const char *name, unsigned int count,
	struct scmp_arg_cmp a, struct scmp_arg_cmp b)
{
	const struct scmp_arg_cmp both[2] = {a, b};

	/* Rules use the numbers of this machine whatever the target is; libseccomp
	 * translates them. */
	if (exists(name) && seccomp_rule_add_array(f, action,
				    seccomp_syscall_resolve_name(name), count, both) != 0)
		die("could not add the rule", name);
}

static const struct scmp_arg_cmp none;

/* socket(2) has three. */
static void socket_rule(scmp_filter_ctx f, uint32_t action, struct scmp_arg_cmp family,
	struct scmp_arg_cmp type, struct scmp_arg_cmp protocol)
{
	const struct scmp_arg_cmp all[3] = {family, type, protocol};

	if (seccomp_rule_add_array(f, action, seccomp_syscall_resolve_name("socket"), 3, all) !=
		0)
		die("could not add the rule", "socket");
}

static void rules(scmp_filter_ctx f, uint32_t action, const char *const *names)
{
	for (; *names; names++)
		rule(f, action, *names, 0, none, none);
}

#define EQ(arg, value)         SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, LOW_HALF, value)
#define BITS(arg, mask, value) SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value)
#define ATLEAST(arg, value)    SCMP_CMP64(arg, SCMP_CMP_GE, value, 0)

static scmp_filter_ctx begin(uint32_t otherwise)
{
	scmp_filter_ctx f = seccomp_init(otherwise);

	if (!f)
		die("seccomp_init", strerror(errno));
	if (machine != seccomp_arch_native() &&
		(seccomp_arch_add(f, machine) != 0 ||
			seccomp_arch_remove(f, SCMP_ARCH_NATIVE) != 0))
		die("libseccomp can't make filters for this machine", "");
	/* Another architecture (i386 on x86_64) has different call numbers. */
	if (seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
		seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
		die("seccomp_attr_set", "");
	return f;
}

/* Prints the program as an array, preceded by the n instructions at `first`. */
static void print(scmp_filter_ctx f, const char *name, const struct sock_filter *first, int n)
{
	static struct sock_filter code[MAX_INSTRUCTIONS];
	FILE *file = tmpfile();
	size_t count;

	if (!file || seccomp_export_bpf(f, fileno(file)) != 0)
		die("seccomp_export_bpf", name);
	rewind(file);
	count = fread(code, sizeof(code[0]), MAX_INSTRUCTIONS, file);
	if (count == 0 || !feof(file) || count + (size_t)n > MAX_INSTRUCTIONS)
		die("the filter is too long", name);
	fclose(file);
	printf("static const struct sock_filter %s[] = {\n", name);
	for (int i = 0; i < n; i++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", first[i].code, first[i].jt, first[i].jf,
			first[i].k);
	for (size_t i = 0; i < count; i++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf,
			code[i].k);
	printf("};\n");
	seccomp_release(f);
}

/* ---- The payload: everything is permitted but what is named here. -------------------- */

/*
 * Calls with which no developer's tool succeeds in a container, and with which kernel
 * exploits begin. Most of them need a capability that the payload doesn't have; the filter
 * is a second lock and keeps the code behind them out of reach.
 *
 * ptrace is permitted, since developers run gdb and strace on their own children. It reaches
 * only processes of the payload's uid, which have nothing that the payload lacks: PID 1 and
 * the workers have other uids and aren't dumpable.
 */
static const char *const payload_refused[] = {
	/* file systems */
	"mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig",
	"fsmount", "fspick", "mount_setattr", "open_by_handle_at", "quotactl", "quotactl_fd",
	"swapon", "swapoff", "fanotify_init",
	/* the machine */
	"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module",
	"delete_module", "acct", "syslog", "vhangup", "settimeofday", "clock_settime",
	"sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "lookup_dcookie",
	/* large kernel interfaces that bypass the rest of this filter */
	"bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"userfaultfd",
	/* keyrings aren't namespaced */
	"add_key", "request_key", "keyctl",
	/* other processes' memory and descriptors, other than by ptrace */
	"process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
	/* namespaces */
	"setns", NULL};

/* Flags that create a namespace. CLONE_NEWTIME is for unshare only: in clone it is part of
 * the signal. */
static const uint64_t namespace_flags[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS,
	CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, 0x80 /* CLONE_NEWTIME */};

#define CLONE_NAMESPACES                                                                       \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |         \
		CLONE_NEWPID | CLONE_NEWNET)

/* Injecting terminal input, and line disciplines (loadable modules). */
static const uint64_t refused_ioctls[] = {TIOCSTI, TIOCLINUX, TIOCSETD};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * socket(): AF_UNIX; AF_INET and AF_INET6 with stream or datagram, TCP or UDP; AF_NETLINK
 * with NETLINK_ROUTE, which getifaddrs(3) needs. So no packet, raw, ping, MPTCP, SCTP, DCCP,
 * UDP-Lite, VSOCK or ALG sockets. The kernel takes the socket type from the low four bits.
 */
static void payload_sockets(scmp_filter_ctx f, uint32_t no)
{
	static const uint64_t inet[] = {AF_INET, AF_INET6};

	for (uint64_t family = 0; family < AF_NETLINK; family++)
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
			rule(f, no, "socket", 1, EQ(0, family), none);
	rule(f, no, "socket", 1, ATLEAST(0, AF_NETLINK + 1), none);
	rule(f, no, "socket", 2, EQ(0, AF_NETLINK), ATLEAST(2, NETLINK_ROUTE + 1));
	for (size_t i = 0; i < COUNT(inet); i++) {
		for (uint64_t type = 0; type < 16; type++)
			if (type != SOCK_STREAM && type != SOCK_DGRAM)
				rule(f, no, "socket", 2, EQ(0, inet[i]), BITS(1, 0xf, type));
		for (uint64_t protocol = 1; protocol < IPPROTO_UDP; protocol++)
			if (protocol != IPPROTO_TCP)
				rule(f, no, "socket", 2, EQ(0, inet[i]), EQ(2, protocol));
		rule(f, no, "socket", 2, EQ(0, inet[i]), ATLEAST(2, IPPROTO_UDP + 1));
	}
	rule(f, no, "socketpair", 1, ATLEAST(0, AF_UNIX + 1), none);
}

/* The kernel announces a group to the neighbours, by the device that is named. */
static void no_groups(scmp_filter_ctx f, uint32_t no)
{
	static const uint64_t groups[] = {IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP,
		MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP};

	for (size_t i = 0; i < COUNT(groups); i++)
		rule(f, no, "setsockopt", 2, EQ(1, IPPROTO_IP), EQ(2, groups[i]));
}

/*
 * The same in the cell: IPv4 TCP is held back until the cell has made the socket, and no other
 * socket leads anywhere. Why not IPv6, why not UDP: cell/cell_socket.h. What is refused gets
 * the error that programs know: of a kernel without IPv6, of a socket type that isn't
 * permitted.
 */
static void cell_sockets(scmp_filter_ctx f, uint32_t no)
{
	const uint64_t listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	const uint32_t denied = SCMP_ACT_ERRNO(EACCES);
	const struct scmp_arg_cmp inet = EQ(0, AF_INET), stream = BITS(1, 0xf, SOCK_STREAM);

	for (uint64_t family = 0; family < AF_NETLINK; family++)
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
			rule(f, no, "socket", 1, EQ(0, family), none);
	rule(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, EQ(0, AF_INET6), none);
	rule(f, no, "socket", 1, ATLEAST(0, AF_NETLINK + 1), none);
	rule(f, no, "socket", 2, EQ(0, AF_NETLINK), ATLEAST(2, NETLINK_ROUTE + 1));
	for (uint64_t type = 0; type < 16; type++)
		if (type != SOCK_STREAM)
			rule(f, denied, "socket", 2, inet, BITS(1, 0xf, type));
	socket_rule(f, SCMP_ACT_NOTIFY, inet, stream, EQ(2, 0));
	for (uint64_t protocol = 1; protocol < IPPROTO_TCP; protocol++)
		socket_rule(f, denied, inet, stream, EQ(2, protocol));
	socket_rule(f, SCMP_ACT_NOTIFY, inet, stream, EQ(2, IPPROTO_TCP));
	socket_rule(f, denied, inet, stream, ATLEAST(2, IPPROTO_TCP + 1));
	rule(f, no, "socketpair", 1, ATLEAST(0, AF_UNIX + 1), none);
	no_groups(f, no);
	/* Of several listeners the newest is asked, and may let a call through. The kernel
	 * refuses a second one, but only while ours is open. */
	rule(f, no, "seccomp", 1, BITS(1, listener, listener), none);
	/* PID 1 may have the payload's uid, which is enough to set its limits: without files,
	 * processes or time it couldn't compare and report. */
	rule(f, no, "prlimit64", 2, ATLEAST(0, 1), SCMP_CMP64(2, SCMP_CMP_NE, 0));
}

/*
 * setsockopt(): options that no TCP or UDP client or server needs. They put something into
 * packets that the payload must not choose (a source address, a route, a header), or hand
 * programs, keys or connection state to the kernel. Some also need a capability or a raw
 * socket.
 *
 * A filter can't see control messages of sendmsg(2), which can request IPv4 options, flow
 * labels and routing headers without privilege. TCP ignores them, and the wall lets none of
 * the payload's UDP out.
 */
struct option {
	uint64_t level, name;
};

/* Values that <netinet/in.h> lacks, from linux/in6.h and linux/netfilter_ipv6. */
#define FLOWLABEL_MGR 32
#define IP6T_REPLACE  64
#define IP6T_COUNTERS 65

static const struct option refused_options[] = {
	/* foreign source addresses, packet marks */
	{IPPROTO_IP, IP_FREEBIND},
	{IPPROTO_IP, IP_TRANSPARENT},
	{IPPROTO_IPV6, IPV6_FREEBIND},
	{IPPROTO_IPV6, IPV6_TRANSPARENT},
	{IPPROTO_IPV6, IPV6_JOIN_ANYCAST},
	{SOL_SOCKET, SO_MARK},
	/* headers: source routes, options, flow labels, raw headers */
	{IPPROTO_IP, IP_OPTIONS},
	{IPPROTO_IP, IP_RETOPTS},
	{IPPROTO_IP, IP_ROUTER_ALERT},
	{IPPROTO_IP, IP_HDRINCL},
	{IPPROTO_IP, IP_NODEFRAG},
	{IPPROTO_IPV6, IPV6_RTHDR},
	{IPPROTO_IPV6, IPV6_HOPOPTS},
	{IPPROTO_IPV6, IPV6_DSTOPTS},
	{IPPROTO_IPV6, IPV6_RTHDRDSTOPTS},
	{IPPROTO_IPV6, IPV6_2292RTHDR},
	{IPPROTO_IPV6, IPV6_2292HOPOPTS},
	{IPPROTO_IPV6, IPV6_2292DSTOPTS},
	{IPPROTO_IPV6, IPV6_2292PKTOPTIONS},
	{IPPROTO_IPV6, IPV6_NEXTHOP},
	{IPPROTO_IPV6, IPV6_AUTHHDR},
	{IPPROTO_IPV6, IPV6_ROUTER_ALERT},
	{IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE},
	{IPPROTO_IPV6, IPV6_HDRINCL},
	{IPPROTO_IPV6, IPV6_CHECKSUM},
	{IPPROTO_IPV6, FLOWLABEL_MGR},
	/* keys and IPsec */
	{IPPROTO_IP, IP_IPSEC_POLICY},
	{IPPROTO_IP, IP_XFRM_POLICY},
	{IPPROTO_IPV6, IPV6_IPSEC_POLICY},
	{IPPROTO_IPV6, IPV6_XFRM_POLICY},
	{IPPROTO_TCP, TCP_MD5SIG},
	{IPPROTO_TCP, TCP_MD5SIG_EXT},
	{IPPROTO_UDP, UDP_ENCAP},
	/* connection state, changing a socket's protocol */
	{IPPROTO_TCP, TCP_REPAIR},
	{IPPROTO_TCP, TCP_REPAIR_QUEUE},
	{IPPROTO_TCP, TCP_QUEUE_SEQ},
	{IPPROTO_TCP, TCP_REPAIR_OPTIONS},
	{IPPROTO_TCP, TCP_REPAIR_WINDOW},
	{IPPROTO_TCP, TCP_ULP},
	{IPPROTO_IPV6, IPV6_ADDRFORM},
	/* packet filters and address lists */
	{SOL_SOCKET, SO_ATTACH_FILTER},
	{SOL_SOCKET, SO_ATTACH_BPF},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF},
	{IPPROTO_IP, IP_MSFILTER},
	{IPPROTO_IP, MCAST_MSFILTER},
	{IPPROTO_IPV6, MCAST_MSFILTER},
	{IPPROTO_IPV6, IP6T_REPLACE},
	{IPPROTO_IPV6, IP6T_COUNTERS},
};

/*
 * The highest option of each level when this list was written. Those above it (netfilter
 * tables, multicast routing, TCP-AO, future ones) fail as on a kernel that lacks them. So do
 * the levels above SOL_NETLINK: kTLS, and protocols that have no socket here.
 */
static const struct option last_options[] = {
	{IPPROTO_IP, 52 /* IP_PROTOCOL */},
	{IPPROTO_IPV6, IPV6_FREEBIND},
	{IPPROTO_TCP, TCP_INQ},
	{IPPROTO_UDP, UDP_GRO},
	{SOL_SOCKET, 77 /* SO_PEERPIDFD */},
};

static void payload_socket_options(scmp_filter_ctx f, uint32_t no)
{
	const uint32_t unknown = SCMP_ACT_ERRNO(ENOPROTOOPT);

	for (size_t i = 0; i < COUNT(refused_options); i++)
		rule(f, no, "setsockopt", 2, EQ(1, refused_options[i].level),
			EQ(2, refused_options[i].name));
	for (size_t i = 0; i < COUNT(last_options); i++)
		rule(f, unknown, "setsockopt", 2, EQ(1, last_options[i].level),
			ATLEAST(2, last_options[i].name + 1));
	rule(f, unknown, "setsockopt", 1, ATLEAST(1, SOL_NETLINK + 1), none);
}

static void payload(const char *name, void (*sockets)(scmp_filter_ctx f, uint32_t no))
{
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	/* load the call number; above NEWEST_CALL: ENOSYS */
	const struct sock_filter newer[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	scmp_filter_ctx f = begin(SCMP_ACT_ALLOW);

	rules(f, no, payload_refused);
	/* Its flags are in memory, which a filter can't read; ENOSYS makes libc fall back to
	 * clone. */
	rule(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, none, none);
	for (size_t i = 0; i < COUNT(namespace_flags); i++) {
		uint64_t flag = namespace_flags[i];

		rule(f, no, "unshare", 1, BITS(0, flag, flag), none);
		if (flag != 0x80)
			rule(f, no, "clone", 1, BITS(0, flag, flag), none);
	}
	for (size_t i = 0; i < COUNT(refused_ioctls); i++)
		rule(f, no, "ioctl", 1, EQ(1, refused_ioctls[i]), none);
	sockets(f, no);
	payload_socket_options(f, no);
	print(f, name, newer, (int)COUNT(newer));
}

/*
 * In an idmapped mount what the payload makes belongs to root on the host (stub/idmap.c there).
 * A program of root's that is set-user-ID would make root of everybody who can reach it, so no
 * file gets that bit, nor its group's. A mode counts in open(2) only where a file is made: else
 * it is whatever the register held. openat2(2) has it in memory, which a filter can't see; its
 * callers know kernels without it.
 */
static void modes(void)
{
	static const struct {
		const char *name;
		unsigned int mode,
			flags; /* argument positions; flags 0: it always creates a file */
	} calls[] = {{"chmod", 1, 0}, {"fchmod", 1, 0}, {"fchmodat", 2, 0}, {"creat", 1, 0},
		{"mknod", 1, 0}, {"mknodat", 2, 0}, {"open", 2, 1}, {"openat", 3, 2}};
	static const uint64_t bits[] = {S_ISUID, S_ISGID}, made[] = {O_CREAT, O_TMPFILE};
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx f = begin(SCMP_ACT_ALLOW);

	for (size_t i = 0; i < COUNT(calls); i++)
		for (size_t b = 0; b < COUNT(bits); b++) {
			const struct scmp_arg_cmp mode = BITS(calls[i].mode, bits[b], bits[b]);

			if (!calls[i].flags)
				rule(f, no, calls[i].name, 1, mode, none);
			for (size_t m = 0; calls[i].flags && m < COUNT(made); m++)
				rule(f, no, calls[i].name, 2, mode,
					BITS(calls[i].flags, made[m], made[m]));
		}
	rule(f, SCMP_ACT_ERRNO(ENOSYS), "openat2", 0, none, none);
	/* fchmodat2, since 6.6; libseccomp may not know its name. */
	for (size_t b = 0; b < COUNT(bits); b++)
		if (seccomp_rule_add(f, no, FCHMODAT2, 1, BITS(2, bits[b], bits[b])) != 0)
			die("could not add the rule", "fchmodat2");
	print(f, "filter_modes", NULL, 0);
}

/*
 * codex-broker, over the payload's filter: it makes no network socket, nor do haproxy and
 * openssl, which it starts. Their way out is the gate's AF_UNIX socket.
 */
static void local(void)
{
	scmp_filter_ctx f = begin(SCMP_ACT_ALLOW);

	rule(f, SCMP_ACT_ERRNO(EPERM), "socket", 1, ATLEAST(0, AF_UNIX + 1), none);
	no_groups(f, SCMP_ACT_ERRNO(EPERM));
	print(f, "filter_local", NULL, 0);
}

/*
 * haproxy, the broker's. It is Debian's program, linked with a C library that is too, so what
 * is named is what it must not do: it has the payload's filter as well. It starts a thread, but
 * no process; nothing is signalled or traced; its connections are to the gate's AF_UNIX socket,
 * and those that come in were accepted.
 */
static const char *const broker_refused[] = {"fork", "vfork", "execveat", "ptrace", "kill",
	"tkill", "pidfd_send_signal", "pidfd_open", "rt_sigqueueinfo", "memfd_create",
	"process_mrelease", "unshare", "socketpair", NULL};

static void broker(void)
{
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx f = begin(SCMP_ACT_ALLOW);

	rules(f, no, broker_refused);
	rule(f, no, "clone", 1, BITS(0, CLONE_THREAD, 0), none);
	rule(f, no, "socket", 1, ATLEAST(0, AF_UNIX + 1), none);
	/* A connect(2) that Landlock (lib/scope.h) doesn't see. */
	rule(f, no, "sendto", 1, BITS(3, MSG_FASTOPEN, MSG_FASTOPEN), none);
	rule(f, no, "sendmsg", 1, BITS(2, MSG_FASTOPEN, MSG_FASTOPEN), none);
	rule(f, no, "sendmmsg", 1, BITS(3, MSG_FASTOPEN, MSG_FASTOPEN), none);
	print(f, "filter_broker", NULL, 0);
}

/* ---- Workers and PID 1: nothing is permitted but what is named here. ----------------- */

/* No executable pages, now or later. */
static void no_new_code(scmp_filter_ctx f)
{
	rule(f, SCMP_ACT_ALLOW, "mmap", 1, BITS(2, PROT_EXEC, 0), none);
	rule(f, SCMP_ACT_ALLOW, "mprotect", 1, BITS(2, PROT_EXEC, 0), none);
}

static void inet_sockets(scmp_filter_ctx f)
{
	static const uint64_t inet[] = {AF_INET, AF_INET6};
	static const uint64_t types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (size_t i = 0; i < COUNT(inet); i++)
		for (size_t j = 0; j < COUNT(types); j++)
			rule(f, SCMP_ACT_ALLOW, "socket", 2, EQ(0, inet[i]),
				BITS(1, 0xf, types[j]));
}

/*
 * DNS by UDP and TCP and one channel to PID 1, as listed at the top of resolver.c. All
 * memory is allocated already: no files, no processes, no privileges, not even another page.
 */
static const char *const resolver_calls[] = {"epoll_wait", "epoll_pwait", "epoll_ctl",
	"recvfrom", "recvmmsg", "sendto", "sendmmsg", "bind", "connect", "accept4", "close",
	"getrandom", "clock_gettime", "rt_sigreturn", "restart_syscall", "exit", "exit_group",
	NULL};

/*
 * TCP in both directions, queries to our resolver, its own pipes, one channel to PID 1, as
 * listed at the top of gate.c. There is nothing to write() to but those pipes; fcntl() sets
 * and reads their size. C libraries sleep by one of two calls.
 */
static const char *const gate_calls[] = {"epoll_wait", "epoll_pwait", "epoll_ctl", "recvfrom",
	"sendto", "splice", "write", "pipe2", "bind", "connect", "accept4", "shutdown",
	"getsockname", "getsockopt", "setsockopt", "close", "madvise", "nanosleep",
	"clock_nanosleep", "getrandom", "clock_gettime", "rt_sigreturn", "restart_syscall",
	"exit", "exit_group", NULL};

static const uint64_t gate_fcntls[] = {F_SETPIPE_SZ, F_GETPIPE_SZ};

/* What may be called, whatever its arguments; anything else is the end. */
static scmp_filter_ctx listed(const char *const *calls)
{
	scmp_filter_ctx f = begin(SCMP_ACT_KILL_PROCESS);

	rules(f, SCMP_ACT_ALLOW, calls);
#ifdef FOR_SANITIZERS
	/* AddressSanitizer calls it when a process exits. Only in unit tests. */
	rule(f, SCMP_ACT_ALLOW, "sigaltstack", 0, none, none);
#endif
	return f;
}

static void worker(
	const char *name, const char *const *calls, const uint64_t *fcntls, size_t fcntls_count)
{
	scmp_filter_ctx f = listed(calls);

	inet_sockets(f);
	for (size_t i = 0; i < fcntls_count; i++)
		rule(f, SCMP_ACT_ALLOW, "fcntl", 1, EQ(1, fcntls[i]), none);
	print(f, name, NULL, 0);
}

/*
 * The cell's worker, as listed in cell.c: sockets of one kind, the options that confine
 * them, and the calls that hand them out. No connections, no packets, no files.
 */
static const char *const cell_calls[] = {"poll", "ppoll", "recvmsg", "close", "rt_sigreturn",
	"restart_syscall", "exit", "exit_group", NULL};

static const uint64_t cell_ioctls[] = {SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND,
	SECCOMP_IOCTL_NOTIF_ADDFD, 0x40082104 /* SECCOMP_IOCTL_NOTIF_SET_FLAGS */};

static const struct option cell_options[] = {
	{SOL_SOCKET, SO_BINDTOIFINDEX}, {IPPROTO_TCP, TCP_SYNCNT}};

static void cell(void)
{
	scmp_filter_ctx f = listed(cell_calls);

	rule(f, SCMP_ACT_ALLOW, "socket", 2, EQ(0, AF_INET), BITS(1, 0xf, SOCK_STREAM));
	for (size_t i = 0; i < COUNT(cell_options); i++)
		rule(f, SCMP_ACT_ALLOW, "setsockopt", 2, EQ(1, cell_options[i].level),
			EQ(2, cell_options[i].name));
	for (size_t i = 0; i < COUNT(cell_ioctls); i++)
		rule(f, SCMP_ACT_ALLOW, "ioctl", 1, EQ(1, cell_ioctls[i]), none);
	print(f, "filter_cell", NULL, 0);
}

/*
 * Whoever looks for the process that asked, as listed in asker_look.c: it reads /proc, and
 * talks by two sockets that it has. It has the payload's uid, and makes no socket, process or
 * file.
 */
static const char *const asker_calls[] = {"poll", "ppoll", "recvfrom", "sendto", "getdents64",
	"readlinkat", "read", "lseek", "close", "rt_sigreturn", "restart_syscall", "exit",
	"exit_group", NULL};

static void asker(void)
{
	scmp_filter_ctx f = listed(asker_calls);

	rule(f, SCMP_ACT_ALLOW, "openat", 1, BITS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
		none);
	print(f, "filter_asker", NULL, 0);
}

/* Who writes the events' copy on the host, as listed in trail.c: to a file that is open. */
static const char *const trail_calls[] = {"poll", "ppoll", "recvfrom", "sendto", "write",
	"rt_sigreturn", "restart_syscall", "exit", "exit_group", NULL};

static void trail(void)
{
	scmp_filter_ctx f = listed(trail_calls);

	print(f, "filter_trail", NULL, 0);
}

/*
 * PID 1 while the payload runs. A forked child inherits the filter, so it is installed after
 * the payload has been started, and permits what a restarted worker needs before it installs
 * its own. There is no execve: workers are forked, and PID 1 never runs a program.
 */
static const char *const monitor_calls[] = {
	/* what every C program needs: memory (mmap and mprotect are below), time, exit */
	"brk", "munmap", "mremap", "madvise", "read", "readv", "write", "writev", "close",
	"fcntl", "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"setitimer", "eventfd2", "clock_gettime", "clock_getres", "clock_nanosleep",
	"nanosleep", "gettimeofday", "time", "getrandom", "getpid", "getppid", "gettid",
	"getuid", "geteuid", "getgid", "getegid", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "rt_sigpending", "signalfd4", "sigaltstack", "futex", "sched_yield",
	"restart_syscall", "tkill", "tgkill", "exit", "exit_group",
	/* netlink, the control socket, the workers' channels */
	"recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "bind", "connect",
	"listen", "accept", "accept4", "shutdown", "getsockname", "getpeername", "getsockopt",
	"setsockopt",
	/* its event log, status file and /proc */
	"open", "openat", "openat2", "stat", "lstat", "fstat", "newfstatat", "statx", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "lseek", "pread64",
	"pwrite64", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat",
	"ftruncate", "fsync", "fdatasync", "fchmod", "fchown", "flock", "getcwd", "umask",
	/* processes */
	"fork", "wait4", "waitid", "kill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
	"pidfd_send_signal", "rt_sigtimedwait", "rt_sigsuspend", "setpgid", "getpgid",
	"getpgrp", "getsid", "setsid", "set_tid_address", "set_robust_list", "prlimit64",
	"getrlimit", "getrusage", "sched_getaffinity", "sched_setattr", "uname", "sysinfo",
	"socketpair", "pipe2", "dup", "dup2", "dup3", "close_range", "chdir",
	/* what a worker drops */
	"prctl", "capget", "capset", "setgroups", "getgroups", "setuid", "setgid", "setresuid",
	"setresgid", "getresuid", "getresgid", "seccomp",
	/* what the guard of git's config works with */
	"setfsuid", "setfsgid", "fchmodat", "inotify_add_watch", NULL};

/* Terminal modes and foreground group; interface indexes (if_nametoindex). */
static const uint64_t monitor_ioctls[] = {TCGETS, TCSETS, TCSETSW, TCSETSF, TCXONC, TCSBRK,
	TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCNOTTY, TIOCSCTTY, TIOCGWINSZ, FIONREAD, FIONBIO,
	SIOCGIFINDEX, SIOCGIFNAME};

static void monitor(void)
{
	/* EPERM rather than death: PID 1's loop reports what fails and carries on. */
	scmp_filter_ctx f = begin(SCMP_ACT_ERRNO(EPERM));

	rules(f, SCMP_ACT_ALLOW, monitor_calls);
	rule(f, SCMP_ACT_ALLOW, "clone", 1, BITS(0, CLONE_NAMESPACES, 0), none);
	no_new_code(f);
	inet_sockets(f);
	rule(f, SCMP_ACT_ALLOW, "socket", 1, EQ(0, AF_UNIX), none);
	rule(f, SCMP_ACT_ALLOW, "socket", 1, EQ(0, AF_NETLINK), none);
	for (size_t i = 0; i < COUNT(monitor_ioctls); i++)
		rule(f, SCMP_ACT_ALLOW, "ioctl", 1, EQ(1, monitor_ioctls[i]), none);
	/* What a restarted worker of the cell needs; PID 1 itself does none of it. */
	for (size_t i = 0; i < COUNT(cell_ioctls); i++)
		rule(f, SCMP_ACT_ALLOW, "ioctl", 1, EQ(1, cell_ioctls[i]), none);
	print(f, "filter_monitor", NULL, 0);
}

int main(int argc, char **argv)
{
	machine = argc > 1 ? seccomp_arch_resolve_name(argv[1]) : seccomp_arch_native();
	if (machine == 0 || argc > 2)
		die("usage", "filters_gen [x86_64|aarch64]");
	printf("/* Made by init/lib/filters_gen.c; do not edit. */\n");
	/* So that SCMP_ACT_NOTIFY is accepted whatever kernel this is built on. */
	if (seccomp_api_set(5) != 0)
		die("libseccomp knows no notifications", "");
	payload("filter_payload", payload_sockets);
	payload("filter_cell_payload", cell_sockets);
	cell();
	asker();
	trail();
	modes();
	local();
	broker();
	worker("filter_resolver", resolver_calls, NULL, 0);
	worker("filter_gate", gate_calls, gate_fcntls, COUNT(gate_fcntls));
	monitor();
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
