/* The C guest library at a guestwire-comm: the first argument of every work is where it is. See pair.h. */
#include <guestwire.h>

#include "pair.h"

#define MESSAGE 64

static gw *host;
static gw_event_t *there, *back;
static gw_queue_t *out, *in;
static gw_lock_t *lock;
static volatile uint64_t guarded;

static void fine(int code, const char *what) {
    if (code == GW_OK)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, gw_error_text(code), gw_error_detail());
    exit(1);
}

/* ---- events: arguments WHERE THERE BACK ---- */

static void events(char **arguments, int is_caller) {
    (void)is_caller;
    fine(gw_open(&host, arguments[0]), "gw_open");
    fine(gw_event_open(host, arguments[1], &there), arguments[1]);
    fine(gw_event_open(host, arguments[2], &back), arguments[2]);
}

static void event_caller(uint64_t count) {
    while (count--) {
        fine(gw_event_set(there), "set");
        fine(gw_event_wait(back, GW_FOREVER), "wait");
    }
}

static void event_other(uint64_t count) {
    while (count--) {
        fine(gw_event_wait(there, GW_FOREVER), "wait");
        fine(gw_event_set(back), "set");
    }
}

/* ---- queues: arguments WHERE THERE [BACK] ---- */

static void one_way(char **arguments, int is_caller) {
    fine(gw_open(&host, arguments[0]), "gw_open");
    fine(gw_queue_open(host, arguments[1], is_caller ? GW_WRITER : GW_READER, is_caller ? &out : &in), arguments[1]);
}

static void both_ways(char **arguments, int is_caller) {
    one_way(arguments, is_caller);
    fine(gw_queue_open(host, arguments[2], is_caller ? GW_READER : GW_WRITER, is_caller ? &in : &out), arguments[2]);
}

static void put_spinning(const char *message) {
    int code;
    while ((code = gw_queue_put(out, message, MESSAGE, 0)) == GW_FULL)
        relax();
    fine(code, "put");
}

static void get_spinning(char *message) {
    size_t length;
    int code;
    while ((code = gw_queue_get(in, message, MESSAGE, &length, NULL)) == GW_EMPTY)
        relax();
    fine(code, "get");
}

static void rate_caller(uint64_t count) {
    char message[MESSAGE] = {0};
    while (count--)
        put_spinning(message);
}

static void rate_other(uint64_t count) {
    char message[MESSAGE];
    while (count--)
        get_spinning(message);
}

static void waiting_caller(uint64_t count) {
    char message[MESSAGE] = {0};
    while (count--)
        fine(gw_queue_put_wait(out, message, sizeof message, 0, GW_FOREVER), "put");
}

static void waiting_other(uint64_t count) {
    char message[MESSAGE];
    size_t length;
    while (count--)
        fine(gw_queue_get_wait(in, message, sizeof message, &length, NULL, GW_FOREVER), "get");
}

static void trip_caller(uint64_t count) {
    char message[MESSAGE] = {0};
    while (count--) {
        put_spinning(message);
        get_spinning(message);
    }
}

static void trip_other(uint64_t count) {
    char message[MESSAGE];
    while (count--) {
        get_spinning(message);
        put_spinning(message);
    }
}

static void loan_caller(uint64_t count) {
    while (count--) {
        size_t size;
        void *slot;
        int code;
        while ((code = gw_queue_loan(out, &slot, &size)) == GW_FULL)
            relax();
        fine(code, "loan");
        *(volatile uint64_t *)slot = count;
        fine(gw_queue_commit(out, size, 0), "commit");
    }
}

static void loan_other(uint64_t count) {
    while (count--) {
        const void *message;
        size_t length;
        int code;
        while ((code = gw_queue_take(in, &message, &length, NULL)) == GW_EMPTY)
            relax();
        fine(code, "take");
        demand(*(const volatile uint64_t *)message == count, "the message that was sent");
        fine(gw_queue_release(in), "release");
    }
}

/* ---- locks: arguments WHERE LOCK ---- */

static void locks(char **arguments, int is_caller) {
    (void)is_caller;
    fine(gw_open(&host, arguments[0]), "gw_open");
    fine(gw_lock_open(host, arguments[1], &lock), arguments[1]);
}

static void lock_both(uint64_t count) {
    while (count--) {
        fine(gw_lock_acquire(lock, GW_FOREVER), "acquire");
        guarded += 1;
        fine(gw_lock_release(lock), "release");
    }
}

static const struct work works[] = {
    {"event", NULL, events, event_caller, event_other},
    {"rate", NULL, one_way, rate_caller, rate_other},
    {"waiting", NULL, one_way, waiting_caller, waiting_other},
    {"trip", NULL, both_ways, trip_caller, trip_other},
    {"loan", NULL, one_way, loan_caller, loan_other},
    {"lock", NULL, locks, lock_both, NULL},
    {"contended", NULL, locks, lock_both, lock_both},
    {0},
};

int main(int argc, char **argv) { return pair_main(argc, argv, works); }
