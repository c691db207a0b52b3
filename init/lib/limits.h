/*
 * Every limit of codex-init, in one place, each with its reason.
 *
 * A loop over data from outside is bounded by one of these; nothing is bounded by luck.
 */
#ifndef INIT_LIB_LIMITS_H
#define INIT_LIB_LIMITS_H

/* RFC 1035 §2.3.4: 255 octets on the wire are at most 253 characters of text. */
#define LIMIT_NAME_TEXT 253
/* RFC 1035 §2.3.4: one label. */
#define LIMIT_LABEL 63
/* Longest rule text: a name, a list of ports, suffixes. Longer input is a mistake. */
#define LIMIT_RULE_TEXT 512
/* Ports in one rule; more are better said as more rules. */
#define LIMIT_RULE_PORTS 16
/* Rules after presets are expanded. Ten thousand names are the largest allowlist seen. */
#define LIMIT_RULES 16384
/* Rules that codex-egress may deny while the container runs. A person denies a few, @pypi or
 * @debian brings a dozen more; each is looked at for every name, and all are in shared memory
 * that can't grow. */
#define LIMIT_DENIALS 64
/* Names and addresses opened for them of which PID 1 remembers that they belong together, so as
 * to know which flows a denial ends: four addresses for each of 4,000 names. */
#define LIMIT_PIN_INDEX 16384
/* How long PID 1 waits for the gate to end what was denied: it looks at every connection. One
 * that is stuck is ended itself. */
#define LIMIT_DENY_MS 3000
/* A preset file; the largest shipped has a dozen lines. */
#define LIMIT_PRESET_BYTES (64 * 1024)
/* resolv.conf: the C libraries read three name servers (MAXNS). */
#define LIMIT_UPSTREAMS 3
/* Lines of /proc/net/udp that are read before the payload runs: the engine has one there. */
#define LIMIT_SOCKETS 1024
/* The names of NO_PROXY: the longest lists seen, of a company's every domain, have 3 KB. */
#define LIMIT_EXCEPTIONS (8 * 1024)
/* search domains of resolv.conf: glibc's former MAXDNSRCH. */
#define LIMIT_SEARCH 6
/* resolv.conf and hosts as read at boot; the engine writes a few hundred bytes. */
#define LIMIT_RESOLV_CONF_BYTES (16 * 1024)
#define LIMIT_HOSTS_BYTES       (256 * 1024)
/* Names taken from /etc/hosts; engines add one a link or --add-host. */
#define LIMIT_HOSTS 1024
/* Addresses taken from one DNS answer. CDNs send at most eight. */
#define LIMIT_ANSWER_ADDRESSES 16
/* Services (SRV) taken from one answer: a large cluster has seven. And octets of text (TXT):
 * MongoDB's is an option or two. With the question both fit into LIMIT_DNS_UDP, mostly. */
#define LIMIT_ANSWER_SERVICES 12
#define LIMIT_ANSWER_TEXT     512
/* Aliases followed from one name to its address (BIND follows 16). */
#define LIMIT_CNAME_CHAIN 16
/* Default gateways: one for each network and family. */
#define LIMIT_GATEWAYS 8
/* Single addresses that the fence has open: private ones that names were found to have. A
 * wildcard over a company's own zone finds hundreds; each is a rule that the kernel passes for
 * every new way that it looks for. */
#define LIMIT_FENCE_HOSTS 4096
/* Distinct refusals kept for the closing summary; further ones are counted together. */
#define LIMIT_SUMMARY 256
/* Event lines written a second before further ones are only counted. */
#define LIMIT_EVENTS_PER_SECOND 200
/* Files taken from one drop-off directory, how deep, and how big each may be. */
#define LIMIT_HOME_FILES 1024
#define LIMIT_HOME_DEPTH 8
#define LIMIT_HOME_BYTES (4 * 1024 * 1024)
/* auth.json: a few kilobytes; its two tokens grow with the account's claims. */
#define LIMIT_LOGIN_BYTES (256 * 1024)
/* A path below the drop-off: what Linux itself takes in one call is 4096. */
#define LIMIT_HOME_PATH 1024
/*
 * The look for files that the host obeys: directories and names looked at (a monorepo with its
 * node_modules has 50,000 directories), how long that may take on a slow disk, files kept and
 * the room for their paths (a hundred packages, each with an editor's settings), the longest
 * path, and lines of the closing report. What is beyond a limit is told as not looked at.
 */
#define LIMIT_OBEYED_DIRECTORIES 65536
#define LIMIT_OBEYED_ENTRIES     1000000
#define LIMIT_OBEYED_MS          2000
#define LIMIT_OBEYED_FILES       1024
#define LIMIT_OBEYED_TEXT        (64 * 1024)
#define LIMIT_OBEYED_PATH        512
#define LIMIT_OBEYED_TOLD        40
/* Settings of core.hooksPath in one config, each a directory to be walked; git obeys one. */
#define LIMIT_OBEYED_HOOKS 4
/* Of a repository's config, as far as its core.hooksPath is looked for; git's own has 300
 * bytes. */
