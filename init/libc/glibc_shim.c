/*
 * Debian's static libmnl, libnftnl and libnl were compiled against glibc with fortification, so
 * they call a dozen symbols that musl doesn't have: the `__*_chk` variants of stdio and memcpy,
 * and glibc's C23 names of strtol() and sscanf(). This file defines just those on top of musl.
 * Our own code doesn't call them.
 *
 * The checking variants do check where they are given the size of the buffer: if it is too
 * small, the process aborts, as with glibc. Linked only if the C library is musl and the
 * libraries were built for glibc; see the Makefile.
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

/* The formats come from the libraries and were checked when those were compiled. */
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
 * Only libnl uses scanf, for DECnet addresses and for the traffic control's clock in /proc. We
 * need neither, and an implementation takes 10 KB, so these two never match.
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
