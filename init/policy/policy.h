/*
 * The compiled policy: which names and networks may be reached, on which ports, and by which
 * rule. Pure: no system calls, and no allocation after policy_compile() except in policy_say()
 * and policy_undo(). Every decision is made here.
 *
 * A policy is filled with policy_add() in any order, compiled once, and from then on only
 * read; policy_say() lays runtime rules over it.
 */
#ifndef INIT_POLICY_POLICY_H
#define INIT_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/address.h"
#include "../lib/limits.h"
#include "../lib/name.h"
#include "exceptions.h"

enum rule_kind {
	RULE_NAME,     /* example.com */
	RULE_WILDCARD, /* *.example.com: name holds example.com */
	RULE_NETWORK,  /* 192.0.2.0/24:5432 */
};

/* How decisions are enforced. */
enum egress { EGRESS_STRICT, EGRESS_PIN, EGRESS_AUDIT, EGRESS_OFF };

enum rule_effect { RULE_ALLOW, RULE_DENY };

enum rule_origin {
	ORIGIN_DEFAULT,     /* the names that are always allowed */
	ORIGIN_OPTION,      /* --allow, --deny */
	ORIGIN_ENVIRONMENT, /* OPENAI_ALLOWED_DOMAINS, CODEX_INIT_DENY */
	ORIGIN_RUNTIME,     /* codex-egress allow, codex-egress deny */
};

struct port_list {
	uint8_t count;                   /* 0: every port; only in a deny rule without ports */
	uint16_t port[LIMIT_RULE_PORTS]; /* host byte order, ascending, no duplicates */
};

struct rule {
	enum rule_kind kind;
	enum rule_effect effect;
	enum rule_origin origin;
	bool private;           /* +private */
	bool ech;               /* +ech */
	uint8_t prefix;         /* RULE_NETWORK, bits */
	struct address network; /* RULE_NETWORK; host bits are clear */
	struct port_list ports;
	char name[NAME_TEXT]; /* RULE_NAME, RULE_WILDCARD */
	char preset[64];      /* the preset it came from, or "" */
	const char *reason;   /* static text: the reason of a built-in deny rule, or NULL */
};

/* An exact name, which is resolved at boot. */
struct policy_name {
	const char *name;
	struct port_list ports; /* union of its allow rules without denied ports; never empty */
	bool private;
};

/*
 * Rules given at run time, in memory that the workers map read-only and have nothing to parse
 * in. A slot's rule is written once, before count includes it, and never changes; only whether
 * it is in force does, which everybody obeys at once. So no reader sees half a rule, and the
 * rule in a verdict stays valid.
 */
struct overlay_slot {
	_Atomic uint32_t in_force;
	struct rule rule;
};

struct policy_overlay {
	_Atomic uint32_t count;   /* slots in use */
	_Atomic uint32_t version; /* changes with each change */
	_Atomic uint32_t watched; /* somebody can be asked */
	struct overlay_slot slots[LIMIT_OVERLAY];
};

struct policy {
	struct rule *rules; /* owned; sorted by policy_compile() */
	size_t count, room;
	struct policy_name *names; /* owned; exact names that have a port left, sorted */
	size_t names_count;
	char proxy[NAME_TEXT];  /* the proxy's name, which only the gate uses; "": none */
	uint16_t proxy_port;    /* 0: no proxy */
	char broker[NAME_TEXT]; /* the name that only the broker may connect to; "": none */
	const struct exceptions *direct; /* not owned; names reached without the proxy */
	struct policy_overlay *overlay; /* not owned; NULL: no rules can be given at run time */
	bool widest;                    /* policy_widest() */
	bool compiled;
};

/* What is wrong with a rule and where, filled when policy_add() rejects one. */
struct rule_error {
	char rule[LIMIT_RULE_TEXT + 1]; /* the rule as written, possibly cut */
	size_t position;                /* offset of the offending byte */
	char reason[128];
	char preset[64]; /* the preset whose file it is in, or "" */
};

/* The reason in a rule_error about a missing preset begins with this; its name follows. */
#define POLICY_NO_PRESET "there is no preset "

/*
 * Reads the text of a preset. Returns the number of bytes stored in text (at most size), or
 * -1 with errno set. preset is already checked (lower case letters, digits, '-', '_').
 */
typedef long policy_preset_reader(void *context, const char *preset, char *text, size_t size);

void policy_init(struct policy *p);
void policy_free(struct policy *p);

