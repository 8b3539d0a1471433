/* Waiting for events of any kind at once. What is decided here, in this process (native, direct), is looked at first;
 * for the arbitrated ones a GW_OP_WAIT is under way meanwhile, and is taken back before anything else is consumed:
 * exactly one event releases a wait. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "event_handle.h"

#define NONE SIZE_MAX
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8 /* linux/fs.h */
#endif

struct wait {
    gw *g;
    gw_event_t *const *events;
    size_t count;
    struct gwi_call *call;
    bool asked; /* a GW_OP_WAIT is under way */
    gw_event_t *to_set; /* an arbitrated event that the first GW_OP_WAIT sets, or null */
    gw_event_t *doubtful; /* an arbitrated event that this peer might not wait for, or null: guestwire-comm is asked
                             before anything is taken, and tells it where it is so */
    size_t arbitrated;
    uint8_t places[GW_WAIT_ANY_MAX]; /* of the arbitrated ones among the events */
    struct pollfd fds[GWI_EXTRA_FDS];
    uint32_t fd_vectors[GWI_EXTRA_FDS]; /* 0: a native event */
    size_t fd_count;
};

/* By the system call's number: musl has no function for it. */
bool gwi_eventfd_take(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    uint64_t count;
    struct iovec into = {.iov_base = &count, .iov_len = sizeof count};
    if (syscall(SYS_preadv2, fd, &into, 1L, -1L, -1L, (long)RWF_NOWAIT) > 0) /* -1: it has no position */
        return true;
    /* Before Linux 5.8 nothing better: it sleeps when another process takes it in between. */
    return errno == EOPNOTSUPP && poll(&look, 1, 0) == 1 && read(fd, &count, sizeof count) > 0;
}

bool gwi_event_take_here(gw_event_t *e) {
    if (e->flags & GW_DIRECT)
        return gwp_direct_take(e->word, (e->flags & GW_MANUAL) != 0);
    if (!(e->flags & GW_NATIVE))
        return false;
    if (e->flags & GW_MANUAL) {
        struct pollfd look = {.fd = e->fd, .events = POLLIN};
        return poll(&look, 1, 0) == 1;
    }
    return gwi_eventfd_take(e->fd);
}

static size_t take_here(struct wait *w) {
    for (size_t n = 0; n < w->count; n++)
        if (gwi_event_take_here(w->events[n]))
            return n;
    return NONE;
}

static bool any_set_here(struct wait *w) {
    for (size_t n = 0; n < w->count; n++) {
        gw_event_t *e = w->events[n];
        struct pollfd look = {.fd = e->fd, .events = POLLIN};
        if (e->flags & GW_DIRECT ? atomic_load_explicit(&e->word->state, memory_order_relaxed) != 0
                                 : e->flags & GW_NATIVE && poll(&look, 1, 0) == 1)
            return true;
    }
    return false;
}

/* Sleeps until it is set, and takes an auto one. False: a signal came, or errno says what is wrong. */
static GWI_HOT bool native_is_awaited(gw_event_t *e) {
    struct pollfd look = {.fd = e->fd, .events = POLLIN};
    uint64_t count;
    if (e->flags & GW_MANUAL)
        return poll(&look, 1, -1) == 1;
    if (read(e->fd, &count, sizeof count) > 0)
        return true;
    /* Somebody made the eventfd one that does not block. */
    return errno == EAGAIN && poll(&look, 1, -1) == 1 && gwi_eventfd_take(e->fd);
}

/* A native event alone: an eventfd and nothing of ours in between. A timer would cost a fourth of a round trip, so a
 * wait for ever has none: see watch.c. */
static GWI_HOT int wait_native_for_ever(gw_event_t *e) {
    int code = atomic_load_explicit(&e->g->watch.runs, memory_order_acquire) ? GW_OK : gwi_watch_start(e->g);
    if (code != GW_OK)
        return code;
    atomic_fetch_add(&e->sleepers, 1);
    for (;;) {
        code = gwi_usable(e->g); /* after `sleepers` was raised, and again after every wake-up */
        if (code != GW_OK)
            break;
        if (native_is_awaited(e)) {
            code = atomic_load_explicit(&e->g->ended, memory_order_relaxed); /* set by the watch, not by a signal */
            break;
        }
        if (errno != EINTR && errno != EAGAIN) {
            code = GW_SYSTEM;
            break;
        }
    }
    atomic_fetch_sub(&e->sleepers, 1);
    if (code == GW_OK)
        return code;
    return code == GW_SYSTEM ? gwi_fail_errno(code, "event %s", e->name) : gwi_plainly(code);
}

static GWI_HOT int wait_native(gw_event_t *e, int64_t deadline_ns) {
    if (deadline_ns == GWI_NEVER)
        return wait_native_for_ever(e);
    for (;;) {
        struct pollfd look = {.fd = e->fd, .events = POLLIN};
        int left = gwi_left_ms(deadline_ns, GWI_SLICE_MS);
        int ready = poll(&look, 1, left);
        int code;
        if (ready < 0 && errno != EINTR)
            return gwi_fail_errno(GW_SYSTEM, "poll");
        if (ready == 1 && (e->flags & GW_MANUAL || gwi_eventfd_take(e->fd)))
            return GW_OK;
        code = gwi_usable(e->g);
        if (code != GW_OK)
            return code;
        if (ready == 0 && left < GWI_SLICE_MS)
            return GW_TIMEOUT;
    }
}

