/* An attachment: what all parts of the Linux back end share. A way (socket, doorbell, serial) carries gw_requests out
 * and gw_replies in; calls.c matches them; the rest asks by gwi_call. */
#ifndef GWI_ATTACHMENT_H
#define GWI_ATTACHMENT_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "../portable/directory.h"
#include "../portable/frames.h"

#define GWI_CALLS 64       /* calls and waits at the same time, of one gw */
#define GWI_CALL_MS 5000   /* until an answer is given up */
#define GWI_SLICE_MS 500   /* the longest sleep without a look whether guestwire-comm still serves this peer */
#define GWI_SEND_MS 1000   /* until a way that takes nothing is GW_BUSY */
#define GWI_SERIAL_MS 2000 /* until a serial port that somebody else has is GW_BUSY */
#define GWI_SOCKET "/run/guestwire-comm/attach.sock"
#define GWI_SERIAL "org.guestwire.guest.0"
#define GWI_EXTRA_FDS (GW_WAIT_ANY_MAX + 1)

/* A mapped region; one per region and access, shared by all handles that need it. */
struct gwi_area {
    struct gwi_area *next;
    struct gw_area_row row;
    uint32_t access;
    int fd;
    bool own; /* the open file description is this process's alone: sysfs, or opened again */
    uint8_t *base;
    size_t bytes;
    unsigned users;
};

/* How requests get out and replies in. */
struct gwi_way {
    const char *name;
    bool keeps; /* the descriptor stays readable while there are replies: who has its own can leave the others */
    /* One request, whole; from any thread. GW_BUSY: not taken in time. */
    int (*send)(gw *g, const struct gw_request *request, const void *payload, size_t length);
    /* The next reply that is there, and its descriptor or -1; by one thread at a time. GW_EMPTY; GW_NOT_STARTED: no
     * more will come. */
    int (*receive)(gw *g, struct gw_reply *reply, int *fd);
    /* The descriptor of a region; *access as wanted. */
    int (*area_fd)(gw *g, const struct gw_area_row *row, uint32_t access, int *fd);
    void (*close)(gw *g);
};

enum gwi_state { GWI_IDLE, GWI_WAITING, GWI_ANSWERED };

/* A call under way. Its seq is number * GWI_CALLS + its place. */
struct gwi_call {
    uint32_t seq;
    bool taken;
    bool follows;         /* its thread sleeps on wake_fd */
    enum gwi_state state; /* of its request, where it has one */
    int wake_fd;          /* made when first needed, then kept */
    int fd;               /* came with the reply; the call's */
    uint32_t vectors;     /* direct events: the vectors its thread waits on */
    struct gw_reply reply;
};

/* The doorbell device, or as much of it as this process has. */
struct gwi_doorbell {
    int container, group, device;
    volatile uint32_t *registers; /* BAR0; null: there is none */
    size_t registers_bytes;
    uint8_t *control; /* BAR2 */
    size_t control_bytes;
    uint64_t instance;
    uint64_t reply_tail, request_head;
    bool rung; /* by this process: an earlier one may have died between a request and its ring */
    int vector_fds[GW_VECTORS];
    uint32_t vectors;
};

/* The files of the kernel's trace that marks go to; -1: not there. */
struct gwi_trace {
    pthread_mutex_t mutex;
    bool tried;
    int marker, raw;
};

/* Who looks after waits for ever on native events: see watch.c. */
struct gwi_watch {
    pthread_mutex_t mutex;
    struct gw_event_handle *natives; /* those that are open */
    atomic_bool runs;
    pthread_t thread;
    int stop_fd;
};

/* What every call looks at comes first and lies together: after a switch of processes each further page costs a walk.
 */
struct gw {
    const struct gwi_way *way;
    struct gwp_directory directory; /* base null: there is none */
    uint64_t instance;
    int fd; /* readable when replies may be there */
    uint32_t peer;
    atomic_int ended; /* GW_OK, or what every call returns from now on */
    atomic_uint users;
    struct gwi_watch watch;

    pthread_mutex_t send_mutex; /* ways whose sending is not whole by itself */
    pthread_mutex_t call_mutex; /* the five that follow */
    bool leads;                 /* a thread sleeps on the way */
    unsigned followers;         /* threads that sleep on a wake_fd */
    unsigned watchers;          /* calls with vectors */
    uint32_t number;
    struct gwi_call calls[GWI_CALLS];

    pthread_mutex_t area_mutex; /* areas, queues */
    struct gwi_area *areas;
    struct gw_queue_handle *queues;

    int directory_fd;
    struct gwi_doorbell doorbell;
    struct gwp_frames frames;
    struct gwi_trace trace;
};

/* Functions of the shortest paths: the linker puts them side by side. */
#define GWI_HOT __attribute__((hot))

/* attach.c */
void gwi_hold(gw *g);
void gwi_drop(gw *g);
/* GW_OK, or what stands in the way of every call: GW_INVALID, GW_NOT_STARTED, GW_CLOSED. */
int gwi_usable(gw *g) GWI_HOT;
/* Ends all calls with a code, once. */
void gwi_end(gw *g, int code);
/* A name as it goes into a request: 1 to GW_NAME_BYTES - 1 bytes. */
bool gwi_name_fits(const char *name);

