/* Reads a directory that somebody writes at the same time: each answer is a copy from one moment, taken under the
 * seqlock with a bounded number of tries. Nothing in it is followed without a check against its size. No system calls.
 */
#ifndef GWP_DIRECTORY_H
#define GWP_DIRECTORY_H

#include <stdbool.h>

#include "guestwire.h"

struct gwp_directory {
    const uint8_t *base;
    uint64_t bytes;
};

/* The header of a region of `bytes` at `base` is that of a region of this kind. GW_CORRUPT, GW_UNSUPPORTED (a layout
 * that this library does not know). `index` 0: any. */
int gwp_region_check(const void *base, uint64_t bytes, uint32_t kind, uint32_t index);

/* GW_OK; GW_CORRUPT: it is no directory. */
int gwp_directory_at(struct gwp_directory *d, const void *base, uint64_t bytes);

const struct gw_directory *gwp_directory_head(const struct gwp_directory *d);
/* Another number after every change; even. For a look without the seqlock's second half. */
uint64_t gwp_directory_sequence(const struct gwp_directory *d);
uint64_t gwp_directory_instance(const struct gwp_directory *d);
bool gwp_directory_alive(const struct gwp_directory *d);

/* All of these: GW_OK, GW_NOT_FOUND, GW_BUSY (it was being written all the time: try again later), GW_CORRUPT. Texts
 * end with a zero byte. */
int gwp_directory_area(const struct gwp_directory *d, const char *name, struct gw_area_row *row);
int gwp_directory_area_of(const struct gwp_directory *d, uint32_t index, struct gw_area_row *row);
int gwp_directory_area_nth(const struct gwp_directory *d, size_t n, struct gw_area_row *row, size_t *count);
int gwp_directory_lock(const struct gwp_directory *d, const char *name, struct gw_lock_row *row);
int gwp_directory_direct(const struct gwp_directory *d, const char *name, struct gw_direct_row *row);
/* The rings of a queue in which this peer has the role: the first `max` into rows, how many into *count. GW_FULL: there
 * are more. GW_DENIED: the queue is there, the role is not. */
int gwp_directory_rings(const struct gwp_directory *d, const char *queue, uint32_t role, struct gw_ring_row *rows,
                        size_t max, size_t *count);

#endif