static int may_not_wait(gw_event_t *e) { return gwi_fail(GW_DENIED, "this peer may not wait for %s", e->name); }

static int prepare(struct wait *w) {
    uint32_t vectors = 0;
    for (size_t n = 0; n < w->count; n++) {
        gw_event_t *e = w->events[n];
        if (!(e->rights & GW_MAY_WAIT)) {
            if (!gwi_is_arbitrated(e))
                return may_not_wait(e);
            if (w->doubtful == NULL)
                w->doubtful = e;
        }
        if (e->flags & GW_NATIVE) {
            w->fds[w->fd_count++] = (struct pollfd){.fd = e->fd, .events = POLLIN};
        } else if (!(e->flags & GW_DIRECT)) {
            w->places[w->arbitrated++] = (uint8_t)n;
        } else if (e->vector == 0 || e->vector >= w->g->doorbell.vectors) {
            return gwi_fail(GW_UNSUPPORTED, "a direct event is waited for through the doorbell of its own guest");
        } else if (!(vectors & UINT32_C(1) << e->vector)) {
            vectors |= UINT32_C(1) << e->vector;
            w->fd_vectors[w->fd_count] = e->vector;
            w->fds[w->fd_count++] = (struct pollfd){.fd = w->g->doorbell.vector_fds[e->vector], .events = POLLIN};
        }
    }
    return GW_OK;
}

static int ask(struct wait *w) {
    struct gw_request request = {.op = GW_OP_WAIT, .count = (uint32_t)w->arbitrated};
    int code;
    if (w->arbitrated == 0 || w->asked)
        return GW_OK;
    for (size_t n = 0; n < w->arbitrated; n++) {
        uint32_t handle = w->events[w->places[n]]->handle;
        memcpy(request.text + n * sizeof handle, &handle, sizeof handle);
    }
    request.handle = w->events[w->places[0]]->handle;
    if (w->to_set != NULL) {
        request.flags = GW_SET_FIRST;
        request.value = w->to_set->handle;
    }
    code = gwi_call_send(w->g, w->call, &request, NULL, 0);
    w->asked = code == GW_OK;
    if (w->asked)
        w->to_set = NULL;
    return code;
}

/* The answer to the wait, if it came. GW_EMPTY: it did not. */
static int answer(struct wait *w, size_t *which) {
    if (!w->asked || !gwi_call_answered(w->g, w->call))
        return GW_EMPTY;
    w->asked = false;
    if (w->call->reply.code == GW_DENIED && w->doubtful != NULL)
        return may_not_wait(w->doubtful);
    if (w->call->reply.code != GW_OK)
        return w->call->reply.code < 0 ? w->call->reply.code : GW_CORRUPT;
    if (w->call->reply.value >= w->arbitrated)
        return gwi_fail(GW_CORRUPT, "a wait was answered with place %llu", (unsigned long long)w->call->reply.value);
    *which = w->places[w->call->reply.value];
    return GW_OK;
}

/* Takes the wait back. GW_EMPTY: it is gone, and consumed nothing; else as in answer(). */
static int take_back(struct wait *w, size_t *which) {
    struct gw_request request = {.op = GW_OP_CANCEL};
    struct gw_reply reply;
    int code;
    if (!w->asked)
        return GW_EMPTY;
    request.value = w->call->seq;
    code = gwi_call(w->g, &request, NULL, 0, &reply, NULL);
    if (code != GW_OK && code != GW_NOT_FOUND)
        return code;
    if ((code = answer(w, which)) == GW_EMPTY) {
        struct gwi_call *fresh;
        if ((code = gwi_call_begin(w->g, &fresh)) != GW_OK) /* a seq is used once */
            return code;
        gwi_call_end(w->g, w->call);
        w->call = fresh;
        w->asked = false;
        code = GW_EMPTY;
    }
    return code;
}

static void drain_vectors(struct wait *w) {
    for (size_t n = 0; n < w->fd_count; n++) {
        uint64_t rings;
        if (w->fd_vectors[n] != 0 && w->fds[n].revents != 0 && read(w->fds[n].fd, &rings, sizeof rings) > 0)
            gwi_wake_vector(w->g, w->call, w->fd_vectors[n]);
    }
}

static int watch(struct wait *w) {
    uint32_t vectors = 0;
    for (size_t n = 0; n < w->fd_count; n++)
        if (w->fd_vectors[n] != 0)
            vectors |= UINT32_C(1) << w->fd_vectors[n];
    return vectors == 0 ? GW_OK : gwi_call_watch(w->g, w->call, vectors);
}

