/*
 * Every limit of codex-init, each with its reason. Every loop over outside data is bounded
 * by one of these.
 */
#ifndef INIT_LIB_LIMITS_H
#define INIT_LIB_LIMITS_H

/* RFC 1035 §2.3.4: 255 octets on the wire are at most 253 characters of text. */
#define LIMIT_NAME_TEXT 253
/* RFC 1035 §2.3.4: one label. */
#define LIMIT_LABEL 63
/* Length of a rule: a name, a list of ports, suffixes. Longer input is a mistake. */
#define LIMIT_RULE_TEXT 512
/* status.json, as far as it says who the payload is. */
#define LIMIT_STATUS_BYTES 2048
/* Ports in one rule; for more, write more rules. */
#define LIMIT_RULE_PORTS 16
/* Rules after expansion of presets. The largest allowlist seen has ten thousand names. */
#define LIMIT_RULES 16384
/* Distinct rules that codex-egress can give at run time, revoked ones included. A user gives a
 * few; @pypi or @debian adds a dozen. Each one is compared with every name, and they are in
 * shared memory of fixed size. */
#define LIMIT_OVERLAY 256
/* Pairs of a name and an address pinned for it that PID 1 remembers, to know which
 * connections a denial ends: four addresses for each of 4,000 names. */
#define LIMIT_PIN_INDEX 16384
/* How long PID 1 waits for the gate to close denied connections, for which it checks every
 * one. A gate that takes longer is killed. */
#define LIMIT_DENY_MS 3000
/* A preset file; the largest shipped has a dozen lines. */
#define LIMIT_PRESET_BYTES (64 * 1024)
/* Presets that are listed when one is misspelt; the image has eight. */
#define LIMIT_PRESETS 64
/* The C libraries use three name servers of resolv.conf (MAXNS). */
#define LIMIT_UPSTREAMS 3
/* Lines of /proc/net/udp read before the payload runs: the engine has one socket there. */
#define LIMIT_SOCKETS 1024
/* Names in NO_PROXY: the longest lists seen, with every domain of a company, take 3 KB. */
#define LIMIT_EXCEPTIONS (8 * 1024)
/* search domains of resolv.conf: glibc's former MAXDNSRCH. */
#define LIMIT_SEARCH 6
/* resolv.conf and hosts at boot; the engine writes a few hundred bytes. */
#define LIMIT_RESOLV_CONF_BYTES (16 * 1024)
#define LIMIT_HOSTS_BYTES       (256 * 1024)
/* Names in /etc/hosts; an engine adds one for each link or --add-host. */
#define LIMIT_HOSTS 1024
/* Addresses used from one DNS response. CDNs return at most eight. */
#define LIMIT_ANSWER_ADDRESSES 16
/* SRV records used from one response (a large cluster has seven), and octets of TXT
 * (MongoDB's holds an option or two). With the question both usually fit into LIMIT_DNS_UDP. */
#define LIMIT_ANSWER_SERVICES 12
#define LIMIT_ANSWER_TEXT     512
/* Length of a CNAME chain (BIND follows 16). */
#define LIMIT_CNAME_CHAIN 16
/* Further writable directories that are compared; each is scanned twice. */
#define LIMIT_COMPARED 8
/* Published ports: a project has a handful of servers. */
#define LIMIT_PUBLISHED 16
/* Default gateways: one for each network and family. */
#define LIMIT_GATEWAYS 8
/*
 * Private addresses of names that the second fence opens one by one. A wildcard over a
 * company's zone finds hundreds; each is a routing rule that the kernel checks on every
 * route lookup.
 */
#define LIMIT_FENCE_HOSTS 4096
/* Distinct refusals in the closing report; further ones are counted together. */
#define LIMIT_SUMMARY 256
/* Event lines written per second; further ones are only counted. */
#define LIMIT_EVENTS_PER_SECOND 200
/* What a session writes to the copy of its events on the host: 200 lines a second of a flood
 * fill it in a minute. The last part is left for rules, workers and the end. */
