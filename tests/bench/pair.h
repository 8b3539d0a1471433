/* Two processes, each on a processor of its own, that do the same work at both ends: what the C benches of communication
 * share. `PROGRAM CALLER_CPU OTHER_CPU WORK [ARGUMENT ...]` takes orders {"count": N} from stdin and answers {"seconds": S}:
 * from the order until both ends have done it N times. */
#ifndef PAIR_H
#define PAIR_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct work {
    const char *name;
    void (*before)(char **arguments);            /* before the fork: what both ends inherit; may be null */
    void (*open)(char **arguments, int is_caller); /* after it; may be null */
    void (*caller)(uint64_t count);
    void (*other)(uint64_t count); /* null: it only answers */
};

static void demand(int holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Between two looks of a loop that waits for the other processor. */
static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void pin(const char *cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(atoi(cpu), &set);
    demand(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

static void serve_other(const struct work *work, int line) {
    uint64_t count;
    demand(write(line, "r", 1) == 1, "write");
    while (read(line, &count, sizeof count) == sizeof count) {
        if (work->other)
            work->other(count);
        demand(write(line, "d", 1) == 1, "write");
    }
}

static void serve_orders(const struct work *work, int line) {
    char order[256], done;
    demand(read(line, &done, 1) == 1, "the other end");
    printf("{\"ready\": true}\n");
    fflush(stdout);
    while (fgets(order, sizeof order, stdin)) {
        const char *at = strstr(order, "\"count\":");
        uint64_t count = at ? strtoull(at + 8, NULL, 10) : 0;
        double began = now();
        demand(write(line, &count, sizeof count) == sizeof count, "write");
        work->caller(count);
        demand(read(line, &done, 1) == 1, "the other end");
        printf("{\"seconds\": %.9f}\n", now() - began);
        fflush(stdout);
    }
}

static int pair_main(int argc, char **argv, const struct work *works) {
    const struct work *work = works;
    int line[2];
    pid_t other;
    demand(argc > 3, "arguments: CALLER_CPU OTHER_CPU WORK [ARGUMENT ...]:");
    while (work->name && strcmp(work->name, argv[3]))
        work++;
    demand(work->name != NULL, argv[3]);
    if (work->before)
        work->before(argv + 4);
    demand(socketpair(AF_UNIX, SOCK_STREAM, 0, line) == 0, "socketpair");
    other = fork();
    demand(other >= 0, "fork");
    close(line[other != 0]);
    pin(argv[other ? 1 : 2]);
    if (work->open)
        work->open(argv + 4, other != 0);
    if (other == 0) {
        serve_other(work, line[1]);
        return 0;
    }
    serve_orders(work, line[0]);
    close(line[0]);
    waitpid(other, NULL, 0);
    return 0;
}

#endif
