/* Scenarios at a real guestwire-comm: `attached SOCKET SCENARIO`. What the project has is in test_c_attached.py. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "guestwire.h"

#define PATIENCE 20000 /* ms: until a test that hangs is one that fails */
#define SHORT 30
#define AREA (1 << 20) /* bytes of the area `shared`; its queues and locks lie at the end of them */

static const char *socket_path;

static void fine(int code, const char *what, int line) {
    if (code == GW_OK)
        return;
    fprintf(stderr, "line %d: %s: %d %s (%s)\n", line, what, code, gw_error_text(code), gw_error_detail());
    exit(1);
}

#define FINE(call) fine(call, #call, __LINE__)

static gw *attach(const char *guest) {
    char where[300];
    gw *g;
    snprintf(where, sizeof where, "unix:%s%s%s", socket_path,
             guest == NULL ? "" : "?guest=", guest == NULL ? "" : guest);
    FINE(gw_open(&g, where));
    return g;
}

static gw_event_t *event(gw *g, const char *name) {
    gw_event_t *e;
    FINE(gw_event_open(g, name, &e));
    return e;
}

static gw_queue_t *queue(gw *g, const char *name, uint32_t role) {
    gw_queue_t *q;
    FINE(gw_queue_open(g, name, role, &q));
    return q;
}

static pthread_t start(void *(*work)(void *), void *what) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, what) == 0);
    return thread;
}

/* ---- bad arguments ---- */

static void nothing_crashes(void) {
    static char too_long[GW_NAME_BYTES + 10];
    const char *names[] = {NULL, "", too_long, "nothing-of-that-name"};
    gw *g = attach("a");
    gw_event_t *events[GW_WAIT_ANY_MAX + 1] = {0};
    void *data;
    const void *message;
    size_t size;
    memset(too_long, 'x', sizeof too_long - 1);
    CHECK(gw_open(NULL, NULL) == GW_INVALID);
    CHECK(gw_close(NULL) == GW_OK && gw_peer(NULL, NULL) == GW_INVALID && gw_alive(NULL) == GW_INVALID);
    CHECK(*gw_way(NULL) == 0 && gw_ready(NULL) == GW_INVALID);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        int wrong = n < 3 ? GW_INVALID : GW_NOT_FOUND;
        gw_region_t *r = (void *)1;
        gw_event_t *e = (void *)1;
        gw_queue_t *q = (void *)1;
        gw_lock_t *l = (void *)1;
        CHECK(gw_region_open(g, names[n], GW_READ, &r) == wrong && r == NULL);
        CHECK(gw_event_open(g, names[n], &e) == wrong && e == NULL);
        CHECK(gw_queue_open(g, names[n], GW_READER, &q) == wrong && q == NULL);
        CHECK(gw_lock_open(g, names[n], &l) == wrong && l == NULL);
        CHECK(gw_region_open(NULL, names[n], GW_READ, &r) == GW_INVALID);
        CHECK(gw_event_open(NULL, names[n], &e) == GW_INVALID && gw_queue_open(NULL, names[n], 1, &q) == GW_INVALID);
        CHECK(gw_lock_open(NULL, names[n], &l) == GW_INVALID);
    }
    CHECK(gw_region_open(g, "shared", GW_READ, NULL) == GW_INVALID && gw_event_open(g, "one", NULL) == GW_INVALID);
    CHECK(gw_region_open(g, "shared", GW_WRITE, (gw_region_t **)&data) == GW_INVALID);
    CHECK(gw_queue_open(g, "q", 3, (gw_queue_t **)&data) == GW_INVALID);
    CHECK(gw_event_create(g, "new", 8, events, NULL) == GW_INVALID);
    CHECK(gw_region_data(NULL) == NULL && gw_region_size(NULL) == 0 && gw_region_access(NULL) == 0);
    CHECK(gw_region_generation(NULL) == 0 && gw_region_check(NULL) == GW_INVALID && gw_region_close(NULL) == GW_OK);
    CHECK(gw_region_list(g, NULL, 3, &size) == GW_INVALID && gw_region_list(NULL, NULL, 0, NULL) == GW_INVALID);
    FINE(gw_region_list(g, NULL, 0, &size));
    CHECK(gw_event_set(NULL) == GW_INVALID && gw_event_reset(NULL) == GW_INVALID &&
          gw_event_wait(NULL, 0) == GW_INVALID);
    CHECK(gw_event_is_set(NULL, NULL) == GW_INVALID && gw_event_fd(NULL) == -1 && gw_event_flags(NULL) == 0);
    CHECK(gw_event_rights(NULL) == 0 && gw_event_close(NULL) == GW_OK);
    events[0] = event(g, "one");
    CHECK(gw_event_is_set(events[0], NULL) == GW_INVALID);
    CHECK(gw_event_wait_any(NULL, 1, 0, NULL) == GW_INVALID && gw_event_wait_any(events, 0, 0, NULL) == GW_INVALID);
    CHECK(gw_event_wait_any(events, 2, 0, NULL) == GW_INVALID);
    CHECK(gw_event_wait_any(events, GW_WAIT_ANY_MAX + 1, 0, NULL) == GW_INVALID);
    CHECK(gw_queue_put(NULL, "x", 1, 0) == GW_INVALID && gw_queue_get(NULL, NULL, 0, NULL, NULL) == GW_INVALID);
    CHECK(gw_queue_put_wait(NULL, "x", 1, 0, 0) == GW_INVALID && gw_queue_loan(NULL, &data, &size) == GW_INVALID);
    CHECK(gw_queue_commit(NULL, 0, 0) == GW_INVALID && gw_queue_discard(NULL) == GW_INVALID);
    CHECK(gw_queue_take(NULL, &message, NULL, NULL) == GW_INVALID && gw_queue_release(NULL) == GW_INVALID);
    CHECK(gw_queue_depth(NULL, NULL) == GW_INVALID && gw_queue_slot_bytes(NULL) == 0 && gw_queue_close(NULL) == GW_OK);
    CHECK(gw_lock_try(NULL) == GW_INVALID && gw_lock_acquire(NULL, 0) == GW_INVALID &&
          gw_lock_release(NULL) == GW_INVALID);
    CHECK(gw_lock_token(NULL, NULL) == GW_INVALID && gw_lock_owner(NULL, NULL) == GW_INVALID &&
          gw_lock_close(NULL) == GW_OK);
    CHECK(gw_available(g, 1, NULL) == GW_INVALID && gw_log(g, 9, "x", 1, NULL) == GW_INVALID);
    CHECK(gw_log(g, 1, NULL, 1, NULL) == GW_INVALID && gw_flush(g, 3) == GW_INVALID);
    CHECK(gw_data(g, "x", GW_PAYLOAD_MAX + 1) == GW_TOO_LARGE && gw_ping(NULL, 0, NULL) == GW_INVALID);
    CHECK(*gw_error_text(1) != 0 && *gw_error_text(-1000) != 0 && *gw_error_text(GW_EXISTS) != 0);
    gw_close(g); /* before its event: the event then says so */
    CHECK(gw_event_set(events[0]) == GW_CLOSED && gw_event_wait(events[0], 0) == GW_CLOSED);
    FINE(gw_event_close(events[0]));
}

