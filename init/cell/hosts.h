/*
 * How programs in the cell find the gate: by entries for every exact name in hosts(5), which
 * all of them read, and for what comes up under wildcards by our resolver, by TCP
 * (resolv.conf(5), use-vc), which C libraries but musl can. Pure, but for what is written to a
 * stream.
 */
#ifndef INIT_CELL_HOSTS_H
#define INIT_CELL_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../lib/resolvconf.h"
#include "../policy/policy.h"

/* Writes the hosts file: what the old one has for other names, then an entry for each exact
 * name of the policy. */
void hosts_write(const struct policy *p, const char *old, size_t len, FILE *to);
/* Has each exact name that entry in what was read? */
bool hosts_complete(const struct policy *p, const struct hosts_entry *entries, size_t count);
/* Takes such entries out: they are no addresses of anybody's. Returns how many are left. */
size_t hosts_without_stand_ins(struct hosts_entry *entries, size_t count);

/* Writes resolv.conf: our resolver by TCP, and the old one's other lines; its servers become
 * comments, which hosts_resolv_undo() makes servers again when the container is started anew.
 */
void hosts_resolv_write(const char *old, size_t len, FILE *to);
/* In place; a text that isn't ours stays as it is. */
void hosts_resolv_undo(char *text, size_t len);
/* Does this text have programs ask our resolver by TCP? */
bool hosts_resolv_leads(const char *text, size_t len);

/* --check --hosts: a line with the options for docker run and podman run, then what a pod's
 * spec has to say in YAML. */
void hosts_print(const struct policy *p, FILE *to);

#endif
