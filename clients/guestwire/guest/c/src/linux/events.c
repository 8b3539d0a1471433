/* Named events: opening, setting, looking. Three kinds with one face: arbitrated (requests), native (an eventfd) and
 * direct (a word in memory and the waiter's doorbell). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_handle.h"

static int place_word(gw_event_t *e, const struct gw_direct_row *row) {
    int code = gwi_area_open_index(e->g, row->index, GW_READ | GW_WRITE, &e->area);
    if (code != GW_OK)
        return code;
    if (row->offset % 64 != 0 || row->offset > e->area->bytes - sizeof *e->word) {
        gwi_area_close(e->g, e->area);
        e->area = NULL;
        return gwi_fail(GW_CORRUPT, "event %s lies outside of its region", e->name);
    }
    e->word = (struct gw_direct *)(void *)(e->area->base + row->offset);
    return GW_OK;
}

static int open_direct(gw_event_t *e) {
    struct gw_direct_row row;
    int code = gwi_find_direct(e->g, e->name, &row);
    if (code != GW_OK)
        return code;
    if (row.manual)
        e->flags |= GW_MANUAL;
    if (row.role & GW_READER) {
        if (row.vector == 0 || row.vector >= GW_VECTORS)
            return gwi_fail(GW_CORRUPT, "event %s has the vector %u", e->name, row.vector);
        e->vector = row.vector;
    }
    return place_word(e, &row);
}

static int open_kind(gw_event_t *e, int fd) {
    struct gw_direct_row row;
    if (e->flags & GW_NATIVE) {
        if (fd < 0)
            return gwi_fail(GW_CORRUPT, "no descriptor came for event %s", e->name);
        e->fd = fd;
        if (gwi_find_direct(e->g, e->name, &row) == GW_OK)
            (void)place_word(e, &row); /* counts only: it works without */
        gwi_watch_event(e);
        return GW_OK;
    }
    if (fd >= 0)
        close(fd);
    return e->flags & GW_DIRECT ? open_direct(e) : GW_OK;
}

int gwi_event_open(gw *g, const char *name, uint32_t flags, gw_event_t **out, int *existed) {
    struct gw_request request = {.op = GW_OP_OPEN, .flags = (uint16_t)flags};
    struct gw_reply reply;
    gw_event_t *e;
    int code = gwi_usable(g), fd;
    if (out != NULL)
        *out = NULL;
    if (code != GW_OK)
        return code;
    if (out == NULL || !gwi_name_fits(name))
        return GW_INVALID;
    memcpy(request.text, name, strlen(name));
    code = gwi_call(g, &request, NULL, 0, &reply, &fd);
    if (code != GW_OK)
        return code;
    e = calloc(1, sizeof *e);
    if (e == NULL) {
        close(fd);
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    }
    *e = (gw_event_t){.g = g,
                      .handle = reply.handle,
                      .rights = (uint32_t)reply.value,
                      .fd = -1,
                      .sequence = UINT64_MAX,
                      .flags = reply.flags & (GW_MANUAL | GW_NATIVE | GW_DIRECT)};
    memcpy(e->name, name, strlen(name));
    pthread_mutex_init(&e->mutex, NULL);
    gwi_hold(g);
    code = open_kind(e, fd);
    if (code != GW_OK) {
        gwi_event_close(e);
        return code;
    }
    if (existed != NULL)
        *existed = (reply.flags & GW_EXISTED) != 0;
    *out = e;
    return GW_OK;
}

int gw_event_create(gw *g, const char *name, uint32_t flags, gw_event_t **out, int *existed) {
    gwi_forget();
    if (flags & ~(uint32_t)(GW_MANUAL | GW_INITIAL)) {
        if (out != NULL)
            *out = NULL;
        return GW_INVALID;
    }
    return gwi_event_open(g, name, flags | GW_CREATE, out, existed);
}

int gw_event_open(gw *g, const char *name, gw_event_t **out) {
    gwi_forget();
    return gwi_event_open(g, name, 0, out, NULL);
}

static int tell(gw_event_t *e, uint16_t op) {
    struct gw_request request = {.op = op, .handle = e->handle};
    return gwi_tell(e->g, &request);
}

void gwi_event_look_again(gw_event_t *e) {
    struct gw_request open = {.op = GW_OP_OPEN}, close = {.op = GW_OP_CLOSE};
    struct gw_reply reply;
    memcpy(open.text, e->name, sizeof e->name);
    if (gwi_call(e->g, &open, NULL, 0, &reply, NULL) != GW_OK)
        return;
    atomic_store(&e->rights, (uint32_t)reply.value);
    close.handle = reply.handle;
    (void)gwi_call(e->g, &close, NULL, 0, &reply, NULL);
}

int gwi_event_may_signal(gw_event_t *e, uint16_t op) {
    if (e->rights & GW_MAY_SIGNAL)
        return GW_OK;
    if (gwi_is_arbitrated(e)) {
        gwi_event_look_again(e);
        if (e->rights & GW_MAY_SIGNAL)
            return GW_OK;
        (void)tell(e, op);
    }
    return gwi_fail(GW_DENIED, "this peer may not %s %s", op == GW_OP_SET ? "signal" : "reset", e->name);
}

static GWI_HOT bool native_is_set(gw_event_t *e) {
    uint64_t one = 1;
    if (write(e->fd, &one, sizeof one) < 0 && errno != EAGAIN) /* EAGAIN: it is set, very often */
        return false;
    if (e->word != NULL)
        atomic_fetch_add_explicit(&e->word->signals, 1, memory_order_relaxed);
    return true;
}

