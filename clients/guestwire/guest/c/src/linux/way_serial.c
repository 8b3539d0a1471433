/* The virtio-serial channel: frames in a stream. One process of a guest has the port at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "attachment.h"

#define PORTS "/sys/class/virtio-ports"

static bool host_is_away(int fd) {
    struct pollfd end = {.fd = fd};
    return poll(&end, 1, 0) == 1 && end.revents & POLLHUP;
}

static int serial_send(gw *g, const struct gw_request *request, const void *payload, size_t length) {
    struct gw_frame frame = gwp_frame(GW_FRAME_REQUEST, (uint32_t)(sizeof *request + length));
    struct iovec parts[3] = {{.iov_base = &frame, .iov_len = sizeof frame},
                             {.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof *request},
                             {.iov_base = (void *)(uintptr_t)payload, .iov_len = length}};
    int64_t deadline = gwi_deadline_ns(GWI_SEND_MS);
    int n = 0, code = GW_OK;
    pthread_mutex_lock(&g->send_mutex);
    while (n < 3 && code == GW_OK) {
        ssize_t written = writev(g->fd, parts + n, 3 - n);
        if (written < 0 && errno != EAGAIN && errno != EINTR)
            code = gwi_fail_errno(GW_NOT_STARTED, "the serial channel");
        for (; n < 3 && written >= (ssize_t)parts[n].iov_len; n++)
            written -= (ssize_t)parts[n].iov_len;
        if (n < 3 && written > 0) {
            parts[n].iov_base = (uint8_t *)parts[n].iov_base + written;
            parts[n].iov_len -= (size_t)written;
        }
        if (n < 3 && code == GW_OK) {
            struct pollfd room = {.fd = g->fd, .events = POLLOUT};
            int left = gwi_left_ms(deadline, GWI_SEND_MS);
            if (left == 0) /* what went out of this frame is skipped by the other end */
                code = host_is_away(g->fd)
                           ? GW_NOT_STARTED
                           : gwi_fail(GW_BUSY, "the serial channel took nothing for %d ms", GWI_SEND_MS);
            else
                poll(&room, 1, left);
        }
    }
    pthread_mutex_unlock(&g->send_mutex);
    return code;
}

static int serial_receive(gw *g, struct gw_reply *reply, int *fd) {
    for (int n = 0; n < 64; n++) {
        size_t room;
        void *to;
        ssize_t got;
        *fd = -1;
        if (gwp_frames_reply(&g->frames, reply) == GW_OK)
            return GW_OK;
        to = gwp_frames_room(&g->frames, &room);
        got = read(g->fd, to, room);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return GW_EMPTY;
        if (got <= 0)
            return gwi_fail(GW_NOT_STARTED, "guestwire-comm is not at the serial channel");
        gwp_frames_came(&g->frames, (size_t)got);
    }
    return GW_EMPTY;
}

static void serial_close(gw *g) {
    if (g->fd >= 0)
        close(g->fd);
    if (g->doorbell.registers != NULL)
        gwi_doorbell_give_back(&g->doorbell);
}

static const struct gwi_way serial_way = {"serial", false, serial_send, serial_receive, gwi_guest_area_fd,
                                          serial_close};

int gwi_serial_find(const char *name, char *path, size_t size) {
    DIR *ports;
    struct dirent *entry;
    bool found = false;
    snprintf(path, size, "/dev/virtio-ports/%s", name);
    if (access(path, F_OK) == 0)
        return GW_OK;
    ports = opendir(PORTS);
    while (ports != NULL && !found && (entry = readdir(ports)) != NULL) {
        char text[128] = "";
        FILE *file;
        if (entry->d_name[0] == '.' || (size_t)snprintf(path, size, PORTS "/%s/name", entry->d_name) >= size ||
            (file = fopen(path, "re")) == NULL)
            continue;
        found = fgets(text, sizeof text, file) != NULL && strncmp(text, name, strlen(name)) == 0 &&
                (text[strlen(name)] == '\n' || text[strlen(name)] == 0);
        fclose(file);
        snprintf(path, size, "/dev/%s", entry->d_name);
    }
    if (ports != NULL)
        closedir(ports);
    return found ? GW_OK : gwi_fail(GW_NOT_FOUND, "this machine has no virtio port %s", name);
}

int gwi_serial_open(gw *g, const char *path) {
    int64_t deadline = gwi_deadline_ns(GWI_SERIAL_MS);
    struct timespec pause = {.tv_nsec = 20000000};
    struct termios settings;
    g->way = &serial_way;
    while ((g->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) < 0) {
        if (errno != EBUSY)
            return gwi_fail_errno(errno == ENOENT ? GW_NOT_FOUND : errno == EACCES ? GW_DENIED : GW_SYSTEM, "%s", path);
        if (gwi_left_ms(deadline, GWI_SERIAL_MS) == 0)
            return gwi_fail_errno(GW_BUSY, "%s", path);
        nanosleep(&pause, NULL);
    }
    while (host_is_away(g->fd)) { /* it comes by itself, soon after the guest's start */
        if (gwi_left_ms(deadline, GWI_SERIAL_MS) == 0)
            return gwi_fail(GW_NOT_STARTED, "guestwire-comm is not at %s", path);
        nanosleep(&pause, NULL);
    }
    if (isatty(g->fd) && tcgetattr(g->fd, &settings) == 0) {
        cfmakeraw(&settings);
        tcsetattr(g->fd, TCSANOW, &settings);
    }
    return GW_OK;
}
