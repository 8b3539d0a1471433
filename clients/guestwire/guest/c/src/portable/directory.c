#include "directory.h"

#include <stdatomic.h>
#include <string.h>

#define TRIES 2000

struct table {
    uint64_t at; /* of its first row; in bounds */
    uint32_t rows;
};

/* What a row is looked for by. */
struct wanted {
    const char *name; /* null: any */
    uint32_t index;   /* 0: any */
};

static uint32_t read32(const void *at) { return *(const volatile uint32_t *)at; }

static uint64_t read64(const void *at) { return *(const volatile uint64_t *)at; }

/* The compiler must not read the source twice: what was checked is the copy. */
static void copy_out(void *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
    atomic_signal_fence(memory_order_seq_cst);
}

int gwp_region_check(const void *base, uint64_t bytes, uint32_t kind, uint32_t index) {
    const struct gw_region *region = base;
    if (bytes < sizeof *region || read64(&region->magic) != GW_MAGIC)
        return GW_CORRUPT;
    if (read32(&region->version) != GW_LAYOUT_VERSION)
        return GW_UNSUPPORTED;
    if (read32(&region->kind) != kind || (index != 0 && read32(&region->index) != index))
        return GW_CORRUPT;
    return GW_OK;
}

int gwp_directory_at(struct gwp_directory *d, const void *base, uint64_t bytes) {
    int code = gwp_region_check(base, bytes, GW_KIND_DIRECTORY, 0);
    if (code != GW_OK)
        return code;
    if (bytes < sizeof(struct gw_region) + sizeof(struct gw_directory))
        return GW_CORRUPT;
    d->base = base;
    d->bytes = bytes;
    return GW_OK;
}

const struct gw_directory *gwp_directory_head(const struct gwp_directory *d) {
    return (const struct gw_directory *)(const void *)(d->base + sizeof(struct gw_region));
}

uint64_t gwp_directory_sequence(const struct gwp_directory *d) {
    return atomic_load_explicit(&gwp_directory_head(d)->sequence, memory_order_acquire);
}

uint64_t gwp_directory_instance(const struct gwp_directory *d) {
    return atomic_load_explicit(&gwp_directory_head(d)->instance, memory_order_relaxed);
}

bool gwp_directory_alive(const struct gwp_directory *d) {
    return atomic_load_explicit(&gwp_directory_head(d)->alive, memory_order_relaxed) == 1;
}

static int begin(const struct gwp_directory *d, int *tries, uint64_t *sequence) {
    for (; *tries < TRIES; *tries += 1) {
        *sequence = gwp_directory_sequence(d);
        if (*sequence % 2 == 0)
            return GW_OK;
    }
    return GW_BUSY;
}

static bool unchanged(const struct gwp_directory *d, uint64_t sequence) {
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&gwp_directory_head(d)->sequence, memory_order_relaxed) == sequence;
}

static int table_of(const struct gwp_directory *d, const uint32_t *rows, const uint32_t *at, size_t row_bytes,
                    struct table *table) {
    table->rows = read32(rows);
    table->at = read32(at);
    if (table->rows == 0)
        return GW_OK;
    if (table->at % 8 != 0 || table->at >= d->bytes || table->rows > (d->bytes - table->at) / row_bytes)
        return GW_CORRUPT;
    return GW_OK;
}

/* Names of rows end with a zero byte; one that does not is nobody's. */
static bool named(const char *field, const char *name) {
    size_t length = strlen(name);
    return length < GW_NAME_BYTES && memcmp(field, name, length + 1) == 0;
}

/* One look at a table whose rows begin with their name; `index_at` is where a row has the index of its region. */
static int look(const struct gwp_directory *d, const struct table *table, size_t row_bytes, size_t index_at,
                struct wanted wanted, void *row) {
    for (uint32_t n = 0; n < table->rows; n++) {
        uint32_t index;
        copy_out(row, d->base + table->at + (uint64_t)n * row_bytes, row_bytes);
        memcpy(&index, (const uint8_t *)row + index_at, sizeof index);
        if ((wanted.name == NULL || named(row, wanted.name)) && (wanted.index == 0 || wanted.index == index)) {
            ((char *)row)[GW_NAME_BYTES - 1] = 0;
            return GW_OK;
        }
    }
    return GW_NOT_FOUND;
}