/* ---- regions ---- */

static void regions(void) {
    gw *a = attach("a"), *b = attach("b"), *c = attach("c");
    struct gw_region_info rows[8];
    gw_region_t *writer, *reader, *again, *none;
    size_t count;
    FINE(gw_region_list(a, rows, 8, &count));
    CHECK(count == 1 && strcmp(rows[0].name, "shared") == 0 && rows[0].access == (GW_READ | GW_WRITE | GW_CACHED));
    FINE(gw_region_open(a, "shared", GW_READ | GW_WRITE, &writer));
    FINE(gw_region_open(b, "shared", GW_READ, &reader));
    FINE(gw_region_open(b, "shared", GW_READ, &again));
    CHECK(gw_region_open(c, "shared", GW_READ | GW_WRITE, &none) == GW_DENIED && none == NULL);
    CHECK(gw_region_size(writer) == rows[0].size && gw_region_size(writer) < AREA);
    CHECK(gw_region_access(reader) == GW_READ && gw_region_generation(reader) == rows[0].generation);
    strcpy(gw_region_data(writer), "hello");
    ((char *)gw_region_data(writer))[gw_region_size(writer) - 1] = 7;
    CHECK(strcmp(gw_region_data(reader), "hello") == 0 && gw_region_data(again) == gw_region_data(reader));
    CHECK(((char *)gw_region_data(reader))[gw_region_size(reader) - 1] == 7);
    FINE(gw_region_check(reader));
    ((char *)gw_region_data(writer))[-GW_DATA_OFFSET] ^= 1;
    CHECK(gw_region_check(reader) == GW_CORRUPT);
    FINE(gw_region_close(reader));
    CHECK(strcmp(gw_region_data(again), "hello") == 0);
    gw_close(b); /* its region stays until it is closed */
    CHECK(strcmp(gw_region_data(again), "hello") == 0);
    FINE(gw_region_close(again));
    FINE(gw_region_close(writer));
    gw_close(a);
    gw_close(c);
}

/* ---- events ---- */

struct waiter {
    gw_event_t *event;
    atomic_int *released;
    int64_t timeout_ms;
    int code;
};

static void *wait_once(void *what) {
    struct waiter *w = what;
    w->code = gw_event_wait(w->event, w->timeout_ms);
    if (w->code == GW_OK)
        atomic_fetch_add(w->released, 1);
    return NULL;
}

static void pause_ms(int ms) {
    struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL);
}

static void until(atomic_int *number, int wanted) {
    for (int n = 0; n < PATIENCE / 5 && atomic_load(number) != wanted; n++)
        pause_ms(5);
    CHECK(atomic_load(number) == wanted);
}

