/*
 * Terminal types in terminfo(5). TERM names the user's terminal, which may be newer than the
 * image (xterm-ghostty, xterm-kitty) and have no entry in it: then every full-screen program
 * fails.
 */
#ifndef INIT_HOME_TERMINFO_H
#define INIT_HOME_TERMINFO_H

/* Returns NULL if the files below root ("" for the real ones) have an entry for term, or none
 * that could take its place; otherwise the type to use instead. */
const char *terminfo_replacement(const char *root, const char *term);

#endif