#define LIMIT_OBEYED_CONFIG (16 * 1024)
/* A git config that is read key by key: a branch's settings are 80 bytes, so three thousand
 * branches; a key holds a branch's name (255), a value a remote's address. */
#define LIMIT_GITCONFIG_BYTES (256 * 1024)
#define LIMIT_GITCONFIG_KEY   512
#define LIMIT_GITCONFIG_VALUE 4096
/* config.toml as far as it is looked at, brackets within brackets, and a key with its tables.
 */
#define LIMIT_TOML_BYTES (256 * 1024)
#define LIMIT_TOML_DEPTH 32
#define LIMIT_TOML_PATH  256
/* The image's settings for Codex, to which codex-init adds what it tells the agent; and in that
 * text, the allowed places: as many as an agent needs to read, the others are in a file. */
#define LIMIT_AGENT_FILE (32 * 1024)
#define LIMIT_AGENT_LIST 2000
/* Mounts that the launcher has us compare: it makes a dozen, and two for each place inside the
 * project that the user names. Their paths: what Linux takes in one call. */
#define LIMIT_MOUNTS     64
#define LIMIT_MOUNT_PATH 4096
/* /etc/passwd and /etc/group: a full directory service's dump is a few hundred KB. */
#define LIMIT_PASSWD_BYTES (1024 * 1024)
/* What the hook may hand to the payload through SANDBOX_ENV_FILE. */
#define LIMIT_ENV_FILE_BYTES (64 * 1024)
#define LIMIT_ENV_FILE_LINES 512

/*
 * DNS. The flag day's size of 2020: no fragments on any path of 1280 octets.
 */
#define LIMIT_DNS_UDP 1232
/* Records behind the question that a client may send: OPT, perhaps a TSIG, nothing else. */
#define LIMIT_QUERY_ADDITIONAL 4
/* Records looked at in one section of an answer: the chain, and sixteen addresses many times.
 */
#define LIMIT_ANSWER_RECORDS 128
/* An answer by TCP. One with 128 records and long names fits; 64 KB of aliases does not. */
#define LIMIT_DNS_TCP (16 * 1024)
/* Questions out to the upstreams at one time; dnsmasq and Docker's resolver take about as many.
 */
#define LIMIT_QUESTIONS 1024
/* Of these, what the boot leaves free for the payload's own. */
#define LIMIT_QUESTIONS_SPARE 128
/* Sockets for each upstream, each with a port chosen at random, and how many questions
 * one carries before it is replaced by another: with 16 bits of id, what a forger must guess.
 */
#define LIMIT_UPSTREAM_SOCKETS 32
#define LIMIT_UPSTREAM_USES    64
/* Datagrams that answer nothing, by one of these sockets, until its questions are asked anew by
 * another: an honest network sends none, or a duplicate; who guesses at ids sends thousands. */
#define LIMIT_UPSTREAM_WRONG 8
/* Truncated answers fetched by TCP at one time. */
#define LIMIT_UPSTREAM_TCP 16
/* Clients waiting for an upstream; Codex has a few dozen, a flood gets SERVFAIL at once. */
#define LIMIT_WAITERS 1024
/* What of questions by UDP may wait while the resolver doesn't run, in octets. The kernel's own
 * measure is full after three hundred, which a flood sends in six milliseconds; then
 * everybody's are lost, and a C library asks again after five seconds. */
#define LIMIT_CLIENT_QUEUE (1024 * 1024)
/* TCP connections of the payload to the resolver, and how long one may be idle. */
#define LIMIT_CLIENT_TCP    64
#define LIMIT_CLIENT_TCP_MS 10000
/* Names under wildcards kept at one time (in audit mode: any name); the oldest gives way. */
#define LIMIT_DYNAMIC_NAMES 2048
/*
 * Under `*.x` a name can carry data to x's own servers. A label of 63 hexadecimal digits is
 * nobody's host name; 40 takes UUIDs and SHA-1 sums. Longer ones are of words with hyphens
 * between them ("prod-ap-southeast-1-starport-layer-bucket" has 41), no word longer than
 * "internationalization". The whole part before x; and questions that leave for the rule in any
 * minute, retries and renewals among them: a busy build asks for a dozen names, each of which
 * takes two.
 */
#define LIMIT_WILDCARD_LABEL     40
#define LIMIT_WILDCARD_WORD      20
#define LIMIT_WILDCARD_PART      80
#define LIMIT_WILDCARD_QUESTIONS 120
/* The same for each name that a rule holds in full, whose questions say when it was asked for:
 * twice what it takes to keep both families of one whose records live for no time at all. */
#define LIMIT_NAME_QUESTIONS 60
/* Services of allowed names kept at one time; the oldest gives way. */
#define LIMIT_SERVICES 32
/* Pins asked of PID 1 and not yet acknowledged: what its answers' socket buffer surely holds.
 */
