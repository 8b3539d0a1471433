/* A ring of slots in shared memory: one writer, one reader, who believe nothing that the other may have written. The
 * places come from the directory; head and tail are compared, never used to find memory. No system calls. */
#ifndef GWP_RING_H
#define GWP_RING_H

#include <stdbool.h>

#include "guestwire.h"

/* Where a ring lies: checked numbers only. */
struct gwp_ring {
    struct gw_ring *shared;
    uint8_t *slots;
    uint32_t count;
    uint32_t slot_bytes;
    uint32_t stride;
};

/* A writer's own view. `head` is its own word, never read back after it started. */
struct gwp_writer {
    struct gwp_ring ring;
    uint64_t head;
    uint64_t limit; /* head at which the ring was last known to be full */
    uint32_t place; /* head % count */
};

/* A reader's own view. */
struct gwp_reader {
    struct gwp_ring ring;
    uint64_t tail;
    uint64_t ready; /* head as last seen: messages up to it are there */
    uint32_t place;
};

/* The ring of a row in a region of `bytes` at `base`. GW_CORRUPT: it does not fit there. */
int gwp_ring_at(struct gwp_ring *ring, const struct gw_ring_row *row, void *base, uint64_t bytes);

void gwp_writer_start(struct gwp_writer *w, const struct gwp_ring *ring);
/* The free slot's bytes. GW_FULL; GW_CORRUPT: the reader's index makes no sense. */
int gwp_writer_slot(struct gwp_writer *w, void **data);
/* Publishes the slot that gwp_writer_slot gave. `length` is at most slot_bytes. */
void gwp_writer_commit(struct gwp_writer *w, uint32_t length, uint32_t type);
/* After a commit: true when the reader sleeps and is to be woken, once. */
bool gwp_writer_wakes(struct gwp_writer *w);
/* Before sleeping; the caller looks again after it. */
void gwp_writer_wants_space(struct gwp_writer *w, bool wanted);
void gwp_writer_refused(struct gwp_writer *w);
uint64_t gwp_writer_depth(const struct gwp_writer *w);

void gwp_reader_start(struct gwp_reader *r, const struct gwp_ring *ring);
/* The next message in place. GW_EMPTY; GW_CORRUPT: the writer's index makes no sense, or a length did (that message is
 * skipped). */
int gwp_reader_message(struct gwp_reader *r, const void **data, uint32_t *length, uint32_t *type);
/* Frees the slot of the message that gwp_reader_message gave. */
void gwp_reader_release(struct gwp_reader *r);
bool gwp_reader_wakes(struct gwp_reader *r);
void gwp_reader_wants_message(struct gwp_reader *r, bool wanted);
/* 0 where the index makes no sense. */
uint64_t gwp_reader_depth(const struct gwp_reader *r);

#endif
