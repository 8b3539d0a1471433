#include "robust.h"

#include <errno.h>
#include <time.h>

#ifdef __GLIBC__
#define ABI 1
#else
#define ABI 2
#endif

#define PREPARE_TRIES 100 /* at 10 ms */

GW_ASSERT(sizeof(pthread_mutex_t) <= sizeof((struct gw_lock *)0)->mutex);

static pthread_mutex_t *mutex_of(struct gw_lock *lock) { return (pthread_mutex_t *)(void *)lock->mutex; }

static int make(struct gw_lock *lock) {
    pthread_mutexattr_t about;
    int failed;
    pthread_mutexattr_init(&about);
    pthread_mutexattr_setpshared(&about, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&about, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&about, PTHREAD_MUTEX_ERRORCHECK);
    failed = pthread_mutex_init(mutex_of(lock), &about);
    pthread_mutexattr_destroy(&about);
    if (failed != 0) {
        errno = failed;
        return gwi_fail_errno(GW_UNSUPPORTED, "a robust mutex");
    }
    atomic_store_explicit(&lock->abi, ABI, memory_order_release);
    return GW_OK;
}

/* Who lays it out claims the lock's place: the kernel gives that back when the process dies over it. */
int gwi_robust_prepare(struct gw_lock *lock, struct gwi_area *area, uint64_t offset) {
    static pthread_mutex_t here = PTHREAD_MUTEX_INITIALIZER; /* threads of this process share its claims */
    struct timespec pause = {.tv_nsec = 10000000};
    int code = GW_OK;
    pthread_mutex_lock(&here);
    for (int n = 0; atomic_load_explicit(&lock->abi, memory_order_acquire) == 0 && n < PREPARE_TRIES; n++) {
        code = gwi_area_claim(area, offset, true);
        if (code == GW_OK) {
            if (atomic_load_explicit(&lock->abi, memory_order_acquire) == 0)
                code = make(lock);
            gwi_area_claim(area, offset, false);
            break;
        }
        nanosleep(&pause, NULL);
    }
    pthread_mutex_unlock(&here);
    if (atomic_load_explicit(&lock->abi, memory_order_acquire) == ABI)
        return GW_OK;
    return code != GW_OK ? code : gwi_fail(GW_UNSUPPORTED, "a process with another C library laid the lock out");
}

static int taken(struct gw_lock *lock, int failed) {
    switch (failed) {
    case 0:
        return GW_OK;
    case EOWNERDEAD:
        pthread_mutex_consistent(mutex_of(lock));
        return GW_OWNER_DIED;
    case EBUSY:
    case EDEADLK: /* this thread has it by another handle */
        return GW_BUSY;
    case ETIMEDOUT:
        return GW_TIMEOUT;
    case ENOTRECOVERABLE:
        return gwi_fail(GW_CORRUPT, "the lock's mutex is not recoverable");
    default:
        errno = failed;
        return gwi_fail_errno(GW_SYSTEM, "the lock's mutex");
    }
}

int gwi_robust_try(struct gw_lock *lock) { return taken(lock, pthread_mutex_trylock(mutex_of(lock))); }

int gwi_robust_acquire(struct gw_lock *lock, int64_t deadline_ns) {
    struct timespec until;
    int64_t left;
    if (deadline_ns == GWI_NEVER)
        return taken(lock, pthread_mutex_lock(mutex_of(lock)));
    left = deadline_ns - gwi_now_ns(); /* musl has no pthread_mutex_clocklock: by the wall clock */
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += left > 0 ? left / 1000000000 : 0;
    until.tv_nsec += left > 0 ? left % 1000000000 : 0;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    return taken(lock, pthread_mutex_timedlock(mutex_of(lock), &until));
}

int gwi_robust_release(struct gw_lock *lock) {
    return pthread_mutex_unlock(mutex_of(lock)) == 0 ? GW_OK : GW_NOT_OWNER;
}
