/* gwguest: what the guest library can do, from the command line. `gwguest help` says how.
 *
 * Exit codes: 0 done; 2 wrong usage; 10 + n: the library's code -n (13: the time passed, 15: guestwire-comm does not
 * serve this peer, ...); `lock run`: the command's own. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guestwire.h"

#define USAGE 2
#define FAILED 10
#define WATCH_MS 100

static gw *attachment;
static uint64_t attached_after_ns;
static int64_t timeout_ms = GW_FOREVER;

static int failed(int code, const char *what) {
    if (code == GW_OK)
        return 0;
    fprintf(stderr, "gwguest: %s: %s", what, gw_error_text(code));
    if (*gw_error_detail() != 0)
        fprintf(stderr, " (%s)", gw_error_detail());
    fputc('\n', stderr);
    return FAILED - code;
}

static int usage(const char *what) {
    fprintf(stderr, "gwguest: %s: gwguest help says how\n", what);
    return USAGE;
}

static bool number(const char *text, uint64_t *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == 0 && *text != '-';
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* All of standard input, at most `most` bytes; null when there is more or no memory. */
static char *read_input(size_t most, size_t *length) {
    char *bytes = malloc(most + 1);
    *length = bytes == NULL ? 0 : fread(bytes, 1, most + 1, stdin);
    if (bytes != NULL && *length <= most)
        return bytes;
    free(bytes);
    return NULL;
}

static int write_output(const void *data, size_t length) {
    return fwrite(data, 1, length, stdout) == length && fflush(stdout) == 0 ? 0 : FAILED - GW_SYSTEM;
}

/* ---- areas ---- */

static int area_list(int count, char **words) {
    struct gw_region_info rows[256];
    size_t found;
    int code = gw_region_list(attachment, rows, 256, &found);
    (void)count, (void)words;
    for (size_t n = 0; code == GW_OK && n < found && n < 256; n++)
        printf("%-32s %12" PRIu64 " %s index %u generation %" PRIu64 "\n", rows[n].name, rows[n].size,
               rows[n].access & GW_WRITE ? "rw" : "r-", rows[n].index, rows[n].generation);
    return failed(code, "area list");
}

/* The part of an area that OFFSET and LENGTH name; LENGTH may be missing. */
static int part(gw_region_t *r, int count, char **words, uint64_t *offset, uint64_t *length) {
    size_t size = gw_region_size(r);
    *offset = 0;
    if (count > 0 && !number(words[0], offset))
        return usage("OFFSET is no number");
    if (*offset > size)
        return usage("OFFSET lies outside of the area");
    *length = size - *offset;
    if (count > 1 && !number(words[1], length))
        return usage("LENGTH is no number");
    if (*length > size - *offset)
        return usage("LENGTH reaches out of the area");
    return 0;
}

static int area_read(int count, char **words) {
    uint64_t offset, length;
    gw_region_t *r;
    int code = failed(gw_region_open(attachment, words[0], GW_READ, &r), words[0]);
    if (code != 0)
        return code;
    code = part(r, count - 1, words + 1, &offset, &length);
    if (code == 0)
        code = write_output((const char *)gw_region_data(r) + offset, (size_t)length);
    gw_region_close(r);
    return code;
}

/* Writes TEXT, or standard input where there is none. */
static int area_write(int count, char **words) {
    uint64_t offset, room;
    size_t length;
    gw_region_t *r;
    char *input = NULL;
    int code = failed(gw_region_open(attachment, words[0], GW_READ | GW_WRITE, &r), words[0]);
    if (code != 0)
        return code;
    code = part(r, 1, words + 1, &offset, &room);
    if (code == 0 && count > 2) {
        length = strlen(words[2]);
        code = length > room ? usage("the text reaches out of the area") : 0;
    } else if (code == 0) {
        input = read_input((size_t)room, &length);
        code = input == NULL ? usage("the input reaches out of the area") : 0;
    }
    if (code == 0)
        memcpy((char *)gw_region_data(r) + offset, input != NULL ? input : words[2], length);
    free(input);
    gw_region_close(r);
    return code;
}

