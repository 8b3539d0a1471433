/* Locks by name: an owner word that guests and the host share, which guestwire-comm frees when its holder is gone; or,
 * between processes of the host alone, a robust mutex. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_handle.h"
#include "robust.h"

struct gw_lock_handle {
    gw *g;
    struct gwi_area *area;
    struct gw_lock *word;
    gw_event_t *freed; /* shared: set by who releases it while somebody waits */
    bool robust;
    atomic_bool held;
    uint64_t token;
    char name[GW_NAME_BYTES];
};

static int place(gw_lock_t *l) {
    char event[GW_NAME_BYTES];
    struct gw_lock_row row;
    int code = gwi_find_lock(l->g, l->name, &row);
    if (code == GW_OK)
        code = gwi_area_open_index(l->g, row.index, GW_READ | GW_WRITE, &l->area);
    if (code != GW_OK)
        return code;
    if (row.offset % 64 != 0 || row.offset > l->area->bytes - sizeof *l->word)
        return gwi_fail(GW_CORRUPT, "lock %s lies outside of its region", l->name);
    l->word = (struct gw_lock *)(void *)(l->area->base + row.offset);
    l->robust = row.kind == GW_LOCK_ROBUST;
    if (l->robust)
        return gwi_robust_prepare(l->word, l->area, row.offset);
    if ((size_t)snprintf(event, sizeof event, GW_LOCK_EVENT "%s", l->name) >= sizeof event)
        return GW_INVALID;
    return gwi_event_open(l->g, event, 0, &l->freed, NULL);
}

static int release(gw_lock_t *l) {
    bool wake = false;
    int code;
    if (!atomic_exchange_explicit(&l->held, false, memory_order_relaxed))
        return GW_NOT_OWNER;
    if (l->robust) {
        atomic_store_explicit(&l->word->owner, 0, memory_order_relaxed);
        code = gwi_robust_release(l->word);
        if (code != GW_OK) { /* by another thread than its own */
            atomic_store_explicit(&l->word->owner, l->g->peer, memory_order_relaxed);
            atomic_store_explicit(&l->held, true, memory_order_relaxed);
        }
        return code;
    }
    code = gwp_lock_release(l->word, l->g->peer, &wake);
    if (wake)
        (void)gwi_event_set(l->freed); /* it is released; a waiter looks by itself too, only later */
    return code;
}

static int close_lock(gw_lock_t *l) {
    gw *g = l->g;
    if (atomic_load(&l->held) && release(l) != GW_OK && l->robust) {
        /* Another thread has the mutex, and its list of robust mutexes leads here: the mapping must stay. */
        gwi_event_close(l->freed);
        return GW_NOT_OWNER;
    }
    gwi_event_close(l->freed);
    gwi_area_close(g, l->area);
    free(l);
    gwi_drop(g);
    return GW_OK;
}

int gw_lock_open(gw *g, const char *name, gw_lock_t **out) {
    gw_lock_t *l;
    int code = gwi_usable(g);
    gwi_forget();
    if (out != NULL)
        *out = NULL;
    if (code != GW_OK)
        return code;
    if (out == NULL || !gwi_name_fits(name))
        return GW_INVALID;
    l = calloc(1, sizeof *l);
    if (l == NULL)
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    l->g = g;
    memcpy(l->name, name, strlen(name));
    gwi_hold(g);
    code = place(l);
    if (code != GW_OK) {
        close_lock(l);
        return code;
    }
    *out = l;
    return GW_OK;
}

static uint32_t own_thread(void) {
    static _Thread_local uint32_t number; /* the system call takes ten times as long as the lock */
    if (number == 0)
        number = (uint32_t)gettid();
    return number;
}

/* It was taken: says who has it, and counts. */
static int got(gw_lock_t *l, int code) {
    if (code != GW_OK && code != GW_OWNER_DIED)
        return code;
    if (l->robust) /* nobody waits on the word of a robust one: for those who look */
        atomic_store_explicit(&l->word->owner, l->g->peer, memory_order_relaxed);
    atomic_store_explicit(&l->word->thread, own_thread(), memory_order_relaxed);
    l->token = gwp_lock_next_token(l->word);
    atomic_store_explicit(&l->held, true, memory_order_relaxed);
    return code;
}

static int try_once(gw_lock_t *l) {
    return got(l, l->robust ? gwi_robust_try(l->word) : gwp_lock_try(l->word, l->g->peer, false));
}

/* Forgets what an earlier error said: GW_CORRUPT and GW_SYSTEM of a mutex always say more. */
static int said(int code) {
    return code == GW_OK || code == GW_CORRUPT || code == GW_SYSTEM ? code : gwi_plainly(code);
}

int gw_lock_try(gw_lock_t *l) {
    int code = gwi_usable(l == NULL ? NULL : l->g);
    return said(code == GW_OK ? try_once(l) : code);
}

/* A wake-up was taken, and the lock was not: whoever has it is to wake the next, or it is free for the next at once. */
static void pass_on(gw_lock_t *l) {
    if (!gwp_lock_mark(l->word))
        (void)gwi_event_set(l->freed);
}

static int acquire_shared(gw_lock_t *l, int64_t deadline) {
    bool woken = false;
    int code = gwp_lock_try(l->word, l->g->peer, false);
    while (code == GW_BUSY) {
        int64_t until = gwi_now_ns() + GWI_SLICE_MS * INT64_C(1000000);
        size_t which;
        if (gwp_lock_mark(l->word)) {
            int slept = gwi_events_wait(&l->freed, 1, until < deadline ? until : deadline, &which);
            woken = slept == GW_OK;
            if (slept != GW_OK && slept != GW_TIMEOUT)
                return slept;
        }
        code = gwp_lock_try(l->word, l->g->peer, true); /* others may still sleep */
        if (code == GW_BUSY && gwi_left_ms(deadline, 1) == 0) {
            if (woken)
                pass_on(l);
            return GW_TIMEOUT;
        }
    }
    return code;
}

int gw_lock_acquire(gw_lock_t *l, int64_t timeout_ms) {
    int code = gw_lock_try(l);
    int64_t deadline;
    if (code != GW_BUSY)
        return code;
    deadline = gwi_deadline_ns(timeout_ms);
    return got(l, l->robust ? gwi_robust_acquire(l->word, deadline) : acquire_shared(l, deadline));
}

/* Also when guestwire-comm is gone: the word is in memory. */
int gw_lock_release(gw_lock_t *l) { return said(l == NULL ? GW_INVALID : release(l)); }

int gw_lock_token(gw_lock_t *l, uint64_t *token) {
    gwi_forget();
    if (l == NULL || token == NULL)
        return GW_INVALID;
    if (!atomic_load_explicit(&l->held, memory_order_relaxed))
        return GW_NOT_OWNER;
    *token = l->token;
    return GW_OK;
}

int gw_lock_owner(gw_lock_t *l, uint32_t *owner) {
    int code = gwi_usable(l == NULL ? NULL : l->g);
    gwi_forget();
    if (code != GW_OK)
        return code;
    if (owner == NULL)
        return GW_INVALID;
    *owner = atomic_load_explicit(&l->word->owner, memory_order_relaxed) & ~GW_LOCK_WAITERS;
    return GW_OK;
}

int gw_lock_close(gw_lock_t *l) {
    int code = l == NULL ? GW_OK : close_lock(l);
    return gwi_plainly(code);
}
