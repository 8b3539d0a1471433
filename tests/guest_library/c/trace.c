/* Asks for every service: `trace WHERE TRACEFS`, and says how each ended. The marks are files in the folder TRACEFS. */
#include <string.h>

#include "check.h"
#include "guestwire.h"
#include "linux/attachment.h"

int main(int argc, char **argv) {
    static char bytes[5000];
    gw *g;
    int yes;
    CHECK(argc == 3);
    gwi_tracefs[0] = gwi_tracefs[1] = argv[2];
    for (size_t n = 0; n < sizeof bytes; n++)
        bytes[n] = (char)(n % 251);
    CHECK(gw_open(&g, argv[1]) == GW_OK);
    CHECK(gw_available(g, 0, &yes) == GW_OK);
    printf("ping %d\n", gw_ping(g, 42, NULL));
    printf("log %d\n", gw_log(g, 1, "a line", 6, NULL));
    printf("data %d\n", gw_data(g, bytes, 4096));
    printf("data %d\n", gw_data(g, "xyz", 3));
    printf("long %d\n", gw_data(g, bytes, sizeof bytes));
    printf("flush %d\n", gw_flush(g, 2));
    return gw_close(g) != GW_OK;
}
