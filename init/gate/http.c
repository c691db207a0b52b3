/*
 * Request heads.
 *
 * Until a head is complete only its line ends are checked, so that a client that sends one
 * octet at a time costs little. Then each line is parsed once, and framing that two servers
 * could understand differently is refused.
 */
#include "http.h"

#include <string.h>
#include <strings.h>

#include "host.h"
#include "http_line.h"

#define HTTP_PORT 80

/* What the fields say, collected until all of them are read. */
struct fields {
	struct http_text host, length, coding, upgrade;
	unsigned hosts, lengths, codings, upgrades;
	bool upgrading, expecting;
	enum gate_reason reason; /* the first error */
};

static bool text_is(struct http_text t, const char *word)
{
	return t.len == strlen(word) && strncasecmp((const char *)t.at, word, t.len) == 0;
}

static struct http_text text_cut(struct http_text *rest, size_t n, size_t skip)
{
	struct http_text part = {rest->at, n};

	rest->at += n + skip;
	rest->len -= n + skip;
	return part;
}

/* Splits off the part before the first c, which is dropped; everything if there is none. */
static struct http_text text_until(struct http_text *rest, uint8_t c)
{
	uint8_t *end = rest->len ? memchr(rest->at, c, rest->len) : NULL;

	return end ? text_cut(rest, (size_t)(end - rest->at), 1) : text_cut(rest, rest->len, 0);
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct http_text trimmed(struct http_text t)
{
	while (t.len > 0 && blank(t.at[0]))
		text_cut(&t, 1, 0);
	while (t.len > 0 && blank(t.at[t.len - 1]))
		t.len--;
	return t;
}

static bool is_token(struct http_text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!http_token(t.at[i]))
			return false;
	return t.len > 0;
}

/* ---- Target -------------------------------------------------------------------------- */

/* host; [IPv6]; an address goes to *literal. */
static enum gate_reason host_or_address(struct http_text host, struct http_head *out)
{
	const bool in_brackets = host.len > 2 && host.at[0] == '[';
	enum gate_reason reason = host_read(host.at, host.len, out->name);

	if (reason == GATE_BAD_NAME &&
		!address_parse((const char *)host.at + in_brackets,
			host.len - 2 * (size_t)in_brackets, &out->literal))
		out->literal.family = 0;
	return reason;
}

/* host or host:port, to out->name and port; port is 0 without one. An empty port is malformed.
 */
static enum gate_reason authority(struct http_text t, struct http_head *out)
{
	const uint8_t *end = t.len ? memchr(t.at, ']', t.len) : NULL;
	size_t brackets = end ? (size_t)(end - t.at) : 0;
	struct http_text rest = {t.at + brackets, t.len - brackets},
			 host = text_until(&rest, ':');
	enum gate_reason reason;
	unsigned value = 0;

	host = (struct http_text){t.at, host.len + brackets};
	reason = host_or_address(host, out);
	out->port = 0;
	if ((reason != GATE_FINE && !out->literal.family) || host.len == t.len)
		return reason;
	if (rest.len == 0 || rest.len > 5 || rest.at[0] == '0')
		return GATE_MALFORMED;
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.at[i] < '0' || rest.at[i] > '9')
			return GATE_MALFORMED;
		value = value * 10 + (rest.at[i] - '0');
	}
	if (value > UINT16_MAX)
		return GATE_MALFORMED;
	out->port = (uint16_t)value;
	return reason;
}

/* The authority of http://authority/path?query. */
static bool absolute(struct http_text target, struct http_text *out)
{
	static const char scheme[] = "http://";
	const size_t n = sizeof(scheme) - 1;

	if (target.len < n || strncasecmp((const char *)target.at, scheme, n) != 0)
		return false;
	text_cut(&target, n, 0);
	for (out->at = target.at, out->len = 0; out->len < target.len; out->len++)
		if (out->at[out->len] == '/' || out->at[out->len] == '?')
			break;
	return true;
}

static enum gate_reason target_read(
	struct http_text method, struct http_text target, struct http_head *out)
{
	struct http_text whom = target;
	enum gate_reason reason;

	for (size_t i = 0; i < target.len; i++)
		if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#')
			return GATE_MALFORMED;
	if (target.len == 0)
		return GATE_MALFORMED;
	if (text_is(method, "CONNECT")) {
		out->form = HTTP_AUTHORITY;
		reason = authority(target, out);
		return reason == GATE_FINE && out->port == 0 ? GATE_MALFORMED : reason;
	}
	if (target.at[0] == '/' || (text_is(target, "*") && text_is(method, "OPTIONS"))) {
		out->form = HTTP_ORIGIN;
		return GATE_FINE;
	}
	if (!absolute(target, &whom))
		return GATE_MALFORMED;
	out->form = HTTP_ABSOLUTE;
	return authority(whom, out);
}