/*
 * Adds one rule: `name`, `*.name`, `name:22`, `name:443,8443`, `1.2.3.0/24:5432`,
 * `[2001:db8::/32]:443`, `@preset`, with optional suffixes +private and +ech. An allow rule
 * for a name without ports means tcp 443 and 80; an allow rule for a network needs ports; a
 * deny rule without ports denies every port, and takes no suffix. An allow rule for a
 * network that could never have an effect is rejected: private without +private, loopback,
 * link-local, multicast and other special ones (but not documentation ranges, which examples
 * use); so is a single-label wildcard ("*.com"). A network in the NAT64 prefix is replaced
 * by the IPv4 network it stands for. Returns 0, or -1 with *e filled and p unchanged.
 */
int policy_add(struct policy *p, const char *text, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e);

/* Adds each rule of a list separated by blanks, newlines and commas. A comma between two
 * port numbers is part of the rule ("a.example:443,8443 b.example"). */
int policy_add_list(struct policy *p, const char *text, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e);

/* Adds the OpenAI and ChatGPT names that are always allowed. Returns 0, or -1 if out of
 * memory. */
int policy_add_defaults(struct policy *p);

/* Denies a normalised name on every port, with a reason for the refusal message; reason must
 * outlive the policy. Returns 0, or -1 if out of memory. */
int policy_deny_because(struct policy *p, const char *name, const char *reason);

/* The port of the broker's server. */
#define BROKER_PORT 443

/*
 * Sets the proxy. Its name ("" if it was given by address) is resolved and pinned for the
 * gate alone, on one port, whether private or not. direct must outlive the policy.
 */
void policy_set_proxy(
	struct policy *p, const char *name, uint16_t port, const struct exceptions *direct);
/*
 * True if this name is reached through the proxy, which then resolves it. False without a
 * proxy, for the names in direct, and for names with +private, a rule about the addresses
 * the name has here.
 */
bool policy_by_proxy(const struct policy *p, const char *name);
/* True if this is the proxy's name, whose pins are for the gate alone. */
bool policy_is_proxy(const struct policy *p, const char *name);
/*
 * Leaves a normalised name to the broker, and takes the built-in rules away: the command
 * reaches none of OpenAI's names unless a rule of the user's allows it. Before
 * policy_compile().
 */
void policy_set_broker(struct policy *p, const char *name);
/* The i-th name of the built-in rules, or NULL. */
const char *policy_default(size_t i);
/* Which of those names a rule opens to the command though there is a broker, as bits; 0 without
 * one. *name: the first that isn't among `before`, or NULL. */
unsigned policy_opened(const struct policy *p, unsigned before, const char **name);
/* Whether the broker may connect to it: its name on port 443, if no rule denies that. */
struct verdict policy_check_broker(const struct policy *p, const char *name, uint16_t port);
/* True if this is the broker's name, and no rule allows it to the command as well. */
bool policy_only_broker(const struct policy *p, const char *name);
/* What may be pinned for a name: what the rules say, or the proxy's port for the proxy's
 * name, and port 443 for the broker's. */
struct verdict policy_check_pin(const struct policy *p, const char *name);

/* The result of a change. */
struct policy_change {
	bool widened, narrowed;    /* neither: nothing has changed */
	bool networks;             /* a network rule has changed, ... */
	bool private;              /* ... one with +private */
	const struct rule *winner; /* policy_say(): nothing has changed, since this rule denies
				    * all that was to be allowed */
};

/*
 * Allows or denies more in a compiled policy that has an overlay. text as for policy_add(); the
 * origin is ORIGIN_RUNTIME. The last word about a rule counts: an allow revokes a runtime deny
 * of the same text, and vice versa. Any other deny wins over every allow. Returns 0 with *c
 * filled; or -1 with *e filled and nothing changed, if the text is invalid or there isn't room
 * for all of it.
 */
int policy_say(struct policy *p, const char *text, enum rule_effect effect,
	policy_preset_reader *reader, void *context, struct policy_change *c,
	struct rule_error *e);
/* Revokes the runtime rules with this text, suffixes aside. Returns as policy_say() does. */
int policy_undo(struct policy *p, const char *text, policy_preset_reader *reader, void *context,
	struct policy_change *c, struct rule_error *e);
/* A number that changes with every change. */
uint32_t policy_version(const struct policy *p);
/* The number of overlay slots used so far. */
size_t policy_overlaid(const struct policy *p);
/* Writes the runtime rules in force, one per line, as options of the launcher; at most `most`.
 * Returns how many there are. */
size_t policy_print_overlay(const struct policy *p, size_t most, FILE *f);
/* Writes each of them between two texts, as "allow" or "deny", a blank, and the rule as a shell
 * takes it. */
