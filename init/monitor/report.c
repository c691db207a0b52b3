/* See report.h. */
#include "report.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Pins sorted by address, up to the limit; others are only counted. */
struct pins_seen {
	struct pin pin[LIMIT_REPORT_PINS];
	size_t count, total;
};

static int by_address(const void *a, const void *b)
{
	const struct pin *x = a, *y = b;
	int order = address_compare(&x->address, &y->address);

	return order ? order : (x->port > y->port) - (x->port < y->port);
}

static void see_pin(void *context, const struct pin *p)
{
	struct pins_seen *seen = context;

	seen->total++;
	if (seen->count < LIMIT_REPORT_PINS)
		seen->pin[seen->count++] = *p;
}

static void put_pins(const struct report *r, FILE *to)
{
	static const char *const kinds[] = {[PIN_PUBLIC] = "",
		[PIN_PRIVATE] = "  private",
		[PIN_PROXY] = "  the proxy, for the gate only"};
	struct pins_seen seen = {0};
	struct failure f = {0};
	char text[ADDRESS_TEXT];

	/* In the cell nothing is opened: the gate connects to what the resolver returns. */
	if (!r->wall)
		return;
	if (wall_pins(r->wall, see_pin, &seen, &f) < 0) {
		fprintf(to, "pins       %s: %s\n", f.operation, f.reason);
		return;
	}
	fprintf(to, "pins       %zu\n", seen.total);
	qsort(seen.pin, seen.count, sizeof(seen.pin[0]), by_address);
	for (size_t i = 0; i < seen.count; i++) {
		const struct pin *p = &seen.pin[i];

		fprintf(to, "  %-39s %5u  ", address_text(&p->address, text), p->port);
		if (p->seconds)
			fprintf(to, "%6" PRIu32 " s%s\n", p->seconds, kinds[p->kind]);
		else
			fprintf(to, "until the end%s\n", kinds[p->kind]);
	}
	if (seen.total > seen.count)
		fprintf(to, "  and %zu more\n", seen.total - seen.count);
}

/* DNS over TLS (RFC 7858). */
#define DOT_PORT 853

/* What is needed to explain why an address was refused. */
struct refusals {
	struct events *events;
	const struct wall_config *config;
	const struct pin_index *names;
	struct address proxies[LIMIT_ANSWER_ADDRESSES];
	size_t proxies_count;
};

static void see_proxy(void *context, const struct pin *p)
{
	struct refusals *all = context;

	if (p->kind == PIN_PROXY && all->proxies_count < LIMIT_ANSWER_ADDRESSES)
		all->proxies[all->proxies_count++] = p->address;
}

static bool is_among(const struct address *a, const struct address *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (address_compare(a, &list[i]) == 0)
			return true;
	return false;
}

/* Why no rule is suggested, or would be bad advice; NULL: a rule for the address would do. */
static const char *why_refused(const struct refusals *all, const struct wall_refusal *r)
{
	struct verdict v = policy_check_address(all->config->policy, &r->address, r->port);

	if (r->protocol != IPPROTO_TCP)
		return r->protocol == IPPROTO_UDP ? "UDP can't be allowed"
						  : "only TCP can be allowed";
	if (v.rule && v.rule->effect == RULE_DENY)
		return v.rule->reason ? v.rule->reason : "denied by a rule";
	if (is_among(&r->address, all->proxies, all->proxies_count))
		return "the proxy is for the gate only";
	if (r->port == DOT_PORT)
		return "DNS over TLS would bypass the rules for names";
	return NULL;
}

/* The name that an address was last opened for. */
struct named {
	const struct address *address;
	const char *name;
};

static bool is_named(void *context, const char *name, const struct address *a)
{
	struct named *found = context;

	if (address_compare(a, found->address) == 0)
		found->name = name;
	return !found->name;
}

/* A program that asked for a name meant the name, whatever port it went to. */
static const char *name_of(const struct refusals *all, const struct wall_refusal *r)
{
	struct named found = {.address = &r->address};
	size_t cursor = 0;

	if (all->names && r->protocol == IPPROTO_TCP)
		pin_index_walk(all->names, &cursor, is_named, &found);
	return found.name;
}

static void see_refusal(void *context, const struct wall_refusal *r)
{
	const struct refusals *all = context;
	struct event e = {.kind = EVENT_REFUSED_ADDRESS,
		.address = r->address,
		.port = r->port,
		.reason = why_refused(all, r),
		.count = r->packets};

	if (!e.reason) {
		e.name = name_of(all, r);
		if (e.name && address_classify(&r->address) == ADDRESS_PRIVATE)
			e.advice = "+private";
	}
	/* A gateway is refused like a private address, whatever its class. */
	if (!e.reason &&
		is_among(&r->address, all->config->gateways, all->config->gateways_count))
		e.advice = "+private";
	events_add(all->events, &e);
}