static int find(const struct gwp_directory *d, const uint32_t *rows, const uint32_t *at, size_t row_bytes,
                size_t index_at, struct wanted wanted, void *row) {
    for (int tries = 0;; tries++) {
        uint64_t sequence;
        struct table table;
        int code = begin(d, &tries, &sequence);
        if (code != GW_OK)
            return code;
        code = table_of(d, rows, at, row_bytes, &table);
        if (code == GW_OK)
            code = look(d, &table, row_bytes, index_at, wanted, row);
        if (unchanged(d, sequence))
            return code;
    }
}

int gwp_directory_area(const struct gwp_directory *d, const char *name, struct gw_area_row *row) {
    const struct gw_directory *head = gwp_directory_head(d);
    return find(d, &head->areas, &head->areas_at, sizeof *row, offsetof(struct gw_area_row, index),
                (struct wanted){.name = name}, row);
}

int gwp_directory_area_of(const struct gwp_directory *d, uint32_t index, struct gw_area_row *row) {
    const struct gw_directory *head = gwp_directory_head(d);
    if (index == 0)
        return GW_NOT_FOUND;
    return find(d, &head->areas, &head->areas_at, sizeof *row, offsetof(struct gw_area_row, index),
                (struct wanted){.index = index}, row);
}

int gwp_directory_area_nth(const struct gwp_directory *d, size_t n, struct gw_area_row *row, size_t *count) {
    const struct gw_directory *head = gwp_directory_head(d);
    for (int tries = 0;; tries++) {
        uint64_t sequence;
        struct table table;
        int code = begin(d, &tries, &sequence);
        if (code != GW_OK)
            return code;
        code = table_of(d, &head->areas, &head->areas_at, sizeof *row, &table);
        if (code == GW_OK && n >= table.rows)
            code = GW_NOT_FOUND;
        if (code == GW_OK) {
            copy_out(row, d->base + table.at + (uint64_t)n * sizeof *row, sizeof *row);
            row->name[GW_NAME_BYTES - 1] = 0;
        }
        if (unchanged(d, sequence)) {
            *count = code == GW_CORRUPT ? 0 : table.rows;
            return code;
        }
    }
}

int gwp_directory_lock(const struct gwp_directory *d, const char *name, struct gw_lock_row *row) {
    const struct gw_directory *head = gwp_directory_head(d);
    return find(d, &head->locks, &head->locks_at, sizeof *row, offsetof(struct gw_lock_row, index),
                (struct wanted){.name = name}, row);
}

int gwp_directory_direct(const struct gwp_directory *d, const char *name, struct gw_direct_row *row) {
    const struct gw_directory *head = gwp_directory_head(d);
    return find(d, &head->directs, &head->directs_at, sizeof *row, offsetof(struct gw_direct_row, index),
                (struct wanted){.name = name}, row);
}

static int collect(const struct gwp_directory *d, const struct table *table, const char *queue, uint32_t role,
                   struct gw_ring_row *rows, size_t max, size_t *count) {
    int code = GW_NOT_FOUND;
    *count = 0;
    for (uint32_t n = 0; n < table->rows; n++) {
        struct gw_ring_row row;
        copy_out(&row, d->base + table->at + (uint64_t)n * sizeof row, sizeof row);
        if (!named(row.queue, queue))
            continue;
        if (code == GW_NOT_FOUND)
            code = GW_DENIED;
        if ((row.role & role) != role)
            continue;
        if (*count == max)
            return GW_FULL;
        row.writer[GW_NAME_BYTES - 1] = 0;
        rows[(*count)++] = row;
        code = GW_OK;
    }
    return code;
}

int gwp_directory_rings(const struct gwp_directory *d, const char *queue, uint32_t role, struct gw_ring_row *rows,
                        size_t max, size_t *count) {
    const struct gw_directory *head = gwp_directory_head(d);
    for (int tries = 0;; tries++) {
        uint64_t sequence;
        struct table table;
        int code = begin(d, &tries, &sequence);
        if (code != GW_OK)
            return code;
        code = table_of(d, &head->rings, &head->rings_at, sizeof(struct gw_ring_row), &table);
        if (code == GW_OK)
            code = collect(d, &table, queue, role, rows, max, count);
        if (unchanged(d, sequence))
            return code;
    }
}