/* method SP target SP version. */
static enum gate_reason request_read(struct http_text line, struct http_head *out, bool *old)
{
	struct http_text method = text_until(&line, ' '), target = text_until(&line, ' ');

	if (text_is(method, "PRI") && text_is(target, "*") && text_is(line, "HTTP/2.0"))
		return GATE_PROTOCOL;
	if (!is_token(method) || line.len != 8 || memcmp(line.at, "HTTP/1.", 7) != 0 ||
		(line.at[7] != '0' && line.at[7] != '1'))
		return GATE_MALFORMED;
	/* Methods are case-sensitive, and no server may be left to guess (RFC 9110 §9.1). */
	if (text_is(method, "CONNECT") && memcmp(method.at, "CONNECT", method.len) != 0)
		return GATE_MALFORMED;
	*old = line.at[7] == '0';
	return target_read(method, target, out);
}

/* Compares the Host field with the target. */
static enum gate_reason host_agree(const struct fields *f, bool old, struct http_head *out)
{
	struct http_head host = {0};
	enum gate_reason reason;

	if (f->hosts > 1)
		return GATE_NAMES_DIFFER;
	/* A CONNECT of old clients has no Host; only we parse that request. */
	if (f->hosts == 0)
		return old && out->form == HTTP_AUTHORITY ? GATE_FINE : GATE_NO_NAME;
	if (out->form == HTTP_ORIGIN)
		return authority(f->host, out);
	reason = authority(f->host, &host);
	if (reason != GATE_FINE)
		return reason;
	if (strcmp(host.name, out->name) != 0)
		return GATE_NAMES_DIFFER;
	if (out->form == HTTP_AUTHORITY)
		return host.port != 0 && host.port != out->port ? GATE_NAMES_DIFFER : GATE_FINE;
	return (host.port ? host.port : HTTP_PORT) == (out->port ? out->port : HTTP_PORT)
		       ? GATE_FINE
		       : GATE_NAMES_DIFFER;
}

/* ---- Fields -------------------------------------------------------------------------- */

/* The options of a Connection field. One that names a field for framing or routing would
 * make a proxy remove it before the server behind it reads the request. */
static bool connection_read(struct http_text list, struct fields *f)
{
	while (list.len > 0) {
		struct http_text option = trimmed(text_until(&list, ','));

		if (option.len > 0 && !is_token(option))
			return false;
		if (text_is(option, "host") || text_is(option, "content-length") ||
			text_is(option, "transfer-encoding"))
			return false;
		f->upgrading |= text_is(option, "upgrade");
	}
	return true;
}

/* Servers that pass fields to programs as variables (CGI, WSGI) turn hyphens into
 * underscores, so Content_Length would be as good as the real one. */
static bool disguised(struct http_text name)
{
	return text_is(name, "content_length") || text_is(name, "transfer_encoding");
}

static bool field_read(struct http_text line, struct fields *f)
{
	struct http_text value = line, name = text_until(&value, ':');
	bool clean = name.len < line.len && is_token(name) && !disguised(name);

	for (size_t i = 0; i < value.len; i++)
		clean &= (value.at[i] >= ' ' || value.at[i] == '\t') && value.at[i] != 0x7f;
	value = trimmed(value);
	if (text_is(name, "host")) {
		if (f->hosts++ == 0)
			f->host = value;
	} else if (text_is(name, "content-length")) {
		f->length = value;
		f->lengths++;
	} else if (text_is(name, "transfer-encoding")) {
		f->coding = value;
		f->codings++;
	} else if (text_is(name, "upgrade")) {
		f->upgrade = value;
		f->upgrades++;
	} else if (text_is(name, "expect")) {
		f->expecting = true;
		clean &= text_is(value, "100-continue");
	} else if (text_is(name, "connection")) {
		clean &= connection_read(value, f);
	}
	return clean;
}

static bool length_read(struct http_text t, uint64_t *out)
{
	if (t.len == 0 || (t.at[0] == '0' && t.len > 1))
		return false;
	for (*out = 0; t.len > 0; text_cut(&t, 1, 0)) {
		if (t.at[0] < '0' || t.at[0] > '9' || *out > LIMIT_GATE_LENGTH / 10)
			return false;
		*out = *out * 10 + (t.at[0] - '0');
	}
	return *out <= LIMIT_GATE_LENGTH;
}