/* The waiter's place changes when its guest starts again. */
static int ring_waiter(gw_event_t *e) {
    uint32_t peer, vector;
    int code = GW_OK;
    pthread_mutex_lock(&e->mutex);
    if (gwp_directory_sequence(&e->g->directory) != e->sequence) {
        uint64_t sequence = gwp_directory_sequence(&e->g->directory);
        struct gw_direct_row row;
        code = gwi_find_direct(e->g, e->name, &row);
        if (code == GW_OK) {
            e->waiter_peer = row.peer;
            e->waiter_vector = row.vector;
            e->sequence = sequence;
        }
    }
    peer = e->waiter_peer;
    vector = e->waiter_vector;
    pthread_mutex_unlock(&e->mutex);
    if (code != GW_OK || peer == 0) /* not there: it finds the word when it comes */
        return code == GW_NOT_FOUND ? GW_CLOSED : code;
    return gwi_doorbell_ring(e->g, peer, vector);
}

int gwi_event_set(gw_event_t *e) {
    int code = gwi_usable(e == NULL ? NULL : e->g);
    if (code == GW_OK)
        code = gwi_event_may_signal(e, GW_OP_SET);
    if (code != GW_OK)
        return code;
    if (e->flags & GW_NATIVE)
        return native_is_set(e) ? GW_OK : gwi_fail_errno(GW_SYSTEM, "event %s", e->name);
    if (e->flags & GW_DIRECT)
        return gwp_direct_set(e->word, gwi_coarse_ns()) ? ring_waiter(e) : GW_OK;
    return tell(e, GW_OP_SET);
}

GWI_HOT int gw_event_set(gw_event_t *e) {
    if (e != NULL && e->flags & GW_NATIVE && e->rights & GW_MAY_SIGNAL && gwi_usable(e->g) == GW_OK && native_is_set(e))
        return GW_OK;
    gwi_forget();
    return gwi_event_set(e);
}

int gw_event_reset(gw_event_t *e) {
    int code = gwi_usable(e == NULL ? NULL : e->g);
    gwi_forget();
    if (code == GW_OK)
        code = gwi_event_may_signal(e, GW_OP_RESET);
    if (code != GW_OK)
        return code;
    if (e->flags & GW_NATIVE) {
        if (!gwi_eventfd_take(e->fd) && errno != EAGAIN)
            return gwi_fail_errno(GW_SYSTEM, "event %s", e->name);
        return GW_OK;
    }
    if (e->flags & GW_DIRECT) {
        atomic_store_explicit(&e->word->state, 0, memory_order_seq_cst);
        return GW_OK;
    }
    return tell(e, GW_OP_RESET);
}

int gw_event_is_set(gw_event_t *e, int *is_set) {
    struct gw_request request = {.op = GW_OP_QUERY};
    struct gw_reply reply;
    int code = gwi_usable(e == NULL ? NULL : e->g);
    gwi_forget();
    if (code != GW_OK)
        return code;
    if (is_set == NULL)
        return GW_INVALID;
    if (e->flags & GW_NATIVE) {
        struct pollfd look = {.fd = e->fd, .events = POLLIN};
        *is_set = poll(&look, 1, 0) == 1;
    } else if (e->flags & GW_DIRECT) {
        *is_set = atomic_load_explicit(&e->word->state, memory_order_acquire) != 0;
    } else {
        request.handle = e->handle;
        code = gwi_call(e->g, &request, NULL, 0, &reply, NULL);
        if (code == GW_OK)
            *is_set = reply.value != 0;
    }
    return code;
}

uint32_t gw_event_flags(gw_event_t *e) { return e == NULL ? 0 : e->flags; }

uint32_t gw_event_rights(gw_event_t *e) { return e == NULL ? 0 : e->rights & (GW_MAY_SIGNAL | GW_MAY_WAIT); }

int gw_event_fd(gw_event_t *e) { return e == NULL ? -1 : e->fd; }

int gw_event_parts(gw_event_t *e, struct gw_event_parts *out) {
    int code = gwi_usable(e == NULL ? NULL : e->g);
    gwi_forget();
    if (code != GW_OK)
        return code;
    if (out == NULL)
        return GW_INVALID;
    if (!(e->flags & GW_NATIVE))
        return gwi_fail(GW_UNSUPPORTED, "event %s is no eventfd", e->name);
    code = gwi_watch_start(e->g);
    if (code != GW_OK)
        return code;
    *out = (struct gw_event_parts){.fd = e->fd,
                                   .ended = (const int *)&e->g->ended,
                                   .sleepers = &e->lent.sleepers,
                                   .signals = &e->lent.signals};
    return GW_OK;
}

void gwi_event_close(gw_event_t *e) {
    gw *g;
    if (e == NULL)
        return;
    g = e->g;
    if (gwi_usable(g) == GW_OK) {
        struct gw_request request = {.op = GW_OP_CLOSE, .handle = e->handle};
        struct gw_reply reply;
        (void)gwi_call(g, &request, NULL, 0, &reply, NULL);
    }
    if (e->fd >= 0) {
        gwi_unwatch_event(e);
        close(e->fd);
    }
    gwi_area_close(g, e->area);
    pthread_mutex_destroy(&e->mutex);
    free(e);
    gwi_drop(g);
}

int gw_event_close(gw_event_t *e) {
    gwi_event_close(e);
    return gwi_plainly(GW_OK);
}
