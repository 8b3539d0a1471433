/* The robust mutex of a GW_LOCK_ROBUST: between processes of one host, with one C library. The kernel says when a
 * holder died. */
#ifndef GWI_ROBUST_H
#define GWI_ROBUST_H

#include "attachment.h"

/* Lays the mutex out where nobody did yet; `offset` is the lock's place in its region. GW_UNSUPPORTED: another C
 * library laid it out. GW_BUSY: somebody is at it and does not end. */
int gwi_robust_prepare(struct gw_lock *lock, struct gwi_area *area, uint64_t offset);
/* GW_OK, GW_OWNER_DIED (taken), GW_BUSY, GW_TIMEOUT (deadline of CLOCK_MONOTONIC; GWI_NEVER: none). */
int gwi_robust_try(struct gw_lock *lock);
int gwi_robust_acquire(struct gw_lock *lock, int64_t deadline_ns);
/* GW_OK, GW_NOT_OWNER. */
int gwi_robust_release(struct gw_lock *lock);

#endif
