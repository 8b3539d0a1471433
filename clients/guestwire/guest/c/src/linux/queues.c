/* Queues: rings of areas by name, and the events that wake who sleeps at them. A handle is one writer's ring, or all
 * the rings of a reader, which takes from them in turn. When the directory changed, the rings are looked up again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../portable/ring.h"
#include "event_handle.h"

#define RINGS_MAX 256
#define READER_AT offsetof(struct gw_ring, tail)
#define ARMED_MS 500 /* the longest sleep at a queue without a look at it */

struct ring {
    struct gw_ring_row row;
    struct gwi_area *area;
    gw_event_t *space; /* its writer waits on it; a reader opens it when the writer wants it */
    struct gwp_writer writer;
    struct gwp_reader reader;
    bool corrupt; /* and the caller was told */
};

struct gw_queue_handle {
    struct gw_queue_handle *next;
    gw *g;
    uint32_t role;
    char name[GW_NAME_BYTES];
    pthread_mutex_t mutex;
    pthread_cond_t turn; /* of the one thread that waits on the event */
    bool somebody_waits;
    gw_event_t *message; /* the reader waits on it */
    uint64_t sequence;   /* of the directory, when the rings were looked up */
    struct ring **rings;
    size_t count;
    size_t at; /* reader: the ring whose turn it is */
    bool lent; /* a loan, or a message in place */
    void *loan;
};

/* ---- rings and claims ---- */

/* One process is the writer of a ring, or its reader. */
static int claim(const struct ring *ring, uint32_t role, bool claims) {
    return gwi_area_claim(ring->area, ring->row.offset + (role == GW_WRITER ? 0 : READER_AT), claims);
}

static void close_ring(gw_queue_t *q, struct ring *ring) {
    if (ring->area != NULL) {
        claim(ring, q->role, false);
        gwi_area_close(q->g, ring->area);
    }
    gwi_event_close(ring->space);
    free(ring);
}

static int open_space(gw_queue_t *q, struct ring *ring) {
    char name[GW_NAME_BYTES];
    if (ring->space != NULL)
        return GW_OK;
    snprintf(name, sizeof name, GW_SPACE_EVENT "%u", ring->row.number);
    return gwi_event_open(q->g, name, 0, &ring->space, NULL);
}

static int open_ring(gw_queue_t *q, const struct gw_ring_row *row, struct ring **out) {
    struct ring *ring = calloc(1, sizeof *ring);
    struct gwp_ring places;
    int code;
    if (ring == NULL)
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    ring->row = *row;
    code = gwi_area_open_index(q->g, row->index, GW_READ | GW_WRITE, &ring->area);
    if (code == GW_OK)
        code = gwp_ring_at(&places, row, ring->area->base, ring->area->bytes);
    if (code == GW_OK)
        code = claim(ring, q->role, true);
    if (code == GW_OK && q->role == GW_WRITER)
        code = open_space(q, ring);
    if (code != GW_OK) {
        close_ring(q, ring);
        return code;
    }
    if (q->role == GW_WRITER)
        gwp_writer_start(&ring->writer, &places);
    else
        gwp_reader_start(&ring->reader, &places);
    *out = ring;
    return GW_OK;
}

static struct ring *same_ring(gw_queue_t *q, const struct gw_ring_row *row) {
    for (size_t n = 0; n < q->count; n++) {
        struct gw_ring_row *had = &q->rings[n]->row;
        if (had->index == row->index && had->offset == row->offset && had->generation == row->generation)
            return q->rings[n];
    }
    return NULL;
}

static bool keeps(struct ring **rings, size_t count, const struct ring *ring) {
    for (size_t n = 0; n < count; n++)
        if (rings[n] == ring)
            return true;
    return false;
}