static bool body_find(const struct fields *f, bool old, struct http_head *out)
{
	if (f->lengths + f->codings > 1)
		return false;
	if (f->codings == 1) {
		out->body = HTTP_CHUNKED;
		return !old && text_is(f->coding, "chunked") && out->form != HTTP_AUTHORITY;
	}
	if (f->lengths == 1) {
		out->body = HTTP_LENGTH;
		return length_read(f->length, &out->content_length) &&
		       (out->content_length == 0 || out->form != HTTP_AUTHORITY);
	}
	return true;
}

/* Replaces the name of each such field, in the lines from rest on, by another one of the
 * same length. */
static void hide(struct http_text rest, const char *field, const char *other)
{
	while (rest.len > 0) {
		struct http_text line = text_until(&rest, '\n'), name = text_until(&line, ':');

		if (text_is(name, field))
			memcpy(name.at, other, name.len);
	}
}

/* ---- The head ------------------------------------------------------------------------ */

static enum http_result refuse(struct http_head *out, enum gate_reason reason)
{
	out->reason = reason;
	return HTTP_REFUSED;
}

/* Whether an incomplete head can be HTTP at all. */
static bool begins_well(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && i < HTTP_METHOD; i++) {
		if (bytes[i] == ' ' && i > 0)
			return true;
		if (!http_token(bytes[i]))
			return false;
	}
	return len < HTTP_METHOD;
}

/* Where the head ends: HTTP_WHOLE with out->length, or HTTP_MORE; refused where it can't be one
 * or is too long. */
static enum http_result find_end(const uint8_t *bytes, size_t len, struct http_head *out)
{
	enum http_result result;
	size_t count;

	if (!begins_well(bytes, len))
		return refuse(out, GATE_MALFORMED);
	result = http_lines(bytes, len, &out->length, &count);
	if (result == HTTP_REFUSED)
		return refuse(out, GATE_MALFORMED);
	if ((result == HTTP_MORE ? len + 1 : out->length) > LIMIT_GATE_HEAD ||
		count > LIMIT_GATE_FIELDS + 1)
		return refuse(out, GATE_TOO_LONG);
	return result;
}

/* Reads every field of lines. */
static void read_fields(struct http_text lines, struct fields *f)
{
	bool sound = true;

	while (lines.len > 0) {
		struct http_text line = text_until(&lines, '\n');

		line.len--; /* the CR: http_lines() saw it */
		sound &= field_read(line, f);
	}
	if (f->reason == GATE_FINE && !sound)
		f->reason = GATE_MALFORMED;
}

/* What the request asks for besides, and the server must not be asked. */
static void find_extras(struct http_text lines, struct http_text method, const struct fields *f,
	bool old, bool allow_upgrade, struct http_head *out)
{
	out->expect = f->expecting && !old && out->body != HTTP_NO_BODY;
	out->websocket = allow_upgrade && f->upgrades == 1 &&
			 text_is(f->upgrade, "websocket") && f->upgrading && !old &&
			 out->body == HTTP_NO_BODY && text_is(method, "GET");
	if (f->upgrades > 0 && !out->websocket)
		hide(lines, "upgrade", "X-Asked");
	if (f->expecting)
		hide(lines, "expect", "X-Wait");
}

enum http_result http_head_read(
	uint8_t *bytes, size_t len, bool allow_upgrade, struct http_head *out)
{
	struct http_text lines, request, method;
	struct fields f = {.reason = GATE_FINE};
	enum http_result result;
	bool old = false;

	*out = (struct http_head){.reason = GATE_FINE};
	result = find_end(bytes, len, out);
	if (result != HTTP_WHOLE)
		return result;
	lines = (struct http_text){bytes, out->length - 2}; /* without the empty line */
	request = text_until(&lines, '\n');
	request.len--; /* the CR */
	method = request;
	method = text_until(&method, ' ');
	f.reason = request_read(request, out, &old);
	read_fields(lines, &f);
	/* The name for the report, even if there is another error first. */
	if (out->name[0] == '\0' && f.hosts > 0)
		authority(f.host, out);
	if (f.reason == GATE_FINE)
		f.reason = host_agree(&f, old, out);
	if (f.reason == GATE_FINE && !body_find(&f, old, out))
		f.reason = GATE_MALFORMED;
	if (f.reason != GATE_FINE)
		return refuse(out, f.reason);
	find_extras(lines, method, &f, old, allow_upgrade, out);
	return HTTP_WHOLE;
}
