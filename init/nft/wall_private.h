/* What struct wall is; private to this room. */
#ifndef INIT_NFT_WALL_PRIVATE_H
#define INIT_NFT_WALL_PRIVATE_H

#include "nft.h"
#include "ruleset.h"
#include "wall.h"

struct wall {
	struct nft nft;
	bool renews; /* the kernel takes an element that is added again as a renewal */
};

#endif
