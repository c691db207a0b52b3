/*
 * resolv.conf(5) and hosts(5), as the engine writes them. Pure; bounded; a line that does
 * not parse is passed over, as the C libraries do.
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
	char search[LIMIT_SEARCH][NAME_TEXT]; /* normalised; "." and empty ones left out */
	size_t search_count;
	unsigned ndots;
};

/* Reads the text of a resolv.conf. No nameserver line gives upstreams_count 0. */
void resolvconf_parse(const char *text, size_t len, struct resolvconf *out);

/* One name of /etc/hosts. */
struct hosts_entry {
	struct address address;
	char name[NAME_TEXT]; /* normalised */
};
/* Reads the text of a hosts file into at most max entries; returns how many. */
size_t resolvconf_parse_hosts(
	const char *text, size_t len, struct hosts_entry *out, size_t max);

#endif
