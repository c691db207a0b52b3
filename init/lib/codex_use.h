/*
 * What a Codex command line does, because some problems of a container matter only to some
 * of Codex's commands. It is a guess from the arguments: a wrong one adds or omits a hint.
 * Pure.
 */
#ifndef INIT_LIB_CODEX_USE_H
#define INIT_LIB_CODEX_USE_H

enum codex_use {
	CODEX_NOT,     /* another program */
	CODEX_ASIDE,   /* runs no commands of the model's: version, settings, logout */
	CODEX_LOGIN,   /* a browser login that redirects to Codex */
	CODEX_SESSION, /* interactive; the user can be asked to log in */
	CODEX_WORK,    /* unattended: exec, review */
};

enum codex_use codex_use(char *const *argv);

/* Codex's command in its arguments, before which settings may stand (-c KEY=VALUE), and what
 * follows it. */
char *const *codex_use_command(char *const *arguments);

#endif
