#include "numbered.h"

static bool is_open(const bool *looked_at, size_t count, int64_t place) {
    return place >= 0 && place < (int64_t)count && !looked_at[place];
}

int64_t gwp_numbered_next(const bool *looked_at, size_t count, int64_t place, int64_t ahead) {
    if (is_open(looked_at, count, place - ahead)) /* libvirt's order of plugging makes most count down */
        return place - ahead;
    if (is_open(looked_at, count, place + ahead))
        return place + ahead;
    for (place = (int64_t)count - 1; place >= 0 && looked_at[place]; place--)
        ;
    return place;
}
