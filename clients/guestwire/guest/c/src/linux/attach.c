/* gw_open and gw_close: which way to take, who this peer is, and until when it is served. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_handle.h"

bool gwi_name_fits(const char *name) {
    size_t length;
    if (name == NULL)
        return false;
    length = strnlen(name, GW_NAME_BYTES);
    return length > 0 && length < GW_NAME_BYTES;
}

void gwi_hold(gw *g) { atomic_fetch_add_explicit(&g->users, 1, memory_order_relaxed); }

static void destroy(gw *g) {
    gwi_watch_stop(g);
    if (g->way != NULL)
        g->way->close(g);
    if (g->directory.base != NULL)
        gwi_directory_map(g, -1);
    gwi_trace_close(g);
    for (unsigned n = 0; n < GWI_CALLS; n++)
        if (g->calls[n].wake_fd >= 0)
            close(g->calls[n].wake_fd);
    pthread_mutex_destroy(&g->send_mutex);
    pthread_mutex_destroy(&g->call_mutex);
    pthread_mutex_destroy(&g->area_mutex);
    pthread_mutex_destroy(&g->watch.mutex);
    free(g);
}

void gwi_drop(gw *g) {
    if (atomic_fetch_sub_explicit(&g->users, 1, memory_order_acq_rel) == 1)
        destroy(g);
}

void gwi_end(gw *g, int code) {
    int well = GW_OK;
    atomic_compare_exchange_strong(&g->ended, &well, code);
}

int gwi_usable(gw *g) {
    int ended;
    if (g == NULL)
        return GW_INVALID;
    ended = atomic_load_explicit(&g->ended, memory_order_relaxed);
    if (ended != GW_OK)
        return ended;
    if (g->directory.base != NULL &&
        (!gwp_directory_alive(&g->directory) || gwp_directory_instance(&g->directory) != g->instance)) {
        gwi_end(g, GW_NOT_STARTED);
        return GW_NOT_STARTED;
    }
    return GW_OK;
}

static gw *make(void) {
    gw *g = calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    g->fd = g->directory_fd = g->watch.stop_fd = g->trace.marker = g->trace.raw = -1;
    /* Not from 1: in traces, requests of several processes of a guest are told apart by their numbers. */
    g->number = (uint32_t)(gwi_now_ns() / 1000 % (UINT32_MAX / GWI_CALLS - 1));
    atomic_init(&g->ended, GW_OK);
    atomic_init(&g->users, 1);
    pthread_mutex_init(&g->send_mutex, NULL);
    pthread_mutex_init(&g->call_mutex, NULL);
    pthread_mutex_init(&g->area_mutex, NULL);
    pthread_mutex_init(&g->watch.mutex, NULL);
    pthread_mutex_init(&g->trace.mutex, NULL);
    for (unsigned n = 0; n < GWI_CALLS; n++)
        g->calls[n].wake_fd = g->calls[n].fd = -1;
    return g;
}

static int hello(gw *g, const char *guest) {
    struct gw_request request = {.op = GW_OP_HELLO, .value = GW_LAYOUT_VERSION};
    struct gw_reply reply;
    int code;
    if (guest != NULL)
        memcpy(request.text, guest, strlen(guest));
    code = gwi_call(g, &request, NULL, 0, &reply, NULL);
    if (code == GW_OK)
        g->peer = (uint32_t)reply.value & ~GW_LOCK_WAITERS;
    if (code == GW_NOT_FOUND && guest != NULL)
        return gwi_fail(code, "the project has no guest %s", guest);
    return code == GW_OK && g->peer == 0 ? gwi_fail(GW_CORRUPT, "HELLO gave no peer number") : code;
}

