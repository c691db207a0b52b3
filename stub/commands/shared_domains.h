/*
 * Whose the names below a domain are, as far as that can be told without a list of every
 * registry's and hosting company's domains (publicsuffix.org's has 10,000, and a new one each
 * week). Pure.
 */
#ifndef STUB_COMMANDS_SHARED_DOMAINS_H
#define STUB_COMMANDS_SHARED_DOMAINS_H

#include <stdbool.h>

/*
 * True if all names below the domain most likely have one owner, in doubt false. Names are
 * given away below one label (com), below two (co.uk, and most hosting companies' domains), and
 * below a country's, of two letters, below three (city.prefecture.jp): so it has a label more
 * than those. And it isn't, nor is below, one of the few where customers' names are deeper.
 */
bool shared_domains_one_owner(const char *domain);

#endif
