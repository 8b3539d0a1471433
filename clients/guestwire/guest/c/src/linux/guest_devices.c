/* The devices of a guest, by sysfs: every region is an ivshmem-plain device whose acpi-index the host chose; the one
 * with MSI-X (a BAR1) is the doorbell. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachment.h"

#define DEVICES "/sys/bus/pci/devices"
#define VENDOR 0x1af4
#define DEVICE 0x1110

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

/* BAR1 has a length: lines of `resource` are "start end flags". */
static bool has_bar1(const char *path) {
    char name[512];
    unsigned long long start, end;
    bool has = false;
    FILE *file;
    snprintf(name, sizeof name, "%s/resource", path);
    file = fopen(name, "re");
    if (file == NULL)
        return false;
    if (fscanf(file, "%*x %*x %*x %llx %llx", &start, &end) == 2)
        has = end > start;
    fclose(file);
    return has;
}

typedef bool matches(const char *path, uint32_t index);

static bool is_region(const char *path, uint32_t index) {
    uint64_t acpi_index;
    return gwi_sysfs_number(path, "acpi_index", &acpi_index) && acpi_index == index && !has_bar1(path);
}

static bool is_doorbell(const char *path, uint32_t index) {
    (void)index;
    return has_bar1(path);
}

static int find_device(matches *match, uint32_t index, char *path, size_t size) {
    DIR *devices = opendir(DEVICES);
    struct dirent *entry;
    int code = GW_NOT_FOUND;
    if (devices == NULL)
        return gwi_fail_errno(GW_NOT_FOUND, DEVICES);
    while (code != GW_OK && (entry = readdir(devices)) != NULL) {
        uint64_t vendor, device;
        if (entry->d_name[0] == '.' || (size_t)snprintf(path, size, DEVICES "/%s", entry->d_name) >= size)
            continue;
        if (gwi_sysfs_number(path, "vendor", &vendor) && gwi_sysfs_number(path, "device", &device) &&
            vendor == VENDOR && device == DEVICE && match(path, index))
            code = GW_OK;
    }
    closedir(devices);
    return code;
}

int gwi_guest_doorbell(char *path, size_t size) {
    int code = find_device(is_doorbell, 0, path, size);
    return code == GW_OK ? code : gwi_fail(code, "this machine has no ivshmem-doorbell device");
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
    int code = find_device(is_region, index, path, sizeof path);
    if (code != GW_OK)
        return gwi_fail(code, "no ivshmem device has acpi-index %u", index);
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
