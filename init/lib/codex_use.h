/*
 * What a command line is for, where it is Codex's: some things about a container matter to some
 * uses of Codex alone. A guess by the words: a wrong one costs a hint, or leaves one out. Pure.
 */
#ifndef INIT_LIB_CODEX_USE_H
#define INIT_LIB_CODEX_USE_H

enum codex_use {
	CODEX_NOT,     /* another program */
	CODEX_ASIDE,   /* it runs no commands of a model's: its version, its settings, logout */
	CODEX_LOGIN,   /* a login by a browser that comes back to Codex */
	CODEX_SESSION, /* with a person at a terminal, who is asked to log in if need be */
	CODEX_WORK,    /* on its own: exec, review */
};

enum codex_use codex_use(char *const *argv);

#endif
