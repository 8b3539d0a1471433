/* Requests and their replies, for any number of threads and without a thread of our own. Of those that wait for a reply
 * one leads: it sleeps on the way, takes every reply that comes and gives it to whom it belongs. The others follow:
 * each sleeps on the wake_fd of its call. When the leader leaves, it wakes one of them to lead. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "attachment.h"

static void wake(struct gwi_call *call) {
    uint64_t one = 1;
    ssize_t written = write(call->wake_fd, &one, sizeof one); /* full: it is readable already */
    (void)written;
}

static void drain(int fd) {
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
}

int gwi_call_begin(gw *g, struct gwi_call **out) {
    pthread_mutex_lock(&g->call_mutex);
    for (unsigned n = 0; n < GWI_CALLS; n++) {
        struct gwi_call *call = &g->calls[n];
        if (call->taken)
            continue;
        g->number = g->number >= UINT32_MAX / GWI_CALLS - 1 ? 1 : g->number + 1;
        call->seq = g->number * GWI_CALLS + n;
        call->taken = true;
        call->follows = false;
        call->state = GWI_IDLE;
        call->vectors = 0;
        call->fd = -1;
        pthread_mutex_unlock(&g->call_mutex);
        *out = call;
        return GW_OK;
    }
    pthread_mutex_unlock(&g->call_mutex);
    return gwi_fail(GW_BUSY, "%d calls are under way", GWI_CALLS);
}

static void set_state(gw *g, struct gwi_call *call, enum gwi_state state) {
    pthread_mutex_lock(&g->call_mutex);
    call->state = state;
    pthread_mutex_unlock(&g->call_mutex);
}

int gwi_call_send(gw *g, struct gwi_call *call, struct gw_request *request, const void *payload, size_t length) {
    int code;
    request->seq = call->seq;
    set_state(g, call, GWI_WAITING); /* before sending: another thread may take the reply at once */
    code = g->way->send(g, request, payload, length);
    if (code != GW_OK)
        set_state(g, call, GWI_IDLE);
    return code;
}

bool gwi_call_answered(gw *g, struct gwi_call *call) {
    bool answered;
    pthread_mutex_lock(&g->call_mutex);
    answered = call->state == GWI_ANSWERED;
    pthread_mutex_unlock(&g->call_mutex);
    return answered;
}

/* Nobody sleeps on the way: one of those that wait for a reply is to. Under call_mutex. */
static void find_leader(gw *g) {
    if (g->leads || g->followers == 0)
        return;
    for (unsigned n = 0; n < GWI_CALLS; n++)
        if (g->calls[n].follows && g->calls[n].state == GWI_WAITING) {
            wake(&g->calls[n]);
            return;
        }
}

void gwi_call_end(gw *g, struct gwi_call *call) {
    pthread_mutex_lock(&g->call_mutex);
    if (call->fd >= 0)
        close(call->fd);
    call->fd = -1;
    if (call->vectors != 0)
        g->watchers -= 1;
    call->vectors = 0;
    call->state = GWI_IDLE;
    call->taken = false;
    find_leader(g); /* this thread may have been woken to lead, and leaves instead */
    pthread_mutex_unlock(&g->call_mutex);
}

static void deliver(gw *g, const struct gw_reply *reply, int fd) {
    struct gwi_call *call = &g->calls[reply->seq % GWI_CALLS];
    pthread_mutex_lock(&g->call_mutex);
    if (call->taken && call->state == GWI_WAITING && call->seq == reply->seq) {
        call->reply = *reply;
        call->fd = fd;
        call->state = GWI_ANSWERED;
        if (call->follows)
            wake(call);
        fd = -1;
    }
    pthread_mutex_unlock(&g->call_mutex);
    if (fd >= 0) /* of a call that was given up */
        close(fd);
}

/* The replies that are there, or those up to the leader's own where the others can wait; by the leader. */
static int take_replies(gw *g, struct gwi_call *mine) {
    for (int n = 0; n < 4 * GW_REPLIES; n++) {
        struct gw_reply reply;
        int fd = -1;
        int code = g->way->receive(g, &reply, &fd);
        if (code == GW_EMPTY)
            return GW_OK;
        if (code != GW_OK)
            return code;
        deliver(g, &reply, fd);
        if (g->way->keeps && reply.seq == mine->seq)
            return GW_OK;
    }
    return GW_OK;
}

/* One poll of at most a slice. */
static int sleep_on(struct pollfd *fds, size_t count, int64_t deadline_ns) {
    int ready = poll(fds, count, gwi_left_ms(deadline_ns, GWI_SLICE_MS));
    if (ready < 0 && errno != EINTR)
        return gwi_fail_errno(GW_SYSTEM, "poll");
    for (size_t n = 0; ready <= 0 && n < count; n++)
        fds[n].revents = 0;
    return GW_OK;
}

static bool passed(int64_t deadline_ns) { return deadline_ns != GWI_NEVER && gwi_now_ns() >= deadline_ns; }

