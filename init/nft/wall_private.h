/* Definition of struct wall; private to this folder. */
#ifndef INIT_NFT_WALL_PRIVATE_H
#define INIT_NFT_WALL_PRIVATE_H

#include "nft.h"
#include "ruleset.h"
#include "wall.h"

struct wall {
	struct nft nft;
	bool renews; /* the kernel renews an element that is added again */
};

#endif
