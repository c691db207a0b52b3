/* What the launcher recognises in the events (docs/events.md). */
#ifndef INIT_LIB_EVENT_WORDS_H
#define INIT_LIB_EVENT_WORDS_H

/* The reason of a refusal that no rule is about, so that one could allow it. */
#define EVENT_NO_RULE "no rule allows it"

#endif
