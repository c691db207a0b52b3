/*
 * The kernel's netfilter headers beside the C library's <netinet/in.h>. The kernel's own in.h
 * and in6.h define the same types: glibc settles that with the kernel when its header comes
 * first, musl does not, so they are kept out. To be included before anything else that may
 * include either. Private to this room.
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
