/* A guest that does what it should not, as fast as it can: it rings every vector of guestwire-comm and of whoever else there
 * may be, writes noise over all memory that it shares, headers and indices above all, and moves the index of its requests
 * while they are read. Run in a guest, linked statically.
 *
 *     guest_storm SECONDS SEED
 *
 * goes on for so long, or until SIGTERM, and says "rings N sweeps N moves N": a sweep is all of every region once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guestwire_layout.h"

#define DEVICES "/sys/bus/pci/devices"
#define DOORBELL 3 /* the register at 12 (ivshmem spec) */
#define REGIONS 64
#define HEAD_WORDS 1024 /* where headers and the control region's indices are */
#define SWEPT_WORDS 4096
#define RINGS 4096
#define MOVES 4096
#define REQUEST_HEAD ((sizeof(struct gw_region) + offsetof(struct gw_control, request_head)) / 8)

struct region {
    volatile uint64_t *words;
    size_t count, at;
};

static struct region regions[REGIONS];
static size_t region_count;
static volatile uint32_t *registers;
static volatile uint64_t *control;
static uint64_t state;
static volatile sig_atomic_t stopped;

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static uint64_t noise(void) { /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned number(const char *device, const char *file) {
    char path[512];
    unsigned value = 0;
    FILE *f;
    snprintf(path, sizeof path, DEVICES "/%s/%s", device, file);
    if ((f = fopen(path, "r")) != NULL) {
        if (fscanf(f, "%x", &value) != 1)
            value = 0;
        fclose(f);
    }
    return value;
}

static int has(const char *device, const char *file) {
    char path[512];
    snprintf(path, sizeof path, DEVICES "/%s/%s", device, file);
    return access(path, F_OK) == 0;
}

static void put(const char *device, const char *file, const char *text) {
    char path[512];
    FILE *f;
    snprintf(path, sizeof path, DEVICES "/%s/%s", device, file);
    if ((f = fopen(path, "w")) != NULL) {
        fputs(text, f);
        fclose(f);
    }
}

static volatile void *map(const char *device, const char *file, size_t *bytes) {
    char path[512];
    struct stat about;
    void *base = MAP_FAILED;
    int fd;
    snprintf(path, sizeof path, DEVICES "/%s/%s", device, file);
    fd = open(path, O_RDWR);
    if (fd >= 0 && fstat(fd, &about) == 0)
        base = mmap(NULL, *bytes = (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    close(fd);
    return base;
}

static void take(const char *device) {
    struct region *region = &regions[region_count++];
    size_t bytes;
    put(device, "driver/unbind", device); /* vfio-pci has switched its memory off */
    put(device, "enable", "1");
    region->words = map(device, "resource2", &bytes);
    region->count = bytes / 8;
    if (has(device, "resource1")) {
        control = region->words;
        registers = map(device, "resource0", &bytes);
    }
}

static void take_all(void) {
    DIR *devices = opendir(DEVICES);
    struct dirent *entry;
    while (devices != NULL && (entry = readdir(devices)) != NULL && region_count < REGIONS)
        if (entry->d_name[0] != '.' && number(entry->d_name, "vendor") == 0x1af4 &&
            number(entry->d_name, "device") == 0x1110)
            take(entry->d_name);
    if (registers == NULL) {
        fputs("this machine has no doorbell\n", stderr);
        exit(1);
    }
}

static void scribble(struct region *region) {
    for (size_t n = 0; n < SWEPT_WORDS && region->at < region->count; n++)
        region->words[region->at++] = noise();
    for (size_t n = 0; n < 64; n++)
        region->words[noise() % HEAD_WORDS] = noise();
}

static int swept(void) {
    for (size_t n = 0; n < region_count; n++)
        if (regions[n].at < regions[n].count)
            return 0;
    for (size_t n = 0; n < region_count; n++)
        regions[n].at = 0;
    return 1;
}

int main(int count, char **words) {
    double end = now() + (count > 1 ? atof(words[1]) : 1.0);
    unsigned long rings = 0, sweeps = 0, moves = 0;
    state = count > 2 ? strtoull(words[2], NULL, 0) | 1 : 1;
    signal(SIGTERM, stop);
    take_all();
    while (!stopped && now() < end) {
        for (uint32_t n = 0; n < RINGS; n++, rings += 2) {
            registers[DOORBELL] = GW_SERVER_PEER << 16; /* the one that is heard */
            registers[DOORBELL] = n % 4 ? GW_SERVER_PEER << 16 | n % GW_VECTORS : (uint32_t)noise();
        }
        for (unsigned n = 0; n < MOVES; n++, moves++)
            control[REQUEST_HEAD] = noise();
        for (size_t n = 0; n < region_count; n++)
            scribble(&regions[n]);
        sweeps += (unsigned long)swept();
    }
    printf("rings %lu sweeps %lu moves %lu\n", rings, sweeps, moves);
    return 0;
}
