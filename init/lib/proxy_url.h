/* The proxy's URL, as --proxy has it: http://[user:password@]host[:port][/]. Pure. */
#ifndef INIT_LIB_PROXY_URL_H
#define INIT_LIB_PROXY_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "name.h"

/* Room for a user and a password in base64; longer ones are refused. */
#define PROXY_AUTHORIZATION 512

/* An HTTP proxy that everything has to go through. */
struct gate_proxy {
	char name[NAME_TEXT];   /* "" where it was given by its address */
	struct address address; /* family 0: the resolver has to be asked for the name */
	uint16_t port;          /* 0: there is no proxy */
	char authorization[PROXY_AUTHORIZATION]; /* the value of Proxy-Authorization, or "" */
};

/*
 * Reads it. User and password may be percent-encoded (RFC 3986 §2.1) and are put together as
 * Basic has it (RFC 7617); the port is 80 unless it says another, as in every URL of that
 * scheme. localhost, loopback, link-local and the like are refused. Returns true, or false with
 * *why set to static text, which never holds any part of
 * the URL: it may be a password.
 */
bool proxy_url_read(const char *url, struct gate_proxy *out, const char **why);

#endif