/* Three waiters of one attachment: a signal of an auto event releases exactly one, of a manual one all. */
static void kinds_with(const char *who_sets, const char *who_waits, const char *automatic, const char *manual) {
    gw *setter = attach(who_sets), *waiters = attach(who_waits);
    gw_event_t *set_auto = event(setter, automatic), *set_manual = event(setter, manual);
    struct waiter three[3];
    pthread_t threads[3];
    atomic_int released = 0;
    int is_set;
    for (int n = 0; n < 3; n++) {
        three[n] = (struct waiter){event(waiters, automatic), &released, n == 1 ? GW_FOREVER : PATIENCE, 0};
        threads[n] = start(wait_once, &three[n]);
    }
    for (int n = 0; n < 3; n++) {
        FINE(gw_event_set(set_auto));
        until(&released, n + 1);
        pause_ms(SHORT);
        CHECK(atomic_load(&released) == n + 1);
    }
    for (int n = 0; n < 3; n++) {
        CHECK(pthread_join(threads[n], NULL) == 0);
        FINE(three[n].code);
    }
    CHECK(gw_event_wait(three[0].event, 0) == GW_TIMEOUT); /* all were taken */
    FINE(gw_event_set(set_auto));
    FINE(gw_event_set(set_auto)); /* two are one */
    FINE(gw_event_is_set(set_auto, &is_set));
    CHECK(is_set);
    FINE(gw_event_wait(three[0].event, PATIENCE));
    CHECK(gw_event_wait(three[0].event, SHORT) == GW_TIMEOUT);
    FINE(gw_event_set(set_auto));
    FINE(gw_event_reset(set_auto));
    FINE(gw_event_is_set(set_auto, &is_set));
    CHECK(!is_set);

    atomic_store(&released, 0);
    for (int n = 0; n < 3; n++) {
        gw_event_close(three[n].event);
        three[n].event = event(waiters, manual);
        threads[n] = start(wait_once, &three[n]);
    }
    FINE(gw_event_set(set_manual));
    until(&released, 3);
    for (int n = 0; n < 3; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    FINE(gw_event_wait(three[0].event, 0)); /* it stays set */
    FINE(gw_event_reset(set_manual));
    FINE(gw_event_is_set(set_manual, &is_set));
    CHECK(!is_set && gw_event_wait(three[0].event, 0) == GW_TIMEOUT);
    for (int n = 0; n < 3; n++)
        gw_event_close(three[n].event);
    gw_event_close(set_auto);
    gw_event_close(set_manual);
    gw_close(setter);
    gw_close(waiters);
}

static void kinds_arbitrated(void) { kinds_with("a", "b", "one", "many"); }
static void kinds_native(void) { kinds_with(NULL, NULL, "native-one", "native-many"); }

static void rights(void) {
    gw *a = attach("a"), *b = attach("b"), *c = attach("c");
    gw_event_t *signals = event(a, "one"), *waits = event(b, "one"), *none;
    CHECK(gw_event_rights(signals) == GW_MAY_SIGNAL && gw_event_rights(waits) == GW_MAY_WAIT);
    CHECK(gw_event_set(waits) == GW_DENIED && gw_event_reset(waits) == GW_DENIED);
    CHECK(gw_event_set_and_wait(signals, signals, 0) == GW_DENIED);
    CHECK(gw_event_wait(signals, 0) == GW_DENIED && gw_event_open(c, "one", &none) == GW_DENIED && none == NULL);
    gw_event_close(signals);
    gw_event_close(waits);
    gw_close(a);
    gw_close(b);
    gw_close(c);
}

/* What a peer may not is refused, and guestwire-comm is asked: test_c_attached.py sees what it tells. Nothing is taken. */
static void denied(void) {
    gw *host = attach(NULL), *a = attach("a"), *b = attach("b"), *c = attach("c");
    gw_event_t *signals = event(a, "one"), *waits = event(b, "one"), *native = event(host, "native-one");
    gw_event_t *to_set = event(a, "to-host"), *mixed[2] = {native, event(host, "from-host")};
    gw_region_t *none;
    size_t which;
    int is_set;
    CHECK(gw_event_set(waits) == GW_DENIED && strstr(gw_error_detail(), "signal one") != NULL);
    CHECK(gw_event_reset(waits) == GW_DENIED && strstr(gw_error_detail(), "reset one") != NULL);
    CHECK(gw_event_wait(signals, 0) == GW_DENIED && strstr(gw_error_detail(), "wait for one") != NULL);
    CHECK(gw_event_wait(signals, PATIENCE) == GW_DENIED);
    CHECK(gw_event_set_and_wait(to_set, signals, PATIENCE) == GW_DENIED);
    CHECK(gw_event_set_and_wait(waits, waits, PATIENCE) == GW_DENIED);
    FINE(gw_event_is_set(to_set, &is_set));
    CHECK(!is_set);
    FINE(gw_event_set(native));
    CHECK(gw_event_wait_any(mixed, 2, PATIENCE, &which) == GW_DENIED);
    CHECK(strstr(gw_error_detail(), "wait for from-host") != NULL);
    FINE(gw_event_wait(native, 0));
    CHECK(gw_region_open(c, "shared", GW_READ | GW_WRITE, &none) == GW_DENIED && none == NULL);
    CHECK(strstr(gw_error_detail(), "only the reading") != NULL);
    CHECK(gw_region_open(a, "hostonly", GW_READ, &none) == GW_NOT_FOUND && none == NULL);
    CHECK(gw_region_open(a, "nowhere", GW_READ, &none) == GW_NOT_FOUND && *gw_error_detail() == 0);
    gw_event_close(signals);
    gw_event_close(waits);
    gw_event_close(to_set);
    gw_event_close(mixed[0]);
    gw_event_close(mixed[1]);
    gw_close(host);
    gw_close(a);
    gw_close(b);
    gw_close(c);
}

/* A right that the project gives while the event is open holds at once: says when it may be given. */
static void given(void) {
    gw *a = attach("a"), *b = attach("b");
    gw_event_t *signals = event(a, "one"), *waits = event(b, "one");
    CHECK(gw_event_set(waits) == GW_DENIED && gw_event_wait(signals, 0) == GW_DENIED);
    puts("give it");
    fflush(stdout);
    CHECK(getchar() == '\n');
    FINE(gw_event_set_and_wait(waits, waits, PATIENCE));
    FINE(gw_event_set(waits));
    FINE(gw_event_wait(signals, PATIENCE));
    FINE(gw_event_set_and_wait(signals, signals, PATIENCE));
    CHECK(gw_event_wait(waits, SHORT) == GW_TIMEOUT);
    gw_event_close(signals);
    gw_event_close(waits);
    gw_close(a);
    gw_close(b);
}

static void created(void) {
    gw *a = attach("a"), *b = attach("b");
    gw_event_t *made, *found, *none;
    int existed = -1;
    CHECK(gw_event_open(a, "of-my-own", &none) == GW_NOT_FOUND);
    FINE(gw_event_create(a, "of-my-own", GW_MANUAL | GW_INITIAL, &made, &existed));
    CHECK(existed == 0 && gw_event_flags(made) == GW_MANUAL);
    CHECK(gw_event_create(b, "of-my-own", 0, &none, &existed) == GW_EXISTS && none == NULL);
    FINE(gw_event_create(b, "of-my-own", GW_MANUAL, &found, &existed));
    CHECK(existed == 1 && gw_event_flags(found) == GW_MANUAL);
    FINE(gw_event_wait(found, 0));
    FINE(gw_event_reset(found));
    CHECK(gw_event_wait(made, SHORT) == GW_TIMEOUT);
    FINE(gw_event_close(made));
    FINE(gw_event_close(found));
    CHECK(gw_event_open(a, "of-my-own", &none) == GW_NOT_FOUND); /* it lived as long as somebody had it */
    gw_close(a);
    gw_close(b);
}

/* A native event's own parts, as bindings use them, beside the library. */
static void parts(void) {
    gw *host = attach(NULL), *a = attach("a");
    gw_event_t *native = event(host, "native-one"), *other = event(host, "native-one"), *arbitrated = event(a, "one");
    struct gw_event_parts lent, same;
    uint64_t one = 1, count;
    CHECK(gw_event_parts(arbitrated, &lent) == GW_UNSUPPORTED && gw_event_parts(native, NULL) == GW_INVALID);
    FINE(gw_event_parts(native, &lent));
    FINE(gw_event_parts(native, &same));
    CHECK(lent.fd == gw_event_fd(native) && same.fd == lent.fd && *lent.ended == GW_OK && *lent.signals == 0);
    *lent.signals += 1;
    CHECK(write(lent.fd, &one, sizeof one) == sizeof one);
    FINE(gw_event_wait(other, GW_FOREVER));
    CHECK(gw_event_wait(other, 0) == GW_TIMEOUT);
    FINE(gw_event_set(other));
    CHECK(read(lent.fd, &count, sizeof count) == sizeof count && count == 1);
    gw_event_close(native);
    CHECK(gw_event_wait(other, SHORT) == GW_TIMEOUT); /* closing the one is no signal for the other */
    gw_event_close(other);
    gw_event_close(arbitrated);
    gw_close(host);
    gw_close(a);
}

/* What an error said is not taken for what a later one has to say. */
static void details(void) {
    gw *a = attach("a"), *host = attach(NULL), *none;
    gw_event_t *one = event(a, "one"), *native = event(host, "native-one");
    gw_lock_t *l;
    gw_queue_t *writer = queue(a, "q", GW_WRITER);
    struct gw_event_parts lent;
    int is_set;
    size_t which;
    char where[400];
    FINE(gw_lock_open(a, "l", &l));
    snprintf(where, sizeof where, "unix:%s.nowhere", socket_path);
#define SAYS_NOTHING(code, call)                                                                                       \
    do {                                                                                                               \
        CHECK(gw_open(&none, where) == GW_NOT_STARTED && strstr(gw_error_detail(), ".nowhere") != NULL);               \
        CHECK((call) == (code) && *gw_error_detail() == 0);                                                            \
    } while (0)
    SAYS_NOTHING(GW_INVALID, gw_open(NULL, NULL));
    SAYS_NOTHING(GW_INVALID, gw_event_set(NULL));
    SAYS_NOTHING(GW_INVALID, gw_event_wait(NULL, 0));
    SAYS_NOTHING(GW_INVALID, gw_event_set_and_wait(native, NULL, 0));
    SAYS_NOTHING(GW_INVALID, gw_event_set_and_wait(NULL, native, 0));
    SAYS_NOTHING(GW_OK, gw_event_set_and_wait(native, native, 0));
    SAYS_NOTHING(GW_INVALID, gw_event_reset(NULL));
    SAYS_NOTHING(GW_TIMEOUT, gw_event_wait(native, 0));
    SAYS_NOTHING(GW_INVALID, gw_event_is_set(one, NULL));
    SAYS_NOTHING(GW_INVALID, gw_event_wait_any(NULL, 0, 0, &which));
    SAYS_NOTHING(GW_INVALID, gw_event_parts(native, NULL));
    SAYS_NOTHING(GW_INVALID, gw_queue_put(NULL, NULL, 0, 0));
    SAYS_NOTHING(GW_TOO_LARGE, gw_queue_put(writer, where, 65, 0));
    SAYS_NOTHING(GW_INVALID, gw_queue_commit(writer, 0, 0));
    SAYS_NOTHING(GW_INVALID, gw_queue_get(writer, NULL, 0, NULL, NULL));
    SAYS_NOTHING(GW_NOT_OWNER, gw_lock_release(l));
    SAYS_NOTHING(GW_INVALID, gw_lock_owner(l, NULL));
    SAYS_NOTHING(GW_INVALID, gw_region_list(a, NULL, 1, NULL));
    SAYS_NOTHING(GW_INVALID, gw_ping(NULL, 0, NULL));
    SAYS_NOTHING(GW_OK, gw_close(NULL));
    for (int n = 0; n < 4; n++)
        FINE(gw_queue_put(writer, "", 0, 0));
    SAYS_NOTHING(GW_FULL, gw_queue_put(writer, "", 0, 0));
    SAYS_NOTHING(GW_TIMEOUT, gw_queue_put_wait(writer, "", 0, 0, SHORT));
    FINE(gw_lock_acquire(l, 0));
    SAYS_NOTHING(GW_BUSY, gw_lock_try(l));
#undef SAYS_NOTHING
    CHECK(gw_open(&none, where) == GW_NOT_STARTED);
    CHECK(gw_event_wait(one, 0) == GW_DENIED && strstr(gw_error_detail(), "one") != NULL);
    FINE(gw_event_parts(native, &lent));
    gw_lock_close(l);
    gw_queue_close(writer);
    gw_event_close(one);
    gw_event_close(native);
    gw_close(a);
    gw_close(host);
    CHECK(gw_event_is_set(NULL, &is_set) == GW_INVALID);
}

/* Natives and arbitrated ones in one wait: exactly one of those that are set is taken, whichever. */
static void any_of_many(void) {
    gw *host = attach(NULL), *a = attach("a");
    gw_event_t *three[3] = {event(host, "native-one"), event(host, "to-host"), event(host, "native-many")};
    gw_event_t *setter = event(a, "to-host");
    size_t which = 99;
    int is_set;
    CHECK(gw_event_wait_any(three, 3, 0, &which) == GW_TIMEOUT);
    CHECK(gw_event_wait_any(three, 3, SHORT, &which) == GW_TIMEOUT && which == 99);
    FINE(gw_event_set(setter));
    FINE(gw_event_wait_any(three, 3, PATIENCE, &which));
    CHECK(which == 1 && gw_event_wait(three[1], 0) == GW_TIMEOUT);
    FINE(gw_event_set(three[0]));
    FINE(gw_event_wait_any(three, 3, PATIENCE, &which));
    CHECK(which == 0);
    for (int n = 0; n < 200; n++) { /* both are set: one is taken, the other stays */
        size_t other;
        FINE(gw_event_set(n % 2 ? three[0] : setter));
        FINE(gw_event_set(n % 2 ? setter : three[0]));
        FINE(gw_event_wait_any(three, 2, PATIENCE, &which));
        FINE(gw_event_wait_any(three, 2, PATIENCE, &other));
        CHECK(which + other == 1);
    }
    FINE(gw_event_set(three[2]));
    FINE(gw_event_wait_any(three, 3, PATIENCE, &which));
    CHECK(which == 2);
    FINE(gw_event_is_set(three[2], &is_set));
    CHECK(is_set);
    gw_event_reset(three[2]);
    for (int n = 0; n < 3; n++)
        gw_event_close(three[n]);
    gw_event_close(setter);
    gw_close(host);
    gw_close(a);
}

/* Many threads over one attachment, with waits that end in every way at once; no signal is lost. */
#define SIGNALS 300
static atomic_int taken;
static atomic_bool enough;

static void *take_all(void *what) {
    while (!atomic_load(&enough)) {
        int code = gw_event_wait(what, (int64_t)((uintptr_t)&code / 64 % 7));
        CHECK(code == GW_OK || code == GW_TIMEOUT);
        if (code == GW_OK)
            atomic_fetch_add(&taken, 1);
    }
    return NULL;
}

static void many_threads(void) {
    gw *a = attach("a"), *b = attach("b");
    gw_event_t *setter = event(a, "one"), *waiter = event(b, "one");
    pthread_t threads[6];
    for (int n = 0; n < 6; n++)
        threads[n] = start(take_all, waiter);
    for (int n = 0; n < SIGNALS; n++) {
        FINE(gw_event_set(setter));
        until(&taken, n + 1);
    }
    atomic_store(&enough, true);
    for (int n = 0; n < 6; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    gw_event_close(setter);
    gw_event_close(waiter);
    gw_close(a);
    gw_close(b);
}

/* ---- queues ---- */

#define MESSAGES 3000

struct stream {
    gw_queue_t *queue;
    uint64_t first;
    bool loan;
};

static void *write_stream(void *what) {
    struct stream *s = what;
    for (uint64_t n = 0; n < MESSAGES; n++) {
        uint64_t value = s->first + n;
        if (s->loan) {
            void *slot;
            size_t size;
            FINE(gw_queue_loan_wait(s->queue, &slot, &size, PATIENCE));
            CHECK(size == 64);
            memcpy(slot, &value, sizeof value);
            FINE(gw_queue_commit(s->queue, sizeof value, 3));
        } else {
            FINE(gw_queue_put_wait(s->queue, &value, sizeof value, 3, PATIENCE));
        }
    }
    return NULL;
}

/* Two writers, one reader, four slots: each writer's messages come in order, all of them. */
static void queue_in_order(void) {
    gw *a = attach("a"), *host = attach(NULL), *b = attach("b");
    struct stream streams[2] = {{queue(a, "q", GW_WRITER), 0, false}, {queue(host, "q", GW_WRITER), 1u << 20, true}};
    gw_queue_t *reader = queue(b, "q", GW_READER);
    pthread_t threads[2] = {start(write_stream, &streams[0]), start(write_stream, &streams[1])};
    uint64_t next[2] = {0, 1u << 20}, depth;
    for (int n = 0; n < 2 * MESSAGES; n++) {
        uint64_t value = 0;
        uint32_t type = 0;
        size_t length = 0;
        if (n % 3) {
            FINE(gw_queue_get_wait(reader, &value, sizeof value, &length, &type, PATIENCE));
        } else {
            const void *data;
            FINE(gw_queue_take_wait(reader, &data, &length, &type, PATIENCE));
            memcpy(&value, data, sizeof value);
            FINE(gw_queue_release(reader));
        }
        CHECK(length == sizeof value && type == 3);
        CHECK(value == next[value >> 20]++);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(gw_queue_get(reader, NULL, 0, NULL, NULL) == GW_EMPTY);
    CHECK(gw_queue_get_wait(reader, NULL, 0, NULL, NULL, SHORT) == GW_TIMEOUT);
    FINE(gw_queue_depth(reader, &depth));
    CHECK(depth == 0);
    gw_queue_close(reader);
    gw_queue_close(streams[0].queue);
    gw_queue_close(streams[1].queue);
    gw_close(a);
    gw_close(b);
    gw_close(host);
}

static void queue_edges(void) {
    gw *a = attach("a"), *b = attach("b"), *c = attach("c");
    gw_queue_t *writer = queue(a, "q", GW_WRITER), *reader = queue(b, "q", GW_READER), *none;
    char bytes[64];
    void *slot, *again;
    const void *message;
    size_t length = 0;
    uint64_t depth;
    CHECK(gw_queue_open(a, "q", GW_WRITER, &none) == GW_BUSY && none == NULL);
    CHECK(gw_queue_open(a, "q", GW_READER, &none) == GW_DENIED && gw_queue_open(b, "q", GW_WRITER, &none) == GW_DENIED);
    CHECK(gw_queue_open(c, "q", GW_WRITER, &none) != GW_OK);
    {
        gw *other = attach("a"); /* as another process: the ring has its writer */
        CHECK(gw_queue_open(other, "q", GW_WRITER, &none) == GW_BUSY);
        gw_close(other);
    }
    CHECK(gw_queue_put(reader, "x", 1, 0) == GW_INVALID && gw_queue_take(writer, &message, NULL, NULL) == GW_INVALID);
    CHECK(gw_queue_slot_bytes(writer) == 64 && gw_queue_put(writer, bytes, 65, 0) == GW_TOO_LARGE);
    FINE(gw_queue_put(writer, "hello", 5, 9));
    FINE(gw_queue_loan(writer, &slot, &length));
    CHECK(gw_queue_loan(writer, &again, NULL) == GW_BUSY && gw_queue_put(writer, "x", 1, 0) == GW_BUSY);
    CHECK(gw_queue_commit(writer, 65, 0) == GW_TOO_LARGE);
    FINE(gw_queue_discard(writer));
    CHECK(gw_queue_commit(writer, 1, 0) == GW_INVALID && gw_queue_discard(writer) == GW_INVALID);
    FINE(gw_queue_put(writer, NULL, 0, 0));
    FINE(gw_queue_put(writer, "x", 1, 0));
    FINE(gw_queue_put(writer, "y", 1, 0));
    CHECK(gw_queue_put(writer, "z", 1, 0) == GW_FULL && gw_queue_put_wait(writer, "z", 1, 0, SHORT) == GW_TIMEOUT);
    FINE(gw_queue_depth(writer, &depth));
    CHECK(depth == 4);
    CHECK(gw_queue_get(reader, bytes, 3, &length, NULL) == GW_TOO_LARGE && length == 5);
    FINE(gw_queue_take(reader, &message, &length, NULL));
    CHECK(length == 5 && memcmp(message, "hello", 5) == 0);
    CHECK(gw_queue_take(reader, &message, NULL, NULL) == GW_BUSY &&
          gw_queue_get(reader, bytes, 64, NULL, NULL) == GW_BUSY);
    FINE(gw_queue_release(reader));
    CHECK(gw_queue_release(reader) == GW_INVALID);
    FINE(gw_queue_get(reader, NULL, 0, &length, NULL));
    CHECK(length == 0);
    FINE(gw_queue_take(reader, &message, &length, NULL)); /* and not released: it stays */
    gw_queue_close(reader);
    reader = queue(b, "q", GW_READER);
    FINE(gw_queue_get(reader, bytes, 64, &length, NULL));
    CHECK(length == 1 && bytes[0] == 'x');
    gw_queue_close(writer);
    writer = queue(a, "q", GW_WRITER); /* a writer that starts again goes on where it was */
    FINE(gw_queue_put(writer, "z", 1, 0));
    FINE(gw_queue_get(reader, bytes, 64, NULL, NULL));
    FINE(gw_queue_get(reader, bytes, 64, NULL, NULL));
    CHECK(bytes[0] == 'z' && gw_queue_get(reader, bytes, 64, NULL, NULL) == GW_EMPTY);
    gw_queue_close(writer);
    gw_queue_close(reader);
    gw_close(a);
    gw_close(b);
    gw_close(c);
}

/* ---- somebody writes over everything it can write ---- */

static atomic_bool quiet;

static void *scribble(void *what) {
    uint64_t *words = (uint64_t *)(void *)((char *)gw_region_data(what) - GW_DATA_OFFSET);
    size_t first = (GW_DATA_OFFSET + gw_region_size(what)) / 8, count = (GW_DATA_OFFSET + AREA) / 8 - first;
    while (!atomic_load(&quiet)) {
        uint64_t value = chance();
        ((volatile uint64_t *)words)[first + value % count] = value % 3 ? value >> value % 64 : value % 100;
    }
    return NULL;
}

static void scribbled(void) {
    gw *a = attach("a"), *b = attach("b");
    gw_region_t *region;
    gw_queue_t *writer = queue(a, "q", GW_WRITER), *reader = queue(b, "q", GW_READER);
    gw_lock_t *lock;
    pthread_t thread;
    struct timespec begin, now;
    FINE(gw_region_open(a, "shared", GW_READ | GW_WRITE, &region));
    FINE(gw_lock_open(b, "l", &lock));
    thread = start(scribble, region);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        char bytes[64];
        const void *data;
        void *slot;
        size_t length;
        uint64_t depth;
        CHECK(gw_queue_put(writer, "hello", 5, 0) <= 0 && gw_queue_get(reader, bytes, 64, &length, NULL) <= 0);
        CHECK(gw_queue_put_wait(writer, "hello", 5, 0, 1) <= 0 &&
              gw_queue_get_wait(reader, bytes, 64, NULL, NULL, 1) <= 0);
        if (gw_queue_take(reader, &data, &length, NULL) == GW_OK) {
            CHECK(length <= 64);
            memcpy(bytes, data, length);
            CHECK(gw_queue_release(reader) <= 0);
        }
        if (gw_queue_loan(writer, &slot, &length) == GW_OK) {
            memset(slot, 1, length);
            CHECK(gw_queue_commit(writer, length, 0) == GW_OK);
        }
        CHECK(gw_queue_depth(reader, &depth) == GW_OK && depth <= 8 && gw_queue_depth(writer, &depth) == GW_OK);
        CHECK(gw_lock_try(lock) <= 0 && gw_lock_release(lock) <= 0 && gw_lock_acquire(lock, 1) <= 0);
        CHECK(gw_lock_release(lock) <= 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < 2);
    atomic_store(&quiet, true);
    pthread_join(thread, NULL);
    gw_lock_close(lock);
    gw_queue_close(writer);
    gw_queue_close(reader);
    gw_region_close(region);
    gw_close(a);
    gw_close(b);
}

/* ---- locks ---- */

static void lock_edges(const char *guest, const char *name) {
    gw *one = attach(guest), *two = attach(guest);
    gw_lock_t *mine, *other;
    uint64_t token, next;
    uint32_t owner, peer;
    FINE(gw_lock_open(one, name, &mine));
    FINE(gw_lock_open(two, name, &other));
    CHECK(gw_lock_release(mine) == GW_NOT_OWNER && gw_lock_token(mine, &token) == GW_NOT_OWNER);
    FINE(gw_lock_try(mine));
    FINE(gw_lock_token(mine, &token));
    FINE(gw_lock_owner(other, &owner));
    FINE(gw_peer(one, &peer));
    CHECK(owner == peer && gw_lock_try(mine) == GW_BUSY && gw_lock_try(other) == GW_BUSY);
    CHECK(gw_lock_release(other) == GW_NOT_OWNER);
    FINE(gw_lock_release(mine));
    FINE(gw_lock_acquire(other, PATIENCE));
    FINE(gw_lock_token(other, &next));
    CHECK(next == token + 1);
    FINE(gw_lock_close(other)); /* which releases it */
    FINE(gw_lock_acquire(mine, 0));
    FINE(gw_lock_close(mine));
    gw_close(one);
    gw_close(two);
}

static void lock_words(void) {
    lock_edges("a", "l");
    lock_edges(NULL, "robust");
    {
        gw *a = attach("a"), *b = attach("b");
        gw_lock_t *mine, *other;
        FINE(gw_lock_open(a, "l", &mine));
        FINE(gw_lock_open(b, "l", &other));
        FINE(gw_lock_try(mine));
        CHECK(gw_lock_acquire(other, SHORT) == GW_TIMEOUT);
        gw_lock_close(mine);
        gw_lock_close(other);
        gw_close(a);
        gw_close(b);
    }
}

#define ADDS 400

static void add_under(const char *guest, const char *name, volatile uint64_t *sum) {
    gw *g = attach(guest);
    gw_lock_t *l;
    FINE(gw_lock_open(g, name, &l));
    for (int n = 0; n < ADDS; n++) {
        uint64_t before;
        FINE(gw_lock_acquire(l, PATIENCE));
        before = *sum;
        if (n % 50 == 0)
            pause_ms(1);
        *sum = before + 1;
        FINE(gw_lock_release(l));
    }
    gw_lock_close(l);
    gw_close(g);
}

/* Three processes, one counter in a region. */
static void lock_excludes(void) {
    static const char *const who[] = {"a", "b", NULL};
    gw *g = attach("a");
    gw_region_t *r;
    volatile uint64_t *sum;
    pid_t children[3];
    FINE(gw_region_open(g, "shared", GW_READ | GW_WRITE, &r));
    sum = gw_region_data(r);
    for (int n = 0; n < 3; n++)
        if ((children[n] = fork()) == 0) {
            add_under(who[n], "l", sum);
            _exit(0);
        }
    for (int n = 0; n < 3; n++) {
        int status;
        CHECK(waitpid(children[n], &status, 0) == children[n] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    CHECK(*sum == 3 * ADDS);
    gw_region_close(r);
    gw_close(g);
}

/* A holder is killed: who waits gets the lock and is told, by guestwire-comm or by the kernel. */
static void killed_holders(const char *guest, const char *name) {
    gw *g = attach(guest);
    gw_lock_t *l;
    FINE(gw_lock_open(g, name, &l));
    for (int n = 0; n < 20; n++) {
        int said[2], status;
        char byte;
        pid_t child;
        CHECK(pipe(said) == 0 && (child = fork()) >= 0);
        if (child == 0) {
            gw *mine = attach(guest);
            gw_lock_t *held;
            FINE(gw_lock_open(mine, name, &held));
            FINE(gw_lock_acquire(held, PATIENCE));
            CHECK(write(said[1], "x", 1) == 1);
            for (;;)
                pause();
        }
        CHECK(read(said[0], &byte, 1) == 1 && gw_lock_try(l) == GW_BUSY);
        CHECK(kill(child, SIGKILL) == 0);
        CHECK(gw_lock_acquire(l, PATIENCE) == GW_OWNER_DIED);
        CHECK(waitpid(child, &status, 0) == child);
        FINE(gw_lock_release(l));
        FINE(gw_lock_acquire(l, PATIENCE)); /* told once */
        FINE(gw_lock_release(l));
        close(said[0]);
        close(said[1]);
    }
    gw_lock_close(l);
    gw_close(g);
}

static void lock_survives(void) {
    killed_holders("a", "l");
    killed_holders(NULL, "robust");
}

/* ---- services ---- */

static void services(void) {
    gw *a = attach("a"), *host = attach(NULL);
    uint64_t before = 0, after = 0;
    int yes = 0;
    FINE(gw_available(a, GW_SERVICE_PING, &yes));
    CHECK(yes);
    FINE(gw_available(a, 0, &yes));
    CHECK(yes);
    FINE(gw_available(a, 99, &yes));
    CHECK(!yes);
    FINE(gw_ping(a, UINT64_MAX, &before));
    FINE(gw_ping(a, 0, &after));
    CHECK(before > 0 && after >= before && gw_ping(host, 0, NULL) == GW_DENIED);
    FINE(gw_ready(a));
    gw_close(a);
    gw_close(host);
}

/* ---- guestwire-comm goes away: says when it may be killed ---- */

static void *wait_and_say(void *what) {
    CHECK(gw_event_wait(what, PATIENCE) == GW_NOT_STARTED);
    return NULL;
}

static void *get_and_say(void *what) {
    CHECK(gw_queue_get_wait(what, NULL, 0, NULL, NULL, PATIENCE) == GW_NOT_STARTED);
    return NULL;
}

static void *sleep_and_say(void *what) {
    CHECK(gw_event_wait(what, GW_FOREVER) == GW_NOT_STARTED);
    return NULL;
}

static void comm_is_killed(void) {
    gw *b = attach("b"), *host = attach(NULL), *fresh;
    gw_event_t *waits = event(b, "one"), *native = event(host, "native-one");
    gw_queue_t *reader = queue(b, "q", GW_READER);
    gw_region_t *region;
    pthread_t threads[] = {start(wait_and_say, waits), start(wait_and_say, waits), start(get_and_say, reader),
                           start(sleep_and_say, native), start(sleep_and_say, native)};
    char where[300];
    FINE(gw_region_open(b, "shared", GW_READ | GW_WRITE, &region));
    strcpy(gw_region_data(region), "still there");
    puts("kill it");
    fflush(stdout);
    for (int n = 0; n < 5; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    CHECK(gw_alive(b) == GW_NOT_STARTED && gw_event_wait(waits, 0) == GW_NOT_STARTED);
    CHECK(gw_ready(b) == GW_NOT_STARTED && gw_queue_get(reader, NULL, 0, NULL, NULL) == GW_NOT_STARTED);
    CHECK(gw_alive(host) == GW_NOT_STARTED && gw_event_set(native) == GW_NOT_STARTED);
    CHECK(strcmp(gw_region_data(region), "still there") == 0 && gw_region_check(region) == GW_NOT_STARTED);
    snprintf(where, sizeof where, "unix:%s", socket_path);
    CHECK(gw_open(&fresh, where) == GW_NOT_STARTED && fresh == NULL && *gw_error_detail() != 0);
    gw_event_close(waits);
    gw_event_close(native);
    gw_queue_close(reader);
    gw_region_close(region);
    gw_close(b);
    gw_close(host);
}

static const struct {
    const char *name;
    void (*play)(void);
} scenarios[] = {
    {"nothing-crashes", nothing_crashes},
    {"regions", regions},
    {"kinds-arbitrated", kinds_arbitrated},
    {"kinds-native", kinds_native},
    {"rights", rights},
    {"denied", denied},
    {"given", given},
    {"created", created},
    {"any-of-many", any_of_many},
    {"parts", parts},
    {"details", details},
    {"many-threads", many_threads},
    {"queue-in-order", queue_in_order},
    {"queue-edges", queue_edges},
    {"scribbled", scribbled},
    {"lock-words", lock_words},
    {"lock-excludes", lock_excludes},
    {"lock-survives", lock_survives},
    {"services", services},
    {"comm-is-killed", comm_is_killed},
};

int main(int argc, char **argv) {
    CHECK(argc == 3);
    socket_path = argv[1];
    for (size_t n = 0; n < sizeof scenarios / sizeof *scenarios; n++)
        if (strcmp(argv[2], scenarios[n].name) == 0) {
            scenarios[n].play();
            return 0;
        }
    fprintf(stderr, "no scenario %s\n", argv[2]);
    return 2;
}
