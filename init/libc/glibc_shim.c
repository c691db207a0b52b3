/*
 * Debian's static libmnl, libnftnl and libnl were compiled against glibc with fortification,
 * so they call a dozen symbols that musl does not have: the `__*_chk` variants of stdio and
 * memcpy, and glibc's C23 names of strtol() and sscanf(). This file defines just those, each by
 * the function it stands for. Nothing of our own code calls them.
 *
 * The checking variants keep their promise where they are told the size of the buffer: too
 * small ends the process, as glibc's do. Linked only where the C library is musl and the
 * libraries are not (the Makefile tells); on a distribution whose libraries are musl's own,
 * this file has no place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __fprintf_chk(FILE *f, int flag, const char *format, ...);
int __printf_chk(int flag, const char *format, ...);
int __vfprintf_chk(FILE *f, int flag, const char *format, va_list ap);
int __snprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, ...);
int __sprintf_chk(char *s, int flag, size_t size, const char *format, ...);
int __asprintf_chk(char **out, int flag, const char *format, ...);
int __vasprintf_chk(char **out, int flag, const char *format, va_list ap);
void *__memcpy_chk(void *to, const void *from, size_t n, size_t size);
long __isoc23_strtol(const char *s, char **end, int base);
unsigned long __isoc23_strtoul(const char *s, char **end, int base);
int __isoc23_sscanf(const char *s, const char *format, ...);
int __isoc23_fscanf(FILE *f, const char *format, ...);

/* The formats come from the libraries, already checked when they were compiled. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

int __vfprintf_chk(FILE *f, int flag, const char *format, va_list ap)
{
	(void)flag;
	return vfprintf(f, format, ap);
}

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

int __printf_chk(int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vprintf(format, ap);
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

int __sprintf_chk(char *s, int flag, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vsnprintf(s, size, format, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= size)
		abort();
	return n;
}

int __vasprintf_chk(char **out, int flag, const char *format, va_list ap)
{
	(void)flag;
	return vasprintf(out, format, ap);
}

int __asprintf_chk(char **out, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vasprintf(out, format, ap);
	va_end(ap);
	return n;
}

void *__memcpy_chk(void *to, const void *from, size_t n, size_t size)
{
	if (n > size)
		abort();
	return memcpy(to, from, n);
}

long __isoc23_strtol(const char *s, char **end, int base)
{
	return strtol(s, end, base);
}

unsigned long __isoc23_strtoul(const char *s, char **end, int base)
{
	return strtoul(s, end, base);
}

/*
 * Only libnl scans: DECnet addresses, and the traffic control's clock in /proc. Neither is
 * ours, and a scanner of formats is 10 KB, so these two never match.
 */
int __isoc23_sscanf(const char *s, const char *format, ...)
{
	(void)s, (void)format;
	return EOF;
}

int __isoc23_fscanf(FILE *f, const char *format, ...)
{
	(void)f, (void)format;
	return EOF;
}