/* The rings as the directory has them now: those that stayed go on where they are. */
static int look_up(gw_queue_t *q) {
    uint64_t sequence = gwp_directory_sequence(&q->g->directory);
    struct gw_ring_row *rows = malloc(RINGS_MAX * sizeof *rows);
    struct ring **rings = calloc(RINGS_MAX, sizeof *rings);
    size_t count = 0, found = 0;
    int code = rows == NULL || rings == NULL ? gwi_fail_errno(GW_SYSTEM, "malloc") : GW_OK;
    if (code == GW_OK)
        code = gwi_find_rings(q->g, q->name, q->role, rows, q->role == GW_WRITER ? 1 : RINGS_MAX, &found);
    for (; code == GW_OK && count < found; count++) {
        rings[count] = same_ring(q, &rows[count]);
        if (rings[count] == NULL)
            code = open_ring(q, &rows[count], &rings[count]);
        if (code != GW_OK)
            break;
    }
    free(rows);
    if (code != GW_OK) {
        for (size_t n = 0; n < count; n++)
            if (!keeps(q->rings, q->count, rings[n]))
                close_ring(q, rings[n]);
        free(rings);
        return code;
    }
    for (size_t n = 0; n < q->count; n++)
        if (!keeps(rings, count, q->rings[n]))
            close_ring(q, q->rings[n]);
    free(q->rings);
    q->rings = rings;
    q->count = count;
    q->sequence = sequence;
    return GW_OK;
}

/* Before every use of the rings; under the mutex. */
static int ready(gw_queue_t *q) {
    int code = gwi_usable(q->g);
    if (code != GW_OK || gwp_directory_sequence(&q->g->directory) == q->sequence)
        return code;
    if (q->lent || q->somebody_waits) /* they use a ring, or its event: look afterwards */
        return GW_OK;
    code = look_up(q);
    return code == GW_NOT_FOUND || code == GW_DENIED ? gwi_fail(GW_CLOSED, "queue %s was taken from this peer", q->name)
                                                     : code;
}

/* ---- open and close ---- */

static int enlist(gw_queue_t *q) {
    int code = GW_OK;
    pthread_mutex_lock(&q->g->area_mutex);
    for (gw_queue_t *other = q->g->queues; other != NULL; other = other->next)
        if (other->role == q->role && strcmp(other->name, q->name) == 0)
            code = gwi_fail(GW_BUSY, "queue %s is open already", q->name);
    if (code == GW_OK) {
        q->next = q->g->queues;
        q->g->queues = q;
    }
    pthread_mutex_unlock(&q->g->area_mutex);
    return code;
}

static void strike_off(gw_queue_t *q) {
    pthread_mutex_lock(&q->g->area_mutex);
    for (gw_queue_t **link = &q->g->queues; *link != NULL; link = &(*link)->next)
        if (*link == q) {
            *link = q->next;
            break;
        }
    pthread_mutex_unlock(&q->g->area_mutex);
}

static void close_queue(gw_queue_t *q) {
    gw *g = q->g;
    strike_off(q);
    for (size_t n = 0; n < q->count; n++)
        close_ring(q, q->rings[n]);
    free(q->rings);
    gwi_event_close(q->message);
    pthread_cond_destroy(&q->turn);
    pthread_mutex_destroy(&q->mutex);
    free(q);
    gwi_drop(g);
}

int gw_queue_open(gw *g, const char *name, uint32_t role, gw_queue_t **out) {
    char event[GW_NAME_BYTES];
    pthread_condattr_t monotonic;
    gw_queue_t *q;
    int code = gwi_usable(g);
    gwi_forget();
    if (out != NULL)
        *out = NULL;
    if (code != GW_OK)
        return code;
    if (out == NULL || !gwi_name_fits(name) || (role != GW_READER && role != GW_WRITER) ||
        (size_t)snprintf(event, sizeof event, GW_QUEUE_EVENT "%s", name) >= sizeof event)
        return GW_INVALID;
    q = calloc(1, sizeof *q);
    if (q == NULL)
        return gwi_fail_errno(GW_SYSTEM, "calloc");
    q->g = g;
    q->role = role;
    memcpy(q->name, name, strlen(name));
    pthread_mutex_init(&q->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->turn, &monotonic);
    pthread_condattr_destroy(&monotonic);
    gwi_hold(g);
    code = enlist(q);
    if (code == GW_OK)
        code = look_up(q);
    if (code == GW_OK)
        code = gwi_event_open(g, event, 0, &q->message, NULL);
    if (code != GW_OK) {
        close_queue(q);
        return code;
    }
    *out = q;
    return GW_OK;
}

int gw_queue_close(gw_queue_t *q) {
    if (q != NULL)
        close_queue(q);
    return gwi_plainly(GW_OK);
}

