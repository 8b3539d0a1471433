/* Lock words and direct events of portable/words.c, and the robust mutex of linux/robust.c: between two processes on
 * one memfd, with a holder that is killed. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "linux/robust.h"
#include "portable/words.h"

#define KILLS 20
#define ADDS 20000

struct both {
    struct gw_lock shared;
    struct gw_lock robust;
    volatile uint64_t sum;
};

static int memory;
static struct both *both;

static void lock_words(void) {
    struct gw_lock *l = &both->shared;
    bool wake = true;
    CHECK(gwp_lock_release(l, 5, &wake) == GW_NOT_OWNER && !wake);
    CHECK(!gwp_lock_mark(l)); /* free: nobody to wait for */
    CHECK(gwp_lock_try(l, 5, false) == GW_OK && gwp_lock_try(l, 6, false) == GW_BUSY);
    CHECK(gwp_lock_try(l, 5, false) == GW_BUSY);
    CHECK(gwp_lock_release(l, 6, &wake) == GW_NOT_OWNER);
    CHECK(gwp_lock_mark(l) && gwp_lock_mark(l) && atomic_load(&l->owner) == (5 | GW_LOCK_WAITERS));
    CHECK(gwp_lock_release(l, 5, &wake) == GW_OK && wake);
    CHECK(gwp_lock_try(l, 6, true) == GW_OK); /* it had slept: others may still */
    CHECK(gwp_lock_release(l, 6, &wake) == GW_OK && wake);
    CHECK(gwp_lock_try(l, 5, false) == GW_OK);
    atomic_store(&l->died, 1); /* what guestwire-comm does for a peer that died */
    atomic_store(&l->owner, 0);
    CHECK(gwp_lock_try(l, 6, false) == GW_OWNER_DIED);
    CHECK(gwp_lock_release(l, 6, &wake) == GW_OK && !wake);
    CHECK(gwp_lock_try(l, 6, false) == GW_OK && gwp_lock_release(l, 6, &wake) == GW_OK);
    CHECK(gwp_lock_next_token(l) == 1 && gwp_lock_next_token(l) == 2);
}

static void scribbled_words(void) {
    struct gw_lock *l = &both->shared;
    struct gw_direct d = {0};
    for (int n = 0; n < 20000; n++) {
        bool wake;
        uint32_t word = (uint32_t)(chance() >> chance() % 64);
        atomic_store(&l->owner, word);
        CHECK(gwp_lock_mark(l) == (word != 0));
        CHECK(gwp_lock_release(l, 77, &wake) == ((word & ~GW_LOCK_WAITERS) == 77 ? GW_OK : GW_NOT_OWNER));
        atomic_store(&l->owner, word);
        CHECK(gwp_lock_try(l, 77, false) == (word == 0 ? GW_OK : GW_BUSY));
        atomic_store(&d.state, word);
        atomic_store(&d.waiting, (uint32_t)chance());
        CHECK(gwp_direct_take(&d, n % 2) == (word != 0));
    }
    memset(both, 0, sizeof *both);
}

static void direct_events(void) {
    struct gw_direct d = {0};
    CHECK(!gwp_direct_take(&d, false) && !gwp_direct_set(&d, 11));
    CHECK(atomic_load(&d.signals) == 1 && atomic_load(&d.last_ns) == 11 && atomic_load(&d.rings) == 0);
    CHECK(gwp_direct_take(&d, true) && gwp_direct_take(&d, false) && !gwp_direct_take(&d, false));
    gwp_direct_wait_begin(&d);
    CHECK(gwp_direct_set(&d, 12) && atomic_load(&d.rings) == 1);
    CHECK(gwp_direct_take(&d, false));
    gwp_direct_wait_end(&d);
    CHECK(!gwp_direct_set(&d, 13) && atomic_load(&d.waiting) == 0);
}

static void add(uint32_t peer) {
    for (int n = 0; n < ADDS; n++) {
        bool wake;
        while (gwp_lock_try(&both->shared, peer, false) != GW_OK)
            sched_yield();
        both->sum = both->sum + 1;
        CHECK(gwp_lock_next_token(&both->shared) == both->sum);
        CHECK(gwp_lock_release(&both->shared, peer, &wake) == GW_OK);
    }
}

/* A child that ends well ended with 0. */
static void join(pid_t child, int signal_number) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(signal_number == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                             : WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
}

static void two_processes(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    add(child == 0 ? 2 : 1);
    if (child == 0)
        _exit(0);
    join(child, 0);
    CHECK(both->sum == 2 * ADDS);
}

/* The child takes the robust lock, says so, and is killed: who waits gets the lock, and is told. */
static void killed_holder(void) {
    struct gwi_area area = {.fd = memory, .own = true};
    for (int n = 0; n < KILLS; n++) {
        int said[2];
        char byte;
        pid_t child;
        CHECK(pipe(said) == 0);
        CHECK((child = fork()) >= 0);
        if (child == 0) {
            CHECK(gwi_robust_prepare(&both->robust, &area, 4096) == GW_OK);
            CHECK(gwi_robust_try(&both->robust) == GW_OK);
            CHECK(write(said[1], "x", 1) == 1);
            for (;;)
                pause();
        }
        CHECK(read(said[0], &byte, 1) == 1);
        CHECK(gwi_robust_prepare(&both->robust, &area, 4096) == GW_OK);
        CHECK(gwi_robust_try(&both->robust) == GW_BUSY && gwi_robust_release(&both->robust) == GW_NOT_OWNER);
        CHECK(gwi_robust_acquire(&both->robust, gwi_deadline_ns(1)) == GW_TIMEOUT);
        CHECK(kill(child, SIGKILL) == 0);
        CHECK(gwi_robust_acquire(&both->robust, n % 2 ? gwi_deadline_ns(20000) : GWI_NEVER) == GW_OWNER_DIED);
        CHECK(gwi_robust_try(&both->robust) == GW_BUSY); /* by this thread itself */
        join(child, SIGKILL);
        CHECK(gwi_robust_release(&both->robust) == GW_OK);
        CHECK(gwi_robust_acquire(&both->robust, gwi_deadline_ns(0)) == GW_OK);
        CHECK(gwi_robust_release(&both->robust) == GW_OK);
        close(said[0]);
        close(said[1]);
    }
}

static void other_c_library(void) {
    struct gwi_area area = {.fd = memory, .own = true};
    uint32_t ours = atomic_load(&both->robust.abi);
    atomic_store(&both->robust.abi, 3 - ours);
    CHECK(gwi_robust_prepare(&both->robust, &area, 4096) == GW_UNSUPPORTED);
    atomic_store(&both->robust.abi, 0x12345678);
    CHECK(gwi_robust_prepare(&both->robust, &area, 4096) == GW_UNSUPPORTED);
}

int main(void) {
    memory = memfd_create("words", MFD_CLOEXEC);
    CHECK(memory >= 0 && ftruncate(memory, 8192) == 0);
    both = mmap(NULL, sizeof *both, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    CHECK(both != MAP_FAILED);
    lock_words();
    scribbled_words();
    direct_events();
    two_processes();
    killed_holder();
    other_c_library();
    return 0;
}
