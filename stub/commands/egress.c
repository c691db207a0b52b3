/* The commands that PID 1 of the container answers: codex-egress's own (init/egress). */
#include <stdio.h>
#include <string.h>

#include "../bounds.h"
#include "../kept_edit.h"
#include "../names.h"
#include "../rules.h"
#include "rows.h"
#include "sandbox.h"

/* codex-egress [--by WHO] NAME [argument], in a list that the caller frees. */
static void gather(struct call *call, struct sandbox *s, const char *argument, bool rule,
	struct string_list *words)
{
	string_list_add(words, "exec");
	string_list_add(words, "--user=0:0");
	string_list_add(words, s->id);
	string_list_add(words, ARGV_EGRESS);
	if (rule) {
		string_list_add(words, "--by");
		string_list_add(words, sandbox_caller(s));
	}
	string_list_add(words, call->command->name);
	if (argument)
		string_list_add(words, argument);
}

static int ask_inside(struct call *call, const char *argument, const char *workdir, bool rule,
	struct error *t)
{
	struct string_list words = {0};
	struct sandbox s;

	if (sandbox_find_inside(&s, call, workdir, t) == 0) {
		gather(call, &s, argument, rule, &words);
		sandbox_become(&s, words.word, t);
		string_list_free(&words);
	} else if (s.none && rule) {
		refuse_hint(
			t, "codex-sandbox ls lists yours; --save keeps it for the next start");
	}
	sandbox_free(&s);
	return -1;
}

/* Writes the rule into the project's file, or takes it out. */
static int keep(
	struct sandbox *s, const char *workdir, const struct kept_edit *edit, struct error *t)
{
	const char *path;
	int changed = kept_edit_project(&s->plan.arena, workdir, edit, &path, t);

	if (changed < 0)
		return -1;
	log_warning("%s %s: %s%s", edit->name, edit->value,
		changed        ? edit->remove ? "no longer in " : "kept in "
		: edit->remove ? "was not in "
			       : "is already in ",
		path);
	return 0;
}

/* `undo` takes out what either of the others has kept. */
static int keep_all(struct call *call, struct sandbox *s, const char *rule, const char *workdir,
	struct error *t)
{
	const bool deny = strcmp(call->command->name, "deny") == 0,
		   undo = strcmp(call->command->name, "undo") == 0;
	const struct kept_edit edit = {.name = deny ? "deny" : "allow",
		.value = rule,
		.remove = undo,
		.instead_of = deny ? "allow" : "deny"};

	return keep(s, workdir, &edit, t);
}

/* With --save it is kept once the sandbox has taken it; or, where none runs, for the next
 * start. */
static int give_rule(struct call *call, struct error *t)
{
	const char *rule = call->word[0], *name = call->command->name;
	/* What is taken back may be either: only an allow has a suffix, a deny may be wider. */
	const bool deny =
		strcmp(name, "deny") == 0 || (strcmp(name, "undo") == 0 && !strchr(rule, '+'));
	struct string_list words = {0};
	struct sandbox s;
	int status, kept;

	if (!call->save)
		return ask_inside(call, rule, call->word[1], true, t);
	status = rules_check(rule, deny ? RULE_DENY : RULE_ALLOW, "keep the rule", rule, t);
	if (status < 0)
		return -1;
	status = sandbox_find_inside(&s, call, call->word[1], t);
	if (status == 0) {
		gather(call, &s, rule, true, &words);
		status = sandbox_run(&s, words.word, t);
		string_list_free(&words);
	} else if (s.none) {
		log_warning("no sandbox is running in %s: this takes effect at the next start",
			s.plan.workdir);
		s.workdir = s.plan.workdir;
		status = 0;
	}
	/* To undo a rule that the sandbox was started with is for the next start: it says that
	 * it can't (1), and the file is changed. */
	if (status == 0 || (status == 1 && strcmp(name, "undo") == 0)) {
		kept = keep_all(call, &s, rule, s.workdir, t);
		status = kept < 0 ? -1 : status;
	}
	sandbox_free(&s);
	return status;
}

/* The container has no history: which names are new is known on this machine alone. */
static void print_new(struct plan *p)
{
	struct names known = {0}, now = {0};
	size_t count = 0;

	names_known(p, &known);
	if (known.list.count)
		names_of_last(p, &now);
	for (size_t i = 0; i < now.list.count; i++)
		if (!names_have(&known, now.list.word[i]) && ++count <= BOUND_NEW)
			printf("%s  %s\n",
				count > 1 ? "" : "new: no session before has asked for\n",
				now.list.word[i]);
	if (count > BOUND_NEW)
		printf("  and %zu more\n", count - BOUND_NEW);
	names_free(&known);
	names_free(&now);
}

int command_status(struct call *call, struct error *t)
{
	struct string_list words = {0};
	struct sandbox s;
	int status = sandbox_find_inside(&s, call, call->word[0], t);

	if (status == 0) {
		gather(call, &s, NULL, false, &words);
		status = sandbox_run(&s, words.word, t);
		string_list_free(&words);
	}
	if (status == 0)
		print_new(&s.plan);
	sandbox_free(&s);
	return status;
}

int command_rules(struct call *call, struct error *t)
{
	return ask_inside(call, NULL, call->word[0], false, t);
}

int command_explain(struct call *call, struct error *t)
{
	return ask_inside(call, call->word[0], call->word[1], false, t);
}

int command_allow(struct call *call, struct error *t)
{
	return give_rule(call, t);
}

int command_deny(struct call *call, struct error *t)
{
	return give_rule(call, t);
}

int command_undo(struct call *call, struct error *t)
{
	return give_rule(call, t);
}
