/* All limits of codex-sandbox, with reasons. */
#ifndef STUB_BOUNDS_H
#define STUB_BOUNDS_H

/* auth.json: a few kilobytes; its two JWTs grow with the account's claims. */
#define BOUND_AUTH_BYTES (256 * 1024)
/* An API key: what codex-init's broker takes. */
#define BOUND_KEY_LEAST 8
#define BOUND_KEY_BYTES 512
/* The access token of a ChatGPT login, the claims of its id token, and its account's id. */
#define BOUND_CREDENTIAL 8192
#define BOUND_ACCOUNT    64
/* The decoded claims of the access token, of which one number is used. */
#define BOUND_TOKEN_BYTES (16 * 1024)
/* A file that codex-init copies: no more than it accepts (LIMIT_HOME_BYTES there). */
#define BOUND_CARRIED_BYTES (4 * 1024 * 1024)
/* What is read of a config.toml of Codex's, as of auth.json. */
#define BOUND_CONFIG_BYTES (256 * 1024)
/* Nesting depth of JSON. Codex writes three levels. */
#define BOUND_JSON_DEPTH 32
/*
 * Entries below .codex that are checked for links leading out, and their depth. Skills and
 * prompts are dozens of files; more than this isn't configuration, and is refused rather
 * than skipped.
 */
#define BOUND_LINK_ENTRIES 20000
#define BOUND_LINK_DEPTH   16
/* Symbolic links in one path: what Linux follows (MAXSYMLINKS). */
#define BOUND_LINKS 40
/* Looks at a path that appears between two of them: a few starts at one moment. */
#define BOUND_LOOKS 16
/* For the processes of a session that has just ended: two seconds (in microseconds). */
#define BOUND_LOCK_TRIES 100
#define BOUND_LOCK_NAP   20000
/* Questions before one start. Anyone who exposes more places knows what -y is for. */
#define BOUND_QUESTIONS 32
/* A file of variables: many times what fits on an engine's command line. */
#define BOUND_ENV_FILE (64 * 1024)
/* The list of mounts for codex-init (LIMIT_MOUNTS there), as one variable: Linux allows 128
 * KiB. */
#define BOUND_MOUNTS      64
#define BOUND_MOUNTS_TEXT (120 * 1024)
/* The readable part of a container's name: enough to tell projects apart in `docker ps`. */
#define BOUND_NAME_TEXT 48
/* Digits of --pids-limit: the kernel has at most 4,194,304 processes. */
#define BOUND_PIDS_DIGITS 7
/* Digits of an amount of memory or a number of processors: the kernel counts in 64 bits. */
#define BOUND_DIGITS 18
/* A host name (RFC 1035 section 2.3.4). */
#define BOUND_HOST_NAME 253
/* Closing reports that are kept, for all projects together; how many are examined to find
 * the oldest; and the space reserved for one: a long one has some hundred lines. */
#define BOUND_REPORTS      200
#define BOUND_REPORTS_SEEN 10000
#define BOUND_REPORT_BYTES (64 * 1024)
/* Sessions of one project whose events are kept (codex-init bounds each: LIMIT_TRAIL_BYTES
 * there); and how much of the disk is reserved for one. */
#define BOUND_TRAILS      10
#define BOUND_TRAIL_BYTES (64 * 1024)
/* What is read of such a file: codex-init's bound with room to spare. And names of earlier
 * sessions that a session's are compared with. */
#define BOUND_TRAIL_READ (8 * 1024 * 1024)
#define BOUND_NAMES      100000
/* What codex-init reads of them (LIMIT_KNOWN there). */
#define BOUND_KNOWN_BYTES (256 * 1024)
/* Names that status says are new. */
#define BOUND_NEW 20
/* Rules that learn proposes: a session's summary has 256. And names below one domain from which
 * on it mentions a wildcard. */
#define BOUND_PROPOSALS 512
#define BOUND_WILDCARD  3
/* Names that are told with a rule in their place. */
#define BOUND_SHOWN 4
/* How much is kept of an error message of the engine. */
#define BOUND_COMPLAINT 400
/* The engine's list of a user's sandboxes: some hundred, with their paths. */
#define BOUND_ANSWERS   (256 * 1024)
#define BOUND_SANDBOXES 256
/* Directories around the current one in which a sandbox may work. */
#define BOUND_PARENTS 64
/* A file of options, and one of rules that a project proposes: many times what anybody keeps.
 */
#define BOUND_KEPT_BYTES (64 * 1024)
#define BOUND_KEPT_LINES 2000
/* Rules that a project may propose: what a person still reads. */
#define BOUND_PROPOSED 100
/* How much is read of the settings of the engine's client. */
#define BOUND_ENGINE_SETTINGS (64 * 1024)
/*
 * git's configuration, of which two settings are used: the bytes of a file; including
 * included ones, the number of files and their depth (git's own MAX_INCLUDE_DEPTH); a name
 * or an address.
 */
#define BOUND_GIT_BYTES    (64 * 1024)
#define BOUND_GIT_FILES    32
#define BOUND_GIT_DEPTH    10
#define BOUND_GIT_IDENTITY 256
/* A repository's config that codex-init guards: as much as it reads (LIMIT_GITCONFIG_BYTES). */
#define BOUND_GIT_CONFIG (256 * 1024)
/* The file .git of a worktree or submodule: "gitdir: " and a path. */
#define BOUND_GIT_POINTER (4096 + 16)
/* Worktrees of the repository that are protected from being pruned, by a mount each. */
#define BOUND_WORKTREES 24
/* Idmapped mounts of root's directories: the workdir, a repository around it, and four of
 * Codex's. */
#define BOUND_TREES 16
/* Variables passed to codex-init besides its options. */
#define BOUND_VARIABLES 8
/* The launcher's command line in hints: nobody pastes a longer one, and it has to fit into a
 * message of codex-init. */
#define BOUND_LAUNCHER 800
/* An answer to a yes/no question. */
#define BOUND_ANSWER 16
/*
 * `codex-egress watch`, whose lines come from the container: a line (a reply holds an
 * explanation of some hundred bytes, an event four strings of 255), its strings, its words
 * and addresses, and the text of a reply, of which this many lines are shown.
 */
#define BOUND_WATCH_LINE   (16 * 1024)
#define BOUND_WATCH_STRING 320
#define BOUND_WATCH_WORD   48
#define BOUND_WATCH_TEXT   4096
#define BOUND_WATCH_ROWS   24
/* The widest row that is printed: terminals are narrower, and nobody reads on in a file. */
#define BOUND_WATCH_WIDTH 1000
/* Questions that wait to be answered; codex-init has 32 at one time (LIMIT_ASKED). */
#define BOUND_WATCH_QUESTIONS 64
/* How long a question may wait: a day. */
#define BOUND_WATCH_EXPIRES 86400
/*
 * Commands of --notify that run at one time: a person answers one question after the other, and
 * a webhook is quick. What is read of an answer: "allow", and blanks. And the descriptors that
 * may be open in the launcher when it starts processes.
 */
#define BOUND_NOTIFY_JOBS   4
#define BOUND_NOTIFY_ANSWER 64
#define BOUND_DESCRIPTORS   256
/* --ask: how long a connection is held, and at most (LIMIT_ASK_SECONDS of codex-init). */
#define ASK_SECONDS       "60"
#define BOUND_ASK_SECONDS 3600

#endif