static int lead(gw *g, struct gwi_call *call, struct pollfd *fds, size_t count, int64_t deadline_ns) {
    for (;;) {
        int code = sleep_on(fds, count, deadline_ns);
        if (code == GW_OK && fds[0].revents != 0) {
            code = take_replies(g, call);
            if (code == GW_NOT_STARTED)
                gwi_end(g, code);
        }
        if (code == GW_OK)
            code = gwi_usable(g);
        if (code != GW_OK || gwi_call_answered(g, call))
            return code;
        for (size_t n = 1; n < count; n++)
            if (fds[n].revents != 0)
                return GW_OK;
        if (passed(deadline_ns))
            return GW_TIMEOUT;
    }
}

static int follow(gw *g, struct pollfd *fds, size_t count, int64_t deadline_ns) {
    int code = sleep_on(fds, count, deadline_ns);
    bool woken = fds[0].revents != 0;
    if (woken)
        drain(fds[0].fd);
    if (code == GW_OK)
        code = gwi_usable(g);
    for (size_t n = 1; n < count; n++)
        woken = woken || fds[n].revents != 0;
    return code == GW_OK && !woken && passed(deadline_ns) ? GW_TIMEOUT : code;
}

static int make_wake_fd(struct gwi_call *call) {
    if (call->wake_fd < 0)
        call->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return call->wake_fd < 0 ? gwi_fail_errno(GW_SYSTEM, "eventfd") : GW_OK;
}

int gwi_call_sleep(gw *g, struct gwi_call *call, struct pollfd *extra, size_t count, int64_t deadline_ns) {
    struct pollfd fds[1 + GWI_EXTRA_FDS];
    bool leads;
    int code = GW_OK;
    if (count > GWI_EXTRA_FDS)
        return GW_INVALID;
    pthread_mutex_lock(&g->call_mutex);
    if (call->state == GWI_ANSWERED) {
        pthread_mutex_unlock(&g->call_mutex);
        return GW_OK;
    }
    leads = call->state == GWI_WAITING && !g->leads;
    if (leads) {
        g->leads = true;
    } else if ((code = make_wake_fd(call)) == GW_OK) {
        call->follows = true;
        g->followers += 1;
    }
    pthread_mutex_unlock(&g->call_mutex);
    if (code != GW_OK)
        return code;

    fds[0] = (struct pollfd){.fd = leads ? g->fd : call->wake_fd, .events = POLLIN};
    if (count > 0)
        memcpy(fds + 1, extra, count * sizeof *extra);
    code = leads ? lead(g, call, fds, 1 + count, deadline_ns) : follow(g, fds, 1 + count, deadline_ns);
    for (size_t n = 0; n < count; n++)
        extra[n].revents = fds[1 + n].revents;

    pthread_mutex_lock(&g->call_mutex);
    if (leads) {
        g->leads = false;
        find_leader(g);
    } else {
        call->follows = false;
        g->followers -= 1;
    }
    pthread_mutex_unlock(&g->call_mutex);
    return code;
}

int gwi_call_watch(gw *g, struct gwi_call *call, uint32_t vectors) {
    int code;
    pthread_mutex_lock(&g->call_mutex);
    code = make_wake_fd(call);
    if (code == GW_OK && call->vectors == 0 && vectors != 0)
        g->watchers += 1;
    if (code == GW_OK)
        call->vectors |= vectors;
    pthread_mutex_unlock(&g->call_mutex);
    return code;
}

void gwi_wake_vector(gw *g, struct gwi_call *mine, uint32_t vector) {
    pthread_mutex_lock(&g->call_mutex);
    for (unsigned n = 0; g->watchers > 1 && n < GWI_CALLS; n++) {
        struct gwi_call *call = &g->calls[n];
        if (call != mine && call->taken && call->vectors & (UINT32_C(1) << vector))
            wake(call);
    }
    pthread_mutex_unlock(&g->call_mutex);
}

int gwi_call(gw *g, struct gw_request *request, const void *payload, size_t length, struct gw_reply *reply, int *fd) {
    struct gwi_call *call;
    int64_t deadline = gwi_deadline_ns(GWI_CALL_MS);
    int code = gwi_usable(g);
    if (fd != NULL)
        *fd = -1;
    if (code == GW_OK)
        code = gwi_call_begin(g, &call);
    if (code != GW_OK)
        return code;
    code = gwi_call_send(g, call, request, payload, length);
    while (code == GW_OK && !gwi_call_answered(g, call))
        code = gwi_call_sleep(g, call, NULL, 0, deadline);
    if (code == GW_OK) {
        *reply = call->reply;
        code = reply->code > 0 ? GW_CORRUPT : reply->code;
        if (code == GW_OK && fd != NULL) {
            *fd = call->fd;
            call->fd = -1;
        }
    }
    gwi_call_end(g, call);
    return code;
}

int gwi_tell(gw *g, struct gw_request *request) {
    int code = gwi_usable(g);
    request->seq = 0;
    return code == GW_OK ? g->way->send(g, request, NULL, 0) : code;
}
