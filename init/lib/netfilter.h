/*
 * The kernel's netfilter headers together with the C library's <netinet/in.h>. The kernel's
 * in.h and in6.h define the same types: glibc and the kernel coordinate if glibc's header
 * comes first; musl doesn't, so the kernel's are suppressed. Include this before anything
 * that may include either.
 */
#ifndef INIT_LIB_NETFILTER_H
#define INIT_LIB_NETFILTER_H

#include <netinet/in.h>
#ifndef __GLIBC__
#define _UAPI_LINUX_IN_H
#define _UAPI_LINUX_IN6_H
#endif

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#endif
