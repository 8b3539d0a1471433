/* Regions in this process: the directory, and one mapping per region and access for all handles that need it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attachment.h"

#define DIRECTORY_TRIES 50 /* at 2 ms: its writer is guestwire-comm, which does not sleep over it */

static bool pause_for(int code, int *tries) {
    struct timespec pause = {.tv_nsec = 2000000};
    if (code != GW_BUSY || ++*tries > DIRECTORY_TRIES)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

/* -1 gives it back. The descriptor is the gw's from here on. */
int gwi_directory_map(gw *g, int fd) {
    struct stat about;
    void *base;
    int code;
    if (g->directory.base != NULL)
        munmap((void *)(uintptr_t)g->directory.base, g->directory.bytes);
    if (g->directory_fd >= 0)
        close(g->directory_fd);
    g->directory = (struct gwp_directory){0};
    g->directory_fd = fd;
    if (fd < 0)
        return GW_OK;
    if (fstat(fd, &about) < 0)
        return gwi_fail_errno(GW_SYSTEM, "the directory");
    base = about.st_size > 0 ? mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (base == MAP_FAILED)
        return gwi_fail_errno(GW_SYSTEM, "the directory cannot be mapped");
    code = gwp_directory_at(&g->directory, base, (uint64_t)about.st_size);
    if (code != GW_OK) {
        munmap(base, (size_t)about.st_size);
        return gwi_fail(code, "the directory's header is not one that this library knows");
    }
    g->instance = gwp_directory_instance(&g->directory);
    return gwp_directory_alive(&g->directory) ? GW_OK
                                              : gwi_fail(GW_NOT_STARTED, "the directory is of an ended instance");
}

#define ASK(question)                                                                                                  \
    int code, tries = 0;                                                                                               \
    if (g->directory.base == NULL)                                                                                     \
        return gwi_fail(GW_NOT_FOUND, "this peer has no directory");                                                   \
    do                                                                                                                 \
        code = question;                                                                                               \
    while (pause_for(code, &tries));                                                                                   \
    return code

int gwi_find_area(gw *g, const char *name, struct gw_area_row *row) {
    ASK(gwp_directory_area(&g->directory, name, row));
}

int gwi_find_lock(gw *g, const char *name, struct gw_lock_row *row) {
    ASK(gwp_directory_lock(&g->directory, name, row));
}

int gwi_find_direct(gw *g, const char *name, struct gw_direct_row *row) {
    ASK(gwp_directory_direct(&g->directory, name, row));
}

int gwi_find_rings(gw *g, const char *queue, uint32_t role, struct gw_ring_row *rows, size_t max, size_t *count) {
    ASK(gwp_directory_rings(&g->directory, queue, role, rows, max, count));
}

static int find_index(gw *g, uint32_t index, struct gw_area_row *row) {
    ASK(gwp_directory_area_of(&g->directory, index, row));
}

/* A descriptor that came over a socket shares its open file description with the sender's and everybody's; one that is
 * opened again does not, where this process may do that. */
static void open_again(struct gwi_area *area) {
    char path[64];
    int fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", area->fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    close(area->fd);
    area->fd = fd;
    area->own = true;
}

/* Of the open file description where it is ours, else of the process: both end with it. */
int gwi_area_claim(struct gwi_area *area, uint64_t offset, bool claims) {
    struct flock lock = {
        .l_type = claims ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};
    if (fcntl(area->fd, area->own ? F_OFD_SETLK : F_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES))
        return gwi_fail(GW_BUSY, "another process has this part of area %s", area->row.name);
    return GW_OK; /* a file system without such locks: nobody to ask */
}

static int check_row(const struct gw_area_row *row, const struct stat *about) {
    if (row->backing == 0 || row->backing > SIZE_MAX / 2 || row->backing > (uint64_t)about->st_size)
        return gwi_fail(GW_CORRUPT, "area %s has %llu bytes, its device %llu", row->name,
                        (unsigned long long)row->backing, (unsigned long long)about->st_size);
    if (row->data_offset > row->backing || row->size > row->backing - row->data_offset)
        return gwi_fail(GW_CORRUPT, "area %s does not fit into its region", row->name);
    return GW_OK;
}

static int map_area(gw *g, const struct gw_area_row *row, uint32_t access, struct gwi_area **out) {
    struct gwi_area *area = calloc(1, sizeof *area);
    int protection = PROT_READ | (access & GW_WRITE ? PROT_WRITE : 0);
    struct stat about;
    int code;
    if (area == NULL)
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    *area = (struct gwi_area){.row = *row, .access = access, .fd = -1, .bytes = (size_t)row->backing, .users = 1};
    code = g->way->area_fd(g, row, access, &area->fd);
    if (code == GW_OK && fstat(area->fd, &about) < 0)
        code = gwi_fail_errno(GW_SYSTEM, "area %s", row->name);
    if (code == GW_OK)
        code = check_row(row, &about);
    if (code == GW_OK && access & GW_WRITE)
        open_again(area);
    if (code == GW_OK) {
        area->base = mmap(NULL, area->bytes, protection, MAP_SHARED, area->fd, 0);
        if (area->base == MAP_FAILED)
            code = gwi_fail_errno(GW_SYSTEM, "area %s cannot be mapped", row->name);
    }
    if (code != GW_OK) {
        if (area->fd >= 0)
            close(area->fd);
        free(area);
        return code;
    }
    area->next = g->areas;
    g->areas = area;
    *out = area;
    return GW_OK;
}

int gwi_area_open(gw *g, const struct gw_area_row *row, uint32_t access, struct gwi_area **out) {
    int code = GW_NOT_FOUND;
    access &= GW_READ | GW_WRITE;
    if ((row->access & access) != access)
        return gwi_fail(GW_DENIED, "the project gives this peer %s of area %s",
                        row->access & GW_READ ? "only the reading" : "no use", row->name);
    pthread_mutex_lock(&g->area_mutex);
    for (struct gwi_area *area = g->areas; area != NULL; area = area->next)
        if (area->row.index == row->index && area->row.generation == row->generation && area->access == access &&
            area->bytes == row->backing) {
            area->users += 1;
            *out = area;
            code = GW_OK;
            break;
        }
    if (code != GW_OK)
        code = map_area(g, row, access, out);
    pthread_mutex_unlock(&g->area_mutex);
    return code;
}

int gwi_area_open_index(gw *g, uint32_t index, uint32_t access, struct gwi_area **out) {
    struct gw_area_row row;
    int code = find_index(g, index, &row);
    return code == GW_OK ? gwi_area_open(g, &row, access, out) : code;
}

void gwi_area_close(gw *g, struct gwi_area *area) {
    if (area == NULL)
        return;
    pthread_mutex_lock(&g->area_mutex);
    if (--area->users == 0) {
        struct gwi_area **link = &g->areas;
        while (*link != area)
            link = &(*link)->next;
        *link = area->next;
        munmap(area->base, area->bytes);
        close(area->fd);
        free(area);
    }
    pthread_mutex_unlock(&g->area_mutex);
}