#define LIMIT_TRAIL_BYTES (4 * 1024 * 1024)
#define LIMIT_TRAIL_KEPT  (256 * 1024)
/* The names of earlier sessions: some ten thousand, of which a project has hundreds. */
#define LIMIT_KNOWN (256 * 1024)
/*
 * Finding out which process asked (monitor/asker.h): questions in a second, since each goes
 * through /proc; how many may wait at one time, and for how long before the event is logged
 * without; how long the child may owe every answer before another takes its place, since it may
 * be slow for once; how soon after its start it is started again. And how far it looks:
 * messages of the kernel about sockets, each of a hundred; processes; open files of all of
 * them.
 */
#define LIMIT_WHO_PER_SECOND 10
#define LIMIT_WHO_WAITING    16
#define LIMIT_WHO_MS         1000
#define LIMIT_WHO_SILENT_MS  5000
#define LIMIT_WHO_START_MS   1000
#define LIMIT_WHO_REPLIES    64
#define LIMIT_WHO_PROCESSES  4096
#define LIMIT_WHO_FILES      16384
/* The drop-off directory: number of files, depth, and size of each. */
#define LIMIT_HOME_FILES 1024
#define LIMIT_HOME_DEPTH 8
#define LIMIT_HOME_BYTES (4 * 1024 * 1024)
/* auth.json: a few kilobytes; its two tokens grow with the account's claims. */
#define LIMIT_LOGIN_BYTES (256 * 1024)
/* A path below the drop-off directory; Linux's PATH_MAX is 4096. */
#define LIMIT_HOME_PATH 1024
/*
 * The scan for files that the host executes: directories and entries read (a monorepo with
 * its node_modules has 50,000 directories), time on a slow disk, files kept and the memory
 * for their paths (a hundred packages with editor settings each), length of a path, and
 * lines in the closing report. What is beyond a limit is reported as not scanned.
 */
#define LIMIT_HOST_EXEC_DIRECTORIES 65536
#define LIMIT_HOST_EXEC_ENTRIES     1000000
#define LIMIT_HOST_EXEC_MS          2000
#define LIMIT_HOST_EXEC_FILES       1024
#define LIMIT_HOST_EXEC_TEXT        (64 * 1024)
#define LIMIT_HOST_EXEC_PATH        512
#define LIMIT_HOST_EXEC_REPORTED    40
/* core.hooksPath settings of one config, each a directory to scan; git uses the last. */
#define LIMIT_HOST_EXEC_HOOKS 4
/* A repository's config, when searched for core.hooksPath; the one git writes has 300 bytes. */
#define LIMIT_HOST_EXEC_CONFIG (16 * 1024)
/* A git config that is parsed: a branch takes 80 bytes, so three thousand branches; a key
 * holds a branch's name (255), a value the URL of a remote. */
#define LIMIT_GITCONFIG_BYTES (256 * 1024)
#define LIMIT_GITCONFIG_KEY   512
#define LIMIT_GITCONFIG_VALUE 4096
/* Settings in the closing report: more than a screen nobody reads. */
#define LIMIT_GIT_REPORTED 24
/* How often a session may write settings that have to be undone: a project's set-up does it
 * once or twice (core.hooksPath). So many ticks may pass in which a change can't be judged. */
#define LIMIT_GIT_UNDONE 20
/* Linked worktrees of a repository whose config the guard looks after: more than anybody has.
 */
#define LIMIT_GIT_WORKTREES 64
/* Their directories that are watched: these, and as many as the payload puts in their place. */
#define LIMIT_GIT_WATCHES 1024
/* How often the config is compared, beside each event of its directory; and how many of these
 * are taken at one time. */
