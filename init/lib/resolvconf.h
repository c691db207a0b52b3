/*
 * resolv.conf(5) and hosts(5). Pure; bounded; lines that don't parse are skipped, as the C
 * libraries do.
 */
#ifndef INIT_LIB_RESOLVCONF_H
#define INIT_LIB_RESOLVCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "limits.h"
#include "name.h"

#define RESOLVCONF_PORT 53

struct resolvconf {
	struct endpoint upstreams[LIMIT_UPSTREAMS];
	size_t upstreams_count;
	char search[LIMIT_SEARCH][NAME_TEXT]; /* normalised; without "." and empty ones */
	size_t search_count;
	unsigned ndots;
};

/* Parses a resolv.conf. Without nameserver lines, upstreams_count is 0. */
void resolvconf_parse(const char *text, size_t len, struct resolvconf *out);

/* One name in /etc/hosts. */
struct hosts_entry {
	struct address address;
	char name[NAME_TEXT]; /* normalised */
};
/* Parses a hosts file into at most max entries. Returns their number. */
size_t resolvconf_parse_hosts(
	const char *text, size_t len, struct hosts_entry *out, size_t max);

#endif
