/* Every limit of codex-sandbox, each with its reason. */
#ifndef STUB_BOUNDS_H
#define STUB_BOUNDS_H

/* auth.json: a few kilobytes; its two JWTs grow with the account's claims. */
#define BOUND_AUTH_BYTES (256 * 1024)
/* The decoded claims of the access token, of which one number is wanted. */
#define BOUND_TOKEN_BYTES (16 * 1024)
/* A file that codex-init is to copy: no more than it takes (LIMIT_HOME_BYTES there). */
#define BOUND_CARRIED_BYTES (4 * 1024 * 1024)
/* Nesting of JSON that is followed. Codex writes three levels. */
#define BOUND_JSON_DEPTH 32
/* Entries looked at below .codex for links that lead out, and how deep. Skills and prompts are
 * dozens of files; more than this is no configuration and is refused, never skipped. */
#define BOUND_LINK_ENTRIES 20000
#define BOUND_LINK_DEPTH   16
/* Symbolic links on the way of one path: what Linux follows (MAXSYMLINKS). */
#define BOUND_LINKS 40
/* Questions to answer before one start. Whoever exposes more places knows what -y is for. */
#define BOUND_QUESTIONS 32
/* A file of variables: what an engine's command line would take many times over. */
#define BOUND_ENV_FILE (64 * 1024)
/* The list of mounts for codex-init (LIMIT_MOUNTS there), as one variable: Linux takes 128 KiB.
 */
#define BOUND_MOUNTS      64
#define BOUND_MOUNTS_TEXT (120 * 1024)
/* The readable part of a container's name: enough to tell projects apart in `docker ps`. */
#define BOUND_NAME_TEXT 48
/* Digits of --pids-limit: the kernel numbers no more than 4,194,304 processes. */
#define BOUND_PIDS_DIGITS 7
/* Digits of an amount of memory or a number of processors: the kernel counts in 64 bits. */
#define BOUND_DIGITS 18
/* A host's name (RFC 1035 section 2.3.4). */
#define BOUND_HOST_NAME 253
/* Closing reports that are kept, for all projects together; how many are looked at when the
 * oldest is to go; and the room that one gets beforehand: a long one has some hundred lines. */
#define BOUND_REPORTS      200
#define BOUND_REPORTS_SEEN 10000
#define BOUND_REPORT_BYTES (64 * 1024)
/* What is kept of an engine's own complaint. */
#define BOUND_COMPLAINT 400
/* What is looked at of the engine's client's own settings. */
#define BOUND_ENGINE_SETTINGS (64 * 1024)
/* git's own configuration, of which two settings are taken: a file's bytes, and with those that
 * they include how many and how deep (git's own MAX_INCLUDE_DEPTH); a name or an address. */
#define BOUND_GIT_BYTES    (64 * 1024)
#define BOUND_GIT_FILES    32
#define BOUND_GIT_DEPTH    10
#define BOUND_GIT_IDENTITY 256
/* The file .git of a worktree or submodule: "gitdir: " and a path. */
#define BOUND_GIT_POINTER (4096 + 16)
/* Worktrees of the repository that are kept from being pruned, each by a mount. */
#define BOUND_WORKTREES 24
/* Things that codex-init is told beside its options. */
#define BOUND_TOLD 8
/* The command that goes on with a session: longer than this nobody pastes it. */
#define BOUND_AGAIN 1000
/* An answer to a yes/no question. */
#define BOUND_ANSWER 16

#endif
