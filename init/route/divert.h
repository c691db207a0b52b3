/*
 * The shortest way to the gate: policy routing. What the payload sends to the web's ports of
 * public addresses is routed to lo, where the wall hands it to the gate's socket
 * (gate_rules.c), with its address unchanged and without NAT. By rtnetlink: rules and one table
 * of their own.
 *
 * It opens nothing: what is routed to lo can't leave by it, and what isn't meets the wall. So
 * it need not be there, and where the kernel doesn't have it, the wall's redirect does the
 * same, slower.
 */
#ifndef INIT_ROUTE_DIVERT_H
#define INIT_ROUTE_DIVERT_H

#include "routes.h"

/* Puts up the rules and the table for each family that has a default route, or does without
 * where that fails; where c->diverts is false, takes down what is there of an earlier time.
 * After routes_build(). */
void divert_build(struct routes *r, const struct wall_config *c);

/* Takes the rules down: connections go by NAT from now on. */
void divert_end(struct routes *r);

#endif
