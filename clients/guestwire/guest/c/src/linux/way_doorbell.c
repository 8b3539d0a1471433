/* The doorbell way: requests and replies in the control region, which this guest and guestwire-comm alone have; the
 * doorbell and vector 0 say that there are some. */
#include <string.h>
#include <unistd.h>

#include "attachment.h"

#define DOORBELL 3 /* the register at 12 (ivshmem spec) */

static struct gw_control *control_of(gw *g) {
    return (struct gw_control *)(void *)(g->doorbell.control + sizeof(struct gw_region));
}

static void ring(gw *g, uint32_t peer, uint32_t vector) {
    g->doorbell.registers[DOORBELL] = peer << 16 | (vector & 0xffff);
}

int gwi_doorbell_ring(gw *g, uint32_t peer, uint32_t vector) {
    int code = GW_OK;
    if (g->way->area_fd != gwi_guest_area_fd)
        return gwi_fail(GW_UNSUPPORTED, "a direct event is between guests");
    if (g->doorbell.registers == NULL) { /* without an IOMMU a guest can still ring */
        pthread_mutex_lock(&g->send_mutex);
        if (g->doorbell.registers == NULL)
            code = gwi_doorbell_registers(&g->doorbell);
        pthread_mutex_unlock(&g->send_mutex);
    }
    if (code == GW_OK) {
        atomic_thread_fence(memory_order_seq_cst); /* what the other side is to find lies there */
        ring(g, peer, vector);
    }
    return code;
}

static bool served(gw *g) {
    return atomic_load_explicit(&control_of(g)->instance, memory_order_relaxed) == g->doorbell.instance;
}

static int doorbell_send(gw *g, const struct gw_request *request, const void *payload, size_t length) {
    struct gw_control *control = control_of(g);
    struct timespec pause = {.tv_nsec = 1000000};
    int64_t deadline = 0;
    (void)payload;
    if (length > 0)
        return gwi_fail(GW_UNSUPPORTED, "a doorbell carries no payload");
    for (;;) {
        uint64_t used, taken;
        pthread_mutex_lock(&g->send_mutex);
        used = g->doorbell.request_head - atomic_load_explicit(&control->request_tail, memory_order_acquire);
        if (used < GW_REQUESTS) {
            memcpy(g->doorbell.control + GW_REQUESTS_OFFSET + g->doorbell.request_head % GW_REQUESTS * sizeof *request,
                   request, sizeof *request);
            g->doorbell.request_head += 1;
            atomic_store_explicit(&control->request_head, g->doorbell.request_head, memory_order_release);
            /* Before it sleeps guestwire-comm says what it has taken, and looks once more: while it has not taken what
             * was there before, it was rung for that, and finds this one too. */
            atomic_thread_fence(memory_order_seq_cst);
            taken = atomic_load_explicit(&control->request_tail, memory_order_relaxed);
            if (taken + 1 == g->doorbell.request_head || !g->doorbell.rung)
                ring(g, GW_SERVER_PEER, 0);
            g->doorbell.rung = true;
        }
        pthread_mutex_unlock(&g->send_mutex);
        if (used < GW_REQUESTS)
            return GW_OK;
        if (!served(g))
            return GW_NOT_STARTED;
        if (deadline == 0)
            deadline = gwi_deadline_ns(GWI_SEND_MS);
        if (gwi_left_ms(deadline, GWI_SEND_MS) == 0)
            return gwi_fail(GW_BUSY, "guestwire-comm took no request for %d ms", GWI_SEND_MS);
        nanosleep(&pause, NULL);
    }
}

static bool take_reply(gw *g, struct gw_reply *reply) {
    struct gw_control *control = control_of(g);
    uint64_t head = atomic_load_explicit(&control->reply_head, memory_order_acquire);
    uint64_t there = head - g->doorbell.reply_tail;
    if (there == 0)
        return false;
    if (there > GW_REPLIES) /* only after a fault of the host's: begin anew */
        g->doorbell.reply_tail = head - 1;
    memcpy(reply, g->doorbell.control + GW_REPLIES_OFFSET + g->doorbell.reply_tail % GW_REPLIES * sizeof *reply,
           sizeof *reply);
    g->doorbell.reply_tail += 1;
    atomic_store_explicit(&control->reply_tail, g->doorbell.reply_tail, memory_order_release);
    return true;
}

static int doorbell_receive(gw *g, struct gw_reply *reply, int *fd) {
    uint64_t rings;
    *fd = -1;
    if (take_reply(g, reply))
        return GW_OK;
    if (read(g->fd, &rings, sizeof rings) == sizeof rings && take_reply(g, reply))
        return GW_OK;
    return served(g) ? GW_EMPTY : GW_NOT_STARTED;
}

static void doorbell_close(gw *g) { gwi_doorbell_give_back(&g->doorbell); }

static const struct gwi_way doorbell_way = {"doorbell", false, doorbell_send, doorbell_receive, gwi_guest_area_fd,
                                            doorbell_close};

int gwi_doorbell_open(gw *g) {
    struct gw_control *control;
    int code;
    g->way = &doorbell_way;
    code = gwi_doorbell_take(&g->doorbell);
    if (code != GW_OK)
        return code;
    if (gwp_region_check(g->doorbell.control, g->doorbell.control_bytes, GW_KIND_CONTROL, 0) != GW_OK)
        return gwi_fail(GW_NOT_STARTED, "somebody wrote over the doorbell's memory: reset the guest, or power it off and on");
    control = control_of(g);
    g->doorbell.instance = atomic_load_explicit(&control->instance, memory_order_acquire);
    if (g->doorbell.instance == 0)
        return gwi_fail(GW_NOT_STARTED, "no guestwire-comm serves the doorbell");
    /* An earlier process of this guest may have left both anywhere. */
    g->doorbell.request_head = atomic_load_explicit(&control->request_head, memory_order_relaxed);
    if (g->doorbell.request_head - atomic_load_explicit(&control->request_tail, memory_order_acquire) > GW_REQUESTS)
        g->doorbell.request_head = atomic_load_explicit(&control->request_tail, memory_order_acquire);
    g->doorbell.reply_tail = atomic_load_explicit(&control->reply_head, memory_order_acquire);
    atomic_store_explicit(&control->reply_tail, g->doorbell.reply_tail, memory_order_release);
    g->fd = g->doorbell.vector_fds[0];
    return GW_OK;
}
