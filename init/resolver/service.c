/*
 * Services (SRV, RFC 2782) of allowed names and the accompanying text (TXT): used by
 * mongodb+srv://, and queried first by apt.
 *
 * In a service's name everything but the service is the rule's own name, and services are
 * from a closed list, so the query carries no more information than one for an address; it
 * counts towards the same limit. Replies contain only targets and ports that the rules
 * allow.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Services over TCP that programs can't do without. HTTP's are queried only by apt, which
 * falls back to the name itself: those aren't reported as refusals.
 */
static const struct {
	const char *label;
	bool optional;
} known[] = {
	{"_mongodb", false},
	{"_http", true},
	{"_https", true},
	{"_postgresql", false},
	{"_mysql", false},
	{"_ldap", false},
	{"_ldaps", false},
	{"_kerberos", false},
	{"_etcd-client", false},
	{"_etcd-client-ssl", false},
	{"_imaps", false},
	{"_submissions", false},
	{"_xmpp-client", false},
};
#define KNOWN    (sizeof(known) / sizeof(known[0]))
#define PROTOCOL "._tcp."
/* Cached no longer than a negative answer: services are looked up once, at the client's
 * start. */
#define TTL_CEILING CACHE_NEGATIVE_CEILING

struct service {
	char name[NAME_TEXT]; /* as queried */
	const char *owner;    /* the allowed name, within it */
	uint16_t type;
	bool asking, optional;
	uint8_t result; /* enum cache_result; CACHE_ADDRESSES: `answer` has records */
	uint8_t reason; /* enum resolver_reason */
	struct ration *ration;
	unsigned most;
	int waiters; /* as in struct cache_record */
	int64_t expires, used;
	struct dns_answer answer;
};

struct services {
	int count; /* entries in use; pages above are untouched */
	struct service service[LIMIT_SERVICES];
};

int service_init(struct worker *w)
{
	w->services = calloc(1, sizeof(*w->services));
	return w->services ? 0 : -1;
}

/* "_mongodb._tcp.cluster.test" is a service of cluster.test. NULL if it isn't in the list. */
static const char *owner_of(const char *name, bool *optional)
{
	for (size_t i = 0; i < KNOWN; i++) {
		size_t n = strlen(known[i].label);

		if (strncmp(name, known[i].label, n) != 0 ||
			strncmp(name + n, PROTOCOL, strlen(PROTOCOL)) != 0)
			continue;
		*optional = known[i].optional;
		return name + n + strlen(PROTOCOL);
	}
	return NULL;
}

/* True if the name has a service; its text may be queried only then. */
static bool has_service(const struct worker *w, const char *name)
{
	for (int i = 0; i < w->services->count; i++) {
		const struct service *s = &w->services->service[i];

		if (s->type == DNS_SRV && strcmp(s->owner, name) == 0 &&
			s->result == CACHE_ADDRESSES)
			return true;
	}
	return false;
}

/* ---- Answering ----------------------------------------------------------------------- */

static bool target_allowed(const struct worker *w, const struct dns_service *v)
{
	return policy_check_name_port(w->config->policy, v->target, v->port).allowed;
}

static void explain_ration(const struct service *s, char text[ADMIT_TEXT])
{
	snprintf(text, ADMIT_TEXT, "more than %u questions for the rule of %s in a minute",
		s->most, s->owner);
}

static void explain_targets(const struct service *s, char text[ADMIT_TEXT])
{
	const struct dns_service *v = &s->answer.services[0];
	char rule[RULE_FOR_NAME];

	snprintf(text, ADMIT_TEXT, "%s is %s, port %u, which is not allowed; add --allow %s",
		s->name, v->target, v->port, rule_for_name(v->target, v->port, rule));
}

static void reply_service(struct worker *w, const struct origin *o,
	const struct dns_asked *asked, const struct service *s)
{
	struct dns_service allowed[LIMIT_ANSWER_SERVICES];
	struct dns_reply m = {
		.type = s->type, .services = allowed, .texts = s->answer.texts, .ede = -1};
	int64_t left = (s->expires - w->now) / 1000;
	char text[ADMIT_TEXT];

	m.ttl = left < 1 ? 1 : (uint32_t)left;
	if (s->result == CACHE_ADDRESSES && s->type == DNS_TXT)
		m.count = s->answer.count;
	for (size_t i = 0;
		s->result == CACHE_ADDRESSES && s->type == DNS_SRV && i < s->answer.count; i++)
		if (target_allowed(w, &s->answer.services[i]))
			allowed[m.count++] = s->answer.services[i];
	if (s->result == CACHE_ADDRESSES && m.count == 0) {
		explain_targets(s, text);
		m.ede = DNS_EDE_BLOCKED;
		m.ede_text = text;
	} else if (s->result == CACHE_NXDOMAIN) {
		m.rcode = RCODE_NXDOMAIN;
	} else if (s->result == CACHE_FAILED && s->reason == REASON_LIMIT) {
		explain_ration(s, text);
		m.rcode = RCODE_NXDOMAIN;
		m.ede = DNS_EDE_BLOCKED;
		m.ede_text = text;
	} else if (s->result == CACHE_FAILED) {
		m.rcode = RCODE_SERVFAIL;
	}
	client_reply(w, o, asked, &m);
}

