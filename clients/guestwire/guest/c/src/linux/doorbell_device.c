/* The ivshmem-doorbell device by VFIO: its registers, its shared memory, an eventfd for each of its vectors. Needs
 * vfio-pci and an IOMMU; one process has the device at a time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attachment.h"

#define PCI_COMMAND_AT 4
#define PCI_COMMAND_MEMORY_AND_MASTER 6 /* interrupts are writes of the device: it must be bus master */
#define BIND_TRIES 50                   /* at 10 ms */

/* What vfio-pci lacks where it does not take a device. */
static const char needs_iommu[] = "boot with intel_iommu=on on the kernel's command line, then `modprobe vfio-pci`";

static bool link_name(const char *path, const char *link, char *name, size_t size) {
    char full[400], target[400];
    ssize_t length;
    const char *last;
    snprintf(full, sizeof full, "%s/%s", path, link);
    length = readlink(full, target, sizeof target - 1);
    if (length <= 0)
        return false;
    target[length] = 0;
    last = strrchr(target, '/');
    last = last == NULL ? target : last + 1;
    if (strlen(last) >= size)
        return false;
    memcpy(name, last, strlen(last) + 1);
    return true;
}

static int write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written;
    if (fd < 0)
        return -1;
    written = write(fd, text, strlen(text));
    close(fd);
    return written < 0 ? -1 : 0;
}

/* Gives the device to vfio-pci where it has no driver. */
static int bind_vfio(const char *path) {
    char driver[64], file[400];
    const char *name = strrchr(path, '/') + 1;
    struct timespec pause = {.tv_nsec = 10000000};
    if (!link_name(path, "iommu_group", driver, sizeof driver))
        return gwi_fail(GW_UNSUPPORTED, "%s has no IOMMU group: %s", name, needs_iommu);
    if (!link_name(path, "driver", driver, sizeof driver)) {
        if (access("/sys/bus/pci/drivers/vfio-pci", F_OK) != 0)
            return gwi_fail(GW_UNSUPPORTED, "the module vfio-pci is not there: run `modprobe vfio-pci` as root");
        snprintf(file, sizeof file, "%s/driver_override", path);
        if (write_text(file, "vfio-pci") < 0)
            return gwi_fail_errno(errno == EACCES ? GW_DENIED : GW_UNSUPPORTED, "%s", file);
        if (write_text("/sys/bus/pci/drivers_probe", name) < 0)
            return gwi_fail_errno(GW_UNSUPPORTED, "vfio-pci refused %s: %s", name, needs_iommu);
        for (int n = 0; n < BIND_TRIES && !link_name(path, "driver", driver, sizeof driver); n++)
            nanosleep(&pause, NULL);
        if (!link_name(path, "driver", driver, sizeof driver))
            return gwi_fail(GW_UNSUPPORTED, "vfio-pci did not take %s: %s", name, needs_iommu);
    }
    if (strcmp(driver, "vfio-pci") != 0)
        return gwi_fail(GW_BUSY, "the driver %s has %s", driver, name);
    return GW_OK;
}

static int open_group(struct gwi_doorbell *bell, const char *path) {
    char group[64], file[128];
    struct timespec pause = {.tv_nsec = 10000000};
    if (!link_name(path, "iommu_group", group, sizeof group))
        return gwi_fail(GW_UNSUPPORTED, "the doorbell lost its IOMMU group");
    snprintf(file, sizeof file, "/dev/vfio/%s", group);
    for (int n = 0; n < BIND_TRIES && access(file, F_OK) != 0; n++) /* udev or devtmpfs makes it */
        nanosleep(&pause, NULL);
    bell->group = open(file, O_RDWR | O_CLOEXEC);
    if (bell->group < 0)
        return gwi_fail_errno(errno == EBUSY ? GW_BUSY : errno == EACCES ? GW_DENIED : GW_UNSUPPORTED, "%s", file);
    return GW_OK;
}