/* Prints the part each time it has changed, until the timeout. */
static int area_watch(int count, char **words) {
    struct timespec pause = {.tv_nsec = WATCH_MS * 1000000};
    uint64_t offset, length, until = timeout_ms < 0 ? UINT64_MAX : now_ns() + (uint64_t)timeout_ms * 1000000;
    gw_region_t *r;
    char *last = NULL, *seen = NULL;
    int code = failed(gw_region_open(attachment, words[0], GW_READ, &r), words[0]);
    if (code != 0)
        return code;
    code = part(r, count - 1, words + 1, &offset, &length);
    if (code == 0) {
        last = malloc((size_t)length + 1);
        seen = malloc((size_t)length + 1);
        code = last == NULL || seen == NULL ? failed(GW_SYSTEM, "memory") : 0;
    }
    for (bool first = true; code == 0; first = false) {
        memcpy(seen, (const char *)gw_region_data(r) + offset, (size_t)length);
        if (first || memcmp(seen, last, (size_t)length) != 0) {
            code = write_output(seen, (size_t)length);
            putchar('\n');
            fflush(stdout);
            memcpy(last, seen, (size_t)length);
        }
        if (now_ns() >= until)
            break;
        if (code == 0)
            code = failed(gw_region_check(r) == GW_CORRUPT ? GW_OK : gw_region_check(r), words[0]);
        nanosleep(&pause, NULL);
    }
    free(last);
    free(seen);
    gw_region_close(r);
    return code;
}

/* ---- events ---- */

static int event_create(int count, char **words) {
    uint32_t flags = 0;
    int existed = 0;
    gw_event_t *e;
    int code;
    for (int n = 1; n < count; n++) {
        if (strcmp(words[n], "manual") == 0)
            flags |= GW_MANUAL;
        else if (strcmp(words[n], "set") == 0)
            flags |= GW_INITIAL;
        else
            return usage("event create NAME [manual] [set]");
    }
    code = failed(gw_event_create(attachment, words[0], flags, &e, &existed), words[0]);
    if (code == 0) {
        printf("%s\n", existed ? "it was there" : "made; it lives while somebody has it open");
        fflush(stdout);
        if (timeout_ms != 0) /* keeps it: for the timeout, or until the input ends */
            while (getchar() != EOF)
                ;
        gw_event_close(e);
    }
    return code;
}

static int with_event(const char *name, int (*use)(gw_event_t *)) {
    gw_event_t *e;
    int code = failed(gw_event_open(attachment, name, &e), name);
    if (code == 0) {
        code = failed(use(e), name); /* before the next call forgets what this one said */
        gw_event_close(e);
    }
    return code;
}

static int wait_for(gw_event_t *e) { return gw_event_wait(e, timeout_ms); }

static int show(gw_event_t *e) {
    uint32_t flags = gw_event_flags(e), rights = gw_event_rights(e);
    int is_set = 0, code = gw_event_is_set(e, &is_set);
    if (code == GW_OK)
        printf("%s %s %s%s%s\n", is_set ? "set" : "unset", flags & GW_MANUAL ? "manual" : "auto",
               flags & GW_NATIVE   ? "native"
               : flags & GW_DIRECT ? "direct"
                                   : "arbitrated",
               rights & GW_MAY_SIGNAL ? " may-signal" : "", rights & GW_MAY_WAIT ? " may-wait" : "");
    return code;
}

static int event_set(int count, char **words) { return (void)count, with_event(words[0], gw_event_set); }
static int event_reset(int count, char **words) { return (void)count, with_event(words[0], gw_event_reset); }
static int event_show(int count, char **words) { return (void)count, with_event(words[0], show); }

/* Waits for any of the names, and prints which it was. */
static int event_wait(int count, char **words) {
    gw_event_t *events[GW_WAIT_ANY_MAX] = {0};
    size_t which;
    int code = GW_OK, n;
    if (count == 1)
        return with_event(words[0], wait_for);
    if (count > GW_WAIT_ANY_MAX)
        return usage("event wait takes 16 names");
    for (n = 0; n < count && code == GW_OK; n++)
        code = gw_event_open(attachment, words[n], &events[n]);
    if (code == GW_OK)
        code = gw_event_wait_any(events, (size_t)count, timeout_ms, &which);
    if (code == GW_OK)
        puts(words[which]);
    code = failed(code, "event wait");
    for (n = 0; n < count; n++)
        gw_event_close(events[n]);
    return code;
}

/* ---- queues ---- */

