/* A wait for ever on a native event sleeps on its eventfd and on nothing else: that is what makes it as fast as an
 * eventfd. So that it ends when guestwire-comm does, a thread that mostly sleeps looks after the attachment from the
 * first such wait on; when it has ended, it sets the events that somebody sleeps on, and who wakes finds out why. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event_handle.h"

#define WAKE_TRIES 100 /* at 5 ms: a sleeper that another process's signals keep awake finds out by itself */

/* The watch has a table of descriptors of its own, with these three: while two threads share a table, every system call
 * with a descriptor costs the others a locked count. `process` is for getting at an event's when it matters; -1: the
 * table is shared, where the kernel (before 5.6) or a sandbox will not have it otherwise. */
static int leave_table(gw *g) {
    int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int probe = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, g->fd, 0);
    int keep[4] = {g->fd, g->watch.stop_fd, process, INT_MAX};
    unsigned next = 0;
    if (probe < 0 || unshare(CLONE_FILES) < 0) {
        if (probe >= 0)
            close(probe);
        if (process >= 0)
            close(process);
        return -1;
    }
    for (int n = 0; n < 4; n++) {
        int lowest = INT_MAX;
        for (int m = 0; m < 4; m++)
            if (keep[m] >= (int)next && keep[m] < lowest)
                lowest = keep[m];
        if (lowest > (int)next)
            syscall(SYS_close_range, next, lowest - 1, 0);
        if (lowest == INT_MAX)
            break;
        next = (unsigned)lowest + 1;
    }
    return process;
}

/* What borrowers of an event signalled since the last look. */
static void count_signals(gw_event_t *e) {
    uint64_t signals = *(volatile uint64_t *)&e->lent.signals;
    if (e->word != NULL && signals != e->lent.counted)
        atomic_fetch_add_explicit(&e->word->signals, signals - e->lent.counted, memory_order_relaxed);
    e->lent.counted = signals;
}

static void count_all(gw *g) {
    pthread_mutex_lock(&g->watch.mutex);
    for (gw_event_t *e = g->watch.natives; e != NULL; e = e->next)
        count_signals(e);
    pthread_mutex_unlock(&g->watch.mutex);
}

static bool wake_sleepers(gw *g, int process) {
    bool some = false;
    pthread_mutex_lock(&g->watch.mutex);
    for (gw_event_t *e = g->watch.natives; e != NULL; e = e->next)
        if (atomic_load(&e->sleepers) > 0 || *(volatile uint64_t *)&e->lent.sleepers > 0) {
            int fd = process < 0 ? e->fd : (int)syscall(SYS_pidfd_getfd, process, e->fd, 0);
            uint64_t one = 1;
            ssize_t written = write(fd, &one, sizeof one);
            (void)written;
            if (process >= 0 && fd >= 0)
                close(fd);
            some = true;
        }
    pthread_mutex_unlock(&g->watch.mutex);
    return some;
}

static void *watch(void *what) {
    gw *g = what;
    struct pollfd ends[2] = {{.fd = g->fd, .events = POLLRDHUP}, {.fd = g->watch.stop_fd, .events = POLLIN}};
    struct timespec pause = {.tv_nsec = 5000000};
    int process = leave_table(g);
    bool stopped = false;
    while (!stopped && gwi_usable(g) == GW_OK) {
        int ready = poll(ends, 2, GWI_SLICE_MS);
        count_all(g);
        stopped = ready > 0 && ends[1].revents != 0;
        if (ready > 0 && ends[0].revents != 0)
            gwi_end(g, GW_NOT_STARTED);
    }
    /* A borrower's count may take a moment to be seen: its processor keeps stores back. */
    for (int n = 0; !stopped && n < WAKE_TRIES && (wake_sleepers(g, process) || n == 0); n++)
        nanosleep(&pause, NULL);
    return NULL; /* a table of its own goes with the thread */
}

int gwi_watch_start(gw *g) {
    sigset_t all, before;
    int code = GW_OK, failed;
    pthread_mutex_lock(&g->watch.mutex);
    if (!atomic_load(&g->watch.runs)) {
        g->watch.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (g->watch.stop_fd < 0) {
            code = gwi_fail_errno(GW_SYSTEM, "eventfd");
        } else {
            sigfillset(&all); /* the program's signals are for its own threads */
            pthread_sigmask(SIG_SETMASK, &all, &before);
            failed = pthread_create(&g->watch.thread, NULL, watch, g);
            pthread_sigmask(SIG_SETMASK, &before, NULL);
            errno = failed;
            if (failed != 0)
                code = gwi_fail_errno(GW_SYSTEM, "a thread");
            atomic_store(&g->watch.runs, failed == 0);
        }
    }
    pthread_mutex_unlock(&g->watch.mutex);
    return code;
}

void gwi_watch_stop(gw *g) {
    if (atomic_load(&g->watch.runs)) {
        uint64_t one = 1;
        ssize_t written = write(g->watch.stop_fd, &one, sizeof one);
        (void)written;
        pthread_join(g->watch.thread, NULL);
    }
    if (g->watch.stop_fd >= 0)
        close(g->watch.stop_fd);
}

void gwi_watch_event(gw_event_t *e) {
    pthread_mutex_lock(&e->g->watch.mutex);
    e->next = e->g->watch.natives;
    e->g->watch.natives = e;
    pthread_mutex_unlock(&e->g->watch.mutex);
}

void gwi_unwatch_event(gw_event_t *e) {
    pthread_mutex_lock(&e->g->watch.mutex);
    for (gw_event_t **link = &e->g->watch.natives; *link != NULL; link = &(*link)->next)
        if (*link == e) {
            *link = e->next;
            break;
        }
    count_signals(e);
    pthread_mutex_unlock(&e->g->watch.mutex);
}
