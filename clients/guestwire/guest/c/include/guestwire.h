/* guestwire.h - what a guest, or a process of the host, does with shared memory, events, queues, locks and services.
 *
 * Every function returns GW_OK (0) or a negative GW_* code of guestwire_layout.h, unless its comment says otherwise.
 * None crashes on a null pointer, on a number out of range, or on what another peer wrote into shared memory. Results
 * are stored only when the comment says so; an out pointer may be null where its value is not wanted.
 *
 * Times: `timeout_ms` is in milliseconds, GW_FOREVER (-1) waits for ever, 0 only looks. Sizes are in bytes. Names are
 * UTF-8, at most 64 characters.
 *
 * Threads: one `gw` may be used by many threads at once. What was opened from it must be closed before it; closing
 * while another thread uses the same handle is the caller's mistake, as with a file descriptor. After fork() only the
 * parent uses it. The library has no thread of its own, but for one that sleeps beside the first wait for ever on a
 * native event (it has no signals).
 *
 * After guestwire-comm was restarted every call on an old `gw` returns GW_NOT_STARTED: close it and open another.
 * Memory that is mapped stays mapped, with its content, until its region is closed.
 */
#ifndef GUESTWIRE_H
#define GUESTWIRE_H

#include <stddef.h>
#include <stdint.h>

#include "guestwire_layout.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#pragma GCC visibility push(default)
#endif

#define GW_FOREVER (-1)

typedef struct gw gw;                        /* an attachment to guestwire-comm */
typedef struct gw_region_handle gw_region_t; /* a memory area that is mapped here */
typedef struct gw_event_handle gw_event_t;   /* a named event that is open */
typedef struct gw_queue_handle gw_queue_t;   /* a queue, open for writing or for reading */
typedef struct gw_lock_handle gw_lock_t;     /* a lock */

/* ---- attach ------------------------------------------------------------------------------------------------------
 * where: NULL                    find out: the socket $GUESTWIRE_ATTACH or /run/guestwire-comm/attach.sock, else the
 *                                doorbell device, else the serial channel
 *        "unix:PATH"             the attach socket of a host
 *        "unix:PATH?guest=NAME"  the same, as the simulated guest NAME
 *        "doorbell"              the ivshmem-doorbell device of this guest: it belongs to one process at a time
 *        "serial:PATH"           a virtio-serial port; "serial" alone: org.guestwire.guest.0
 * GW_NOT_STARTED: guestwire-comm is not there, or does not serve this peer. GW_BUSY: another process has the device.
 * GW_UNSUPPORTED: the device cannot be used here (no IOMMU group, vfio-pci not loaded): gw_error_detail() says what.
 * GW_NOT_FOUND: no such device. Stores the handle in *out on GW_OK, else NULL. */
int gw_open(gw **out, const char *where);

/* Gives everything back. Null is GW_OK. */
int gw_close(gw *g);

/* A sentence for a code; never null. */
const char *gw_error_text(int code);

/* What more there is to say about the error that the last call of this thread returned, for people: a path, errno's
 * text; "" where its code says all. Not to be read after a call that was GW_OK. */
const char *gw_error_detail(void);

/* This peer's number: what it writes into lock words. */
int gw_peer(gw *g, uint32_t *peer);

/* "socket", "doorbell" or "serial"; "" for null. */
const char *gw_way(gw *g);

/* GW_OK while guestwire-comm serves this peer, else GW_NOT_STARTED. Asks nobody. */
int gw_alive(gw *g);

/* Tells the host that this guest is up and at work (ready_when = heartbeat). */
int gw_ready(gw *g);

/* ---- regions ----------------------------------------------------------------------------------------------------- */

struct gw_region_info {
    char name[GW_NAME_BYTES];
    uint64_t size;       /* bytes that are the user's */
    uint64_t generation; /* another one when an area of the same name was made anew */
    uint32_t access;     /* GW_READ | GW_WRITE | GW_CACHED: what this peer has */
    uint32_t index;      /* acpi-index of its device in a guest */
};

/* The areas this peer has, in the order of the directory: the first `max` of them into rows, how many there are into
 * *count. */
int gw_region_list(gw *g, struct gw_region_info *rows, size_t max, size_t *count);

/* Maps the area `name`. access: GW_READ, or GW_READ | GW_WRITE. GW_DENIED: the project gives less. A write into an area
 * that was opened with GW_READ alone is a fault of the process (SIGSEGV); one that gets past that is dropped by the
 * hypervisor. */
int gw_region_open(gw *g, const char *name, uint32_t access, gw_region_t **out);

/* The first byte of the area; NULL for null. Other peers may write at any time: read each value once, then check it. */
void *gw_region_data(gw_region_t *r);

