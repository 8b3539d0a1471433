/* What an open event is: shared by events.c, waits.c, queues.c and locks.c. */
#ifndef GWI_EVENT_HANDLE_H
#define GWI_EVENT_HANDLE_H

#include "../portable/words.h"
#include "attachment.h"

struct gw_event_handle {
    gw *g;
    uint32_t handle; /* guestwire-comm's */
    uint32_t flags;  /* GW_MANUAL, GW_NATIVE, GW_DIRECT */
    atomic_uint rights;
    int fd;                       /* native: the eventfd */
    struct gw_event_handle *next; /* native: of those that are open */
    atomic_uint sleepers;         /* native: threads that wait for ever */
    struct {                      /* native: what gw_event_parts lent */
        uint64_t sleepers, signals;
        uint64_t counted; /* of these signals, in the word */
    } lent;
    struct gwi_area *area;
    struct gw_direct *word; /* direct: the event; native: counts only, or null */
    uint32_t vector;        /* direct: on which this process waits */
    /* direct, signalling: where the waiter is, as of this state of the directory */
    pthread_mutex_t mutex;
    uint64_t sequence;
    uint32_t waiter_peer, waiter_vector;
    char name[GW_NAME_BYTES];
};

/* As the public ones, but what they say of an error stays. */
int gwi_event_open(gw *g, const char *name, uint32_t flags, gw_event_t **out, int *existed);
int gwi_event_set(gw_event_t *e);
void gwi_event_close(gw_event_t *e);

/* GW_OK, or GW_DENIED; `op` is GW_OP_SET or GW_OP_RESET. Where guestwire-comm decides, the request goes out all the same:
 * what a peer may not is told there. */
int gwi_event_may_signal(gw_event_t *e, uint16_t op);
/* Asks for the rights to an arbitrated event anew: a project may have given more since it was opened. */
void gwi_event_look_again(gw_event_t *e);

/* Waits with an absolute deadline: see gw_event_wait_any. */
int gwi_events_wait(gw_event_t *const *events, size_t count, int64_t deadline_ns, size_t *which);

/* Whether guestwire-comm has its state, and decides what it releases. */
static inline bool gwi_is_arbitrated(const gw_event_t *e) { return !(e->flags & (GW_NATIVE | GW_DIRECT)); }

/* True when a native or direct event was set; consumes an auto one. */
bool gwi_event_take_here(gw_event_t *e);

/* Unsets an eventfd without sleeping, which its reader otherwise does: true when it was set and nobody was faster. */
bool gwi_eventfd_take(int fd) GWI_HOT;

/* watch.c. Before the first wait for ever; again: nothing. */
int gwi_watch_start(gw *g);
void gwi_watch_stop(gw *g);
/* A native event was opened, or is being closed. */
void gwi_watch_event(gw_event_t *e);
void gwi_unwatch_event(gw_event_t *e);

#endif
