/*
 * Values of options that are passed on to the engine. They are checked here so that a
 * mistake is reported in our own words, before anything is created. Pure.
 */
#ifndef STUB_VALUES_H
#define STUB_VALUES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

/* Each returns NULL, or the reason why the text is invalid. */

/* An amount of memory: a number above 0, optionally followed by b, k, m or g. */
const char *values_bytes(const char *text);
/* A number of processors with up to two decimals; not 0. */
const char *values_processors(const char *text);
/* NAME:ADDRESS, a line for the container's hosts file. ADDRESS is IPv4, IPv6 (in brackets or
 * not) or host-gateway. */
const char *values_host(const char *text);

/* A SHA-256 as sha256sum prints it. */
const char *values_sha256(const char *text);

/* The value of --publish: [ADDR:]PORT[:PORT], the engine's side first. */
struct publication {
	char address[INET6_ADDRSTRLEN]; /* on the machine; default 127.0.0.1 */
	bool six;                       /* it is an IPv6 address */
	bool loopback;                  /* reachable only from the machine itself */
	uint16_t outside, inside;       /* ports */
};
const char *values_publish(const char *text, struct publication *out);

#endif
