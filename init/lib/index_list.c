/* See index_list.h. */
#include "index_list.h"

static struct index_link *link_of(struct index_link *links, size_t stride, int32_t i)
{
	return (void *)((char *)links + stride * (size_t)i);
}

void index_list_append(struct index_list *l, struct index_link *links, size_t stride, int32_t i)
{
	*link_of(links, stride, i) = (struct index_link){l->last, INDEX_LIST_END};
	if (l->last != INDEX_LIST_END)
		link_of(links, stride, l->last)->next = i;
	else
		l->first = i;
	l->last = i;
}

void index_list_remove(struct index_list *l, struct index_link *links, size_t stride, int32_t i)
{
	const struct index_link at = *link_of(links, stride, i);

	if (at.previous != INDEX_LIST_END)
		link_of(links, stride, at.previous)->next = at.next;
	else
		l->first = at.next;
	if (at.next != INDEX_LIST_END)
		link_of(links, stride, at.next)->previous = at.previous;
	else
		l->last = at.previous;
}
