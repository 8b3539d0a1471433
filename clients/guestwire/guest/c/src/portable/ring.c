#include "ring.h"

#include <stdatomic.h>
#include <string.h>

int gwp_ring_at(struct gwp_ring *ring, const struct gw_ring_row *row, void *base, uint64_t bytes) {
    uint64_t room, needed;
    if (row->slots == 0 || row->slot_bytes == 0 || row->offset % 64 != 0 || row->stride % 16 != 0)
        return GW_CORRUPT;
    if ((uint64_t)row->slot_bytes + sizeof(struct gw_slot) > row->stride)
        return GW_CORRUPT;
    needed = sizeof(struct gw_ring) + (uint64_t)row->slots * row->stride; /* below 2^65 only in theory: 2^32 * 2^32 */
    if (row->offset >= bytes)
        return GW_CORRUPT;
    room = bytes - row->offset;
    if ((uint64_t)row->slots > room / row->stride || needed > room)
        return GW_CORRUPT;
    ring->shared = (struct gw_ring *)(void *)((uint8_t *)base + row->offset);
    ring->slots = (uint8_t *)(ring->shared + 1);
    ring->count = row->slots;
    ring->slot_bytes = row->slot_bytes;
    ring->stride = row->stride;
    return GW_OK;
}

static struct gw_slot *slot_at(const struct gwp_ring *ring, uint32_t place) {
    return (struct gw_slot *)(void *)(ring->slots + (size_t)place * ring->stride);
}

static uint32_t after(const struct gwp_ring *ring, uint32_t place) { return place + 1 == ring->count ? 0 : place + 1; }

/* Takes a flag that the other side raised. The fence orders the index stored before against the flag read after. */
static bool take_flag(_Atomic(uint32_t) *flag) {
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(flag, memory_order_relaxed) == 0)
        return false;
    return atomic_exchange_explicit(flag, 0, memory_order_acq_rel) != 0;
}

static void raise_flag(_Atomic(uint32_t) *flag, bool wanted) {
    atomic_store_explicit(flag, wanted ? 1 : 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void gwp_writer_start(struct gwp_writer *w, const struct gwp_ring *ring) {
    w->ring = *ring;
    w->head = atomic_load_explicit(&ring->shared->head, memory_order_relaxed);
    w->limit = w->head; /* look at the tail before the first */
    w->place = (uint32_t)(w->head % ring->count);
}

int gwp_writer_slot(struct gwp_writer *w, void **data) {
    if (w->head == w->limit) {
        uint64_t tail = atomic_load_explicit(&w->ring.shared->tail, memory_order_acquire);
        uint64_t used = w->head - tail;
        if (used > w->ring.count)
            return GW_CORRUPT;
        if (used == w->ring.count)
            return GW_FULL;
        w->limit = tail + w->ring.count;
    }
    *data = slot_at(&w->ring, w->place) + 1;
    return GW_OK;
}

void gwp_writer_commit(struct gwp_writer *w, uint32_t length, uint32_t type) {
    struct gw_slot *slot = slot_at(&w->ring, w->place);
    slot->length = length;
    slot->type = type;
    slot->at = 0;
    w->head += 1;
    w->place = after(&w->ring, w->place);
    atomic_store_explicit(&w->ring.shared->head, w->head, memory_order_release);
}

bool gwp_writer_wakes(struct gwp_writer *w) { return take_flag(&w->ring.shared->message_wanted); }

void gwp_writer_wants_space(struct gwp_writer *w, bool wanted) { raise_flag(&w->ring.shared->space_wanted, wanted); }

void gwp_writer_refused(struct gwp_writer *w) {
    uint64_t refused = atomic_load_explicit(&w->ring.shared->refused, memory_order_relaxed);
    atomic_store_explicit(&w->ring.shared->refused, refused + 1, memory_order_relaxed);
}

uint64_t gwp_writer_depth(const struct gwp_writer *w) {
    uint64_t used = w->head - atomic_load_explicit(&w->ring.shared->tail, memory_order_relaxed);
    return used > w->ring.count ? 0 : used;
}

void gwp_reader_start(struct gwp_reader *r, const struct gwp_ring *ring) {
    r->ring = *ring;
    r->tail = atomic_load_explicit(&ring->shared->tail, memory_order_relaxed);
    r->ready = r->tail;
    r->place = (uint32_t)(r->tail % ring->count);
}

int gwp_reader_message(struct gwp_reader *r, const void **data, uint32_t *length, uint32_t *type) {
    struct gw_slot *slot;
    uint32_t bytes;
    if (r->tail == r->ready) {
        uint64_t head = atomic_load_explicit(&r->ring.shared->head, memory_order_acquire);
        if (head == r->tail)
            return GW_EMPTY;
        if (head - r->tail > r->ring.count)
            return GW_CORRUPT;
        r->ready = head;
    }
    slot = slot_at(&r->ring, r->place);
    bytes = *(volatile uint32_t *)&slot->length; /* once: the writer may change it after the check */
    if (bytes > r->ring.slot_bytes) {
        gwp_reader_release(r);
        return GW_CORRUPT;
    }
    *data = slot + 1;
    *length = bytes;
    *type = *(volatile uint32_t *)&slot->type;
    return GW_OK;
}

void gwp_reader_release(struct gwp_reader *r) {
    r->tail += 1;
    r->place = after(&r->ring, r->place);
    atomic_store_explicit(&r->ring.shared->tail, r->tail, memory_order_release);
}

bool gwp_reader_wakes(struct gwp_reader *r) { return take_flag(&r->ring.shared->space_wanted); }

void gwp_reader_wants_message(struct gwp_reader *r, bool wanted) {
    raise_flag(&r->ring.shared->message_wanted, wanted);
}

uint64_t gwp_reader_depth(const struct gwp_reader *r) {
    uint64_t used = atomic_load_explicit(&r->ring.shared->head, memory_order_relaxed) - r->tail;
    return used > r->ring.count ? 0 : used;
}