int report_refusals(struct events *e, struct wall *w, const struct wall_config *c,
	const struct pin_index *names, struct failure *f)
{
	struct refusals all = {.events = e, .config = c, .names = names};

	if (c->proxied && wall_pins(w, see_proxy, &all, f) < 0)
		return -1;
	return wall_refusals(w, see_refusal, &all, f);
}

/* Refused names are counted as they come; refused addresses by the wall, and read now into a
 * temporary count, because the closing report reads them again. */
static void put_refusals(const struct report *r, FILE *to)
{
	struct events *addresses = NULL;
	struct failure f = {0};

	if (events_open(&addresses, NULL, &f) < 0 ||
		(r->wall && report_refusals(addresses, r->wall, r->config, r->names, &f) < 0))
		fprintf(to, "refused    %s: %s\n", f.operation, f.reason);
	events_context(addresses, NULL, NULL, r->policy);
	fprintf(to, "refused    %" PRIu64 "\n",
		events_refused(r->events) + events_refused(addresses));
	events_places(r->events, LIMIT_REPORT_PLACES, to);
	events_places(addresses, LIMIT_REPORT_PLACES, to);
	events_close(addresses);
}

static void put_duration(long long seconds, FILE *to)
{
	if (seconds >= 86400)
		fprintf(to, "%lld d ", seconds / 86400);
	if (seconds >= 3600)
		fprintf(to, "%lld h ", seconds / 3600 % 24);
	if (seconds >= 60)
		fprintf(to, "%lld min ", seconds / 60 % 60);
	fprintf(to, "%lld s\n", seconds % 60);
}

static void put_flows(const struct gate_counters *c, FILE *to)
{
	fprintf(to,
		"flows      %" PRIu64 " under way; %" PRIu64 " connections so far, %" PRIu64
		" refused; %" PRIu64 " bytes up, %" PRIu64 " down\n",
		atomic_load(&c->flows), atomic_load(&c->connections), atomic_load(&c->refused),
		atomic_load(&c->bytes_up), atomic_load(&c->bytes_down));
}

void report_status(const struct report *r, FILE *to)
{
	const struct status *s = r->status;

	fprintf(to, "version    %s\negress     %s\nwall       %s\nup         ", s->version,
		s->egress, s->wall);
	put_duration(r->uptime, to);
	fprintf(to, "user       %lu:%lu\n", (unsigned long)s->uid, (unsigned long)s->gid);
	fprintf(to, "names      %" PRIu32 " of %zu resolved at the start\n", s->pinned,
		s->names);
	fprintf(to, "boot       ");
	for (size_t i = 0; i < s->stages_count; i++)
		fprintf(to, "%s%s %" PRIu64 ".%" PRIu64 " ms", i ? ", " : "", s->stages[i].name,
			s->stages[i].microseconds / 1000, s->stages[i].microseconds / 100 % 10);
	fprintf(to, "\n");
	for (size_t i = 0; i < r->workers_count; i++) {
		const struct report_worker *w = &r->workers[i];

		fprintf(to, "%-10s ", w->name);
		if (w->pid)
			fprintf(to, "pid %d", (int)w->pid);
		else
			fprintf(to, "down");
		fprintf(to, ", started again %u time%s\n", w->restarts,
			w->restarts == 1 ? "" : "s");
	}
	if (r->gate)
		put_flows(r->gate, to);
	if (policy_overlaid(r->policy))
		fprintf(to, "rules      %zu by codex-egress (%zu of %d places are used)\n",
			policy_print_overlay(r->policy, 0, NULL), policy_overlaid(r->policy),
			LIMIT_OVERLAY);
	policy_print_overlay(r->policy, LIMIT_REPORT_RULES, to);
	put_refusals(r, to);
	put_pins(r, to);
}

/* A rule's line: its text, and where it came from. */
#define RULE_LINE (LIMIT_RULE_TEXT + 256)

void report_rules(const struct policy *p, size_t room, FILE *to)
{
	const size_t all = policy_rules(p), given = all - p->count;
	size_t i = 0;

	/* Runtime rules have the highest numbers. */
	for (; i < all && (size_t)ftell(to) + 2 * RULE_LINE < room; i++)
		policy_print_rule(p, i < given ? p->count + i : i - given, to);
	if (i < all)
		fprintf(to, "# and %zu more: /etc/codex/allowed_domains.txt\n", all - i);
}
