/* The version, known to one object only, so that a new one rebuilds just that. */
#ifndef INIT_LIB_VERSION_H
#define INIT_LIB_VERSION_H

extern const char version_text[];

#endif
