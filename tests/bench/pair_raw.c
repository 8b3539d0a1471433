/* The kernel's and libc's own: eventfds, a Unix seqpacket socket, a robust mutex. See pair.h. */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "pair.h"

#define MESSAGE 64

static int there, back, ends[2];
static pthread_mutex_t *mutex;
static volatile uint64_t *guarded;

static void eventfds(char **arguments) {
    (void)arguments;
    demand((there = eventfd(0, EFD_CLOEXEC)) >= 0 && (back = eventfd(0, EFD_CLOEXEC)) >= 0, "eventfd");
}

static void signal_event(int fd) {
    uint64_t one = 1;
    demand(write(fd, &one, sizeof one) == sizeof one, "write");
}

static void wait_event(int fd) {
    uint64_t count;
    demand(read(fd, &count, sizeof count) == sizeof count, "read");
}

static void event_caller(uint64_t count) {
    while (count--) {
        signal_event(there);
        wait_event(back);
    }
}

static void event_other(uint64_t count) {
    while (count--) {
        wait_event(there);
        signal_event(back);
    }
}

static void sockets(char **arguments) {
    (void)arguments;
    demand(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
}

static void rate_caller(uint64_t count) {
    char message[MESSAGE] = {0};
    while (count--)
        demand(send(ends[0], message, sizeof message, 0) == sizeof message, "send");
}

static void rate_other(uint64_t count) {
    char message[MESSAGE];
    while (count--)
        demand(recv(ends[1], message, sizeof message, 0) == sizeof message, "recv");
}

static void trip_caller(uint64_t count) {
    char message[MESSAGE] = {0};
    while (count--) {
        demand(send(ends[0], message, sizeof message, 0) == sizeof message, "send");
        demand(recv(ends[0], message, sizeof message, 0) == sizeof message, "recv");
    }
}

static void trip_other(uint64_t count) {
    char message[MESSAGE];
    while (count--) {
        demand(recv(ends[1], message, sizeof message, 0) == sizeof message, "recv");
        demand(send(ends[1], message, sizeof message, 0) == sizeof message, "send");
    }
}

static void mutexes(char **arguments) {
    pthread_mutexattr_t settings;
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)arguments;
    demand(shared != MAP_FAILED, "mmap");
    mutex = shared;
    guarded = (uint64_t *)((char *)shared + 2048);
    pthread_mutexattr_init(&settings);
    pthread_mutexattr_setpshared(&settings, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&settings, PTHREAD_MUTEX_ROBUST);
    demand(pthread_mutex_init(mutex, &settings) == 0, "pthread_mutex_init");
}

static void lock_both(uint64_t count) {
    while (count--) {
        demand(pthread_mutex_lock(mutex) == 0, "pthread_mutex_lock");
        *guarded += 1;
        demand(pthread_mutex_unlock(mutex) == 0, "pthread_mutex_unlock");
    }
}

static const struct work works[] = {
    {"event", eventfds, NULL, event_caller, event_other},
    {"rate", sockets, NULL, rate_caller, rate_other},
    {"trip", sockets, NULL, trip_caller, trip_other},
    {"lock", mutexes, NULL, lock_both, NULL},
    {"contended", mutexes, NULL, lock_both, lock_both},
    {0},
};

int main(int argc, char **argv) { return pair_main(argc, argv, works); }