/* Until something is set. Direct events have their `waiting` raised. */
static int wait_loop(struct wait *w, int64_t deadline_ns, size_t *which) {
    for (;;) {
        int code, slept;
        if ((w->asked || w->doubtful == NULL) && any_set_here(w)) {
            code = take_back(w, which); /* first: what it may have consumed counts */
            if (code != GW_EMPTY)
                return code;
            if ((*which = take_here(w)) != NONE)
                return GW_OK;
        }
        code = watch(w);
        if (code == GW_OK)
            code = ask(w);
        if (code != GW_OK)
            return code;
        slept = gwi_call_sleep(w->g, w->call, w->fds, w->fd_count, deadline_ns);
        drain_vectors(w);
        code = answer(w, which);
        if (code != GW_EMPTY)
            return code;
        if (slept != GW_OK && slept != GW_TIMEOUT)
            return slept;
        if (slept == GW_TIMEOUT && !any_set_here(w)) {
            code = take_back(w, which);
            return code == GW_EMPTY ? GW_TIMEOUT : code;
        }
    }
}

static void raise_waiting(struct wait *w, bool begin) {
    for (size_t n = 0; n < w->count; n++)
        if (w->events[n]->flags & GW_DIRECT)
            (begin ? gwp_direct_wait_begin : gwp_direct_wait_end)(w->events[n]->word);
}

/* What is not native alone. */
static int wait_in_a_call(struct wait *w, int64_t deadline_ns, size_t *which) {
    int code = gwi_call_begin(w->g, &w->call);
    if (code != GW_OK)
        return code;
    raise_waiting(w, true);
    code = wait_loop(w, deadline_ns, which);
    raise_waiting(w, false);
    gwi_call_end(w->g, w->call);
    return code;
}

int gwi_events_wait(gw_event_t *const *events, size_t count, int64_t deadline_ns, size_t *which) {
    struct wait w = {.g = events[0]->g, .events = events, .count = count};
    int code = prepare(&w);
    *which = 0;
    if (code != GW_OK)
        return code;
    if (count == 1 && events[0]->flags & GW_NATIVE)
        return wait_native(events[0], deadline_ns);
    if (w.doubtful == NULL && (*which = take_here(&w)) != NONE)
        return GW_OK;
    return wait_in_a_call(&w, deadline_ns, which);
}

int gw_event_wait_any(gw_event_t *const *events, size_t count, int64_t timeout_ms, size_t *which) {
    size_t released;
    int code;
    gwi_forget();
    if (events == NULL || count == 0 || count > GW_WAIT_ANY_MAX || events[0] == NULL)
        return GW_INVALID;
    for (size_t n = 1; n < count; n++)
        if (events[n] == NULL || events[n]->g != events[0]->g)
            return GW_INVALID;
    code = gwi_usable(events[0]->g);
    if (code == GW_OK)
        code = gwi_events_wait(events, count, gwi_deadline_ns(timeout_ms), &released);
    if (code == GW_OK && which != NULL)
        *which = released;
    return code;
}

GWI_HOT int gw_event_wait(gw_event_t *e, int64_t timeout_ms) {
    int code;
    if (e == NULL || !(e->flags & GW_NATIVE) || !(e->rights & GW_MAY_WAIT))
        return gw_event_wait_any(&e, 1, timeout_ms, NULL);
    if (timeout_ms < 0)
        return wait_native_for_ever(e);
    code = gwi_usable(e->g);
    if (code == GW_OK)
        code = wait_native(e, gwi_deadline_ns(timeout_ms));
    return code == GW_OK || code == GW_SYSTEM ? code : gwi_plainly(code);
}

/* Before anything is set. */
static int is_waited_for(struct wait *w) {
    gw_event_t *e = w->doubtful;
    struct wait asks = *w;
    size_t which;
    int code;
    if (e == NULL)
        return GW_OK;
    gwi_event_look_again(e);
    if (e->rights & GW_MAY_WAIT)
        return GW_OK;
    asks.to_set = NULL;
    code = wait_in_a_call(&asks, 0, &which);
    return code == GW_OK || code == GW_TIMEOUT ? may_not_wait(e) : code;
}

static int set_and_wait(gw_event_t *to_set, gw_event_t *to_wait, int64_t deadline_ns) {
    struct wait w = {.g = to_wait->g, .events = &to_wait, .count = 1, .to_set = to_set};
    size_t which;
    int code = gwi_usable(w.g);
    if (code == GW_OK)
        code = gwi_event_may_signal(to_set, GW_OP_SET);
    if (code == GW_OK)
        code = prepare(&w);
    if (code == GW_OK)
        code = is_waited_for(&w);
    if (code != GW_OK)
        return code;
    if (gwi_is_arbitrated(to_set) && gwi_is_arbitrated(to_wait))
        return wait_in_a_call(&w, deadline_ns, &which);
    code = gwi_event_set(to_set);
    return code == GW_OK ? gwi_events_wait(w.events, 1, deadline_ns, &which) : code;
}

int gw_event_set_and_wait(gw_event_t *to_set, gw_event_t *to_wait, int64_t timeout_ms) {
    gwi_forget();
    if (to_set == NULL || to_wait == NULL || to_set->g != to_wait->g)
        return GW_INVALID;
    return set_and_wait(to_set, to_wait, gwi_deadline_ns(timeout_ms));
}