static int open_socket(gw *g, const char *where) {
    char path[108];
    const char *guest = strstr(where, "?guest=");
    size_t length = guest != NULL ? (size_t)(guest - where) : strlen(where);
    int code, fd;
    if (length == 0 || length >= sizeof path)
        return gwi_fail(GW_INVALID, "the path of a socket has 1 to 107 bytes");
    if (guest != NULL && !gwi_name_fits(guest += strlen("?guest=")))
        return gwi_fail(GW_INVALID, "a guest's name has 1 to %d bytes", GW_NAME_BYTES - 1);
    memcpy(path, where, length);
    path[length] = 0;
    code = gwi_socket_open(g, path);
    if (code == GW_OK)
        code = hello(g, guest);
    if (code == GW_OK) {
        struct gw_request request = {.op = GW_OP_DIRECTORY};
        struct gw_reply reply;
        code = gwi_call(g, &request, NULL, 0, &reply, &fd);
    }
    return code == GW_OK ? gwi_directory_map(g, fd) : code;
}

static int open_doorbell(gw *g) {
    int code = gwi_doorbell_open(g);
    if (code == GW_OK)
        code = gwi_guest_directory(g); /* before HELLO: it says whether anybody would hear it */
    if (code == GW_OK)
        code = gwi_usable(g);
    return code == GW_OK ? hello(g, NULL) : code;
}

static int open_serial(gw *g, const char *path) {
    int code = gwi_serial_open(g, path);
    if (code == GW_OK)
        code = hello(g, NULL);
    if (code == GW_OK && gwi_guest_directory(g) != GW_OK)
        gwi_directory_map(g, -1); /* events and services work without shared memory */
    return code;
}

int gwi_open_way(const char *where, gw **out) {
    char path[300];
    gw *g = make();
    int code;
    if (g == NULL)
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    if (strncmp(where, "unix:", 5) == 0)
        code = open_socket(g, where + 5);
    else if (strcmp(where, "doorbell") == 0)
        code = open_doorbell(g);
    else if (strcmp(where, "serial") == 0) {
        code = gwi_serial_find(GWI_SERIAL, path, sizeof path);
        if (code == GW_OK)
            code = open_serial(g, path);
    } else if (strncmp(where, "serial:", 7) == 0)
        code = open_serial(g, where + 7);
    else
        code = gwi_fail(GW_INVALID, "'%.100s' is no unix:PATH, doorbell or serial:PATH", where);
    if (code != GW_OK) {
        gwi_drop(g);
        return code;
    }
    *out = g;
    return GW_OK;
}

static int find_out(gw **out) {
    const char *wanted = getenv("GUESTWIRE_ATTACH");
    struct stat there;
    char where[256], path[300];
    bool serial;
    int code;
    if (wanted != NULL && *wanted != 0) {
        snprintf(where, sizeof where, "%s%s", *wanted == '/' ? "unix:" : "", wanted);
        return gwi_open_way(where, out);
    }
    if (stat(GWI_SOCKET, &there) == 0)
        return gwi_open_way("unix:" GWI_SOCKET, out);
    serial = gwi_serial_find(GWI_SERIAL, path, sizeof path) == GW_OK; /* first: the doorbell's text is to remain */
    code = gwi_open_way("doorbell", out);
    if (code == GW_OK || code == GW_DENIED || !serial)
        return code;
    return gwi_open_way("serial", out); /* no doorbell, no IOMMU, or another process has it */
}

int gw_open(gw **out, const char *where) {
    gwi_forget();
    if (out == NULL)
        return GW_INVALID;
    *out = NULL;
    return where == NULL ? find_out(out) : gwi_open_way(where, out);
}

void gwi_close(gw *g) {
    if (g == NULL)
        return;
    gwi_end(g, GW_CLOSED);
    gwi_drop(g);
}

int gw_close(gw *g) {
    gwi_close(g);
    return gwi_plainly(GW_OK);
}

int gw_peer(gw *g, uint32_t *peer) {
    gwi_forget();
    if (g == NULL || peer == NULL)
        return GW_INVALID;
    *peer = g->peer;
    return GW_OK;
}

const char *gw_way(gw *g) { return g == NULL ? "" : g->way->name; }

int gw_alive(gw *g) {
    struct pollfd gone = {.fd = g == NULL ? -1 : g->fd};
    int code = gwi_usable(g);
    gwi_forget();
    if (code == GW_OK && poll(&gone, 1, 0) == 1 && gone.revents & (POLLHUP | POLLERR)) {
        gwi_end(g, GW_NOT_STARTED);
        return GW_NOT_STARTED;
    }
    return code;
}
