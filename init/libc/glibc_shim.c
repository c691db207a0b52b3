/*
 * Debian's libmnl and libnftnl were compiled against glibc with fortification, so they call two
 * symbols that musl doesn't have: the checking variants of fprintf(3) and snprintf(3). Where
 * the size of the buffer is too small for what the caller says, the process aborts, as with
 * glibc. Our own code doesn't call them. Linked only if the C library is musl and the libraries
 * were built for glibc; see the Makefile.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

int __fprintf_chk(FILE *f, int flag, const char *format, ...);
int __snprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, ...);

/* The formats come from the libraries and were checked when those were compiled. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vfprintf(f, format, ap);
	va_end(ap);
	return n;
}

int __snprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	if (max > size)
		abort();
	va_start(ap, format);
	n = vsnprintf(s, max, format, ap);
	va_end(ap);
	return n;
}
