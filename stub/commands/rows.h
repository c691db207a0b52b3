/* A function for each row of the table in commands.c; see struct command. */
#ifndef STUB_COMMANDS_ROWS_H
#define STUB_COMMANDS_ROWS_H

#include "commands.h"

/* egress.c: through codex-egress, with its exit status. */
int command_status(struct call *call, struct error *t);
int command_explain(struct call *call, struct error *t);
int command_allow(struct call *call, struct error *t);
int command_deny(struct call *call, struct error *t);
int command_undo(struct call *call, struct error *t);
int command_rules(struct call *call, struct error *t);
/* watch.c */
int command_watch(struct call *call, struct error *t);
/* ls.c */
int command_ls(struct call *call, struct error *t);
/* logs.c: what the host kept of the events */
int command_logs(struct call *call, struct error *t);
/* learn.c: rules for what was refused */
int command_learn(struct call *call, struct error *t);
/* session.c */
int command_attach(struct call *call, struct error *t);
int command_join(struct call *call, struct error *t);
int command_stop(struct call *call, struct error *t);
/* doctor.c */
int command_doctor(struct call *call, struct error *t);
/* config.c */
int command_config(struct call *call, struct error *t);

#endif
