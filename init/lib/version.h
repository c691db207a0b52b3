/* The version, in a file of its own so that a new one rebuilds nothing else. */
#ifndef INIT_LIB_VERSION_H
#define INIT_LIB_VERSION_H

extern const char version_text[];

#endif
