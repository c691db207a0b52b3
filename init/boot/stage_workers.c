/* The stages that start the workers (`resolver`, `gate`), and handling of their messages. */
#include "stages.h"

#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../monitor/gate_messages.h"
#include "../route/divert.h"

/* For a fork and a few allocations; on a swapping machine this may take seconds. */
#define GATE_BOOT_MS 5000

void stage_worker_event(struct boot *b, const char *worker, const char *reason)
{
	struct event e = {.kind = EVENT_WORKER, .name = worker, .reason = reason};

	events_add(b->events, &e);
}

size_t stage_workers(const struct boot *b, pid_t out[WORKERS])
{
	size_t running = 0;

	for (int i = 0; i < WORKERS; i++)
		if (b->supervisors[i].pid)
			out[running++] = b->supervisors[i].pid;
	return running;
}

/* Explains why a worker isn't ready for the boot. If it has exited, nothing else is known. */
static int fail_not_started(
	const struct supervisor *k, const char *operation, const char *late, struct failure *f)
{
	if (k->pid)
		return fail(f, operation, "", "%s", late);
	fail(f, operation, "", "its process has ended");
	return fail_hint(f, "the container may have too little memory, or too few open files "
			    "(--ulimit nofile=1024)");
}

/* ---- The resolver -------------------------------------------------------------------- */

static void add_unresolved(struct boot *b, const struct resolver_message *m)
{
	if (b->names_settled || m->type != RESOLVER_UNRESOLVED)
		return;
	if (b->unresolved < UNRESOLVED_REPORTED)
		b->unresolved_first[b->unresolved] = *m;
	b->unresolved++;
	b->unanswered += m->reason == REASON_TIMEOUT;
	b->not_public += m->reason == REASON_NOT_PUBLIC;
}

static void warn_of_unresolved(const struct boot *b)
{
	char why[POLICY_WHY];

	for (unsigned i = 0; i < b->unresolved && i < UNRESOLVED_REPORTED; i++)
		say_warning("resolver",
			"resolve: %s: %s; it will be tried again when a program asks for it",
			b->unresolved_first[i].name,
			pins_why(&b->o->policy, &b->unresolved_first[i], why));
	if (b->unresolved > UNRESOLVED_REPORTED)
		say_warning("resolver", "and %u more names that do not resolve",
			b->unresolved - UNRESOLVED_REPORTED);
}

/* If no server has answered at all, that is one line about the servers, not one for each
 * name. */
static bool all_silent(const struct boot *b)
{
	return b->status.pinned == 0 && b->unanswered == b->unresolved;
}

static int no_name_resolved(struct boot *b, struct failure *f)
{
	char servers[192] = "", text[ADDRESS_TEXT];

	for (size_t i = 0; i < b->fence.upstreams_count; i++) {
		struct endpoint *e = &b->fence.upstreams[i];

		snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers),
			"%s%s port %u", i ? ", " : "", address_text(&e->address, text),
			e->port);
	}
	if (!servers[0])
		snprintf(servers, sizeof(servers),
			b->local_dns.count ? "there is no DNS server outside the container"
					   : "no server in /etc/resolv.conf");
	fail(f, "resolve the allowed names", servers, "%sno allowed name has an address",
		all_silent(b) && b->fence.upstreams_count ? "no DNS server answered, so " : "");
	if (b->unresolved > 0 && b->not_public == b->unresolved)
		return fail_hint(f,
			"their answers are not public addresses, as those of a fake-IP "
			"resolver (Clash, Surge): use --allow NAME+private for each name "
			"that is needed, or another server: --upstream ADDR, or "
			"CODEX_INIT_UPSTREAM=ADDR");
	return fail_hint(f, "check that these servers answer from the container's network, or "
			    "use another one: --upstream ADDR, or CODEX_INIT_UPSTREAM=ADDR");
}

static pid_t start_resolver(void *context, bool first, int *channel, struct failure *f)
{
	struct boot *b = context;

	return resolver_start(&b->names, first, channel, f);
}

_Static_assert(RESOLVER_BATCH * sizeof(struct resolver_message) <= SUPERVISOR_MESSAGE,
	"a supervisor takes the resolver's longest datagram");

/* One or more messages in a datagram. */
static int take_resolver(void *context, const void *message, size_t size)
{
	struct boot *b = context;
	const struct resolver_message *m = message;
	size_t count = size / sizeof(*m);

	if (size % sizeof(*m) || count == 0 || count > RESOLVER_BATCH)
		return -1;
	for (; count > 0; count--, m++) {
		if (pins_message(&b->pins, m) < 0)
			return -1;
		if (m->type == RESOLVER_UNRESOLVED)
			add_unresolved(b, m);
	}
	return 0;
}

static void look_up_again(void *context, const struct resolver_in_use *m)
{
	struct boot *b = context;

	supervisor_reply(&b->supervisors[WORKER_RESOLVER], m, sizeof(*m));
}

/* A session in which nothing is looked up soon has no pins, and PID 1 sleeps. */
static void watch_pins(struct boot *b, bool watch)
{
	struct itimerspec t = {.it_value.tv_sec = watch ? PINS_IN_USE_SECONDS : 0};

	if (!watch || !b->pins_watched)
		timerfd_settime(b->pins_timer, 0, &t, NULL);
	b->pins_watched = watch;
}

