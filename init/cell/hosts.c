#include "hosts.h"

#include <string.h>

#include "../lib/fake_ip.h"

#define FIRST_LINE "nameserver 127.0.0.1\n"
#define LAST_LINE  "options use-vc\n"
#define KEPT       "#codex-init "

/* The proxy's name is for the gate only, the broker's for the broker. */
static bool is_exact(const struct policy *p, size_t i)
{
	return !policy_is_proxy(p, p->names[i].name) &&
	       !policy_only_broker(p, p->names[i].name);
}

static const char *stand_in(size_t index, char text[ADDRESS_TEXT])
{
	const struct address a = fake_ip_address(FAKE_IP_CELL, index);

	return address_text(&a, text);
}

static bool has_name(const struct policy *p, const char *word, size_t len)
{
	char name[NAME_TEXT];
	const char *why;
	size_t at;

	if (!name_normalise(word, len, name, &at, &why))
		return false;
	for (size_t i = 0; i < p->names_count; i++)
		if (is_exact(p, i) && strcmp(p->names[i].name, name) == 0)
			return true;
	return false;
}

static size_t blanks(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] == ' ' || text[n] == '\t' || text[n] == '\r'))
		n++;
	return n;
}

static size_t word(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] != ' ' && text[n] != '\t' && text[n] != '\r' &&
		text[n] != '#')
		n++;
	return n;
}

/* A line of the old file, without names that have an entry of ours. */
static void write_others(const struct policy *p, const char *line, size_t len, FILE *to)
{
	size_t at = blanks(line, len), address = word(line + at, len - at), names = 0;
	const char *first = line + at;

	for (at += address; at < len;) {
		size_t n;

		at += blanks(line + at, len - at);
		n = word(line + at, len - at);
		if (n == 0)
			break;
		if (!has_name(p, line + at, n)) {
			if (names++ == 0)
				fprintf(to, "%.*s", (int)address, first);
			fprintf(to, " %.*s", (int)n, line + at);
		}
		at += n;
	}
	if (names > 0)
		fputc('\n', to);
}

/* Takes the next line, without its newline, from a text. Returns false if there is none. */
static bool next_line(const char **text, size_t *len, const char **line, size_t *n)
{
	const char *end;

	if (*len == 0)
		return false;
	end = memchr(*text, '\n', *len);
	*line = *text;
	*n = end ? (size_t)(end - *text) : *len;
	*text += *n + (end != NULL);
	*len -= *n + (end != NULL);
	return true;
}

void hosts_write(const struct policy *p, const char *old, size_t len, FILE *to)
{
	char text[ADDRESS_TEXT];
	const char *line;
	size_t n;

	while (next_line(&old, &len, &line, &n))
		write_others(p, line, n, to);
	for (size_t i = 0; i < p->names_count; i++)
		if (is_exact(p, i))
			fprintf(to, "%s %s\n", stand_in(i, text), p->names[i].name);
}

bool hosts_complete(const struct policy *p, const struct hosts_entry *entries, size_t count)
{
	for (size_t i = 0; i < p->names_count; i++) {
		const struct address a = fake_ip_address(FAKE_IP_CELL, i);
		bool there = !is_exact(p, i);

		for (size_t j = 0; j < count && !there; j++)
			there = strcmp(entries[j].name, p->names[i].name) == 0 &&
				address_compare(&entries[j].address, &a) == 0;
		if (!there)
			return false;
	}
	return true;
}

size_t hosts_without_fake_ips(struct hosts_entry *entries, size_t count)
{
	size_t left = 0, unused;

	for (size_t i = 0; i < count; i++)
		if (!fake_ip_index(FAKE_IP_CELL, &entries[i].address, &unused))
			entries[left++] = entries[i];
	return left;
}

static bool begins(const char *line, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

void hosts_resolv_write(const char *old, size_t len, FILE *to)
{
	const char *line;
	size_t n;

	fputs(FIRST_LINE, to);
	while (next_line(&old, &len, &line, &n)) {
		const size_t blank = blanks(line, n);

		fprintf(to, "%s%.*s\n",
			begins(line + blank, n - blank, "nameserver") ? KEPT : "", (int)n,
			line);
	}
	fputs(LAST_LINE, to);
}

void hosts_resolv_undo(char *text, size_t len)
{
	const char *rest = text, *line;
	const size_t first = strlen(FIRST_LINE);
	bool ours = false;
	size_t n, left = len;

	if (!begins(text, len, FIRST_LINE))
		return;
	while (next_line(&rest, &left, &line, &n))
		if (begins(line, n, KEPT)) {
			memset(text + (line - text), ' ', strlen(KEPT));
			ours = true;
		}
	if (ours)
		memset(text, ' ', first - 1);
}

static bool has_word(const char *line, size_t n, const char *wanted)
{
	const size_t len = strlen(wanted);

	for (size_t i = 0; i + len <= n; i++)
		if (memcmp(line + i, wanted, len) == 0)
			return true;
	return false;
}

bool hosts_resolv_leads(const char *text, size_t len)
{
	bool first = true, ours = false, by_tcp = false;
	const char *line;
	size_t n;

	while (next_line(&text, &len, &line, &n)) {
		if (first && begins(line, n, "nameserver")) {
			/* As written here, or by an engine. */
			ours = n == strlen(FIRST_LINE) - 1 && memcmp(line, FIRST_LINE, n) == 0;
			first = false;
		}
		by_tcp |= begins(line, n, "options") && has_word(line, n, "use-vc");
	}
	return ours && by_tcp;
}

void hosts_print(const struct policy *p, FILE *to)
{
	char text[ADDRESS_TEXT];

	fprintf(to, "--dns 127.0.0.1 --dns-option use-vc");
	for (size_t i = 0; i < p->names_count; i++)
		if (is_exact(p, i))
			fprintf(to, " --add-host %s:%s", p->names[i].name, stand_in(i, text));
	fprintf(to,
		"\n\n"
		"dnsPolicy: None\n"
		"dnsConfig:\n"
		"  nameservers: [127.0.0.1]\n"
		"  options: [{name: use-vc}]\n"
		"hostAliases:%s\n",
		p->names_count ? "" : " []");
	for (size_t i = 0; i < p->names_count; i++)
		if (is_exact(p, i))
			fprintf(to, "- {ip: %s, hostnames: [%s]}\n", stand_in(i, text),
				p->names[i].name);
}