size_t gw_queue_slot_bytes(gw_queue_t *q) {
    size_t bytes;
    if (q == NULL)
        return 0;
    pthread_mutex_lock(&q->mutex);
    bytes = q->count == 0 ? 0 : q->rings[0]->row.slot_bytes;
    pthread_mutex_unlock(&q->mutex);
    return bytes;
}

int gw_queue_depth(gw_queue_t *q, uint64_t *messages) {
    int code;
    gwi_forget();
    if (q == NULL || messages == NULL)
        return GW_INVALID;
    pthread_mutex_lock(&q->mutex);
    code = ready(q);
    *messages = 0;
    for (size_t n = 0; code == GW_OK && n < q->count; n++)
        *messages +=
            q->role == GW_WRITER ? gwp_writer_depth(&q->rings[n]->writer) : gwp_reader_depth(&q->rings[n]->reader);
    pthread_mutex_unlock(&q->mutex);
    return code;
}

/* ---- sleeping at a queue ---- */

typedef int attempt(gw_queue_t *q, void *what);

static void arm(gw_queue_t *q, bool wanted) {
    for (size_t n = 0; n < q->count; n++) {
        if (q->role == GW_WRITER)
            gwp_writer_wants_space(&q->rings[n]->writer, wanted);
        else
            gwp_reader_wants_message(&q->rings[n]->reader, wanted);
    }
}

