#include "words.h"

#include <stdatomic.h>

/* Whoever else may write the word can change it between two looks for ever: give up instead. */
#define TRIES 1000

static bool swap(_Atomic(uint32_t) *word, uint32_t expected, uint32_t wanted) {
    return atomic_compare_exchange_strong_explicit(word, &expected, wanted, memory_order_acq_rel, memory_order_relaxed);
}

int gwp_lock_try(struct gw_lock *lock, uint32_t peer, bool waited) {
    if (!swap(&lock->owner, 0, waited ? peer | GW_LOCK_WAITERS : peer))
        return GW_BUSY;
    if (atomic_load_explicit(&lock->died, memory_order_relaxed) == 0)
        return GW_OK;
    atomic_store_explicit(&lock->died, 0, memory_order_relaxed);
    return GW_OWNER_DIED;
}

bool gwp_lock_mark(struct gw_lock *lock) {
    for (int n = 0; n < TRIES; n++) {
        uint32_t owner = atomic_load_explicit(&lock->owner, memory_order_relaxed);
        if (owner == 0)
            return false;
        if (owner & GW_LOCK_WAITERS || swap(&lock->owner, owner, owner | GW_LOCK_WAITERS))
            return true;
    }
    return true;
}

int gwp_lock_release(struct gw_lock *lock, uint32_t peer, bool *wake) {
    *wake = false;
    for (int n = 0; n < TRIES; n++) {
        uint32_t owner = atomic_load_explicit(&lock->owner, memory_order_relaxed);
        if ((owner & ~GW_LOCK_WAITERS) != peer)
            return GW_NOT_OWNER;
        if (swap(&lock->owner, owner, 0)) {
            *wake = (owner & GW_LOCK_WAITERS) != 0;
            return GW_OK;
        }
    }
    return GW_CORRUPT;
}

uint64_t gwp_lock_next_token(struct gw_lock *lock) {
    return atomic_fetch_add_explicit(&lock->token, 1, memory_order_relaxed) + 1;
}

bool gwp_direct_set(struct gw_direct *direct, uint64_t now_ns) {
    atomic_store_explicit(&direct->last_ns, now_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&direct->signals, 1, memory_order_relaxed);
    atomic_exchange_explicit(&direct->state, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&direct->waiting, memory_order_seq_cst) == 0)
        return false;
    atomic_fetch_add_explicit(&direct->rings, 1, memory_order_relaxed);
    return true;
}

bool gwp_direct_take(struct gw_direct *direct, bool manual) {
    uint32_t state = atomic_load_explicit(&direct->state, memory_order_acquire);
    if (state == 0)
        return false;
    return manual || swap(&direct->state, state, 0);
}

void gwp_direct_wait_begin(struct gw_direct *direct) {
    atomic_fetch_add_explicit(&direct->waiting, 1, memory_order_seq_cst);
}

void gwp_direct_wait_end(struct gw_direct *direct) {
    atomic_fetch_sub_explicit(&direct->waiting, 1, memory_order_relaxed);
}
