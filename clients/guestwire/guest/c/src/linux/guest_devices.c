/* The devices of a guest, by sysfs: every region is an ivshmem-plain device whose acpi-index the host chose; the one
 * with MSI-X (a BAR1) is the doorbell. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../portable/numbered.h"
#include "attachment.h"

#define DEVICES "/sys/bus/pci/devices"
#define VENDOR 0x1af4
#define DEVICE 0x1110
#define BAR1 "resource1"
#define MOST_DEVICES 4096
#define ADDRESS_BYTES 16 /* 0000:00:00.0, and longer domains */

bool gwi_sysfs_number(const char *path, const char *file, uint64_t *number) {
    char name[512], text[64], *end;
    ssize_t length;
    int fd;
    snprintf(name, sizeof name, "%s/%s", path, file);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return false;
    text[length] = 0;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return errno == 0 && end != text;
}

static bool is_ivshmem(const char *path) {
    uint64_t vendor, device;
    return gwi_sysfs_number(path, "vendor", &vendor) && vendor == VENDOR &&
           gwi_sysfs_number(path, "device", &device) && device == DEVICE;
}

static bool has(const char *path, const char *file) {
    char name[512];
    snprintf(name, sizeof name, "%s/%s", path, file);
    return access(name, F_OK) == 0;
}

/* The PCI devices that have a file, in order of their addresses. */
struct devices {
    size_t count;
    char names[MOST_DEVICES][ADDRESS_BYTES];
    bool looked_at[MOST_DEVICES];
};

static int by_address(const void *a, const void *b) { return strcmp(a, b); }

static void path_of(const struct devices *d, size_t n, char *path, size_t size) {
    snprintf(path, size, DEVICES "/%s", d->names[n]);
}

static struct devices *devices_with(const char *file) {
    struct devices *d = calloc(1, sizeof *d);
    DIR *folder = opendir(DEVICES);
    struct dirent *entry;
    while (d != NULL && folder != NULL && d->count < MOST_DEVICES && (entry = readdir(folder)) != NULL) {
        char path[300];
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= ADDRESS_BYTES)
            continue;
        snprintf(path, sizeof path, DEVICES "/%s", entry->d_name);
        if (has(path, file))
            strcpy(d->names[d->count++], entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
    if (d != NULL)
        qsort(d->names, d->count, sizeof d->names[0], by_address);
    return d;
}

/* The region of an index. A look at an index costs the firmware's interpreter half a millisecond under emulation, so
 * not all are looked at. */
static int find_region(uint32_t index, char *path, size_t size) {
    struct devices *d = devices_with("acpi_index");
    int code = GW_NOT_FOUND;
    int64_t place;
    if (d == NULL)
        return gwi_fail_errno(GW_SYSTEM, "memory");
    place = gwp_numbered_next(d->looked_at, d->count, 0, 0);
    while (place >= 0) {
        uint64_t found;
        bool known;
        path_of(d, (size_t)place, path, size);
        d->looked_at[place] = true;
        known = gwi_sysfs_number(path, "acpi_index", &found) && found <= UINT32_MAX;
        if (known && found == index && is_ivshmem(path) && !has(path, BAR1)) {
            code = GW_OK;
            break;
        }
        place = gwp_numbered_next(d->looked_at, d->count, place, known ? (int64_t)index - (int64_t)found : 0);
    }
    free(d);
    return code == GW_OK ? code : gwi_fail(code, "no ivshmem device has acpi-index %u", index);
}

int gwi_guest_doorbell(char *path, size_t size) {
    struct devices *d = devices_with(BAR1);
    bool found = false;
    if (d == NULL)
        return gwi_fail_errno(GW_SYSTEM, "memory");
    for (size_t n = 0; n < d->count && !found; n++) {
        path_of(d, n, path, size);
        found = is_ivshmem(path);
    }
    free(d);
    return found ? GW_OK : gwi_fail(GW_NOT_FOUND, "this machine has no ivshmem-doorbell device");
}

/* A device without a driver answers on its BAR only when somebody has enabled it: firmware did for those of the boot.
 */
static void enable(const char *path) {
    char name[512];
    uint64_t enabled;
    int fd;
    if (!gwi_sysfs_number(path, "enable", &enabled) || enabled != 0)
        return;
    snprintf(name, sizeof name, "%s/enable", path);
    fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "1", 1);
        (void)written;
        close(fd);
    }
}

/* resource2, not resource2_wc: a write-combining mapping has no atomic operations. */
static int open_region(uint32_t index, uint32_t access, int *fd) {
    char path[300], name[320];
    int code = find_region(index, path, sizeof path);
    if (code != GW_OK)
        return code;
    enable(path);
    snprintf(name, sizeof name, "%s/resource2", path);
    *fd = open(name, (access & GW_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    return *fd < 0 ? gwi_fail_errno(errno == EACCES ? GW_DENIED : GW_SYSTEM, "%s", name) : GW_OK;
}

int gwi_guest_area_fd(gw *g, const struct gw_area_row *row, uint32_t access, int *fd) {
    (void)g;
    return open_region(row->index, access, fd);
}

int gwi_guest_directory(gw *g) {
    int fd, code = open_region(GW_DIRECTORY_INDEX, GW_READ, &fd);
    return code == GW_OK ? gwi_directory_map(g, fd) : code;
}
