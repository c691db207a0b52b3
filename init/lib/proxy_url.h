/* The URL of --proxy: http://[user:password@]host[:port][/]. Pure. */
#ifndef INIT_LIB_PROXY_URL_H
#define INIT_LIB_PROXY_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "name.h"

/* Size of the base64 text of user and password; longer ones are refused. */
#define PROXY_AUTHORIZATION 512

/* The HTTP proxy that all traffic has to go through. */
struct gate_proxy {
	char name[NAME_TEXT];                    /* "" if it was given by address */
	struct address address;                  /* family 0: the name has to be resolved */
	uint16_t port;                           /* 0: no proxy */
	char authorization[PROXY_AUTHORIZATION]; /* the value of Proxy-Authorization, or "" */
};

/*
 * Parses the URL. User and password may be percent-encoded (RFC 3986 §2.1) and are combined
 * as for Basic (RFC 7617); the default port is 80. localhost, loopback, link-local and the
 * like are refused. Returns true, or false with *why set to static text, which never
 * contains any part of the URL: it may be a password.
 */
bool proxy_url_read(const char *url, struct gate_proxy *out, const char **why);

#endif
