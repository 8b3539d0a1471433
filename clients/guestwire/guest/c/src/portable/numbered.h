/* Which of numbered things to look at next, where looking is dear and their numbers count up or down along them, mostly:
 * devices that were plugged one after the other. No system calls. */
#ifndef GWP_NUMBERED_H
#define GWP_NUMBERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* After a look at `place`, whose number lacks `ahead` to the one that is looked for (0: it has none, or nothing was looked
 * at). `looked_at` has a value for each of `count` things. The place to look at, or -1: all were looked at. */
int64_t gwp_numbered_next(const bool *looked_at, size_t count, int64_t place, int64_t ahead);

#endif
