/*
 * The shortest route to the gate: policy routing. What the payload sends to ports 443 and 80
 * of public addresses is routed to lo, where the wall hands it to the gate's socket
 * (gate_rules.c), with its destination unchanged and without NAT. It consists of rtnetlink
 * rules and one routing table.
 *
 * It opens nothing: what is routed to lo can't leave, and anything else meets the wall. So
 * it is optional; on kernels without it the wall's redirect does the same, slower.
 */
#ifndef INIT_ROUTE_DIVERT_H
#define INIT_ROUTE_DIVERT_H

#include "routes.h"

/*
 * Creates the rules and the table for each family that has a default route; if that fails,
 * does without. If c->diverts is false, removes what an earlier start left. Call after
 * routes_build().
 */
void divert_build(struct routes *r, const struct wall_config *c);

/* Applies the policy's current networks: new ones use the main table. Connections to former
 * ones still reach the gate, by NAT. */
void divert_follow(struct routes *r, const struct wall_config *c);

/* Removes the rules: connections use NAT from now on. */
void divert_end(struct routes *r);

#endif
