/* The ring of portable/ring.c: order, full and empty, wrapping, wake-ups, two threads, and another side that writes
 * anything. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "portable/ring.h"

#define REGION 65536

static uint8_t *region;

static struct gw_ring_row row_of(uint32_t slots, uint32_t slot_bytes) {
    return (struct gw_ring_row){
        .offset = 4096, .slots = slots, .slot_bytes = slot_bytes, .stride = (slot_bytes + 16 + 15) / 16 * 16};
}

static struct gwp_ring fresh(uint32_t slots, uint32_t slot_bytes) {
    struct gw_ring_row row = row_of(slots, slot_bytes);
    struct gwp_ring ring;
    memset(region, 0, REGION);
    CHECK(gwp_ring_at(&ring, &row, region, REGION) == GW_OK);
    return ring;
}

static int put(struct gwp_writer *w, uint64_t value) {
    void *data;
    int code = gwp_writer_slot(w, &data);
    if (code == GW_OK) {
        memcpy(data, &value, sizeof value);
        gwp_writer_commit(w, sizeof value, (uint32_t)value);
    }
    return code;
}

static int get(struct gwp_reader *r, uint64_t *value) {
    const void *data;
    uint32_t length, type;
    int code = gwp_reader_message(r, &data, &length, &type);
    if (code == GW_OK) {
        CHECK(length == sizeof *value);
        memcpy(value, data, sizeof *value);
        CHECK(type == (uint32_t)*value);
        gwp_reader_release(r);
    }
    return code;
}

static void in_order(uint32_t slots, uint64_t start) {
    struct gwp_ring ring = fresh(slots, 8);
    struct gwp_writer w;
    struct gwp_reader r;
    uint64_t sent = 0, seen = 0, value;
    atomic_store(&ring.shared->head, start);
    atomic_store(&ring.shared->tail, start);
    gwp_writer_start(&w, &ring);
    gwp_reader_start(&r, &ring);
    CHECK(get(&r, &value) == GW_EMPTY);
    for (int n = 0; n < 2000; n++) {
        uint32_t some = (uint32_t)(chance() % (slots + 1));
        for (uint32_t m = 0; m < some; m++) {
            int code = put(&w, sent);
            CHECK(code == (sent - seen == slots ? GW_FULL : GW_OK));
            sent += code == GW_OK;
        }
        CHECK(gwp_writer_depth(&w) == sent - seen && gwp_reader_depth(&r) == sent - seen);
        some = (uint32_t)(chance() % (slots + 1));
        for (uint32_t m = 0; m < some; m++) {
            int code = get(&r, &value);
            CHECK(code == (sent == seen ? GW_EMPTY : GW_OK));
            if (code == GW_OK)
                CHECK(value == seen++);
        }
    }
    CHECK(sent > slots);
}

/* A slot that was not committed is given again; a message that was not released is there again. */
static void loans(void) {
    struct gwp_ring ring = fresh(2, 8);
    struct gwp_writer w;
    struct gwp_reader r, again;
    void *first, *second;
    uint64_t value;
    const void *data;
    uint32_t length, type;
    gwp_writer_start(&w, &ring);
    gwp_reader_start(&r, &ring);
    CHECK(gwp_writer_slot(&w, &first) == GW_OK && gwp_writer_slot(&w, &second) == GW_OK && first == second);
    CHECK(get(&r, &value) == GW_EMPTY);
    CHECK(put(&w, 7) == GW_OK);
    CHECK(gwp_reader_message(&r, &data, &length, &type) == GW_OK);
    gwp_reader_start(&again, &ring);
    CHECK(get(&again, &value) == GW_OK && value == 7);
    CHECK(put(&w, 8) == GW_OK && put(&w, 9) == GW_OK && put(&w, 10) == GW_FULL);
    gwp_writer_refused(&w);
    CHECK(atomic_load(&ring.shared->refused) == 1);
}

static void wakes_once(void) {
    struct gwp_ring ring = fresh(4, 8);
    struct gwp_writer w;
    struct gwp_reader r;
    uint64_t value;
    gwp_writer_start(&w, &ring);
    gwp_reader_start(&r, &ring);
    CHECK(put(&w, 1) == GW_OK && !gwp_writer_wakes(&w));
    gwp_reader_wants_message(&r, true);
    CHECK(put(&w, 2) == GW_OK && gwp_writer_wakes(&w) && !gwp_writer_wakes(&w));
    gwp_reader_wants_message(&r, true);
    gwp_reader_wants_message(&r, false);
    CHECK(!gwp_writer_wakes(&w));
    CHECK(get(&r, &value) == GW_OK && !gwp_reader_wakes(&r));
    gwp_writer_wants_space(&w, true);
    CHECK(get(&r, &value) == GW_OK && gwp_reader_wakes(&r) && !gwp_reader_wakes(&r));
}

static bool inside(const struct gwp_ring *ring, const void *data) {
    uintptr_t at = (uintptr_t)data, first = (uintptr_t)ring->slots;
    return at >= first + 16 && at + ring->slot_bytes <= first + (uintptr_t)ring->count * ring->stride;
}

static uint64_t odd_number(uint64_t near) {
    switch (chance() % 4) {
    case 0:
        return near + chance() % 20 - 10;
    case 1:
        return UINT64_C(1) << chance() % 64;
    case 2:
        return ~(UINT64_C(1) << chance() % 64);
    default:
        return chance();
    }
}

