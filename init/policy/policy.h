/*
 * The compiled policy: which names and networks may be reached, on which ports, and by
 * which rule. Pure: no system calls, no allocation after policy_compile(), but in
 * policy_deny(). Everything that has to decide asks here; nothing else decides.
 *
 * A policy is filled with policy_add() in any order, then compiled once, then only read, or
 * narrowed by policy_deny().
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

/* How what the rules decide is enforced. */
enum egress { EGRESS_STRICT, EGRESS_PIN, EGRESS_AUDIT, EGRESS_OFF };

enum rule_effect { RULE_ALLOW, RULE_DENY };

enum rule_origin {
	ORIGIN_DEFAULT,     /* the always allowed names */
	ORIGIN_OPTION,      /* --allow, --deny */
	ORIGIN_ENVIRONMENT, /* OPENAI_ALLOWED_DOMAINS, CODEX_INIT_DENY */
	ORIGIN_RUNTIME,     /* codex-egress deny */
};

struct port_list {
	uint8_t count;                   /* 0: every port; only in a deny rule without ports */
	uint16_t port[LIMIT_RULE_PORTS]; /* host byte order, ascending, no doubles */
};

struct rule {
	enum rule_kind kind;
	enum rule_effect effect;
	enum rule_origin origin;
	bool private;           /* +private */
	bool ech;               /* +ech */
	uint8_t prefix;         /* RULE_NETWORK, bits */
	struct address network; /* RULE_NETWORK; host bits are 0 */
	struct port_list ports;
	char name[NAME_TEXT]; /* RULE_NAME, RULE_WILDCARD */
	char preset[64];      /* the preset it came from, or "" */
	const char *reason;   /* static text: why a deny rule of our own refuses, or NULL */
};

/* One name that is known in full and must be resolved at boot. */
struct policy_name {
	const char *name;
	struct port_list ports; /* union of its allow rules, less what is denied; never empty */
	bool private;
};

/*
 * What was denied after the start. PID 1 writes, a rule first and its number in count last,
 * into memory that its workers share and may only read: they parse nothing, and from the moment
 * in which count changes everybody decides by the new rule.
 */
struct policy_denials {
	_Atomic uint32_t count;
	struct rule rules[LIMIT_DENIALS];
};

struct policy {
	struct rule *rules; /* owned; sorted by policy_compile() */
	size_t count, room;
	struct policy_name *names; /* owned; exact names, sorted, those with a port left */
	size_t names_count;
	char proxy[NAME_TEXT]; /* the proxy's name, which is the gate's alone; "": none */
	uint16_t proxy_port;   /* 0: there is no proxy */
	const struct exceptions *direct; /* not owned; who is reached without it */
	struct policy_denials *denials;  /* not owned; NULL: nothing can be denied any more */
	bool compiled;
};

/* What is wrong with a rule, and where: filled when policy_add() refuses one. */
struct rule_error {
	char rule[LIMIT_RULE_TEXT + 1]; /* the rule as written, cut where longer */
	size_t position;                /* of the byte at fault, from 0 */
	char reason[128];
	char preset[64]; /* in this preset's file, or "" */
};

/*
 * How a preset's text is had. Returns the number of bytes put in text (at most size), or -1
 * with errno set. The policy calls it with the checked name (lower case letters, digits,
 * '-', '_') and keeps nothing.
 */
typedef long policy_preset_reader(void *context, const char *preset, char *text, size_t size);

void policy_init(struct policy *p);
void policy_free(struct policy *p);

/*
 * Adds one rule: `name`, `*.name`, `name:22`, `name:443,8443`, `1.2.3.0/24:5432`,
 * `[2001:db8::/32]:443`, `@preset`, each with suffixes +private and +ech. An allow rule for
 * a name without ports means tcp 443 and 80; a network needs ports in an allow rule; a deny
 * rule without ports denies every port and has no suffix. An allow rule for a network that
 * could never have an effect is refused: private without +private, loopback, link-local,
 * multicast and other special ones (but for documentation's, which examples have); so is a
 * wildcard of one label ("*.com"). A network inside NAT64's prefix is the IPv4 one that it
 * stands for. Returns 0, or -1 with *e filled and p
 * unchanged.
 */
int policy_add(struct policy *p, const char *text, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e);

/* Adds each rule of a list separated by blanks, newlines and commas; a comma between two
 * port numbers belongs to its rule ("a.example:443,8443 b.example"). */
int policy_add_list(struct policy *p, const char *text, enum rule_effect effect,
	enum rule_origin origin, policy_preset_reader *reader, void *context,
	struct rule_error *e);