/* Another thread sleeps for all of them. */
static void wait_for_turn(gw_queue_t *q, int64_t deadline_ns) {
    int64_t until = gwi_now_ns() + ARMED_MS * INT64_C(1000000);
    struct timespec at;
    if (deadline_ns < until)
        until = deadline_ns;
    at = (struct timespec){.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    pthread_cond_timedwait(&q->turn, &q->mutex, &at);
}

/* One sleep on the event, which the other side sets when it finds the flag raised. */
static int sleep_once(gw_queue_t *q, int64_t deadline_ns) {
    gw_event_t *event = q->role == GW_WRITER ? q->rings[0]->space : q->message;
    int64_t until = gwi_now_ns() + ARMED_MS * INT64_C(1000000);
    size_t which;
    int code;
    q->somebody_waits = true;
    pthread_mutex_unlock(&q->mutex);
    code = gwi_events_wait(&event, 1, until < deadline_ns ? until : deadline_ns, &which);
    pthread_mutex_lock(&q->mutex);
    q->somebody_waits = false;
    pthread_cond_signal(&q->turn);
    return code == GW_TIMEOUT ? GW_OK : code;
}

/* One try of a short path: forgets what an earlier error said only when it fails. GW_CORRUPT and GW_SYSTEM always say
 * more; where another code has something to say, it says it again. */
static int attempt_once(gw_queue_t *q, attempt *try, void *what) {
    int code = try(q, what);
    if (code == GW_OK || code == GW_CORRUPT || code == GW_SYSTEM)
        return code;
    gwi_forget();
    return code == GW_FULL || code == GW_EMPTY ? code : try(q, what);
}

/* Tries, and sleeps while it answers `until`; under the mutex, which is given up for sleeping only. */
static int insist(gw_queue_t *q, attempt *try, void *what, int until, int64_t timeout_ms) {
    int code = attempt_once(q, try, what);
    int64_t deadline = code == until ? gwi_deadline_ns(timeout_ms) : 0;
    while (code == until) {
        if (gwi_left_ms(deadline, 1) == 0)
            return GW_TIMEOUT;
        if (q->somebody_waits) {
            wait_for_turn(q, deadline);
            code = try(q, what);
            continue;
        }
        arm(q, true);
        code = try(q, what);
        if (code == until) {
            int slept = sleep_once(q, deadline);
            code = slept == GW_OK ? try(q, what) : slept;
        }
        arm(q, q->somebody_waits);
    }
    return code;
}

/* ---- writing ---- */

static int loan(gw_queue_t *q, void *what) {
    int code;
    if (q->lent)
        return GW_BUSY;
    code = ready(q);
    if (code == GW_OK)
        code = gwp_writer_slot(&q->rings[0]->writer, what);
    return code == GW_CORRUPT ? gwi_fail(code, "the reader of queue %s wrote over its ring", q->name) : code;
}

/* The slot is full of a message: publish it, and wake the reader when it sleeps. */
static void publish(gw_queue_t *q, uint32_t length, uint32_t type) {
    struct gwp_writer *writer = &q->rings[0]->writer;
    gwp_writer_commit(writer, length, type);
    if (gwp_writer_wakes(writer))
        (void)gwi_event_set(q->message); /* the message is in; a reader looks by itself too, only later */
}

struct outgoing {
    const void *data;
    size_t length;
    uint32_t type;
};

static int put(gw_queue_t *q, void *what) {
    const struct outgoing *message = what;
    void *slot;
    int code = loan(q, &slot);
    if (code != GW_OK)
        return code;
    if (message->length > q->rings[0]->row.slot_bytes)
        return GW_TOO_LARGE;
    if (message->length > 0)
        memcpy(slot, message->data, message->length);
    publish(q, (uint32_t)message->length, message->type);
    return GW_OK;
}

static bool is(gw_queue_t *q, uint32_t role) { return q != NULL && q->role == role; }

int gw_queue_put(gw_queue_t *q, const void *data, size_t length, uint32_t type) {
    struct outgoing message = {data, length, type};
    int code;
    if (!is(q, GW_WRITER) || (data == NULL && length > 0))
        return gwi_plainly(GW_INVALID);
    pthread_mutex_lock(&q->mutex);
    code = attempt_once(q, put, &message);
    if (code == GW_FULL)
        gwp_writer_refused(&q->rings[0]->writer);
    pthread_mutex_unlock(&q->mutex);
    return code;
}

int gw_queue_put_wait(gw_queue_t *q, const void *data, size_t length, uint32_t type, int64_t timeout_ms) {
    struct outgoing message = {data, length, type};
    int code;
    if (!is(q, GW_WRITER) || (data == NULL && length > 0))
        return gwi_plainly(GW_INVALID);
    pthread_mutex_lock(&q->mutex);
    code = insist(q, put, &message, GW_FULL, timeout_ms);
    pthread_mutex_unlock(&q->mutex);
    return code;
}

static int lend(gw_queue_t *q, void **data, size_t *size, bool waits, int64_t timeout_ms) {
    int code;
    if (!is(q, GW_WRITER) || data == NULL)
        return gwi_plainly(GW_INVALID);
    *data = NULL;
    pthread_mutex_lock(&q->mutex);
    code = waits ? insist(q, loan, data, GW_FULL, timeout_ms) : attempt_once(q, loan, data);
    if (code == GW_OK) {
        q->lent = true;
        if (size != NULL)
            *size = q->rings[0]->row.slot_bytes;
    } else if (code == GW_FULL) {
        gwp_writer_refused(&q->rings[0]->writer);
    }
    pthread_mutex_unlock(&q->mutex);
    return code;
}

int gw_queue_loan(gw_queue_t *q, void **data, size_t *size) { return lend(q, data, size, false, 0); }

int gw_queue_loan_wait(gw_queue_t *q, void **data, size_t *size, int64_t timeout_ms) {
    return lend(q, data, size, true, timeout_ms);
}

int gw_queue_commit(gw_queue_t *q, size_t length, uint32_t type) {
    int code = GW_OK;
    if (!is(q, GW_WRITER))
        return gwi_plainly(GW_INVALID);
    pthread_mutex_lock(&q->mutex);
    if (!q->lent)
        code = GW_INVALID;
    else if (length > q->rings[0]->row.slot_bytes)
        code = GW_TOO_LARGE;
    else
        code = gwi_usable(q->g);
    if (code == GW_OK) {
        q->lent = false;
        publish(q, (uint32_t)length, type);
    }
    pthread_mutex_unlock(&q->mutex);
    return code == GW_OK ? code : gwi_plainly(code);
}

int gw_queue_discard(gw_queue_t *q) {
    int code;
    if (!is(q, GW_WRITER))
        return gwi_plainly(GW_INVALID);
    pthread_mutex_lock(&q->mutex);
    code = q->lent ? GW_OK : GW_INVALID;
    q->lent = false;
    pthread_mutex_unlock(&q->mutex);
    return code == GW_OK ? code : gwi_plainly(code);
}

/* ---- reading ---- */

struct incoming {
    const void *data;
    uint32_t length, type;
};

/* The next message of any ring, beginning after the one that gave the last: q->at is where it is. */
static int message(gw_queue_t *q, void *what) {
    struct incoming *found = what;
    bool corrupt = false;
    int code;
    if (q->lent)
        return GW_BUSY;
    code = ready(q);
    if (code != GW_OK)
        return code;
    for (size_t n = 0; n < q->count; n++) {
        size_t at = q->at + 1 + n;
        struct ring *ring = q->rings[at % q->count];
        code = gwp_reader_message(&ring->reader, &found->data, &found->length, &found->type);
        if (code == GW_OK) {
            q->at = at % q->count;
            ring->corrupt = false;
            return GW_OK;
        }
        /* Told once: a writer that scribbles must not keep the reader of others from sleeping. */
        corrupt = corrupt || (code == GW_CORRUPT && !ring->corrupt);
        ring->corrupt = code == GW_CORRUPT;
    }
    return corrupt ? gwi_fail(GW_CORRUPT, "a writer of queue %s wrote over its ring", q->name) : GW_EMPTY;
}

/* Frees the slot of the message that was taken, and wakes its writer when it sleeps. */
static void release(gw_queue_t *q) {
    struct ring *ring = q->rings[q->at];
    gwp_reader_release(&ring->reader);
    if (gwp_reader_wakes(&ring->reader) && open_space(q, ring) == GW_OK)
        (void)gwi_event_set(ring->space);
}

struct copy {
    void *data;
    size_t size;
    size_t *length;
    uint32_t *type;
};

static int get(gw_queue_t *q, void *what) {
    struct copy *to = what;
    struct incoming found;
    int code = message(q, &found);
    if (code != GW_OK)
        return code;
    if (to->length != NULL)
        *to->length = found.length;
    if (to->type != NULL)
        *to->type = found.type;
    if (found.length > to->size) {
        q->at = (q->at + q->count - 1) % q->count; /* its turn again */
        return GW_TOO_LARGE;
    }
    if (found.length > 0)
        memcpy(to->data, found.data, found.length);
    release(q);
    return GW_OK;
}

static int receive(gw_queue_t *q, struct copy *to, bool waits, int64_t timeout_ms) {
    int code;
    if (!is(q, GW_READER) || (to->data == NULL && to->size > 0))
        return gwi_plainly(GW_INVALID);
    pthread_mutex_lock(&q->mutex);
    code = waits ? insist(q, get, to, GW_EMPTY, timeout_ms) : attempt_once(q, get, to);
    pthread_mutex_unlock(&q->mutex);
    return code;
}

int gw_queue_get(gw_queue_t *q, void *data, size_t size, size_t *length, uint32_t *type) {
    return receive(q, &(struct copy){data, size, length, type}, false, 0);
}

int gw_queue_get_wait(gw_queue_t *q, void *data, size_t size, size_t *length, uint32_t *type, int64_t timeout_ms) {
    return receive(q, &(struct copy){data, size, length, type}, true, timeout_ms);
}

static int take(gw_queue_t *q, const void **data, size_t *length, uint32_t *type, bool waits, int64_t timeout_ms) {
    struct incoming found;
    int code;
    if (!is(q, GW_READER) || data == NULL)
        return gwi_plainly(GW_INVALID);
    *data = NULL;
    pthread_mutex_lock(&q->mutex);
    code = waits ? insist(q, message, &found, GW_EMPTY, timeout_ms) : attempt_once(q, message, &found);
    if (code == GW_OK) {
        q->lent = true;
        *data = found.data;
        if (length != NULL)
            *length = found.length;
        if (type != NULL)
            *type = found.type;
    }
    pthread_mutex_unlock(&q->mutex);
    return code;
}

int gw_queue_take(gw_queue_t *q, const void **data, size_t *length, uint32_t *type) {
    return take(q, data, length, type, false, 0);
}

int gw_queue_take_wait(gw_queue_t *q, const void **data, size_t *length, uint32_t *type, int64_t timeout_ms) {
    return take(q, data, length, type, true, timeout_ms);
}

int gw_queue_release(gw_queue_t *q) {
    int code;
    if (!is(q, GW_READER))
        return gwi_plainly(GW_INVALID);
    pthread_mutex_lock(&q->mutex);
    code = q->lent ? GW_OK : GW_INVALID;
    if (q->lent)
        release(q);
    q->lent = false;
    pthread_mutex_unlock(&q->mutex);
    return code == GW_OK ? code : gwi_plainly(code);
}