static void settle(struct worker *w, struct service *s, enum cache_result result,
	enum resolver_reason reason, uint32_t seconds)
{
	struct waiter *x;
	int at = s->waiters;

	s->asking = false;
	s->result = (uint8_t)result;
	s->reason = (uint8_t)reason;
	s->expires = w->now + seconds * INT64_C(1000);
	if (reason == REASON_LIMIT)
		channel_refused(w, s->owner, reason);
	s->waiters = NONE;
	while ((x = client_next(w, &at)))
		reply_service(w, &x->origin, &x->asked, s);
}

/* ---- Asking -------------------------------------------------------------------------- */

bool service_may_ask(struct worker *w, int index)
{
	const struct service *s = &w->services->service[index];

	return ration_take(s->ration, w->now, s->most);
}

const char *service_name(const struct worker *w, int index)
{
	return w->services->service[index].owner;
}

void service_answered(struct worker *w, int index, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason)
{
	struct service *s = &w->services->service[index];
	uint32_t ttl;

	if (!answer) {
		settle(w, s, CACHE_FAILED, reason, CACHE_FAILURE_TTL);
		return;
	}
	ttl = answer->ttl < CACHE_TTL_FLOOR ? CACHE_TTL_FLOOR
	      : answer->ttl > TTL_CEILING   ? TTL_CEILING
					    : answer->ttl;
	if (outcome != OUTCOME_ADDRESSES) {
		settle(w, s, outcome == OUTCOME_NXDOMAIN ? CACHE_NXDOMAIN : CACHE_EMPTY,
			REASON_NONE, ttl);
		return;
	}
	s->answer = *answer;
	for (size_t i = 0; s->type == DNS_SRV && !s->optional && i < answer->count; i++)
		if (!target_allowed(w, &answer->services[i]))
			channel_target(w, &answer->services[i]);
	settle(w, s, CACHE_ADDRESSES, REASON_NONE, ttl);
}

/* The entry for this query, or an old one to replace. */
static struct service *place_for(struct worker *w, const char *name, uint16_t type)
{
	struct service *free = NULL;

	for (int i = 0; i < w->services->count; i++) {
		struct service *s = &w->services->service[i];

		if (s->type == type && strcmp(s->name, name) == 0)
			return s;
		if (!s->asking && (!free || s->used < free->used))
			free = s;
	}
	return w->services->count < LIMIT_SERVICES ? &w->services->service[w->services->count++]
						   : free;
}

/* The ration for its queries: the name's own, or its wildcard's. */
static void set_ration(struct worker *w, struct service *s, const struct verdict *v)
{
	int index = cache_find(&w->cache, s->owner);

	if (index >= 0 && !w->cache.names[index].dynamic && w->cache.names[index].ration) {
		s->ration = w->cache.names[index].ration;
		s->most = LIMIT_NAME_QUESTIONS;
	} else {
		s->ration = ration_of(w, v->rule);
		s->most = LIMIT_WILDCARD_QUESTIONS;
	}
}

static void ask(struct worker *w, struct service *s)
{
	enum resolver_reason reason = upstream_ask(w->upstream, s->name, NULL, s->type,
		SERVICE_TAG + (int)(s - w->services->service), false, w->now);

	s->asking = reason == REASON_NONE;
	if (reason != REASON_NONE)
		settle(w, s, CACHE_FAILED, reason, CACHE_FAILURE_TTL);
}

bool service_question(struct worker *w, const struct dns_query *q, const struct origin *o)
{
	const struct policy *p = w->config->policy;
	bool optional = false;
	const char *owner = q->type == DNS_SRV ? owner_of(q->name, &optional) : q->name;
	struct service *s;
	struct verdict v;

	if ((q->type != DNS_SRV && q->type != DNS_TXT) || !q->plain || !owner)
		return false;
	v = policy_check_name(p, owner);
	if (!v.allowed || !policy_wildcard_fits(v.rule, owner) || policy_by_proxy(p, owner) ||
		(q->type == DNS_TXT && !has_service(w, owner)))
		return false;
	s = place_for(w, q->name, q->type);
	if (!s)
		return false;
	if (strcmp(s->name, q->name) != 0 || s->type != q->type) {
		*s = (struct service){.type = q->type, .optional = optional, .waiters = NONE};
		strcpy(s->name, q->name);
		s->owner = s->name + (owner - q->name);
		set_ration(w, s, &v);
	}
	s->used = w->now;
	if (!s->asking && s->result != CACHE_UNKNOWN && w->now < s->expires)
		reply_service(w, o, &q->asked, s);
	else if (client_wait(w, &s->waiters, q, o) && !s->asking)
		ask(w, s);
	return true;
}