/* Adds the always allowed OpenAI and ChatGPT names. Returns 0, or -1 when out of memory. */
int policy_add_defaults(struct policy *p);

/* Denies one normalised name on every port for a reason of our own, told in the refusal; the
 * text must outlive the policy. Returns 0, or -1 when out of memory. */
int policy_deny_because(struct policy *p, const char *name, const char *reason);

/*
 * There is a proxy. Its name ("" where it was given by its address) is resolved and pinned for
 * the gate alone, on one port, private or not. direct must outlive the policy.
 */
void policy_set_proxy(
	struct policy *p, const char *name, uint16_t port, const struct exceptions *direct);
/*
 * Is this name reached by the proxy, which then looks it up? Not where there is none, nor an
 * excepted name, nor one with +private: that rule is about the addresses that it has here.
 */
bool policy_by_proxy(const struct policy *p, const char *name);
/* True when it is that name: its pins are the gate's. */
bool policy_is_proxy(const struct policy *p, const char *name);
/* What may be pinned for a name: what the rules say, or, for the proxy's, its port. */
struct verdict policy_check_pin(const struct policy *p, const char *name);

/*
 * Denies more in a compiled policy that has denials: text as in policy_add(), its origin
 * ORIGIN_RUNTIME. A rule that is among them already is not added again. Returns 0, or -1 with
 * *e filled and nothing changed: it can't be read, or there is no room for all of it.
 */
int policy_deny(struct policy *p, const char *text, policy_preset_reader *reader, void *context,
	struct rule_error *e);
/* How many denials there are; those before that number may be read. */
size_t policy_denials(const struct policy *p);
/* Writes them, each on a line of its own. */
void policy_print_denials(const struct policy *p, FILE *f);

/* Sorts and merges. Returns 0, or -1 when out of memory. */
int policy_compile(struct policy *p);

/* The answer to "may this be reached?". */
struct verdict {
	bool allowed;
	bool private; /* the name's rules let it have private addresses */
	bool ech;
	struct port_list ports;  /* those allowed; empty when not allowed */
	const struct rule *rule; /* the rule that decided; NULL: none speaks of it */
};

/*
 * Decides about a normalised name, on any port (policy_check_name) or one. Deny wins. A name's
 * addresses are the same whichever rule named it, so where several allow rules speak of it
 * (its own, and wildcards above it) it has the ports of all of them, at most LIMIT_RULE_PORTS
 * and then the lowest, and private and ech when any of them has it.
 */
struct verdict policy_check_name(const struct policy *p, const char *name);
struct verdict policy_check_name_port(const struct policy *p, const char *name, uint16_t port);
/* Decides about an address that was named as such (network rules only). Deny wins. A private
 * address needs a rule with +private; the other ranges that are not public stay shut. */
struct verdict policy_check_address(
	const struct policy *p, const struct address *a, uint16_t port);

/*
 * A name below a wildcard can carry data to the servers of the wildcard's owner. Is the part of
 * the name before the rule's own no longer than a host name is? True for every other rule.
 */
bool policy_wildcard_fits(const struct rule *r, const char *name);

/*
 * May this address be the answer for a name with this verdict? False for every address that
 * is not public (unless private is set and it is ADDRESS_PRIVATE) and for those that a deny
 * rule for a network covers on every port; *reason is then static text.
 */
bool policy_address_usable(const struct policy *p, const struct verdict *v,
	const struct address *a, const char **reason);

/* Why such an address can't be the answer for the name, and which rule helps if any does. */
#define POLICY_WHY 448
void policy_explain_address(const struct verdict *v, const char *name, const struct address *a,
	char out[POLICY_WHY]);

/* Writes one rule as a person would write it ("*.example.com:443,8443+private"). */
void rule_text(const struct rule *r, char *out, size_t size);

/* Room for the text of a rule for one name and port, with its NUL. */
#define RULE_FOR_NAME (NAME_TEXT + sizeof(":65535+private"))
/* Writes the rule to be advised for a normalised name and a port; the web's and 0 stand for the
 * two that a rule without ports means. A name of one label lives in a network of one's own, so
 * without +private its rule would open nothing. Returns out. */
char *rule_for_name(const char *name, uint16_t port, char out[RULE_FOR_NAME]);

/* Prints the compiled policy, one rule a line, in the form --check and
 * /etc/codex/allowed_domains.txt show. Returns 0, or -1 when f reports an error. */
int policy_print(const struct policy *p, FILE *f);

#endif
