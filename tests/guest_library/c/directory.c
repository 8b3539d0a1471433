/* The readers of directories and region headers: what is there is found; random bytes of any size are never followed
 * out of their memory (each case has memory of exactly its size, so AddressSanitizer sees one byte more); a writer at
 * the same time is never seen half-way. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "portable/directory.h"

#define ROWS 4

/* A directory with ROWS rows of each kind: its size. Rows n have index n + 2 and the name "<kind>-n". */
static size_t build(uint8_t *to, uint64_t generation) {
    struct gw_region *region = (void *)to;
    struct gw_directory *head = (void *)(to + sizeof *region);
    size_t at = sizeof *region + sizeof *head;
    struct gw_area_row *areas;
    struct gw_ring_row *rings;
    struct gw_lock_row *locks;
    struct gw_direct_row *directs;
    *region =
        (struct gw_region){.magic = GW_MAGIC, .version = GW_LAYOUT_VERSION, .kind = GW_KIND_DIRECTORY, .index = 1};
    head->areas = head->rings = head->locks = head->directs = ROWS;
    head->areas_at = (uint32_t)at;
    areas = (void *)(to + at);
    head->rings_at = (uint32_t)(at += ROWS * sizeof *areas);
    rings = (void *)(to + at);
    head->locks_at = (uint32_t)(at += ROWS * sizeof *rings);
    locks = (void *)(to + at);
    head->directs_at = (uint32_t)(at += ROWS * sizeof *locks);
    directs = (void *)(to + at);
    at += ROWS * sizeof *directs;
    for (uint32_t n = 0; n < ROWS; n++) {
        areas[n] = (struct gw_area_row){.index = n + 2, .generation = generation, .backing = generation};
        rings[n] =
            (struct gw_ring_row){.index = n + 2, .generation = generation, .role = n % 2 ? GW_READER : GW_WRITER};
        locks[n] = (struct gw_lock_row){.index = n + 2, .generation = generation};
        directs[n] = (struct gw_direct_row){.index = n + 2, .vector = (uint32_t)generation};
        snprintf(areas[n].name, GW_NAME_BYTES, "area-%u", n);
        snprintf(rings[n].queue, GW_NAME_BYTES, "queue-%u", n / 2);
        snprintf(locks[n].name, GW_NAME_BYTES, "lock-%u", n);
        snprintf(directs[n].name, GW_NAME_BYTES, "direct-%u", n);
    }
    atomic_store(&head->alive, 1);
    return at;
}

static void finds(void) {
    uint8_t *bytes = calloc(1, 65536);
    size_t size = build(bytes, 9), count;
    struct gwp_directory d;
    struct gw_area_row area;
    struct gw_ring_row rings[8];
    struct gw_lock_row lock;
    struct gw_direct_row direct;
    CHECK(gwp_directory_at(&d, bytes, size) == GW_OK && gwp_directory_alive(&d));
    CHECK(gwp_directory_area(&d, "area-3", &area) == GW_OK && area.index == 5 && area.generation == 9);
    CHECK(gwp_directory_area(&d, "area-", &area) == GW_NOT_FOUND);
    CHECK(gwp_directory_area(&d, "area-33", &area) == GW_NOT_FOUND);
    CHECK(gwp_directory_area_of(&d, 4, &area) == GW_OK && strcmp(area.name, "area-2") == 0);
    CHECK(gwp_directory_area_of(&d, 6, &area) == GW_NOT_FOUND && gwp_directory_area_of(&d, 0, &area) == GW_NOT_FOUND);
    CHECK(gwp_directory_area_nth(&d, 1, &area, &count) == GW_OK && area.index == 3 && count == ROWS);
    CHECK(gwp_directory_area_nth(&d, ROWS, &area, &count) == GW_NOT_FOUND && count == ROWS);
    CHECK(gwp_directory_lock(&d, "lock-0", &lock) == GW_OK && lock.index == 2);
    CHECK(gwp_directory_direct(&d, "direct-1", &direct) == GW_OK && direct.vector == 9);
    CHECK(gwp_directory_rings(&d, "queue-1", GW_WRITER, rings, 8, &count) == GW_OK && count == 1 &&
          rings[0].index == 4);
    CHECK(gwp_directory_rings(&d, "queue-1", GW_READER | GW_WRITER, rings, 8, &count) == GW_DENIED);
    CHECK(gwp_directory_rings(&d, "queue-2", GW_WRITER, rings, 8, &count) == GW_NOT_FOUND);
    CHECK(gwp_directory_rings(&d, "queue-1", GW_WRITER, rings, 0, &count) == GW_FULL);
    for (size_t less = size - 1; less > size - 64; less--) { /* the last table no longer fits */
        CHECK(gwp_directory_at(&d, bytes, less) == GW_OK);
        CHECK(gwp_directory_direct(&d, "direct-0", &direct) == GW_CORRUPT);
    }
    CHECK(gwp_directory_at(&d, bytes, size) == GW_OK);
    atomic_store(&((struct gw_directory *)(void *)(bytes + 128))->sequence, 7); /* its writer died over it */
    CHECK(gwp_directory_area(&d, "area-3", &area) == GW_BUSY);
    free(bytes);
}