/* The reader writes over everything it can. */
static void scribbled_for_the_writer(void) {
    struct gwp_ring ring = fresh(5, 24);
    struct gwp_writer w;
    int seen[3] = {0};
    gwp_writer_start(&w, &ring);
    for (int n = 0; n < 200000; n++) {
        void *data = NULL;
        int code;
        atomic_store(&ring.shared->tail, odd_number(w.head));
        atomic_store(&ring.shared->head, odd_number(w.head));
        code = gwp_writer_slot(&w, &data);
        CHECK(code == GW_OK || code == GW_FULL || code == GW_CORRUPT);
        seen[code == GW_OK ? 0 : code == GW_FULL ? 1 : 2]++;
        if (code == GW_OK) {
            CHECK(inside(&ring, data));
            memset(data, 1, ring.slot_bytes);
            gwp_writer_commit(&w, ring.slot_bytes, 0);
        }
        CHECK(gwp_writer_depth(&w) <= ring.count);
    }
    CHECK(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
}

/* So does the writer. */
static void scribbled_for_the_reader(void) {
    struct gwp_ring ring = fresh(5, 24);
    struct gwp_reader r;
    int seen[3] = {0};
    gwp_reader_start(&r, &ring);
    for (int n = 0; n < 200000; n++) {
        const void *data = NULL;
        uint32_t length = 0, type;
        int code;
        fill(ring.slots, (size_t)ring.count * ring.stride);
        for (uint32_t m = 0; m < ring.count && chance() % 2; m++)
            *(uint32_t *)(void *)(ring.slots + (size_t)m * ring.stride) = (uint32_t)(chance() % 26);
        atomic_store(&ring.shared->head, odd_number(r.tail));
        atomic_store(&ring.shared->tail, odd_number(r.tail));
        code = gwp_reader_message(&r, &data, &length, &type);
        CHECK(code == GW_OK || code == GW_EMPTY || code == GW_CORRUPT);
        seen[code == GW_OK ? 0 : code == GW_EMPTY ? 1 : 2]++;
        if (code == GW_OK) {
            CHECK(inside(&ring, data) && length <= ring.slot_bytes);
            gwp_reader_release(&r);
        }
        CHECK(gwp_reader_depth(&r) <= ring.count);
    }
    CHECK(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
}

/* Whatever the row says: a ring lies in its region, or there is none. */
static void rows_that_do_not_fit(void) {
    int good = 0;
    for (int n = 0; n < 200000; n++) {
        uint32_t few = (uint32_t)(chance() % 300), bytes = (uint32_t)(chance() % 300);
        struct gw_ring_row row = row_of(few, bytes);
        struct gwp_ring ring;
        row.offset = chance() % 4 ? chance() % 1100 * 64 : odd_number(REGION);
        if (chance() % 4 == 0)
            row.slots = (uint32_t)odd_number(few);
        if (chance() % 4 == 0)
            row.stride = (uint32_t)odd_number(bytes);
        if (chance() % 4 == 0)
            row.slot_bytes = (uint32_t)odd_number(bytes);
        if (gwp_ring_at(&ring, &row, region, REGION) != GW_OK)
            continue;
        good++;
        CHECK((uint8_t *)ring.shared >= region && ring.count > 0 && ring.slot_bytes > 0);
        CHECK(ring.slot_bytes + 16 <= ring.stride);
        CHECK(row.offset + 256 + (uint64_t)ring.count * ring.stride <= REGION);
    }
    CHECK(good > 1000);
}

#define MESSAGES 200000

static void *write_all(void *what) {
    struct gwp_writer *w = what;
    for (uint64_t n = 0; n < MESSAGES;) {
        void *data;
        if (gwp_writer_slot(w, &data) != GW_OK) {
            sched_yield();
            continue;
        }
        for (int m = 0; m < 8; m++)
            ((uint64_t *)data)[m] = n * 8 + (uint64_t)m;
        gwp_writer_commit(w, 64, (uint32_t)n);
        n++;
    }
    return NULL;
}

static void two_threads(void) {
    struct gwp_ring ring = fresh(31, 64);
    struct gwp_writer w;
    struct gwp_reader r;
    pthread_t writer;
    gwp_writer_start(&w, &ring);
    gwp_reader_start(&r, &ring);
    CHECK(pthread_create(&writer, NULL, write_all, &w) == 0);
    for (uint64_t n = 0; n < MESSAGES;) {
        const void *data;
        uint32_t length, type;
        int code = gwp_reader_message(&r, &data, &length, &type);
        if (code == GW_EMPTY) {
            sched_yield();
            continue;
        }
        CHECK(code == GW_OK && length == 64 && type == (uint32_t)n);
        for (int m = 0; m < 8; m++)
            CHECK(((const uint64_t *)data)[m] == n * 8 + (uint64_t)m);
        gwp_reader_release(&r);
        n++;
    }
    pthread_join(writer, NULL);
}

int main(void) {
    static const uint32_t sizes[] = {1, 2, 3, 5, 64, 100};
    region = aligned_alloc(4096, REGION);
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        in_order(sizes[n], 0);
        in_order(sizes[n], UINT64_C(1) << 63);
    }
    in_order(64, UINT64_MAX - 100); /* the indices pass the end of their 64 bits: slots that divide it */
    loans();
    wakes_once();
    scribbled_for_the_writer();
    scribbled_for_the_reader();
    rows_that_do_not_fit();
    two_threads();
    free(region);
    return 0;
}