static int queue_put(int count, char **words) {
    gw_queue_t *q;
    size_t length;
    char *input = NULL;
    int code = failed(gw_queue_open(attachment, words[0], GW_WRITER, &q), words[0]);
    if (code != 0)
        return code;
    if (count > 1)
        length = strlen(words[1]);
    else
        input = read_input(gw_queue_slot_bytes(q), &length);
    if (count < 2 && input == NULL)
        code = failed(GW_TOO_LARGE, words[0]);
    else
        code = failed(gw_queue_put_wait(q, count > 1 ? words[1] : input, length, 0, timeout_ms), words[0]);
    free(input);
    gw_queue_close(q);
    return code;
}

/* Prints one message, or as many as COUNT says, each with a newline. */
static int queue_get(int count, char **words) {
    uint64_t wanted = 1;
    gw_queue_t *q;
    int code;
    if (count > 1 && !number(words[1], &wanted))
        return usage("queue get NAME [COUNT]");
    code = failed(gw_queue_open(attachment, words[0], GW_READER, &q), words[0]);
    if (code != 0)
        return code;
    for (; wanted > 0 && code == 0; wanted--) {
        const void *data;
        size_t length;
        code = failed(gw_queue_take_wait(q, &data, &length, NULL, timeout_ms), words[0]);
        if (code == 0) {
            code = write_output(data, length);
            putchar('\n');
            gw_queue_release(q);
        }
    }
    gw_queue_close(q);
    return code;
}

/* ---- locks ---- */

