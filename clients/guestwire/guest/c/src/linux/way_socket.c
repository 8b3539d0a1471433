/* The attach socket of a host: SOCK_SEQPACKET, a datagram for each request and reply, descriptors beside the reply. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attachment.h"

static int gone(gw *g, const char *what) {
    gwi_end(g, GW_NOT_STARTED);
    return gwi_fail_errno(GW_NOT_STARTED, "%s", what);
}

static int socket_send(gw *g, const struct gw_request *request, const void *payload, size_t length) {
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof *request},
                             {.iov_base = (void *)(uintptr_t)payload, .iov_len = length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};
    int64_t deadline = gwi_deadline_ns(GWI_SEND_MS);
    for (;;) {
        struct pollfd room = {.fd = g->fd, .events = POLLOUT};
        int left;
        if (sendmsg(g->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return GW_OK;
        if (errno == EMSGSIZE)
            return gwi_fail_errno(GW_TOO_LARGE, "sendmsg");
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
            return gone(g, "sendmsg");
        left = gwi_left_ms(deadline, GWI_SEND_MS);
        if (left == 0)
            return gwi_fail(GW_BUSY, "guestwire-comm took no request for %d ms", GWI_SEND_MS);
        poll(&room, 1, left);
    }
}

/* The first descriptor of a message; closes what nobody expects. */
static int descriptor_of(struct msghdr *message) {
    int found = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        size_t count;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t n = 0; n < count; n++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + n * sizeof fd, sizeof fd);
            if (found < 0)
                found = fd;
            else
                close(fd);
        }
    }
    return found;
}

static int socket_receive(gw *g, struct gw_reply *reply, int *fd) {
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {.iov_base = reply, .iov_len = sizeof *reply};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(g->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return GW_EMPTY;
    if (got <= 0) {
        if (got == 0)
            errno = ECONNRESET;
        return gone(g, "guestwire-comm closed the socket");
    }
    *fd = descriptor_of(&message);
    if (got == sizeof *reply)
        return GW_OK;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    reply->seq = 0; /* no call has it */
    return GW_OK;
}

static int socket_area_fd(gw *g, const struct gw_area_row *row, uint32_t access, int *fd) {
    struct gw_request request = {.op = GW_OP_AREA, .flags = (uint16_t)access};
    struct gw_reply reply;
    int code;
    memcpy(request.text, row->name, strnlen(row->name, GW_NAME_BYTES - 1));
    code = gwi_call(g, &request, NULL, 0, &reply, fd);
    return code == GW_OK && *fd < 0 ? gwi_fail(GW_CORRUPT, "no descriptor came for the area") : code;
}

static void socket_close(gw *g) {
    if (g->fd >= 0)
        close(g->fd);
}

static const struct gwi_way socket_way = {"socket", true, socket_send, socket_receive, socket_area_fd, socket_close};

int gwi_socket_open(gw *g, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g->way = &socket_way;
    memcpy(address.sun_path, path, strlen(path)); /* the caller checked that it fits */
    g->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (g->fd < 0)
        return gwi_fail_errno(GW_SYSTEM, "socket");
    if (connect(g->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return gwi_fail_errno(errno == EACCES ? GW_DENIED : GW_NOT_STARTED, "%s", path);
    return GW_OK;
}