#define LIMIT_PINS_OUT 64
/* Refused names whose repeats are counted before they are told, and reports a second. */
#define LIMIT_REFUSED_HELD       64
#define LIMIT_REFUSED_PER_SECOND 100
/*
 * The gate. A hello: Codex's has 1,490 octets, one with every post-quantum share that is
 * proposed today under 8 KB. A request's head: servers take 8 KB (Apache, nginx) to 16 KB
 * (Node).
 */
#define LIMIT_GATE_HELLO (16 * 1024)
#define LIMIT_GATE_HEAD  (16 * 1024)
/* Fields of a head; Apache takes 100. */
#define LIMIT_GATE_FIELDS 128
/* A chunk's extension or the trailer fields: nobody sends any. */
#define LIMIT_GATE_LINE 1024
/*
 * Octets in one chunk, and hexadecimal digits of its size. A server that counts in 32 bits
 * reads 100000005 as 5, one that counts with a sign 80000000 as less than nothing, one with
 * room for eight digits the first eight: so what each of them reads right, and 2 GB more than
 * any client gathers before it sends.
 */
#define LIMIT_GATE_CHUNK        0x7fffffff
#define LIMIT_GATE_CHUNK_DIGITS 8
/* Octets of a Content-Length: the largest file of ext4. Object stores take 5 TB at one time, so
 * less would be in the way; beyond 2^53 a number of JavaScript's isn't exact. */
#define LIMIT_GATE_LENGTH (16ULL << 40)
/* Connections through the gate at one time, of 400 octets each; fewer where the container may
 * not have two descriptors for each. A build opens dozens, a load test hundreds. */
#define LIMIT_GATE_CONNECTIONS 8192
/* Of these, whose bytes are being looked at: for a hello that takes a round trip at most. */
#define LIMIT_GATE_BUFFERS 512
/* Pipes for bytes that a receiver does not take yet; who gets none waits for one. */
#define LIMIT_GATE_PIPES 512
/* How long a hello, a head, an address or a connection may take. Half a minute is what people
 * wait for; ten seconds what a retransmitted SYN needs three times. */
#define LIMIT_GATE_PATIENCE_MS 10000
/* RFC 8305 §8: between attempts to connect. */
#define LIMIT_GATE_ATTEMPT_MS 250
/* RFC 8305 §3: how long the answer for one family waits for the other's. */
#define LIMIT_GATE_FAMILY_MS 50
/* Names whose addresses the gate remembers, and how long it does without asking again. */
#define LIMIT_GATE_NAMES    256
#define LIMIT_GATE_NAMES_MS 30000
/* Octets moved for one connection before the others have their turn. */
#define LIMIT_GATE_TURN (4 * 1024 * 1024)
/* Octets of a refused client that are read and thrown away, so that it gets to read why. */
#define LIMIT_GATE_DISCARD (1024 * 1024)
/* Refusals whose repeats are counted before they are told, and reports a second. */
#define LIMIT_GATE_HELD       64
#define LIMIT_GATE_PER_SECOND 100
/*
 * The control socket, which root alone can reach. Clients at one time (the oldest gives way to
 * a newcomer), and what one status lists of pins and of refused places: a reply of at most 64
 * KB, which the kernel takes at once, so that no client can hold PID 1.
 */
#define LIMIT_CONTROL_CLIENTS 8
#define LIMIT_REPORT_PINS     256
#define LIMIT_REPORT_PLACES   32
/* How long codex-egress waits for PID 1, which may be busy with a thousand refusals. */
#define LIMIT_CONTROL_SECONDS 10
/* How long what the payload left may take to end by TERM. With all that follows the end of a
 * session is to take no more than five seconds; docker stop gives ten. */
#define LIMIT_GRACE_MS 2000
/* Then for KILL to be obeyed: only a process stuck in the kernel needs longer. */
#define LIMIT_KILL_MS 1000
/* At the end, for a worker to tell the refusals that it has only counted: a few datagrams. */
#define LIMIT_SETTLE_MS 500
/* How often to look again for processes that are not our children, whose end isn't told. */
#define LIMIT_LOOK_MS 20
/* Processes seen at one look: the kernel's default pid_max. */
#define LIMIT_PROCESSES 32768
/* Children reaped, and signals read, before the other descriptors are looked at again. */
#define LIMIT_REAP    256
#define LIMIT_SIGNALS 8
/* How long whoever reads our standard error, or a terminal that is to be put right, may take
 * nothing of it before we go on without. */
#define LIMIT_TELL_MS     1000
#define LIMIT_TERMINAL_MS 200

/*
 * Our workers' user ids. Above what distributions hand out and below 65534 ("nobody"), so
 * that they are mapped in a user namespace of 65,536 ids, as rootless engines set up.
 * The probe tries the wall from inside: to the wall it is as the payload is, but for its
 * tries not being counted.
 */
#define UID_PROBE    65310
#define UID_RESOLVER 65311
#define UID_GATE     65312
/* The image's unprivileged user, used when the working directory belongs to root. */
#define UID_CODEX 1000

#endif