/* Bytes at gw_region_data(); 0 for null. */
size_t gw_region_size(gw_region_t *r);

/* GW_READ, or GW_READ | GW_WRITE; 0 for null. */
uint32_t gw_region_access(gw_region_t *r);

/* Which one it is: see gw_region_info. 0 for null. */
uint64_t gw_region_generation(gw_region_t *r);

/* GW_OK, or GW_CORRUPT: the header before the data was written over by somebody who may write the area. GW_CLOSED: the
 * area was taken from this peer, or made anew. GW_NOT_STARTED. */
int gw_region_check(gw_region_t *r);

/* Unmaps it. Null is GW_OK. */
int gw_region_close(gw_region_t *r);

/* ---- events ------------------------------------------------------------------------------------------------------
 * An auto event releases one waiter and is unset by that; a manual one releases all until it is reset. Who is slow
 * misses nothing: the state is kept, not the signal. Two sets before a wait are one. */

/* Opens the event, or makes it when there is none; one that was made so lives while somebody has it open. flags: 0,
 * GW_MANUAL, GW_INITIAL (set from the start: for a new one only). *existed: 1 when it was there. GW_EXISTS: it was, of
 * the other kind (auto or manual). GW_FULL: this peer made too many. */
int gw_event_create(gw *g, const char *name, uint32_t flags, gw_event_t **out, int *existed);

/* Opens an event that is there. GW_NOT_FOUND, GW_DENIED. */
int gw_event_open(gw *g, const char *name, gw_event_t **out);

/* GW_DENIED: this peer may not signal it. */
int gw_event_set(gw_event_t *e);
int gw_event_reset(gw_event_t *e);

/* *is_set: 1 or 0, at some moment during the call. Consumes nothing. */
int gw_event_is_set(gw_event_t *e, int *is_set);

/* Waits until it is set; an auto event is then unset by exactly this call. GW_TIMEOUT, GW_DENIED, GW_NOT_STARTED. A
 * native event is waited for fastest with GW_FOREVER: then the kernel has no timer to set. */
int gw_event_wait(gw_event_t *e, int64_t timeout_ms);

/* Sets one event and waits for another: the two calls in one request where guestwire-comm decides both, so half the
 * messages of a question and its answer. Both of one gw. GW_TIMEOUT: it was set, and the other was not. Else as the two:
 * whether it was set is not known after GW_NOT_STARTED and GW_SYSTEM. */
int gw_event_set_and_wait(gw_event_t *to_set, gw_event_t *to_wait, int64_t timeout_ms);

/* Waits for any of `count` events (1 to GW_WAIT_ANY_MAX) of one gw. On GW_OK *which is the place of the one that
 * released this call; no other event was consumed. */
int gw_event_wait_any(gw_event_t *const *events, size_t count, int64_t timeout_ms, size_t *which);

/* GW_MANUAL, GW_NATIVE (an eventfd: host processes only), GW_DIRECT (guest to guest, nobody between), or none of them:
 * arbitrated by guestwire-comm. 0 for null. */
uint32_t gw_event_flags(gw_event_t *e);

/* GW_MAY_SIGNAL, GW_MAY_WAIT; 0 for null. */
uint32_t gw_event_rights(gw_event_t *e);

/* The descriptor of a native event, for the caller's own poll loop (readable while it is set; gw_event_wait with
 * timeout 0 takes it); -1 for the others. It stays the library's. */
int gw_event_fd(gw_event_t *e);

/* For bindings of languages in which a call costs more than a signal: what a native event is made of, until
 * gw_event_close. Writing 1 to fd (it has 8 bytes, eventfd(2)) sets it; a read sleeps until it is set, and unsets it; a
 * manual one is only polled. *ended: GW_OK, or what every call returns from now on: to be looked at before each use, and
 * after each read. *sleepers: how many of the caller's threads are between the two: where there are some a read ends with
 * the attachment. *signals: how often the caller wrote; the library adds it to the event's count, twice in a second.
 * GW_UNSUPPORTED: it is no native event. */
struct gw_event_parts {
    int fd;
    const int *ended;
    uint64_t *sleepers;
    uint64_t *signals;
};
int gw_event_parts(gw_event_t *e, struct gw_event_parts *out);

/* Null is GW_OK. */
int gw_event_close(gw_event_t *e);

/* ---- queues ------------------------------------------------------------------------------------------------------
 * One way, of messages with a bound, each writer's in its order. One process has a queue open for writing as one
 * writer, and one for reading: GW_BUSY for the next. */

/* role: GW_READER or GW_WRITER. GW_NOT_FOUND, GW_DENIED. */
int gw_queue_open(gw *g, const char *name, uint32_t role, gw_queue_t **out);

