/*
 * How programs in the cell find the gate: every exact name has an entry in hosts(5), which
 * all programs read; names under wildcards come from our resolver by TCP (resolv.conf(5),
 * use-vc), which C libraries except musl support. Pure, apart from writing to a stream.
 */
#ifndef INIT_CELL_HOSTS_H
#define INIT_CELL_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../lib/resolvconf.h"
#include "../policy/policy.h"

/* Writes the hosts file: the old one's entries for other names, then one for each exact name
 * of the policy. */
void hosts_write(const struct policy *p, const char *old, size_t len, FILE *to);
/* True if each exact name has its entry. */
bool hosts_complete(const struct policy *p, const struct hosts_entry *entries, size_t count);
/* Removes such entries, which aren't real addresses. Returns how many are left. */
size_t hosts_without_fake_ips(struct hosts_entry *entries, size_t count);

/*
 * Writes resolv.conf: our resolver by TCP, and the old one's other lines. Its servers become
 * comments, which hosts_resolv_undo() turns into servers again when the container is
 * restarted.
 */
void hosts_resolv_write(const char *old, size_t len, FILE *to);
/* In place; a text that isn't ours is unchanged. */
void hosts_resolv_undo(char *text, size_t len);
/* True if this text has programs query our resolver by TCP. */
bool hosts_resolv_leads(const char *text, size_t len);

/* --check --hosts: a line with the options for docker run and podman run, then the part of a
 * pod's spec in YAML. */
void hosts_print(const struct policy *p, FILE *to);

#endif