void policy_each_overlaid(
	const struct policy *p, const char *before, const char *behind, FILE *f);

/* Writes the command that revokes a runtime rule, as a line: the launcher's, which begins with
 * `here`, or codex-egress if that is NULL. */
void policy_print_undo(const struct rule *r, const char *here, FILE *f);

/* Whether somebody is there who can be asked (--ask), and PID 1's word that it is so. */
bool policy_watched(const struct policy *p);
void policy_watch(struct policy *p, bool watched);
/* True if that person is to be asked about a name: no rule decides about it on that port (0: on
 * any), and it isn't one that Codex asks for on its own, or that the broker is there to keep
 * from the command. */
bool policy_asks(const struct policy *p, const char *name, uint16_t port);

/* True if rule_for_name() gives the same rule for both ports: one question is about both. */
bool policy_same_rule(uint16_t port, uint16_t other);

/*
 * All rules by number: first those of the start, then the overlay's. policy_rule() returns NULL
 * for one that isn't in force. Every number is below policy_rules_most().
 */
size_t policy_rules(const struct policy *p);
size_t policy_rules_most(const struct policy *p);
const struct rule *policy_rule(const struct policy *p, size_t number);
/* The number of a rule in a verdict. */
size_t policy_rule_number(const struct policy *p, const struct rule *r);

/* A view of the policy with everything that was ever allowed, and without runtime denials: what
 * may have been opened at some time. Valid as long as p; not to be freed. */
struct policy policy_widest(const struct policy *p);

/* Sorts and merges the rules. Returns 0, or -1 if out of memory. */
int policy_compile(struct policy *p);

/* The answer to "may this be reached?". */
struct verdict {
	bool allowed;
	bool private; /* private addresses are acceptable for this name */
	bool ech;
	struct port_list ports;  /* the allowed ones; empty if not allowed */
	const struct rule *rule; /* the deciding rule; NULL: no rule matches */
};

/*
 * Decides about a normalised name on any port (policy_check_name) or one port. Deny wins. A
 * name's addresses are the same whichever rule matched, so if several allow rules match (its
 * own and wildcards above it) it gets the ports of all of them, at most the lowest
 * LIMIT_RULE_PORTS, and private and ech if any of them has it.
 */
struct verdict policy_check_name(const struct policy *p, const char *name);
struct verdict policy_check_name_port(const struct policy *p, const char *name, uint16_t port);
/* Decides about an address, by network rules only. Deny wins. A private address needs a rule
 * with +private; other non-public ranges are always refused. */
struct verdict policy_check_address(
	const struct policy *p, const struct address *a, uint16_t port);

/*
 * A name below a wildcard can carry data to the servers of the wildcard's owner. True if the
 * part below the wildcard is no longer than real host names are; true for every other kind
 * of rule.
 */
bool policy_wildcard_fits(const struct rule *r, const char *name);

/*
 * True if the address is an acceptable answer for a name with this verdict. False for
 * non-public addresses (unless private is set and it is ADDRESS_PRIVATE) and for those in a
 * network that is denied on every port; *reason is then static text.
 */
bool policy_address_usable(const struct policy *p, const struct verdict *v,
	const struct address *a, const char **reason);

/* Writes why the address isn't an acceptable answer for the name, and which rule would help,
 * if any. */
#define POLICY_WHY 448
void policy_explain_address(const struct verdict *v, const char *name, const struct address *a,
	char out[POLICY_WHY]);

/* Writes a rule in the syntax of policy_add() ("*.example.com:443,8443+private"). */
void rule_text(const struct rule *r, char *out, size_t size);

/* Size of a buffer for a rule for one name and port, NUL included. */
#define RULE_FOR_NAME (NAME_TEXT + sizeof(":65535+private"))
/*
 * Writes the rule to suggest for a normalised name and a port; 443, 80 and 0 mean the
 * default ports. A single-label name belongs to a private network, so +private is added,
 * without which its rule would have no effect. Returns out.
 */
char *rule_for_name(const char *name, uint16_t port, char out[RULE_FOR_NAME]);

/* Prints one rule by its number. Returns false, and prints nothing, if it isn't in force or has
 * no effect. */
bool policy_print_rule(const struct policy *p, size_t number, FILE *f);
/* Prints the compiled policy, one rule per line, in the format of --check and
 * /etc/codex/allowed_domains.txt. Returns 0, or -1 if f has an error. */
int policy_print(const struct policy *p, FILE *f);

#endif
