/*
 * The values of options that go on to the engine. They are looked at here, so that a mistake is
 * told in our words, before anything is created. Pure.
 */
#ifndef STUB_VALUES_H
#define STUB_VALUES_H

#include <stdbool.h>

#include "arena.h"

/* Each returns NULL, or why the text is none. */

/* An amount of memory: a number above 0, and b, k, m or g behind it. */
const char *values_bytes(const char *text);
/* A number of processors: digits, and up to two behind a point; not 0. */
const char *values_processors(const char *text);
/* NAME:ADDRESS, a line for the container's hosts file. ADDRESS is IPv4, IPv6 (in brackets or
 * not) or host-gateway. */
const char *values_host(const char *text);

#endif