static void headers(void) {
    struct gw_region region = {.magic = GW_MAGIC, .version = GW_LAYOUT_VERSION, .kind = GW_KIND_AREA, .index = 7};
    CHECK(gwp_region_check(&region, sizeof region, GW_KIND_AREA, 7) == GW_OK);
    CHECK(gwp_region_check(&region, sizeof region, GW_KIND_AREA, 0) == GW_OK);
    CHECK(gwp_region_check(&region, sizeof region, GW_KIND_AREA, 8) == GW_CORRUPT);
    CHECK(gwp_region_check(&region, sizeof region, GW_KIND_DIRECT, 7) == GW_CORRUPT);
    CHECK(gwp_region_check(&region, sizeof region - 1, GW_KIND_AREA, 7) == GW_CORRUPT);
    region.version += 1;
    CHECK(gwp_region_check(&region, sizeof region, GW_KIND_AREA, 7) == GW_UNSUPPORTED);
    region.magic ^= 1;
    CHECK(gwp_region_check(&region, sizeof region, GW_KIND_AREA, 7) == GW_CORRUPT);
}

/* Some bytes of a good directory, or random ones behind a good header. */
static void spoil(uint8_t *bytes, size_t size) {
    size_t from = sizeof(struct gw_region);
    if (chance() % 3 == 0 && size > from)
        fill(bytes + from, size - from);
    for (uint64_t n = chance() % 8; n > 0 && size > 0; n--)
        bytes[chance() % size] = (uint8_t)chance();
    if (size >= from + sizeof(struct gw_directory)) {
        struct gw_directory *head = (void *)(bytes + from);
        if (chance() % 8)
            atomic_store(&head->sequence, chance() & ~UINT64_C(1));
        if (chance() % 2)
            head->areas = head->rings = head->locks = head->directs = (uint32_t)(chance() >> chance() % 32);
        if (chance() % 2)
            head->areas_at = head->rings_at = head->locks_at = head->directs_at = (uint32_t)(chance() % (size + 64));
    }
}

static void random_bytes(void) {
    int opened = 0;
    for (int n = 0; n < 30000; n++) {
        uint8_t whole[4096 + ROWS * 1024] = {0};
        size_t size = build(whole, 1), count = 0;
        struct gwp_directory d;
        struct gw_area_row area;
        struct gw_ring_row rings[4];
        struct gw_lock_row lock;
        struct gw_direct_row direct;
        uint8_t *bytes;
        if (chance() % 3 == 0)
            size = chance() % size;
        bytes = malloc(size + (size == 0));
        memcpy(bytes, whole, size);
        spoil(bytes, size);
        if (gwp_directory_at(&d, bytes, size) == GW_OK) {
            opened++;
            CHECK(gwp_directory_area(&d, "area-3", &area) <= 0);
            CHECK(gwp_directory_area_of(&d, 5, &area) <= 0);
            if (gwp_directory_area_nth(&d, chance() % 8, &area, &count) == GW_OK)
                CHECK(area.name[GW_NAME_BYTES - 1] == 0);
            CHECK(gwp_directory_lock(&d, "lock-3", &lock) <= 0);
            CHECK(gwp_directory_direct(&d, "direct-3", &direct) <= 0);
            CHECK(gwp_directory_rings(&d, "queue-1", GW_READER, rings, 4, &count) <= 0 && count <= 4);
        }
        free(bytes);
    }
    CHECK(opened > 10000);
}

static uint8_t *shared;
static atomic_bool done;

static void *rewrite(void *unused) {
    struct gw_directory *head = (void *)(shared + sizeof(struct gw_region));
    volatile struct gw_area_row *areas = (void *)(shared + sizeof(struct gw_region) + sizeof *head);
    uint64_t sequence = 0;
    (void)unused;
    for (uint64_t generation = 2; !atomic_load(&done); generation++) {
        atomic_store(&head->sequence, ++sequence);
        for (uint32_t n = 0; n < ROWS; n++)
            areas[n].generation = generation;
        for (uint32_t n = 0; n < ROWS; n++)
            areas[n].backing = generation;
        atomic_store(&head->sequence, ++sequence);
        for (volatile int pause = 0; pause < 50; pause = pause + 1)
            ; /* so that a reader gets through */
    }
    return NULL;
}

/* Two fields that are always written together are never seen apart. */
static void while_it_is_written(void) {
    pthread_t writer;
    struct gwp_directory d;
    uint64_t last = 0;
    int changes = 0;
    shared = calloc(1, 65536);
    CHECK(gwp_directory_at(&d, shared, build(shared, 1)) == GW_OK);
    CHECK(pthread_create(&writer, NULL, rewrite, NULL) == 0);
    for (int n = 0; n < 5000000 && changes < 20000; n++) {
        struct gw_area_row row;
        int code = gwp_directory_area(&d, "area-2", &row);
        CHECK(code == GW_OK || code == GW_BUSY);
        if (code == GW_OK) {
            CHECK(row.generation == row.backing);
            changes += row.generation != last;
            last = row.generation;
        }
    }
    atomic_store(&done, true);
    pthread_join(writer, NULL);
    CHECK(changes > 1);
    free(shared);
}

int main(void) {
    finds();
    headers();
    random_bytes();
    while_it_is_written();
    return 0;
}
