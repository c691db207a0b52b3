/*
 * The broker: a worker with a uid and a program of its own (main.c) that holds the credential,
 * so that the payload needs none. It keeps haproxy running, which lets through the few requests
 * that Codex needs (broker_rules.c), takes away whatever credential the client sent, puts in
 * the real one, and speaks verified TLS to the real host through the gate.
 *
 * haproxy's configuration comes by a pipe, and the files with the credential are memfds that
 * nobody else can open; its sockets are inherited. It has no capability, can start no process,
 * and makes no socket but AF_UNIX. What it logs has been sent by the payload: the worker reads
 * that, and PID 1 gets messages of a fixed size (broker_ipc.h).
 */
#ifndef INIT_BROKER_BROKER_H
#define INIT_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/placeholder_login.h"
#include "broker_ipc.h"

#define BROKER_HAPROXY "/usr/sbin/haproxy"
#define BROKER_OPENSSL "/usr/bin/openssl"
#define BROKER_ROOTS   "/etc/ssl/certs/ca-certificates.crt"
/* The servers: for an API key, and for a ChatGPT login. */
#define BROKER_SERVER_KEY "api.openai.com" /* and BROKER_SERVER_CHAT */

/* Descriptors for 200 clients, as many servers, and haproxy's own. */
#define BROKER_DESCRIPTORS 1024

struct broker_config {
	int web;           /* listens on 127.0.0.1 for Codex */
	uint16_t port;     /* ... at this port */
	const char *to;    /* where the gate listens for it (abstract, unix(7)) */
	const char *roots; /* PEM file of the authorities that the server is verified by */
	int credential;    /* the file with a struct broker_credential */
	int leaf;          /* ... with the session's certificate and key, once it is made */
	int bundle; /* where the authorities and the session's are to be written, or -1 */
};

/* The descriptors that haproxy's configuration names. The files are maps and a list of its. */
struct broker_files {
	int log;            /* where it logs */
	int command;        /* where its commands come from: an end of a socket pair */
	int token, account; /* "x VALUE" */
	int echo;           /* the tokens that no response may have in its headers */
};

/* True if it can be a credential: 8 to BROKER_CREDENTIAL characters of RFC 6750's b68token. */
bool broker_credential_valid(const char *text);
/* True if it can be the id of an account: letters, digits, - and _. */
bool broker_account_valid(const char *text);
/* True if it can be quoted in the configuration: an absolute path of plain characters. */
bool broker_path_valid(const char *text);

/* Writes haproxy's configuration, in which there is no secret; chatgpt: for a ChatGPT login,
 * with TLS. Only what broker_rules_end() writes names the session's certificate. */
void broker_rules_begin(const struct broker_config *c, const struct broker_files *files,
	bool chatgpt, FILE *to);
void broker_rules_end(const struct broker_config *c, const struct broker_files *files,
	bool chatgpt, FILE *to);

/*
 * Has openssl make an authority for this session, for chatgpt.com and names below it, and a
 * certificate by it; its key is then forgotten. Fills c->bundle, with c->roots and the
 * authority, and c->leaf; once, for all who have the file c->leaf: it is sealed then, and what
 * a process before wrote and didn't seal is replaced. Closes c->bundle, which is
 * -1 from then on. Returns 0, or -1.
 */
int session_ca_make(struct broker_config *c);

/* Reads one line of haproxy's log, without its end; it may contain anything. Returns false if
 * there is nothing in it to report, else fills *out. */
bool broker_log_read(const char *line, size_t size, struct broker_message *out);

/* Serves, with the credential in c->credential's file; channel: PID 1's, whose end is the
 * broker's. Never returns. */
_Noreturn void broker_serve(struct broker_config *c, int channel);

#endif
