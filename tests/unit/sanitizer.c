/*
 * Linked into every unit test: no alternate signal stack. AddressSanitizer gives it back by a
 * system call when a process ends, and a worker whose filter knows only what it needs in
 * earnest would be killed by that call.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "use_sigaltstack=0";
}