static int run(char **command) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return failed(GW_SYSTEM, command[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int lock_run(int count, char **words) {
    gw_lock_t *l;
    uint64_t token = 0;
    char text[32];
    int code = gw_lock_open(attachment, words[0], &l);
    char **command = count > 1 && strcmp(words[1], "--") == 0 ? words + 2 : words + 1;
    if (code != GW_OK)
        return failed(code, words[0]);
    code = gw_lock_acquire(l, timeout_ms);
    if (code == GW_OWNER_DIED)
        fprintf(stderr, "gwguest: %s: %s\n", words[0], gw_error_text(code));
    if (code == GW_OK || code == GW_OWNER_DIED) {
        gw_lock_token(l, &token);
        snprintf(text, sizeof text, "%" PRIu64, token);
        setenv("GUESTWIRE_LOCK_TOKEN", text, 1);
        code = *command == NULL ? usage("lock run NAME -- COMMAND") : run(command);
        gw_lock_release(l);
    } else {
        code = failed(code, words[0]);
    }
    gw_lock_close(l);
    return code;
}

static int lock_show(int count, char **words) {
    gw_lock_t *l;
    uint32_t owner = 0;
    int code = failed(gw_lock_open(attachment, words[0], &l), words[0]);
    (void)count;
    if (code == 0) {
        code = failed(gw_lock_owner(l, &owner), words[0]);
        if (code == 0)
            printf("%u\n", owner);
        gw_lock_close(l);
    }
    return code;
}

/* ---- services ---- */

static int ping(int count, char **words) {
    uint64_t cookie = 0, host_ns, begin = now_ns();
    int code;
    if (count > 0 && !number(words[0], &cookie))
        return usage("ping [COOKIE]");
    code = gw_ping(attachment, cookie, &host_ns);
    if (code == GW_OK)
        printf("host_ns %" PRIu64 " round_trip_ns %" PRIu64 "\n", host_ns, now_ns() - begin);
    return failed(code, "ping");
}

static int available(int count, char **words) {
    static const struct {
        const char *name;
        uint32_t service;
    } services[] = {
        {"ping", GW_SERVICE_PING}, {"log", GW_SERVICE_LOG}, {"flush", GW_SERVICE_FLUSH}, {"data", GW_SERVICE_DATA}};
    for (size_t n = 0; n < sizeof services / sizeof *services; n++) {
        int yes = 0, code;
        if (count > 0 && strcmp(words[0], services[n].name) != 0)
            continue;
        code = failed(gw_available(attachment, services[n].service, &yes), "available");
        if (code != 0)
            return code;
        printf("%s %s\n", services[n].name, yes ? "yes" : "no");
    }
    return 0;
}

static int say(int count, char **words) {
    uint64_t level = 1;
    int truncated = 0, code;
    if (count > 1 && !number(words[1], &level))
        return usage("log TEXT [LEVEL]");
    code = failed(gw_log(attachment, (uint32_t)level, words[0], strlen(words[0]), &truncated), "log");
    if (truncated)
        puts("truncated");
    return code;
}

static int flush(int count, char **words) {
    uint64_t scope = 1;
    if (count > 0 && !number(words[0], &scope))
        return usage("flush [SCOPE]");
    return failed(gw_flush(attachment, (uint32_t)scope), "flush");
}

static int mark(int count, char **words) {
    size_t length;
    char *input;
    int code;
    if (count > 0)
        return failed(gw_data(attachment, words[0], strlen(words[0])), "data");
    input = read_input(GW_PAYLOAD_MAX, &length);
    code = failed(input == NULL ? GW_TOO_LARGE : gw_data(attachment, input, length), "data");
    free(input);
    return code;
}

static int ready(int count, char **words) { return (void)count, (void)words, failed(gw_ready(attachment), "ready"); }

static int who(int count, char **words) {
    uint32_t peer = 0;
    int code = gw_peer(attachment, &peer);
    (void)count, (void)words;
    printf("%s peer %u\n", gw_way(attachment), peer);
    return failed(code, "who");
}

/* ---- benchmarks ---- */

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int report(uint64_t *ns, size_t count) {
    qsort(ns, count, sizeof *ns, by_size);
    printf("min_ns %" PRIu64 " p50_ns %" PRIu64 " p99_ns %" PRIu64 " count %zu\n", ns[0], ns[count / 2],
           ns[count * 99 / 100], count);
    return 0;
}

static int two_events(char **words, gw_event_t **first, gw_event_t **second) {
    int code = gw_event_open(attachment, words[0], first);
    *second = NULL;
    return code == GW_OK ? gw_event_open(attachment, words[1], second) : code;
}

/* Waits for A and sets B, N times: the other end of bench-events. Each answer is set with the wait for what comes next. */
static int echo_events(int count, char **words) {
    gw_event_t *a = NULL, *b = NULL;
    uint64_t rounds;
    int code = GW_OK;
    (void)count;
    if (!number(words[2], &rounds))
        return usage("echo-events A B ROUNDS");
    code = two_events(words, &a, &b);
    if (code == GW_OK) {
        puts("ready");
        fflush(stdout);
    }
    if (code == GW_OK && rounds > 0)
        code = gw_event_wait(a, timeout_ms); /* for ever, without --timeout: then no timer is in the way */
    for (uint64_t n = 1; n < rounds && code == GW_OK; n++)
        code = gw_event_set_and_wait(b, a, timeout_ms);
    if (code == GW_OK && rounds > 0)
        code = gw_event_set(b);
    code = failed(code, "echo-events");
    gw_event_close(a);
    gw_event_close(b);
    return code;
}

/* Sets A and waits for B, N times, and says how long that took. */
static int bench_events(int count, char **words) {
    gw_event_t *a = NULL, *b = NULL;
    uint64_t rounds, *ns = NULL;
    int code = GW_OK;
    (void)count;
    if (!number(words[2], &rounds) || rounds == 0 || rounds > 10000000)
        return usage("bench-events A B ROUNDS");
    ns = calloc((size_t)rounds, sizeof *ns);
    if (ns == NULL)
        return failed(GW_SYSTEM, "memory");
    code = two_events(words, &a, &b);
    for (uint64_t n = 0; n < rounds && code == GW_OK; n++) {
        uint64_t begin = now_ns();
        code = gw_event_set_and_wait(a, b, timeout_ms);
        ns[n] = now_ns() - begin;
    }
    if (code == GW_OK)
        report(ns, (size_t)rounds);
    code = failed(code, "bench-events");
    gw_event_close(a);
    gw_event_close(b);
    free(ns);
    return code;
}

/* How long it took to attach, and to find an area by its name and have it mapped. */
static int bench_area(int count, char **words) {
    uint64_t begin = now_ns();
    gw_region_t *r;
    int code = failed(gw_region_open(attachment, words[0], GW_READ, &r), words[0]);
    (void)count;
    if (code != 0)
        return code;
    printf("attach_ns %" PRIu64 " find_ns %" PRIu64 "\n", attached_after_ns, now_ns() - begin);
    gw_region_close(r);
    return 0;
}

/* Between tries at a queue that is empty or full: the other end is at work on another CPU, or wants this one. */
static void breathe(unsigned *tries) {
    if (++*tries % 1024 == 0)
        sched_yield();
}

/* Takes N messages by copying, or in place when the last word is "loan"; says how long from the first to the last. */
static int bench_queue_read(int count, char **words) {
    bool loan = count > 2 && strcmp(words[2], "loan") == 0;
    uint64_t wanted, got = 0, begin = 0;
    char *buffer;
    size_t length = 0, size;
    gw_queue_t *q;
    unsigned tries = 0;
    int code;
    if (!number(words[1], &wanted) || wanted < 2)
        return usage("bench-queue-read NAME COUNT [loan]");
    code = gw_queue_open(attachment, words[0], GW_READER, &q);
    if (code != GW_OK)
        return failed(code, words[0]);
    size = gw_queue_slot_bytes(q);
    buffer = malloc(size);
    puts("ready");
    fflush(stdout);
    while (got < wanted && (code == GW_OK || code == GW_EMPTY) && buffer != NULL) {
        const void *data;
        code = loan ? gw_queue_take(q, &data, &length, NULL) : gw_queue_get(q, buffer, size, &length, NULL);
        if (code == GW_EMPTY && got == 0)
            code = loan ? gw_queue_take_wait(q, &data, &length, NULL, timeout_ms)
                        : gw_queue_get_wait(q, buffer, size, &length, NULL, timeout_ms);
        if (code != GW_OK) {
            breathe(&tries);
            continue;
        }
        if (loan)
            gw_queue_release(q);
        if (got++ == 0)
            begin = now_ns();
    }
    if (code == GW_OK)
        printf("ns_per_message %.1f bytes %zu count %" PRIu64 "\n", (double)(now_ns() - begin) / (double)(wanted - 1),
               length, wanted);
    code = failed(code, "bench-queue-read");
    free(buffer);
    gw_queue_close(q);
    return code;
}

/* Puts N messages of BYTES as fast as the reader takes them. */
static int bench_queue_write(int count, char **words) {
    bool loan = count > 3 && strcmp(words[3], "loan") == 0;
    uint64_t rounds, bytes;
    char *message;
    gw_queue_t *q;
    unsigned tries = 0;
    int code;
    if (!number(words[1], &bytes) || !number(words[2], &rounds))
        return usage("bench-queue-write NAME BYTES COUNT [loan]");
    code = gw_queue_open(attachment, words[0], GW_WRITER, &q);
    if (code != GW_OK)
        return failed(code, words[0]);
    message = calloc(1, (size_t)bytes + 1);
    for (uint64_t n = 0; n < rounds && code == GW_OK && message != NULL; n++) {
        do {
            void *slot;
            if (code == GW_FULL)
                breathe(&tries);
            code = loan ? gw_queue_loan(q, &slot, NULL) : gw_queue_put(q, message, (size_t)bytes, 0);
            if (loan && code == GW_OK)
                code = gw_queue_commit(q, (size_t)bytes, 0);
        } while (code == GW_FULL);
    }
    code = failed(code, "bench-queue-write");
    free(message);
    gw_queue_close(q);
    return code;
}

/* ---- the table of commands ---- */

static const struct command {
    const char *name, *sub, *arguments, *text;
    int least, most;
    int (*act)(int count, char **words);
} commands[] = {
    {"area", "list", "", "the areas that this peer has", 0, 0, area_list},
    {"area", "read", "NAME [OFFSET [LENGTH]]", "its bytes to the output", 1, 3, area_read},
    {"area", "write", "NAME OFFSET [TEXT]", "the text, or the input, into it", 2, 3, area_write},
    {"area", "watch", "NAME [OFFSET [LENGTH]]", "its bytes each time they change", 1, 3, area_watch},
    {"event", "create", "NAME [manual] [set]", "make it, and keep it until the input ends", 1, 3, event_create},
    {"event", "set", "NAME", "", 1, 1, event_set},
    {"event", "reset", "NAME", "", 1, 1, event_reset},
    {"event", "show", "NAME", "whether it is set, its kind, this peer's rights", 1, 1, event_show},
    {"event", "wait", "NAME...", "for any of them", 1, GW_WAIT_ANY_MAX, event_wait},
    {"queue", "put", "NAME [TEXT]", "the text, or the input, as one message", 1, 2, queue_put},
    {"queue", "get", "NAME [COUNT]", "messages, each with a newline", 1, 2, queue_get},
    {"lock", "run", "NAME -- COMMAND...", "the command while the lock is held; its token is in GUESTWIRE_LOCK_TOKEN", 2,
     1000, lock_run},
    {"lock", "show", "NAME", "the number of its holder; 0: free", 1, 1, lock_show},
    {"ping", "", "[COOKIE]", "the host's clock, and how long it took", 0, 1, ping},
    {"available", "", "[SERVICE]", "which services of the host this guest has", 0, 1, available},
    {"log", "", "TEXT [LEVEL]", "into the host's log; 0 debug, 1 info (without), 2 warning, 3 error, 4 critical", 1, 2,
     say},
    {"flush", "", "[SCOPE]", "the host's trace; 0 this CPU, 1 this guest's CPUs, 2 the whole host", 0, 1, flush},
    {"data", "", "[TEXT]", "the text, or the input, as a mark in the traces of the host and of this guest", 0, 1, mark},
    {"ready", "", "", "tell the host that this guest is at work", 0, 0, ready},
    {"who", "", "", "how this process is attached, and its number", 0, 0, who},
    {"echo-events", "", "A B ROUNDS", "wait for A, set B", 3, 3, echo_events},
    {"bench-events", "", "A B ROUNDS", "set A, wait for B: round trips in ns", 3, 3, bench_events},
    {"bench-area", "", "NAME", "attaching, and finding it by name, in ns", 1, 1, bench_area},
    {"bench-queue-read", "", "NAME COUNT [loan]", "ns per message", 2, 3, bench_queue_read},
    {"bench-queue-write", "", "NAME BYTES COUNT [loan]", "", 3, 4, bench_queue_write},
};

static int help(void) {
    puts("gwguest [--at WHERE] [--timeout MS] COMMAND");
    puts("  --at       unix:PATH, unix:PATH?guest=NAME, doorbell or serial:PATH; without: find out");
    puts("             the doorbell needs intel_iommu=on on the guest's kernel command line and `modprobe vfio-pci`;");
    puts("             without, a guest finds its serial channel, which cannot wait for direct events");
    puts("  --timeout  how long to wait; without: for ever");
    for (size_t n = 0; n < sizeof commands / sizeof *commands; n++) {
        const struct command *one = &commands[n];
        printf("  %s%s%s %s%s%s\n", one->name, *one->sub != 0 ? " " : "", one->sub, one->arguments,
               *one->text != 0 ? ": " : "", one->text);
    }
    puts("exit codes: 0 done; 2 wrong usage; 10 + n for the library's code -n; of lock run the command's own");
    return 0;
}

static const struct command *find(int *count, char ***words) {
    for (size_t n = 0; n < sizeof commands / sizeof *commands; n++) {
        const struct command *one = &commands[n];
        int taken = *one->sub != 0 ? 2 : 1;
        if (*count < taken || strcmp((*words)[0], one->name) != 0)
            continue;
        if (taken == 2 && strcmp((*words)[1], one->sub) != 0)
            continue;
        *count -= taken;
        *words += taken;
        return one;
    }
    return NULL;
}

/* Of words that are no command, the first that does not fit. */
static const char *wrong_word(int count, char **words) {
    for (size_t n = 0; n < sizeof commands / sizeof *commands && count > 1; n++)
        if (strcmp(words[0], commands[n].name) == 0)
            return words[1];
    return count > 0 ? words[0] : "no command";
}

int main(int argc, char **argv) {
    const char *where = NULL;
    const struct command *command;
    int count = argc - 1, code;
    char **words = argv + 1;
    for (; count > 1 && strncmp(words[0], "--", 2) == 0; count -= 2, words += 2) {
        uint64_t ms;
        if (strcmp(words[0], "--at") == 0)
            where = words[1];
        else if (strcmp(words[0], "--timeout") == 0 && number(words[1], &ms) && ms <= INT64_MAX)
            timeout_ms = (int64_t)ms;
        else
            return usage(words[0]);
    }
    if (count > 0 && (strcmp(words[0], "help") == 0 || strcmp(words[0], "--help") == 0))
        return help();
    command = find(&count, &words);
    if (command == NULL)
        return usage(wrong_word(count, words));
    if (count < command->least || count > command->most)
        return usage(command->arguments);
    attached_after_ns = now_ns();
    code = failed(gw_open(&attachment, where), where == NULL ? "attach" : where);
    if (code != 0)
        return code;
    attached_after_ns = now_ns() - attached_after_ns;
    code = command->act(count, words);
    gw_close(attachment);
    return code;
}
