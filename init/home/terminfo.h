/*
 * Terminal types, as terminfo(5) stores them. A terminal names itself in TERM, and one that is
 * newer than the image (xterm-ghostty, xterm-kitty) has no entry in it: then every program that
 * draws on the screen ends with an error.
 */
#ifndef INIT_HOME_TERMINFO_H
#define INIT_HOME_TERMINFO_H

/* Returns NULL if the files below root ("" for the real ones) have an entry for term, or none
 * that could take its place; otherwise the type to use instead. */
const char *terminfo_replacement(const char *root, const char *term);

#endif
