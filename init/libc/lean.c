/*
 * Replacements for parts of the two netlink libraries that codex-init never uses. Static
 * libraries are linked by whole object files: libnl's sockets and messages pull in its caches,
 * its debugging output and its address parser, and those the C library's resolver and its
 * parser of fractions; libnftnl has three dozen expressions. Together that is 90 KB, a sixth of
 * the binary, which has a limit of 512 KB. It is also code that reads the environment before
 * main() or parses foreign input, which PID 1 is better without.
 *
 *	libnl	resolves names only in functions for command lines, which we don't call;
 *		ci/sysroot.sh renamed those calls to the names below. It prints messages
 *		when debugging, and caches the kernel's tables; we use neither.
 *	libnftnl looks expressions up in a table of all of them; ours has those that init/nft
 *		generates. Any other expression in a dump can't be parsed, which counts as a
 *		difference.
 *
 * If a library renames one of these, linking fails, so nothing here can break unnoticed.
 */
#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct nl_cache;
struct nl_cache_ops;
struct nl_msgtype;
struct nl_parser_param;
struct nlmsghdr;
struct sockaddr_nl;
struct nl_dump_params;
struct nl_object;
struct trans_tbl;

int lean_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **out);
int lean_getnameinfo(const struct sockaddr *address, socklen_t length, char *host,
	socklen_t host_size, char *service, socklen_t service_size, int flags);
struct protoent *lean_getprotobyname(const char *name);
struct protoent *lean_getprotobynumber(int number);
double lean_strtod(const char *text, char **end);
extern int nl_debug;
void nl_cache_remove(struct nl_object *o);
struct nl_cache_ops *nl_cache_ops_associate_safe(int protocol, int type);
struct nl_cache_ops *nl_cache_ops_lookup_safe(const char *name);
void nl_cache_ops_put(struct nl_cache_ops *ops);
struct nl_msgtype *nl_msgtype_lookup(struct nl_cache_ops *ops, int type);
int nl_cache_parse(struct nl_cache_ops *ops, struct sockaddr_nl *who, struct nlmsghdr *message,
	struct nl_parser_param *parameters);
void nl_dump_line(struct nl_dump_params *p, const char *format, ...);
void dump_from_ops(struct nl_object *o, struct nl_dump_params *p);
const char *nl_strerror_l(int error);
char *__type2str(int type, char *out, size_t size, const struct trans_tbl *table, size_t count);
int __str2type(const char *text, const struct trans_tbl *table, size_t count);
const struct expr_ops *nftnl_expr_ops_lookup(const char *name);

/* ---- Names and fractions ----------------------------------------------------------------- */

int lean_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **out)
{
	(void)node, (void)service, (void)hints, (void)out;
	return EAI_FAIL;
}

int lean_getnameinfo(const struct sockaddr *address, socklen_t length, char *host,
	socklen_t host_size, char *service, socklen_t service_size, int flags)
{
	(void)address, (void)length, (void)host, (void)host_size, (void)service,
		(void)service_size, (void)flags;
	return EAI_FAIL;
}

struct protoent *lean_getprotobyname(const char *name)
{
	(void)name;
	return NULL;
}

struct protoent *lean_getprotobynumber(int number)
{
	(void)number;
	return NULL;
}

/* Nothing parsed: *end is the beginning, as in strtod(3). */
double lean_strtod(const char *text, char **end)
{
	if (end)
		memcpy(end, &text, sizeof(text));
	return 0;
}

/* ---- Printing, by libnl ------------------------------------------------------------------ */

/* The debug level, which libnl would take from the environment. */
int nl_debug = 0;

void nl_dump_line(struct nl_dump_params *p, const char *format, ...)
{
	(void)p, (void)format;
}

void dump_from_ops(struct nl_object *o, struct nl_dump_params *p)
{
	(void)o, (void)p;
}

const char *nl_strerror_l(int error)
{
	return strerror(error);
}

static char *number(int n, char *out, size_t size)
{
	snprintf(out, size, "%d", n);
	return out;
}

char *__type2str(int type, char *out, size_t size, const struct trans_tbl *table, size_t count)
{
	(void)table, (void)count;
	return number(type, out, size);
}

/* No name is known: no type, no flag. */
int __str2type(const char *text, const struct trans_tbl *table, size_t count)
{
	(void)text, (void)table, (void)count;
	return -1;
}

/* ---- Caches, by libnl -------------------------------------------------------------------- */

void nl_cache_remove(struct nl_object *o)
{
	(void)o;
}

struct nl_cache_ops *nl_cache_ops_associate_safe(int protocol, int type)
{
	(void)protocol, (void)type;
	return NULL;
}

struct nl_cache_ops *nl_cache_ops_lookup_safe(const char *name)
{
	(void)name;
	return NULL;
}

void nl_cache_ops_put(struct nl_cache_ops *ops)
{
	(void)ops;
}

struct nl_msgtype *nl_msgtype_lookup(struct nl_cache_ops *ops, int type)
{
	(void)ops, (void)type;
	return NULL;
}

/* Used when a message is parsed by its type alone, which we never do. */
int nl_cache_parse(struct nl_cache_ops *ops, struct sockaddr_nl *who, struct nlmsghdr *message,
	struct nl_parser_param *parameters)
{
	(void)ops, (void)who, (void)message, (void)parameters;
	return -1;
}

/* ---- Expressions, by libnftnl ------------------------------------------------------------ */

/* The first member of the library's structure. */
struct expr_ops {
	const char *name;
};

extern const struct expr_ops expr_ops_bitwise, expr_ops_cmp, expr_ops_counter, expr_ops_ct,
	expr_ops_dynset, expr_ops_fib, expr_ops_immediate, expr_ops_lookup, expr_ops_meta,
	expr_ops_payload, expr_ops_redir, expr_ops_reject, expr_ops_tproxy;

/* libnftnl defines this in the same file as the function replaced here. It has a name, no
 * attributes and no functions; the rest of its structure may be zero. */
static const struct {
	struct expr_ops ops;
	const void *nothing[16];
} expr_ops_notrack = {.ops.name = "notrack"};

const struct expr_ops *nftnl_expr_ops_lookup(const char *name)
{
	static const struct expr_ops *const all[] = {&expr_ops_bitwise, &expr_ops_cmp,
		&expr_ops_counter, &expr_ops_ct, &expr_ops_dynset, &expr_ops_fib,
		&expr_ops_immediate, &expr_ops_lookup, &expr_ops_meta, &expr_ops_notrack.ops,
		&expr_ops_payload, &expr_ops_redir, &expr_ops_reject, &expr_ops_tproxy};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, all[i]->name) == 0)
			return all[i];
	return NULL;
}