static int open_device(struct gwi_doorbell *bell, const char *path) {
    struct vfio_group_status status = {.argsz = sizeof status};
    bell->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
    if (bell->container < 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "/dev/vfio/vfio (`modprobe vfio-pci` as root makes it)");
    if (ioctl(bell->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
        ioctl(bell->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU) <= 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "this kernel's VFIO has no type 1 IOMMU");
    if (ioctl(bell->group, VFIO_GROUP_GET_STATUS, &status) < 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "VFIO_GROUP_GET_STATUS");
    if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
        return gwi_fail(GW_UNSUPPORTED,
                        "other devices of the doorbell's IOMMU group have drivers: give it a root port");
    if (ioctl(bell->group, VFIO_GROUP_SET_CONTAINER, &bell->container) < 0)
        return gwi_fail_errno(errno == EBUSY ? GW_BUSY : GW_UNSUPPORTED, "VFIO_GROUP_SET_CONTAINER");
    if (ioctl(bell->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) < 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "VFIO_SET_IOMMU");
    bell->device = ioctl(bell->group, VFIO_GROUP_GET_DEVICE_FD, strrchr(path, '/') + 1);
    return bell->device < 0 ? gwi_fail_errno(errno == EBUSY ? GW_BUSY : GW_UNSUPPORTED, "the doorbell's device")
                            : GW_OK;
}

static int map_bar(struct gwi_doorbell *bell, uint32_t bar, size_t least, void **base, size_t *bytes) {
    struct vfio_region_info info = {.argsz = sizeof info, .index = bar};
    if (ioctl(bell->device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "BAR%u", bar);
    if (info.size < least || !(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
        return gwi_fail(GW_UNSUPPORTED, "BAR%u has %llu bytes, or cannot be mapped", bar,
                        (unsigned long long)info.size);
    *base = mmap(NULL, (size_t)info.size, PROT_READ | PROT_WRITE, MAP_SHARED, bell->device, (off_t)info.offset);
    if (*base == MAP_FAILED) {
        *base = NULL;
        return gwi_fail_errno(GW_UNSUPPORTED, "BAR%u cannot be mapped", bar);
    }
    *bytes = (size_t)info.size;
    return GW_OK;
}

static int enable(struct gwi_doorbell *bell) {
    struct vfio_region_info config = {.argsz = sizeof config, .index = VFIO_PCI_CONFIG_REGION_INDEX};
    uint16_t command;
    if (ioctl(bell->device, VFIO_DEVICE_GET_REGION_INFO, &config) < 0 ||
        pread(bell->device, &command, sizeof command, (off_t)config.offset + PCI_COMMAND_AT) != sizeof command)
        return gwi_fail_errno(GW_UNSUPPORTED, "the doorbell's configuration space");
    command |= PCI_COMMAND_MEMORY_AND_MASTER;
    if (pwrite(bell->device, &command, sizeof command, (off_t)config.offset + PCI_COMMAND_AT) != sizeof command)
        return gwi_fail_errno(GW_UNSUPPORTED, "the doorbell's configuration space");
    return GW_OK;
}

static int open_vectors(struct gwi_doorbell *bell) {
    struct vfio_irq_info info = {.argsz = sizeof info, .index = VFIO_PCI_MSIX_IRQ_INDEX};
    union {
        struct vfio_irq_set set;
        uint8_t bytes[sizeof(struct vfio_irq_set) + GW_VECTORS * sizeof(int32_t)];
    } irqs = {0};
    if (ioctl(bell->device, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0 || info.count == 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "the doorbell has no MSI-X vectors");
    bell->vectors = info.count < GW_VECTORS ? info.count : GW_VECTORS;
    for (uint32_t n = 0; n < bell->vectors; n++) {
        bell->vector_fds[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (bell->vector_fds[n] < 0)
            return gwi_fail_errno(GW_SYSTEM, "eventfd");
    }
    irqs.set.argsz = (uint32_t)(sizeof irqs.set + bell->vectors * sizeof(int32_t));
    irqs.set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    irqs.set.index = VFIO_PCI_MSIX_IRQ_INDEX;
    irqs.set.count = bell->vectors;
    memcpy(irqs.set.data, bell->vector_fds, bell->vectors * sizeof(int32_t));
    if (ioctl(bell->device, VFIO_DEVICE_SET_IRQS, &irqs) < 0)
        return gwi_fail_errno(GW_UNSUPPORTED, "the doorbell's vectors");
    return GW_OK;
}

static void clear(struct gwi_doorbell *bell) {
    memset(bell, 0, sizeof *bell);
    bell->container = bell->group = bell->device = -1;
    for (int n = 0; n < GW_VECTORS; n++)
        bell->vector_fds[n] = -1;
}

int gwi_doorbell_take(struct gwi_doorbell *bell) {
    char path[300];
    void *base = NULL;
    int code = gwi_guest_doorbell(path, sizeof path);
    clear(bell);
    if (code == GW_OK)
        code = bind_vfio(path);
    if (code == GW_OK)
        code = open_group(bell, path);
    if (code == GW_OK)
        code = open_device(bell, path);
    if (code == GW_OK)
        code = enable(bell);
    if (code == GW_OK)
        code = map_bar(bell, VFIO_PCI_BAR0_REGION_INDEX, 16, &base, &bell->registers_bytes);
    bell->registers = base;
    base = NULL;
    if (code == GW_OK)
        code = map_bar(bell, VFIO_PCI_BAR2_REGION_INDEX, GW_CONTROL_BYTES, &base, &bell->control_bytes);
    bell->control = base;
    return code == GW_OK ? open_vectors(bell) : code;
}

int gwi_doorbell_registers(struct gwi_doorbell *bell) {
    char path[300], file[320];
    struct stat about;
    void *base = MAP_FAILED;
    int fd, code = gwi_guest_doorbell(path, sizeof path);
    clear(bell);
    if (code != GW_OK)
        return code;
    snprintf(file, sizeof file, "%s/resource0", path);
    fd = open(file, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size >= 16)
        base = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        code = gwi_fail_errno(GW_UNSUPPORTED, "%s", file);
    if (fd >= 0)
        close(fd);
    if (code == GW_OK) {
        bell->registers = base;
        bell->registers_bytes = (size_t)about.st_size;
    }
    return code;
}

static void close_one(int fd) {
    if (fd >= 0)
        close(fd);
}

void gwi_doorbell_give_back(struct gwi_doorbell *bell) {
    if (bell->registers != NULL)
        munmap((void *)(uintptr_t)bell->registers, bell->registers_bytes);
    if (bell->control != NULL)
        munmap(bell->control, bell->control_bytes);
    close_one(bell->device);
    close_one(bell->group);
    close_one(bell->container);
    for (int n = 0; n < GW_VECTORS; n++)
        close_one(bell->vector_fds[n]);
    clear(bell);
}