#define LIMIT_GIT_TICK_MS 200
#define LIMIT_GIT_EVENTS  16
/* config.toml: bytes read, nesting of brackets, and length of a key with its tables. */
#define LIMIT_TOML_BYTES (256 * 1024)
#define LIMIT_TOML_DEPTH 32
#define LIMIT_TOML_PATH  256
/*
 * The image's settings for Codex, to which codex-init adds instructions for the agent; and
 * the list of allowed hosts in these: as many as an agent needs to see, the full list is in
 * a file.
 */
#define LIMIT_AGENT_FILE (32 * 1024)
#define LIMIT_AGENT_LIST 2000
/* Mounts that the launcher has us compare: about a dozen, and two for each path in the
 * project that the user names. Length of their paths: PATH_MAX. */
#define LIMIT_MOUNTS     64
#define LIMIT_MOUNT_PATH 4096
/* /etc/passwd and /etc/group: a dump of a large directory service takes a few hundred KB. */
#define LIMIT_PASSWD_BYTES (1024 * 1024)
/* What the init script can pass to the payload in SANDBOX_ENV_FILE. */
#define LIMIT_ENV_FILE_BYTES (64 * 1024)
#define LIMIT_ENV_FILE_LINES 512

/*
 * UDP size for DNS, from the 2020 flag day: never fragmented on a path with an MTU of 1280.
 */
#define LIMIT_DNS_UDP 1232
/* Records after the question in a client's query: OPT, perhaps TSIG, nothing else. */
#define LIMIT_QUERY_ADDITIONAL 4
/* Records read in one section of a response: the chain, and sixteen addresses several times
 * over. */
#define LIMIT_ANSWER_RECORDS 128
/* A response by TCP. 128 records with long names fit; 64 KB of CNAMEs don't. */
#define LIMIT_DNS_TCP (16 * 1024)
/* Queries outstanding at the upstreams; dnsmasq and Docker's resolver allow about as many. */
#define LIMIT_QUESTIONS 1024
/* Of these, the number that the boot leaves to the payload. */
#define LIMIT_QUESTIONS_SPARE 128
/* Sockets per upstream, each on a random port, and queries sent on one before it is
 * replaced. Together with the 16 bits of the id this is what a forger has to guess. */
#define LIMIT_UPSTREAM_SOCKETS 32
#define LIMIT_UPSTREAM_USES    64
/*
 * Datagrams on one such socket that match no query before its queries are sent again from
 * another socket: an honest network sends none or a duplicate, somebody guessing ids
 * thousands.
 */
#define LIMIT_UPSTREAM_WRONG 8
/* Truncated responses fetched by TCP at a time. */
#define LIMIT_UPSTREAM_TCP 16
/* Clients waiting for an upstream. Codex has a few dozen; beyond this, SERVFAIL at once. */
#define LIMIT_WAITERS 1024
/*
 * Receive buffer, in octets, for UDP queries while the resolver is not scheduled. The
 * kernel's default is full after three hundred queries, which a flood sends in six
 * milliseconds; then everybody's are dropped, and C libraries retry only after five seconds.
 */
#define LIMIT_CLIENT_QUEUE (1024 * 1024)
/* TCP connections of the payload to the resolver, and the time that one may be idle. */
#define LIMIT_CLIENT_TCP    64
#define LIMIT_CLIENT_TCP_MS 10000
/* Names kept that came up under wildcards (in audit mode: any name); the oldest is evicted. */
#define LIMIT_DYNAMIC_NAMES 2048
/*
 * Under `*.x` a name can carry data to x's servers. No host name has a label of 63
 * hexadecimal digits; 40 is enough for UUIDs and SHA-1 sums. A longer label must consist of
 * words joined by hyphens ("prod-ap-southeast-1-starport-layer-bucket" has 41), none longer
 * than "internationalization". PART is the limit for everything before x; QUESTIONS the
 * number of upstream queries in any minute under one rule, retries and refreshes included: a
 * busy build looks up a dozen names, two queries each.
 */