/* Bytes of the longest message; 0 for null. */
size_t gw_queue_slot_bytes(gw_queue_t *q);

/* Messages that wait in it: for a writer those of its own ring. */
int gw_queue_depth(gw_queue_t *q, uint64_t *messages);

/* Copies a message in. type: the writer's word for what it is. GW_FULL, GW_TOO_LARGE. */
int gw_queue_put(gw_queue_t *q, const void *data, size_t length, uint32_t type);
/* The same; waits for a free slot. GW_TIMEOUT. */
int gw_queue_put_wait(gw_queue_t *q, const void *data, size_t length, uint32_t type, int64_t timeout_ms);

/* Copies the next message out. GW_EMPTY. GW_TOO_LARGE: it is longer than `size`, *length says how long, and it stays in
 * the queue. */
int gw_queue_get(gw_queue_t *q, void *data, size_t size, size_t *length, uint32_t *type);
/* The same; waits for a message. GW_TIMEOUT. */
int gw_queue_get_wait(gw_queue_t *q, void *data, size_t size, size_t *length, uint32_t *type, int64_t timeout_ms);

/* Without copying, writer: the free slot in *data (slot_bytes long), to be filled and then committed or discarded. One
 * loan at a time: GW_BUSY. GW_FULL. */
int gw_queue_loan(gw_queue_t *q, void **data, size_t *size);
int gw_queue_loan_wait(gw_queue_t *q, void **data, size_t *size, int64_t timeout_ms);
int gw_queue_commit(gw_queue_t *q, size_t length, uint32_t type);
int gw_queue_discard(gw_queue_t *q);

/* Without copying, reader: the next message, in place; valid until gw_queue_release, which frees its slot. The writer
 * could still write into it. One at a time: GW_BUSY. GW_EMPTY. */
int gw_queue_take(gw_queue_t *q, const void **data, size_t *length, uint32_t *type);
int gw_queue_take_wait(gw_queue_t *q, const void **data, size_t *length, uint32_t *type, int64_t timeout_ms);
int gw_queue_release(gw_queue_t *q);

/* Null is GW_OK. A loan is discarded; a message that was taken and not released stays in the queue. */
int gw_queue_close(gw_queue_t *q);

/* ---- locks -------------------------------------------------------------------------------------------------------
 * GW_OWNER_DIED from gw_lock_try and gw_lock_acquire: the caller HAS the lock, from a holder that died; what the lock
 * guards may be half written. A lock is taken by a handle (a robust one by a thread too) and released by the same. */

int gw_lock_open(gw *g, const char *name, gw_lock_t **out);

/* GW_BUSY: somebody has it. */
int gw_lock_try(gw_lock_t *l);
/* GW_TIMEOUT. */
int gw_lock_acquire(gw_lock_t *l, int64_t timeout_ms);
/* GW_NOT_OWNER. */
int gw_lock_release(gw_lock_t *l);

/* The fencing token of the acquisition that holds: greater with each. GW_NOT_OWNER. */
int gw_lock_token(gw_lock_t *l, uint64_t *token);

/* *owner: the peer number of the holder, 0 when it is free. */
int gw_lock_owner(gw_lock_t *l, uint32_t *owner);

/* Releases it when it is held. Null is GW_OK. */
int gw_lock_close(gw_lock_t *l);

/* ---- services of the host: off unless the project turns them on: GW_DENIED ---------------------------------------
 * A request that the host served is a mark in its trace, and one in this kernel's, where there is tracefs: both have the
 * request's number and the host's clock. */

/* service: GW_SERVICE_*, or 0 for any. *yes: 1 when this guest has it. */
int gw_available(gw *g, uint32_t service, int *yes);

/* *host_ns: the host's monotonic clock when it answered. The host records the cookie with its time. */
int gw_ping(gw *g, uint64_t cookie, uint64_t *host_ns);

/* A text for the host's log. level: 0 debug, 1 info, 2 warning, 3 error, 4 critical. At most GW_PAYLOAD_MAX bytes:
 * GW_TOO_LARGE. *truncated: 1 when the host kept only the front of it. GW_BUSY: too many lines in a short time. */
int gw_log(gw *g, uint32_t level, const char *text, size_t length, int *truncated);

/* Takes a snapshot of the host's trace. scope: 0 the current CPU, 1 this guest's CPUs, 2 all of the host. */
int gw_flush(gw *g, uint32_t scope);

/* A binary mark for both traces: 1 byte and more. GW_TOO_LARGE. GW_UNSUPPORTED: the host has no trace. */
int gw_data(gw *g, const void *data, size_t length);

#if defined(__GNUC__) && !defined(_WIN32)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
