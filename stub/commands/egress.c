/* The commands that PID 1 of the container answers: codex-egress's own (init/egress). */
#include "rows.h"
#include "sandbox.h"

/* codex-egress [--by WHO] NAME [argument] */
static int ask_inside(struct call *call, const char *argument, const char *workdir, bool rule,
	struct error *t)
{
	struct string_list words = {0};
	struct sandbox s;

	if (sandbox_find(&s, call, workdir, t) == 0) {
		string_list_add(&words, "exec");
		string_list_add(&words, "--user=0:0");
		string_list_add(&words, s.id);
		string_list_add(&words, ARGV_EGRESS);
		if (rule) {
			string_list_add(&words, "--by");
			string_list_add(&words, sandbox_caller(&s));
		}
		string_list_add(&words, call->command->name);
		if (argument)
			string_list_add(&words, argument);
		sandbox_become(&s, words.word, t);
		string_list_free(&words);
	}
	sandbox_free(&s);
	return -1;
}

int command_status(struct call *call, struct error *t)
{
	return ask_inside(call, NULL, call->word[0], false, t);
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
	return ask_inside(call, call->word[0], call->word[1], true, t);
}

int command_deny(struct call *call, struct error *t)
{
	return ask_inside(call, call->word[0], call->word[1], true, t);
}

int command_undo(struct call *call, struct error *t)
{
	return ask_inside(call, call->word[0], call->word[1], true, t);
}