static void pins_timer_ready(void *context, int timer)
{
	struct boot *b = context;
	struct failure f;
	uint64_t ticks;
	int left;

	if (read(timer, &ticks, sizeof(ticks)) < 0)
		return;
	left = pins_in_use(&b->pins, look_up_again, b, &f);
	if (left < 0)
		say_failure_detail("resolver", &f);
	b->pins_watched = false;
	watch_pins(b, left != 0);
}

static int open_pins_timer(struct boot *b, struct failure *f)
{
	b->pins_timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (b->pins_timer < 0 || monitor_watch(b->m, b->pins_timer, pins_timer_ready, b) < 0)
		return fail_errno(f, "create a timer", "");
	return 0;
}

static void answer_resolver(void *context, const struct resolver_pinned *answers, size_t count)
{
	struct boot *b = context;

	supervisor_reply(&b->supervisors[WORKER_RESOLVER], answers, count * sizeof(*answers));
	if (!b->cell) /* where there are none */
		watch_pins(b, true);
}

/* Adds the pins of the messages received together to the wall together. */
static void taken_resolver(void *context)
{
	struct boot *b = context;

	pins_flush(&b->pins, answer_resolver, b);
	b->names_settled |= b->pins.booted;
}

static void resolver_event(void *context, const char *reason, bool dead)
{
	struct boot *b = context;

	b->names_settled |= dead;
	if (b->supervisors[WORKER_RESOLVER].down)
		resolver_unlisten(&b->names.sockets);
	stage_worker_event(b, "resolver", reason);
}

int stage_resolver(struct boot *b, struct failure *f)
{
	static const struct supervisor_worker worker = {
		"resolver", start_resolver, take_resolver, taken_resolver, resolver_event, 0};
	struct supervisor *k = &b->supervisors[WORKER_RESOLVER];
	struct failure none = {0};

	b->names.policy = &b->o->policy;
	b->names.audit = b->fence.audit;
	b->names.patient = b->o->require_names;
	b->names.rations = ration_new(resolver_rations(&b->o->policy));
	if (!b->names.rations)
		return fail_errno(f, "allocate memory for counting questions", "");
	b->pins = (struct pins){.policy = &b->o->policy,
		.wall = b->wall,
		.routes = b->routes,
		.events = b->events,
		.pin_index = b->cell ? NULL : pin_index_new()};
	if (!b->cell && !b->pins.pin_index)
		return fail_errno(f, "allocate memory for open addresses", "");
	k->worker = &worker;
	k->context = b;
	k->monitor = b->m;
	if ((!b->cell && open_pins_timer(b, f) < 0) || supervisor_start(k, f) < 0)
		return -1;
	if (!monitor_wait(b->m, &b->names_settled, RESOLVER_BOOT_MS + 1000) || !b->pins.booted)
		return fail_not_started(k, "start the resolver",
			"it did not resolve the allowed names in time", f);
	b->status.names = b->o->policy.names_count;
	b->status.pinned = b->pins.boot_pinned;
	if (!all_silent(b))
		warn_of_unresolved(b);
	if (b->status.names == 0 || b->status.pinned > 0)
		return 0;
	no_name_resolved(b, &none);
	if (b->o->require_names) {
		*f = none;
		return -1;
	}
	say_failure("resolver", &none);
	return 0;
}

/* ---- The gate ------------------------------------------------------------------------ */

static pid_t start_gate(void *context, bool first, int *channel, struct failure *f)
{
	struct boot *b = context;

	(void)first;
	return gate_start(&b->gate, channel, f);
}

static int take_gate(void *context, const void *message, size_t size)
{
	struct boot *b = context;
	const struct gate_message *m = message;

	if (size == sizeof(*m) && m->type >= GATE_ASK && m->type <= GATE_UNASKED)
		return stage_ask_message(b, m);
	return gate_messages_take(b->events, message, size, &b->gate_ready);
}

static void gate_event(void *context, const char *reason, bool dead)
{
	struct boot *b = context;

	if (dead)
		stage_ask_forget(b);
	/* Nobody will accept connections there: refuse at once rather than let them hang. */
	if (b->supervisors[WORKER_GATE].down) {
		if (b->routes)
			divert_end(b->routes);
		gate_unlisten(&b->gate.sockets);
	}
	stage_worker_event(b, "gate", reason);
}

int stage_gate(struct boot *b, struct failure *f)
{
	static const struct supervisor_worker worker = {
		"gate", start_gate, take_gate, NULL, gate_event, 0};
	struct supervisor *k = &b->supervisors[WORKER_GATE];

	b->gate.policy = &b->o->policy;
	b->gate.resolver_port = b->names.sockets.port;
	b->gate.audit = b->fence.audit;
	b->gate.proxy = b->o->proxy;
	b->gate.conf = &b->names.conf;
	k->worker = &worker;
	k->context = b;
	k->monitor = b->m;
	if (supervisor_start(k, f) < 0)
		return -1;
	if (!monitor_wait(b->m, &b->gate_ready, GATE_BOOT_MS))
		return fail_not_started(k, "start the gate", "it was not ready in time", f);
	return 0;
}