#define LIMIT_WILDCARD_LABEL     40
#define LIMIT_WILDCARD_WORD      20
#define LIMIT_WILDCARD_PART      80
#define LIMIT_WILDCARD_QUESTIONS 120
/* The same for each exact name, whose queries could signal by their timing: twice what it
 * takes to keep both address families of a name with TTL 0. */
#define LIMIT_NAME_QUESTIONS 60
/* SRV and TXT entries kept; the oldest is evicted. */
#define LIMIT_SERVICES 32
/* Pins requested from PID 1 and not yet acknowledged: as many replies as the socket buffer
 * is certain to hold. */
#define LIMIT_PINS_OUT 64
/* Refused names whose repetitions are being counted before they are reported, and reports
 * per second. */
#define LIMIT_REFUSED_HELD       64
#define LIMIT_REFUSED_PER_SECOND 100
/* First uses of names that are reported per second; others are when they are used again. */
#define LIMIT_USED_PER_SECOND 25
/*
 * The gate. A ClientHello: Codex's has 1,490 octets, and one with every post-quantum key
 * share proposed so far less than 8 KB. A request head: servers accept 8 KB (Apache, nginx)
 * to 16 KB (Node).
 */
#define LIMIT_GATE_HELLO (16 * 1024)
#define LIMIT_GATE_HEAD  (16 * 1024)
/* Header fields of a request; Apache accepts 100. */
#define LIMIT_GATE_FIELDS 128
/* A chunk extension, or the trailer fields: practically unused. */
#define LIMIT_GATE_LINE 1024
/*
 * Octets of one chunk, and hexadecimal digits of its size. A server with 32-bit sizes reads
 * 100000005 as 5, one with signed sizes 80000000 as negative, one that stops at eight digits
 * just those: so only what all of them read correctly, 2 GB, more than any client buffers
 * before it sends.
 */
#define LIMIT_GATE_CHUNK        0x7fffffff
#define LIMIT_GATE_CHUNK_DIGITS 8
/* Octets of a Content-Length: ext4's largest file. Object stores accept 5 TB in one request,
 * so less would be in the way; above 2^53 JavaScript's numbers aren't exact. */
#define LIMIT_GATE_LENGTH (16ULL << 40)
/* Connections through the gate, 400 octets each; fewer if RLIMIT_NOFILE doesn't allow two
 * descriptors for each. A build opens dozens, a load test hundreds. */
#define LIMIT_GATE_CONNECTIONS 8192
/* Of these, connections with an inspect buffer, which a ClientHello holds for a round trip
 * at most. */
#define LIMIT_GATE_BUFFERS 512
/* Pipes for data that a receiver doesn't accept yet; without a free one a connection waits. */
#define LIMIT_GATE_PIPES 512
/* Timeout for a ClientHello, a request head, a DNS lookup and a connect. It covers three
 * retransmissions of a SYN; users wait for half a minute. */
#define LIMIT_GATE_PATIENCE_MS 10000
/* RFC 8305 §8: delay between connection attempts. */
#define LIMIT_GATE_ATTEMPT_MS 250
/* RFC 8305 §3: how long the response for one family waits for the other's. */
#define LIMIT_GATE_FAMILY_MS 50
/* Names whose addresses the gate caches, and for how long. */
#define LIMIT_GATE_NAMES    256
#define LIMIT_GATE_NAMES_MS 30000
/* Octets moved for one connection before the others get their turn. */
#define LIMIT_GATE_TURN (4 * 1024 * 1024)
/* Octets of a refused client that are read and discarded, so that it gets to read the
 * reason. */
#define LIMIT_GATE_DISCARD (1024 * 1024)
/* Refusals whose repetitions are being counted before they are reported, and reports per
 * second. */
#define LIMIT_GATE_HELD       64
#define LIMIT_GATE_PER_SECOND 100
/*
 * Questions to whoever watches (--ask): how long they may be considered, in seconds; how many
 * stand at a time, since a person reads one in a few seconds, and are new in a second; the
 * connections that are held for them, each with an inspect buffer. What is beyond is refused at
 * once, and counted.
 */
