/*
 * The broker: a worker with a uid and a program of its own (main.c) that holds the credential,
 * so that the payload needs none. It keeps haproxy running, which lets through the few requests
 * that Codex needs (broker_rules.c), takes away whatever credential the client sent, puts in
 * the real one, and speaks verified TLS to the real host through the gate.
 *
 * haproxy's configuration, with the credential in it, is in a memfd that nobody else can open;
 * its sockets are inherited. It has no capability, can start no process, and makes no socket
 * but AF_UNIX. What it logs has been sent by the payload: the worker reads that, and PID 1 gets
 * messages of a fixed size (broker_ipc.h).
 */
#ifndef INIT_BROKER_BROKER_H
#define INIT_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "broker_ipc.h"

#define BROKER_HAPROXY     "/usr/sbin/haproxy"
#define BROKER_ROOTS       "/etc/ssl/certs/ca-certificates.crt"
#define BROKER_SERVER_NAME "api.openai.com"
/* A path of haproxy's own, at which it says that it is there. */
#define BROKER_PROBE_PATH "/codex-init"

/* The longest credential that is taken. */
#define BROKER_CREDENTIAL 512
/* Descriptors for 200 clients, as many servers, and haproxy's own. */
#define BROKER_DESCRIPTORS 1024

struct broker_config {
	int web;                /* listens on 127.0.0.1 for Codex */
	uint16_t port;          /* ... at this port */
	const char *to;         /* where the gate listens for it (abstract, unix(7)) */
	const char *roots;      /* PEM file of the authorities that the server is verified by */
	const char *credential; /* broker_credential_valid() */
};

/* True if it can be a key: 8 to 512 characters of RFC 6750's b68token. */
bool broker_credential_valid(const char *text);
/* True if it can be quoted in the configuration: an absolute path of plain characters. */
bool broker_path_valid(const char *text);

/* Writes haproxy's configuration; log: the descriptor that it is to log to. */
void broker_rules_write(const struct broker_config *c, int log, FILE *to);

/* Reads one line of haproxy's log, without its end; it may contain anything. Returns false if
 * there is nothing in it to report, else fills *out. */
bool broker_log_read(const char *line, size_t size, struct broker_message *out);

/* Serves; channel: PID 1's, whose end is the broker's. Never returns. */
_Noreturn void broker_serve(const struct broker_config *c, int channel);

#endif
