/* Every number is found in whatever order, each thing is looked at once, and few are where the numbers run. */
#include <string.h>

#include "check.h"
#include "portable/numbered.h"

#define COUNT 66

/* How many looks it took; 0: it is not there. */
static unsigned looks(const int64_t *numbers, size_t count, int64_t wanted) {
    bool looked_at[COUNT] = {false};
    unsigned n = 0;
    for (int64_t place = gwp_numbered_next(looked_at, count, 0, 0); place >= 0;) {
        CHECK(place < (int64_t)count && !looked_at[place]);
        looked_at[place] = true;
        n++;
        if (numbers[place] == wanted)
            return n;
        place = gwp_numbered_next(looked_at, count, place, numbers[place] < 0 ? 0 : wanted - numbers[place]);
    }
    CHECK(n == count);
    return 0;
}

static void all_are_found(const int64_t *numbers, size_t count, unsigned most) {
    for (size_t n = 0; n < count; n++) {
        unsigned took = numbers[n] < 0 ? 1 : looks(numbers, count, numbers[n]);
        CHECK(took >= 1 && took <= most);
    }
    CHECK(looks(numbers, count, COUNT + 1) == 0 && looks(numbers, count, INT32_MAX) == 0);
}

int main(void) {
    int64_t up[COUNT], down[COUNT], split[COUNT], mixed[COUNT];
    for (int64_t n = 0; n < COUNT; n++) {
        up[n] = n + 1;
        down[n] = COUNT - n;
        split[n] = n < 62 ? 62 - n : COUNT - (n - 62); /* a bus that was full, and the next */
        mixed[n] = n % 7 == 0 ? -1 : n + 1;
    }
    all_are_found(up, COUNT, 2);
    all_are_found(down, COUNT, 2);
    all_are_found(split, COUNT, 8);
    for (int round = 0; round < 200; round++) {
        for (size_t n = COUNT - 1; n > 0; n--) {
            size_t other = chance() % (n + 1);
            int64_t kept = mixed[n];
            mixed[n] = mixed[other];
            mixed[other] = kept;
        }
        all_are_found(mixed, COUNT, COUNT);
    }
    CHECK(looks(up, 0, 1) == 0);
    return 0;
}