/* errors.c: gw_error_detail() is of the last call of this thread. A public function forgets what an earlier one said
 * before it does anything that may fail; one of the shortest paths only when it failed, for it has no time to. */
void gwi_forget(void);
/* `code`, with nothing more to say. */
int gwi_plainly(int code);
int gwi_fail(int code, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* `code`, with errno's text. */
int gwi_fail_errno(int code, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* calls.c */
int gwi_call(gw *g, struct gw_request *request, const void *payload, size_t length, struct gw_reply *reply, int *fd);
/* A request that has no reply. */
int gwi_tell(gw *g, struct gw_request *request);
/* Takes a place for a call without sending. GW_BUSY. */
int gwi_call_begin(gw *g, struct gwi_call **call);
int gwi_call_send(gw *g, struct gwi_call *call, struct gw_request *request, const void *payload, size_t length);
/* Sleeps until the call has its reply, one of `extra` (at most GWI_EXTRA_FDS) is readable (revents say which), another
 * thread woke it, or some time passed: GW_OK, and the caller looks at what it waits for and comes again. GW_TIMEOUT:
 * the deadline passed. */
int gwi_call_sleep(gw *g, struct gwi_call *call, struct pollfd *extra, size_t count, int64_t deadline_ns);
bool gwi_call_answered(gw *g, struct gwi_call *call);
void gwi_call_end(gw *g, struct gwi_call *call);
/* This call's thread is going to sleep on vectors too, in gwi_call_sleep's `extra`. */
int gwi_call_watch(gw *g, struct gwi_call *call, uint32_t vectors);
/* Wakes all other calls that watch a vector, which the caller took a signal from. */
void gwi_wake_vector(gw *g, struct gwi_call *mine, uint32_t vector);

/* areas.c */
int gwi_area_open(gw *g, const struct gw_area_row *row, uint32_t access, struct gwi_area **out);
int gwi_area_open_index(gw *g, uint32_t index, uint32_t access, struct gwi_area **out);
void gwi_area_close(gw *g, struct gwi_area *area);
/* Says that this attachment alone has what lies at `offset`; `claims` false gives it up. GW_BUSY: another process has
 * it. */
int gwi_area_claim(struct gwi_area *area, uint64_t offset, bool claims);
/* Directory reads that wait a little for its writer. */
int gwi_directory_map(gw *g, int fd);
int gwi_find_area(gw *g, const char *name, struct gw_area_row *row);
int gwi_find_lock(gw *g, const char *name, struct gw_lock_row *row);
int gwi_find_direct(gw *g, const char *name, struct gw_direct_row *row);
int gwi_find_rings(gw *g, const char *queue, uint32_t role, struct gw_ring_row *rows, size_t max, size_t *count);

/* ways */
int gwi_open_way(const char *where, gw **out); /* attach.c; `where` is not null */
void gwi_close(gw *g);
int gwi_socket_open(gw *g, const char *path);
int gwi_doorbell_open(gw *g);
int gwi_serial_open(gw *g, const char *path);
/* The device of the port of that name: by udev's link, or by sysfs where there is no udev. GW_NOT_FOUND. */
int gwi_serial_find(const char *name, char *path, size_t size);
/* Rings another guest's vector. GW_UNSUPPORTED: this guest has no doorbell. */
int gwi_doorbell_ring(gw *g, uint32_t peer, uint32_t vector);
/* doorbell_device.c: maps the registers of a doorbell that no driver has, for ringing only. */
int gwi_doorbell_registers(struct gwi_doorbell *bell);
int gwi_doorbell_take(struct gwi_doorbell *bell);
void gwi_doorbell_give_back(struct gwi_doorbell *bell);

/* guest_devices.c: regions of a guest, by sysfs */
int gwi_guest_area_fd(gw *g, const struct gw_area_row *row, uint32_t access, int *fd);
int gwi_guest_directory(gw *g);
/* Directory and file names of the ivshmem device that is a doorbell: "/sys/bus/pci/devices/0000:..." */
int gwi_guest_doorbell(char *path, size_t size);

/* A number in a sysfs file; false when it is not there or no number. */
bool gwi_sysfs_number(const char *path, const char *file, uint64_t *number);

/* guest_trace.c */
extern const char *gwi_tracefs[2]; /* where tracefs may be */
/* A service answered `request`: says so in this kernel's trace, with the bytes of a mark (`data` not null). */
void gwi_trace_mark(gw *g, const char *kind, uint32_t request, uint64_t host_ns, const void *data, size_t length);
void gwi_trace_close(gw *g);

/* time */
static inline int64_t gwi_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}
static inline uint64_t gwi_coarse_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
#define GWI_NEVER INT64_MAX
static inline int64_t gwi_deadline_ns(int64_t timeout_ms) {
    if (timeout_ms < 0 || timeout_ms > INT64_C(1000) * 86400 * 365)
        return GWI_NEVER;
    return gwi_now_ns() + timeout_ms * 1000000;
}
/* Milliseconds to a deadline for poll: rounded up, at most `most`. */
static inline int gwi_left_ms(int64_t deadline_ns, int most) {
    int64_t left;
    if (deadline_ns == GWI_NEVER)
        return most;
    left = (deadline_ns - gwi_now_ns() + 999999) / 1000000;
    return left <= 0 ? 0 : left < most ? (int)left : most;
}

#endif
