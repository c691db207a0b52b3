/*
 * Doubly linked lists of an array's elements, by index: a link in each element, and the two
 * ends outside the array. Half the size of pointers, and without relocations.
 */
#ifndef INIT_LIB_INDEX_LIST_H
#define INIT_LIB_INDEX_LIST_H

#include <stddef.h>
#include <stdint.h>

#define INDEX_LIST_END (-1)

struct index_link {
	int32_t previous, next; /* INDEX_LIST_END at either end */
};
struct index_list {
	int32_t first, last; /* INDEX_LIST_END: empty */
};

#define INDEX_LIST_EMPTY                                                                       \
	{                                                                                      \
		INDEX_LIST_END, INDEX_LIST_END                                                 \
	}

/* `links` is the link of element 0, `stride` the size of an element. The element must not be in
 * a list through that link or, for removal, must be in this one. */
void index_list_append(
	struct index_list *l, struct index_link *links, size_t stride, int32_t i);
void index_list_remove(
	struct index_list *l, struct index_link *links, size_t stride, int32_t i);

#endif
