/* Areas as the caller sees them: the front part of a region, which is the user's. */
#include <stdlib.h>
#include <string.h>

#include "attachment.h"

struct gw_region_handle {
    gw *g;
    struct gwi_area *area;
};

int gw_region_list(gw *g, struct gw_region_info *rows, size_t max, size_t *count) {
    int code = gwi_usable(g);
    size_t all = 1, found = 0;
    gwi_forget();
    if (code != GW_OK)
        return code;
    if (rows == NULL && max > 0)
        return GW_INVALID;
    if (g->directory.base == NULL)
        all = 0;
    for (size_t n = 0; n < all; n++) {
        struct gw_area_row row;
        code = gwp_directory_area_nth(&g->directory, n, &row, &all);
        if (code == GW_NOT_FOUND)
            break;
        if (code != GW_OK)
            return code;
        if (row.kind != GW_KIND_AREA)
            continue;
        if (found < max) {
            rows[found] = (struct gw_region_info){
                .size = row.size, .generation = row.generation, .access = row.access, .index = row.index};
            memcpy(rows[found].name, row.name, sizeof row.name);
        }
        found += 1;
    }
    if (count != NULL)
        *count = found;
    return GW_OK;
}

/* What this peer does not have it asks guestwire-comm for, which gives nothing over most ways and tells the host what is
 * denied. The answer is in the directory. */
static int find_area(gw *g, const char *name, uint32_t access, struct gw_area_row *row) {
    struct gw_request request = {.op = GW_OP_AREA, .flags = (uint16_t)access};
    struct gw_reply reply;
    int code = gwi_find_area(g, name, row);
    if (code != GW_NOT_FOUND && (code != GW_OK || (row->access & access) == access))
        return code;
    memcpy(request.text, name, strlen(name));
    (void)gwi_call(g, &request, NULL, 0, &reply, NULL);
    gwi_forget();
    return gwi_find_area(g, name, row);
}

int gw_region_open(gw *g, const char *name, uint32_t access, gw_region_t **out) {
    struct gw_area_row row;
    gw_region_t *r;
    int code = gwi_usable(g);
    gwi_forget();
    if (out != NULL)
        *out = NULL;
    if (code != GW_OK)
        return code;
    if (out == NULL || !gwi_name_fits(name) || (access != GW_READ && access != (GW_READ | GW_WRITE)))
        return GW_INVALID;
    code = find_area(g, name, access, &row);
    if (code == GW_OK && row.kind != GW_KIND_AREA)
        code = GW_NOT_FOUND;
    if (code != GW_OK)
        return code;
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    code = gwi_area_open(g, &row, access, &r->area);
    if (code != GW_OK) {
        free(r);
        return code;
    }
    r->g = g;
    gwi_hold(g);
    *out = r;
    return GW_OK;
}

void *gw_region_data(gw_region_t *r) { return r == NULL ? NULL : r->area->base + r->area->row.data_offset; }

size_t gw_region_size(gw_region_t *r) { return r == NULL ? 0 : (size_t)r->area->row.size; }

uint32_t gw_region_access(gw_region_t *r) { return r == NULL ? 0 : r->area->access; }

uint64_t gw_region_generation(gw_region_t *r) { return r == NULL ? 0 : r->area->row.generation; }

int gw_region_check(gw_region_t *r) {
    struct gw_area_row row;
    int code = gwi_usable(r == NULL ? NULL : r->g);
    gwi_forget();
    if (code != GW_OK)
        return code;
    code = gwi_find_area(r->g, r->area->row.name, &row);
    if (code == GW_NOT_FOUND || (code == GW_OK && row.generation != r->area->row.generation))
        return GW_CLOSED;
    return code == GW_OK ? gwp_region_check(r->area->base, r->area->bytes, GW_KIND_AREA, row.index) : code;
}

int gw_region_close(gw_region_t *r) {
    gw *g;
    if (r == NULL)
        return GW_OK;
    g = r->g;
    gwi_area_close(g, r->area);
    free(r);
    gwi_drop(g);
    return gwi_plainly(GW_OK);
}
