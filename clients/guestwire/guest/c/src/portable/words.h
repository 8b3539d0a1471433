/* The words of locks and direct events. No system calls: who must sleep or wake is told so. */
#ifndef GWP_WORDS_H
#define GWP_WORDS_H

#include <stdbool.h>

#include "guestwire.h"

/* GW_OK, GW_OWNER_DIED (taken, from a dead holder), GW_BUSY. `waited`: the caller slept for it; others may still. */
int gwp_lock_try(struct gw_lock *lock, uint32_t peer, bool waited);
/* Says that somebody is going to sleep. False: it is free, try again. */
bool gwp_lock_mark(struct gw_lock *lock);
/* GW_OK or GW_NOT_OWNER; *wake: signal the lock's event. */
int gwp_lock_release(struct gw_lock *lock, uint32_t peer, bool *wake);
/* The next fencing token: only the holder asks. */
uint64_t gwp_lock_next_token(struct gw_lock *lock);

/* Sets it. True: the waiter sleeps, ring for it. */
bool gwp_direct_set(struct gw_direct *direct, uint64_t now_ns);
/* True when it was set; consumes an auto event. */
bool gwp_direct_take(struct gw_direct *direct, bool manual);
/* Around sleeping; the waiter looks again after the first. */
void gwp_direct_wait_begin(struct gw_direct *direct);
void gwp_direct_wait_end(struct gw_direct *direct);

#endif