#define LIMIT_ASK_SECONDS    3600
#define LIMIT_ASKED          32
#define LIMIT_ASK_PER_SECOND 10
#define LIMIT_ASK_HELD       128
/* Addresses that stand for names to be asked about; and how long one stands for the same name
 * after it was given for it: programs keep addresses for a minute. */
#define LIMIT_STAND_INS   256
#define LIMIT_STAND_IN_MS 300000
/*
 * The control socket, which only root can reach: concurrent clients (a new one evicts the
 * oldest), those that watch (a terminal, a hook, a desktop), and pins, refused hosts and
 * runtime rules in one status reply, so that it is at most 64 KB, which the kernel accepts at
 * once: no client can block PID 1.
 */
#define LIMIT_CONTROL_CLIENTS  8
#define LIMIT_CONTROL_WATCHERS 4
#define LIMIT_REPORT_PINS      256
#define LIMIT_REPORT_PLACES    32
#define LIMIT_REPORT_RULES     64
/* How long codex-egress waits for PID 1, which may be processing a thousand refusals. */
#define LIMIT_CONTROL_SECONDS 10
/* How long remaining processes get to end after SIGTERM. With everything after it the end of
 * a session should take no more than five seconds; docker stop allows ten. */
#define LIMIT_GRACE_MS 2000
/* How long SIGKILL may take: only a process stuck in the kernel needs longer. */
#define LIMIT_KILL_MS 1000
/* The file of the authorities by which the broker verifies, which it copies into memory:
 * Debian's has 220 KB, one of a company as much again. */
#define LIMIT_ROOTS (4 * 1024 * 1024)
/* How long a worker gets at the end to report the refusals it has only counted: a few
 * messages. */
#define LIMIT_SETTLE_MS 500
/* How long the host's disk may take for the closing report, or to open the events' copy. */
#define LIMIT_HOST_FILE_MS 3000
/* Descriptors that we check whether we were started with: service managers and shells count
 * from 3 up. Higher ones are passed on too, but a plain init then keeps them open as well. */
#define LIMIT_INHERITED 64
/* /proc/self/cgroup: an engine's path has a hundred characters, one of Kubernetes' twice as
 * many, and v1 has a dozen of them; memory.events has six lines. */
#define LIMIT_CGROUP_PATH 1024
#define LIMIT_CGROUP_TEXT 512
/* Interval of scans for processes that aren't our children, whose end isn't signalled. */
#define LIMIT_POLL_MS 20
/* Processes seen in one scan: the kernel's default pid_max. */
#define LIMIT_PROCESSES 32768
/* Children reaped and signals read before the other descriptors are polled again. */
#define LIMIT_REAP    256
#define LIMIT_SIGNALS 8
/* Programs for which the cell creates sockets at the same time: the one of verify, the hook
 * (which may leave something running), the command, and a spare one. */
#define LIMIT_CELL_LISTENERS 4
/* Ports of rules on which the gate listens in the cell, a socket for each. */
#define LIMIT_CELL_PORTS 32
/* How long the reader of our standard error, or a terminal that is being restored, may be
 * blocked before we go on without it. */
#define LIMIT_STDERR_MS   1000
#define LIMIT_TERMINAL_MS 200

/*
 * The workers' uids. Above what distributions assign and below 65534 ("nobody"), so they are
 * mapped in a user namespace of 65,536 ids, as rootless engines set up. To the wall the
 * probe is the same as the payload, except that its refusals aren't counted. Who writes the
 * events' copy (monitor/trail.h) has the probe's: it has no socket.
 */
#define UID_PROBE    65310
#define UID_RESOLVER 65311
#define UID_GATE     65312
#define UID_BROKER   65313
#define UID_CELL     65309
/* The longest credential for the broker. A ChatGPT token has 2 KB. */
#define LIMIT_TOKEN 8192
/* The image's unprivileged user, used if root owns the working directory. */
#define UID_CODEX 1000

#endif
