/* An ivshmem doorbell echo between two guests with nothing around it: the device by VFIO, a ring of the other's vector, a
 * blocking wait for the own one. No state word, no library: what the kernel, QEMU and the device cost by themselves.
 *
 *     doorbell_echo answer|call PEER VECTOR MINE ROUNDS
 *
 * rings the vector VECTOR of the peer PEER and waits for the own vector MINE. `answer` says "ready" when a ring is heard;
 * `call` begins, and says "min_ns N p50_ns N p99_ns N count N". Run in a guest, linked statically. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"
#define DOORBELL 3 /* the register at 12 (ivshmem spec) */
#define VECTORS 16
#define COMMAND 4                   /* of the configuration space */
#define MEMORY_AND_BUS_MASTER 6     /* an interrupt is a write of the device */
#define TOO_LONG_S 60

static void demand(int holds, const char *what) {
    if (holds)
        return;
    perror(what);
    exit(1);
}

static void read_text(const char *device, const char *file, char *text, size_t size) {
    char path[512];
    ssize_t length;
    int fd;
    snprintf(path, sizeof path, DEVICES "/%s/%s", device, file);
    text[0] = 0;
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return;
    length = read(fd, text, size - 1);
    text[length < 0 ? 0 : length] = 0;
    close(fd);
}

static void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    demand(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    close(fd);
}

/* The ivshmem device with a BAR1: the table of its vectors. */
static int is_doorbell(const char *device) {
    char vendor[16], number[16], resource[4096];
    unsigned long long start = 0, end = 0;
    read_text(device, "vendor", vendor, sizeof vendor);
    read_text(device, "device", number, sizeof number);
    read_text(device, "resource", resource, sizeof resource);
    return strncmp(vendor, "0x1af4", 6) == 0 && strncmp(number, "0x1110", 6) == 0 &&
           sscanf(resource, "%*x %*x %*x %llx %llx", &start, &end) == 2 && end > start;
}

static void find_doorbell(char *name, size_t size) {
    DIR *devices = opendir(DEVICES);
    struct dirent *entry;
    demand(devices != NULL, DEVICES);
    while ((entry = readdir(devices)) != NULL)
        if (entry->d_name[0] != '.' && is_doorbell(entry->d_name)) {
            snprintf(name, size, "%s", entry->d_name);
            closedir(devices);
            return;
        }
    errno = ENODEV;
    demand(0, "a doorbell");
}

static int open_group(const char *name) {
    char path[512], target[512];
    struct timespec pause = {.tv_nsec = 10000000};
    ssize_t length;
    int group = -1;
    snprintf(path, sizeof path, DEVICES "/%s/driver", name);
    if (access(path, F_OK) != 0) {
        snprintf(path, sizeof path, DEVICES "/%s/driver_override", name);
        write_text(path, "vfio-pci");
        write_text("/sys/bus/pci/drivers_probe", name);
    }
    snprintf(path, sizeof path, DEVICES "/%s/iommu_group", name);
    length = readlink(path, target, sizeof target - 1);
    demand(length > 0, path);
    target[length] = 0;
    snprintf(path, sizeof path, "/dev/vfio/%s", strrchr(target, '/') + 1);
    for (int n = 0; n < 100 && (group = open(path, O_RDWR)) < 0; n++)
        nanosleep(&pause, NULL);
    demand(group >= 0, path);
    return group;
}

static int open_device(const char *name) {
    struct vfio_region_info config = {.argsz = sizeof config, .index = VFIO_PCI_CONFIG_REGION_INDEX};
    int group = open_group(name), container = open("/dev/vfio/vfio", O_RDWR), device;
    uint16_t command;
    demand(container >= 0 && ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) == 0 &&
               ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) == 0,
           "VFIO");
    device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
    demand(device >= 0 && ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config) == 0, "the device");
    demand(pread(device, &command, 2, (off_t)config.offset + COMMAND) == 2, "its configuration space");
    command |= MEMORY_AND_BUS_MASTER;
    demand(pwrite(device, &command, 2, (off_t)config.offset + COMMAND) == 2, "its configuration space");
    return device;
}

static volatile uint32_t *map_registers(int device) {
    struct vfio_region_info bar = {.argsz = sizeof bar, .index = VFIO_PCI_BAR0_REGION_INDEX};
    void *base = MAP_FAILED;
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) == 0)
        base = mmap(NULL, (size_t)bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)bar.offset);
    demand(base != MAP_FAILED, "BAR0");
    return base;
}

/* An eventfd of the vector; reading it blocks. The others have none. */
static int open_vector(int device, unsigned vector) {
    union {
        struct vfio_irq_set set;
        uint8_t bytes[sizeof(struct vfio_irq_set) + VECTORS * sizeof(int32_t)];
    } irqs = {.set = {.argsz = sizeof irqs,
                      .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                      .index = VFIO_PCI_MSIX_IRQ_INDEX,
                      .count = VECTORS}};
    int32_t fds[VECTORS];
    int fd = eventfd(0, 0);
    memset(fds, 0xff, sizeof fds);
    fds[vector] = fd;
    memcpy(irqs.set.data, fds, sizeof fds);
    demand(fd >= 0 && ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs) == 0, "the vectors");
    return fd;
}

static void wait_ring(int fd) {
    uint64_t rings;
    demand(read(fd, &rings, sizeof rings) == sizeof rings, "read");
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    char name[256];
    int calls = argc == 6 && strcmp(argv[1], "call") == 0, device, heard;
    volatile uint32_t *registers;
    uint32_t others, mine;
    size_t rounds;
    uint64_t *ns;
    if (argc != 6 || (!calls && strcmp(argv[1], "answer") != 0)) {
        fputs("doorbell_echo answer|call PEER VECTOR MINE ROUNDS\n", stderr);
        return 2;
    }
    others = (uint32_t)strtoul(argv[2], NULL, 10) << 16 | (uint32_t)strtoul(argv[3], NULL, 10);
    mine = (uint32_t)strtoul(argv[4], NULL, 10);
    rounds = strtoul(argv[5], NULL, 10);
    ns = calloc(rounds + 1, sizeof *ns);
    demand(ns != NULL && mine < VECTORS && rounds > 0, "the arguments");
    alarm(TOO_LONG_S); /* a ring that was not heard is not repeated */
    find_doorbell(name, sizeof name);
    device = open_device(name);
    registers = map_registers(device);
    heard = open_vector(device, mine);
    if (!calls) {
        puts("ready");
        fflush(stdout);
    }
    for (size_t n = 0; n < rounds; n++) {
        uint64_t began = calls ? now_ns() : 0;
        if (calls)
            registers[DOORBELL] = others;
        wait_ring(heard);
        if (!calls)
            registers[DOORBELL] = others;
        else
            ns[n] = now_ns() - began;
    }
    if (!calls)
        return 0;
    qsort(ns, rounds, sizeof *ns, by_size);
    printf("min_ns %llu p50_ns %llu p99_ns %llu count %zu\n", (unsigned long long)ns[0],
           (unsigned long long)ns[rounds / 2], (unsigned long long)ns[rounds * 99 / 100], rounds);
    return 0;
}
