/* guestwire_layout.h - what lies in memory that guests share. Made from guestwire.shm.layouts by
 * guestwire.guest.c.generate: change it there. Little endian, naturally aligned, no hidden padding. C11;
 * C++ sees the atomic fields as volatile ones. */
#ifndef GUESTWIRE_LAYOUT_H
#define GUESTWIRE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define GW_ATOMIC(type) volatile type
#define GW_ASSERT(condition) static_assert(condition, #condition)
#else
#define GW_ATOMIC(type) _Atomic(type)
#define GW_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#define GW_LAYOUT_VERSION 1 /* raised when an old library could not read a new layout */
#define GW_MAGIC UINT64_C(0x5249575453455547) /* the first eight bytes of every region */
#define GW_DATA_OFFSET 4096 /* where an area's own bytes begin in its region */
#define GW_DIRECTORY_INDEX 1 /* the acpi-index of the directory's device; areas follow from 2 on */
#define GW_NAME_BYTES 72 /* bytes of a name with its zero byte */
#define GW_KIND_DIRECTORY 1 /* what there is for this peer: read-only */
#define GW_KIND_AREA 2 /* a memory area of the project */
#define GW_KIND_CONTROL 3 /* requests and replies between a guest and guestwire-comm */
#define GW_KIND_DIRECT 4 /* the words of direct events between two guests */
#define GW_READ 1 /* may be read */
#define GW_WRITE 2 /* may be written */
#define GW_CACHED 4 /* advisory on x86 */
#define GW_READER 1 /* takes messages, waits */
#define GW_WRITER 2 /* puts messages, signals */
#define GW_LOCK_WAITERS 0x80000000u /* somebody waits: wake one on release */
#define GW_LOCK_SHARED 1 /* owner word: between guests and the host; guestwire-comm reaps */
#define GW_LOCK_ROBUST 2 /* a robust pthread mutex: between processes of the host */
#define GW_REQUESTS_OFFSET 4096 /* the first request slot */
#define GW_REQUESTS 256 /* request slots */
#define GW_REPLIES_OFFSET 36864 /* the first reply slot */
#define GW_REPLIES 256 /* reply slots */
#define GW_CONTROL_BYTES 65536 /* the control region */
#define GW_SERVER_PEER 1 /* guestwire-comm's ivshmem peer id, towards every guest */
#define GW_VECTORS 16 /* vectors of a guest's doorbell: 0 for replies, the others for direct events */
#define GW_OP_HELLO 1 /* first of all; value: the library's layout version. Reply value: this peer's number */
#define GW_OP_OPEN 2 /* open or (flag CREATE) make an event; text: its name. Reply: handle, flags, value = rights */
#define GW_OP_CLOSE 3 /* close `handle` */
#define GW_OP_SET 4 /* set `handle`; no reply */
#define GW_OP_RESET 5 /* unset `handle`; no reply */
#define GW_OP_WAIT 6 /* wait for any of `handles`; the reply comes when one is set: value = which (its place) */
#define GW_SET_FIRST 1 /* flag of GW_OP_WAIT: set the event `value`, as GW_OP_SET does, and then wait */
#define GW_OP_CANCEL 7 /* take back the wait whose seq is `value`. Reply: OK, or NOT_FOUND: it was answered before */
#define GW_OP_QUERY 8 /* reply value: 1 when `handle` is set */
#define GW_OP_READY 9 /* the guest is up and at work (ready_when = heartbeat) */
#define GW_OP_AREA 10 /* the area `text`, flags: the access wanted. Reply: flags and, over a socket, the fd; elsewhere UNSUPPORTED to who may */
#define GW_OP_DIRECTORY 11 /* host processes: the fd of the directory, read-only */
#define GW_OP_AVAILABLE 16 /* value: a service's number, 0 for any. Reply value: 1 when this guest has it */
#define GW_OP_PING 17 /* value: a cookie, which the reply's value repeats; at_ns of the reply: the host's clock */
#define GW_OP_LOG 18 /* payload: a text for the host's log; flags: its level, 0 debug to 4 critical; value of the reply: 1, it was cut */
#define GW_OP_FLUSH 19 /* value: the scope of the trace snapshot: 0 current CPU, 1 the guest's, 2 all of the host */
#define GW_OP_DATA 20 /* payload: a binary mark for the host's trace */
#define GW_OP_PLUG 64 /* the agent's: the fd of the region `value` (acpi-index) for the guest `text`, flags: access */
#define GW_CREATE 1 /* make it when there is none */
#define GW_MANUAL 2 /* manual reset */
#define GW_INITIAL 4 /* set from the start */
#define GW_NATIVE 8 /* reply: the event is an eventfd, which came with the reply */
#define GW_DIRECT 16 /* reply: the event is a word in a direct region; the directory says where */
#define GW_EXISTED 32 /* reply: it was there already */
#define GW_MAY_SIGNAL 1 /* rights */
#define GW_MAY_WAIT 2 /* rights */
#define GW_OK 0
#define GW_DENIED (-1) /* the project gives no right to it */
#define GW_NOT_FOUND (-2) /* there is nothing of that name */
#define GW_TIMEOUT (-3) /* the time passed */
#define GW_INVALID (-4) /* an argument is wrong */
#define GW_NOT_STARTED (-5) /* guestwire-comm does not serve this peer: COMM-NOT-STARTED */
#define GW_BUSY (-6) /* too many requests, or somebody else has it */
#define GW_FULL (-7) /* the queue has no free slot, a table no free row */
#define GW_EMPTY (-8) /* the queue has no message */
#define GW_TOO_LARGE (-9) /* longer than a slot or a name */
#define GW_CORRUPT (-10) /* what lies in shared memory makes no sense: somebody wrote over it */
#define GW_NOT_OWNER (-11) /* the lock is not held by the caller */
#define GW_OWNER_DIED (-12) /* got the lock, from a holder that died: what it guards may be half written */
#define GW_UNSUPPORTED (-13) /* this kernel, device or build cannot do that */
#define GW_SYSTEM (-14) /* a system call failed: errno says why */
#define GW_CLOSED (-15) /* the other end is gone */
#define GW_EXISTS (-16) /* there is one of that name, of another kind */
#define GW_SERVICE_PING 1
#define GW_SERVICE_LOG 2
#define GW_SERVICE_FLUSH 3
#define GW_SERVICE_DATA 4
#define GW_FRAME_MAGIC 22343 /* the first two bytes of every frame */
#define GW_FRAME_REQUEST 1
#define GW_FRAME_REPLY 2
#define GW_PAYLOAD_MAX 32768 /* bytes after a request in its frame */
#define GW_WAIT_ANY_MAX 16 /* handles in a GW_OP_WAIT */
#define GW_QUEUE_EVENT "queue:" /* and the queue's name: its reader waits on this event */
#define GW_SPACE_EVENT "space:" /* and the ring's number: its writer waits on it for a free slot */
#define GW_LOCK_EVENT "lock:" /* and the lock's name: who wants it waits on it */

/* The header of every region, at offset 0. A sanity check where the region can be written. */
struct gw_region {
    uint64_t magic; /* GW_MAGIC */
    uint32_t version; /* GW_LAYOUT_VERSION */
    uint32_t kind; /* GW_KIND_* */
    uint64_t size; /* bytes of the area (its logical size); 0 where there is none */
    uint64_t data_offset; /* where they begin */
    uint64_t generation; /* new for every region that was ever made */
    uint32_t index; /* acpi-index of its device */
    uint32_t reserved;
    char name[72]; /* the area's name */
    uint64_t reserved2;
};
GW_ASSERT(sizeof(struct gw_region) == 128);
GW_ASSERT(offsetof(struct gw_region, magic) == 0);
GW_ASSERT(offsetof(struct gw_region, version) == 8);
GW_ASSERT(offsetof(struct gw_region, kind) == 12);
GW_ASSERT(offsetof(struct gw_region, size) == 16);
GW_ASSERT(offsetof(struct gw_region, data_offset) == 24);
GW_ASSERT(offsetof(struct gw_region, generation) == 32);
GW_ASSERT(offsetof(struct gw_region, index) == 40);
GW_ASSERT(offsetof(struct gw_region, reserved) == 44);
GW_ASSERT(offsetof(struct gw_region, name) == 48);
GW_ASSERT(offsetof(struct gw_region, reserved2) == 120);

/* The directory of one peer: after the region header, at offset 128. */
struct gw_directory {
    GW_ATOMIC(uint64_t) sequence; /* odd while it is being written: read it again */
    GW_ATOMIC(uint64_t) instance; /* a guestwire-comm; another one after its restart */
    uint32_t peer; /* this peer's number: what it writes into lock words */
    GW_ATOMIC(uint32_t) alive; /* 1 while guestwire-comm serves this peer, 0 after its restart (GW_NOT_STARTED) */
    uint32_t areas; /* rows of gw_area_row at areas_at */
    uint32_t areas_at;
    uint32_t rings; /* rows of gw_ring_row at rings_at */
    uint32_t rings_at;
    uint32_t locks; /* rows of gw_lock_row at locks_at */
    uint32_t locks_at;
    uint32_t directs; /* rows of gw_direct_row at directs_at */
    uint32_t directs_at;
    char host[72]; /* the host's id */
    char guest[72]; /* this guest's name; empty for a process of the host */
    uint64_t reserved[7];
};
GW_ASSERT(sizeof(struct gw_directory) == 256);
GW_ASSERT(offsetof(struct gw_directory, sequence) == 0);
GW_ASSERT(offsetof(struct gw_directory, instance) == 8);
GW_ASSERT(offsetof(struct gw_directory, peer) == 16);
GW_ASSERT(offsetof(struct gw_directory, alive) == 20);
GW_ASSERT(offsetof(struct gw_directory, areas) == 24);
GW_ASSERT(offsetof(struct gw_directory, areas_at) == 28);
GW_ASSERT(offsetof(struct gw_directory, rings) == 32);
GW_ASSERT(offsetof(struct gw_directory, rings_at) == 36);
GW_ASSERT(offsetof(struct gw_directory, locks) == 40);
GW_ASSERT(offsetof(struct gw_directory, locks_at) == 44);
GW_ASSERT(offsetof(struct gw_directory, directs) == 48);
GW_ASSERT(offsetof(struct gw_directory, directs_at) == 52);
GW_ASSERT(offsetof(struct gw_directory, host) == 56);
GW_ASSERT(offsetof(struct gw_directory, guest) == 128);
GW_ASSERT(offsetof(struct gw_directory, reserved) == 200);

/* An area this peer has. */
struct gw_area_row {
    char name[72];
    uint32_t index; /* acpi-index of its device, unforgeable by the guest */
    uint32_t access; /* GW_READ | GW_WRITE | GW_CACHED */
    uint32_t kind; /* GW_KIND_AREA or GW_KIND_DIRECT */
    uint32_t reserved;
    uint64_t backing; /* bytes of the region */
    uint64_t data_offset;
    uint64_t size; /* bytes of data that are the user's: queues and locks lie behind them */
    uint64_t generation;
    uint64_t reserved2;
};
GW_ASSERT(sizeof(struct gw_area_row) == 128);
GW_ASSERT(offsetof(struct gw_area_row, name) == 0);
GW_ASSERT(offsetof(struct gw_area_row, index) == 72);
GW_ASSERT(offsetof(struct gw_area_row, access) == 76);
GW_ASSERT(offsetof(struct gw_area_row, kind) == 80);
GW_ASSERT(offsetof(struct gw_area_row, reserved) == 84);
GW_ASSERT(offsetof(struct gw_area_row, backing) == 88);
GW_ASSERT(offsetof(struct gw_area_row, data_offset) == 96);
GW_ASSERT(offsetof(struct gw_area_row, size) == 104);
GW_ASSERT(offsetof(struct gw_area_row, generation) == 112);
GW_ASSERT(offsetof(struct gw_area_row, reserved2) == 120);

/* One ring of a queue: from one writer to its reader. */
struct gw_ring_row {
    char queue[72];
    char writer[72]; /* a guest's name, or HOST */
    uint32_t index; /* of the area it lies in */
    uint32_t role; /* GW_READER, GW_WRITER or both: what this peer is */
    uint64_t offset; /* in the region, of its gw_ring */
    uint32_t slots;
    uint32_t slot_bytes; /* bytes of the longest message */
    uint32_t stride; /* bytes from one slot to the next */
    uint32_t number; /* of the ring, on this host */
    uint64_t generation; /* new when the ring was laid out anew */
    uint64_t reserved2[9];
};
GW_ASSERT(sizeof(struct gw_ring_row) == 256);
GW_ASSERT(offsetof(struct gw_ring_row, queue) == 0);
GW_ASSERT(offsetof(struct gw_ring_row, writer) == 72);
GW_ASSERT(offsetof(struct gw_ring_row, index) == 144);
GW_ASSERT(offsetof(struct gw_ring_row, role) == 148);
GW_ASSERT(offsetof(struct gw_ring_row, offset) == 152);
GW_ASSERT(offsetof(struct gw_ring_row, slots) == 160);
GW_ASSERT(offsetof(struct gw_ring_row, slot_bytes) == 164);
GW_ASSERT(offsetof(struct gw_ring_row, stride) == 168);
GW_ASSERT(offsetof(struct gw_ring_row, number) == 172);
GW_ASSERT(offsetof(struct gw_ring_row, generation) == 176);
GW_ASSERT(offsetof(struct gw_ring_row, reserved2) == 184);

/* A lock. */
struct gw_lock_row {
    char name[72];
    uint32_t index; /* of the area it lies in */
    uint32_t kind; /* GW_LOCK_SHARED or GW_LOCK_ROBUST */
    uint64_t offset; /* in the region, of its gw_lock */
    uint64_t generation;
    uint64_t reserved[4];
};
GW_ASSERT(sizeof(struct gw_lock_row) == 128);
GW_ASSERT(offsetof(struct gw_lock_row, name) == 0);
GW_ASSERT(offsetof(struct gw_lock_row, index) == 72);
GW_ASSERT(offsetof(struct gw_lock_row, kind) == 76);
GW_ASSERT(offsetof(struct gw_lock_row, offset) == 80);
GW_ASSERT(offsetof(struct gw_lock_row, generation) == 88);
GW_ASSERT(offsetof(struct gw_lock_row, reserved) == 96);

/* A direct event: guest to guest in the kernel. */
struct gw_direct_row {
    char name[72];
    uint32_t index; /* of the region with its gw_direct */
    uint32_t role; /* GW_WRITER signals, GW_READER waits */
    uint64_t offset; /* in the region */
    uint32_t peer; /* the waiter's ivshmem peer id; 0: it is not there */
    uint32_t vector; /* of the waiter's doorbell */
    uint32_t manual; /* 1: manual reset */
    uint32_t reserved;
    uint64_t reserved2[3];
};
GW_ASSERT(sizeof(struct gw_direct_row) == 128);
GW_ASSERT(offsetof(struct gw_direct_row, name) == 0);
GW_ASSERT(offsetof(struct gw_direct_row, index) == 72);
GW_ASSERT(offsetof(struct gw_direct_row, role) == 76);
GW_ASSERT(offsetof(struct gw_direct_row, offset) == 80);
GW_ASSERT(offsetof(struct gw_direct_row, peer) == 88);
GW_ASSERT(offsetof(struct gw_direct_row, vector) == 92);
GW_ASSERT(offsetof(struct gw_direct_row, manual) == 96);
GW_ASSERT(offsetof(struct gw_direct_row, reserved) == 100);
GW_ASSERT(offsetof(struct gw_direct_row, reserved2) == 104);

/* A ring of slots, single producer, single consumer. The slots follow. */
struct gw_ring {
    GW_ATOMIC(uint64_t) head; /* messages put, since it was made; the writer's */
    uint64_t reserved[7];
    GW_ATOMIC(uint32_t) space_wanted; /* the writer waits for a free slot */
    GW_ATOMIC(uint32_t) message_wanted; /* the reader waits for a message */
    uint64_t reserved2[7];
    GW_ATOMIC(uint64_t) tail; /* messages taken; the reader's */
    uint64_t reserved3[7];
    GW_ATOMIC(uint64_t) refused; /* messages that found it full; the writer's */
    uint64_t reserved4[7];
};
GW_ASSERT(sizeof(struct gw_ring) == 256);
GW_ASSERT(offsetof(struct gw_ring, head) == 0);
GW_ASSERT(offsetof(struct gw_ring, reserved) == 8);
GW_ASSERT(offsetof(struct gw_ring, space_wanted) == 64);
GW_ASSERT(offsetof(struct gw_ring, message_wanted) == 68);
GW_ASSERT(offsetof(struct gw_ring, reserved2) == 72);
GW_ASSERT(offsetof(struct gw_ring, tail) == 128);
GW_ASSERT(offsetof(struct gw_ring, reserved3) == 136);
GW_ASSERT(offsetof(struct gw_ring, refused) == 192);
GW_ASSERT(offsetof(struct gw_ring, reserved4) == 200);

/* The head of a slot; its bytes follow. */
struct gw_slot {
    uint32_t length; /* bytes of the message */
    uint32_t type; /* the writer's word for what it is */
    uint64_t at; /* the writer's clock or 0 */
};
GW_ASSERT(sizeof(struct gw_slot) == 16);
GW_ASSERT(offsetof(struct gw_slot, length) == 0);
GW_ASSERT(offsetof(struct gw_slot, type) == 4);
GW_ASSERT(offsetof(struct gw_slot, at) == 8);

/* A lock's word, its fencing token, and room for a pthread mutex. */
struct gw_lock {
    GW_ATOMIC(uint32_t) owner; /* 0: free; else the holder's peer number, with GW_LOCK_WAITERS */
    GW_ATOMIC(uint32_t) abi; /* robust: who laid the mutex out: 1 glibc, 2 musl; 0: nobody yet */
    GW_ATOMIC(uint64_t) token; /* raised by one with every acquisition: a fencing token */
    GW_ATOMIC(uint32_t) died; /* the last holder died while it held it */
    GW_ATOMIC(uint32_t) thread; /* which of the holder's threads */
    uint64_t mutex[8]; /* pthread_mutex_t */
    uint64_t reserved[5];
};
GW_ASSERT(sizeof(struct gw_lock) == 128);
GW_ASSERT(offsetof(struct gw_lock, owner) == 0);
GW_ASSERT(offsetof(struct gw_lock, abi) == 4);
GW_ASSERT(offsetof(struct gw_lock, token) == 8);
GW_ASSERT(offsetof(struct gw_lock, died) == 16);
GW_ASSERT(offsetof(struct gw_lock, thread) == 20);
GW_ASSERT(offsetof(struct gw_lock, mutex) == 24);
GW_ASSERT(offsetof(struct gw_lock, reserved) == 88);

/* A direct event. */
struct gw_direct {
    GW_ATOMIC(uint32_t) state; /* 1: set */
    GW_ATOMIC(uint32_t) waiting; /* how many wait: ring only then */
    GW_ATOMIC(uint64_t) signals; /* how often it was set */
    GW_ATOMIC(uint64_t) rings; /* how often the doorbell was rung for it */
    GW_ATOMIC(uint64_t) last_ns; /* the signaller's clock at the last of them */
    uint64_t reserved[4];
};
GW_ASSERT(sizeof(struct gw_direct) == 64);
GW_ASSERT(offsetof(struct gw_direct, state) == 0);
GW_ASSERT(offsetof(struct gw_direct, waiting) == 4);
GW_ASSERT(offsetof(struct gw_direct, signals) == 8);
GW_ASSERT(offsetof(struct gw_direct, rings) == 16);
GW_ASSERT(offsetof(struct gw_direct, last_ns) == 24);
GW_ASSERT(offsetof(struct gw_direct, reserved) == 32);

/* A guest's control region, after the region header, at offset 128. */
struct gw_control {
    GW_ATOMIC(uint64_t) instance; /* of the guestwire-comm that serves it; 0: none does */
    uint64_t reserved[15];
    GW_ATOMIC(uint64_t) request_head; /* requests put; the guest's */
    uint64_t reserved2[7];
    GW_ATOMIC(uint64_t) request_tail; /* requests taken; the host's */
    uint64_t reserved3[7];
    GW_ATOMIC(uint64_t) reply_head; /* replies put; the host's */
    uint64_t reserved4[7];
    GW_ATOMIC(uint64_t) reply_tail; /* replies taken; the guest's */
    uint64_t reserved5[15];
    uint64_t vectors; /* of the doorbell's, that the guest may wait on */
    uint64_t reserved6[7];
};
GW_ASSERT(sizeof(struct gw_control) == 512);
GW_ASSERT(offsetof(struct gw_control, instance) == 0);
GW_ASSERT(offsetof(struct gw_control, reserved) == 8);
GW_ASSERT(offsetof(struct gw_control, request_head) == 128);
GW_ASSERT(offsetof(struct gw_control, reserved2) == 136);
GW_ASSERT(offsetof(struct gw_control, request_tail) == 192);
GW_ASSERT(offsetof(struct gw_control, reserved3) == 200);
GW_ASSERT(offsetof(struct gw_control, reply_head) == 256);
GW_ASSERT(offsetof(struct gw_control, reserved4) == 264);
GW_ASSERT(offsetof(struct gw_control, reply_tail) == 320);
GW_ASSERT(offsetof(struct gw_control, reserved5) == 328);
GW_ASSERT(offsetof(struct gw_control, vectors) == 448);
GW_ASSERT(offsetof(struct gw_control, reserved6) == 456);

/* What a peer asks of guestwire-comm. */
struct gw_request {
    uint32_t seq; /* the asker's number for it, which the reply repeats */
    uint16_t op; /* GW_OP_* */
    uint16_t flags;
    uint32_t handle; /* an event that was opened */
    uint32_t count; /* of `handles` */
    uint64_t value;
    char text[104]; /* a name */
};
GW_ASSERT(sizeof(struct gw_request) == 128);
GW_ASSERT(offsetof(struct gw_request, seq) == 0);
GW_ASSERT(offsetof(struct gw_request, op) == 4);
GW_ASSERT(offsetof(struct gw_request, flags) == 6);
GW_ASSERT(offsetof(struct gw_request, handle) == 8);
GW_ASSERT(offsetof(struct gw_request, count) == 12);
GW_ASSERT(offsetof(struct gw_request, value) == 16);
GW_ASSERT(offsetof(struct gw_request, text) == 24);

/* Its answer. */
struct gw_reply {
    uint32_t seq; /* the request's */
    int32_t code; /* GW_OK, or what is wrong */
    uint32_t handle;
    uint32_t flags;
    uint64_t value;
    uint64_t at_ns; /* the host's monotonic clock when it was decided */
    uint64_t reserved[4];
};
GW_ASSERT(sizeof(struct gw_reply) == 64);
GW_ASSERT(offsetof(struct gw_reply, seq) == 0);
GW_ASSERT(offsetof(struct gw_reply, code) == 4);
GW_ASSERT(offsetof(struct gw_reply, handle) == 8);
GW_ASSERT(offsetof(struct gw_reply, flags) == 12);
GW_ASSERT(offsetof(struct gw_reply, value) == 16);
GW_ASSERT(offsetof(struct gw_reply, at_ns) == 24);
GW_ASSERT(offsetof(struct gw_reply, reserved) == 32);

/* The head of a frame on the serial channel. */
struct gw_frame {
    uint16_t magic; /* GW_FRAME_MAGIC */
    uint16_t type; /* GW_FRAME_* */
    uint32_t length; /* bytes that follow: a gw_request or gw_reply, and its payload */
    uint32_t check; /* magic ^ type ^ length: a frame cut off by a reboot is told from a new one */
    uint32_t reserved;
};
GW_ASSERT(sizeof(struct gw_frame) == 16);
GW_ASSERT(offsetof(struct gw_frame, magic) == 0);
GW_ASSERT(offsetof(struct gw_frame, type) == 2);
GW_ASSERT(offsetof(struct gw_frame, length) == 4);
GW_ASSERT(offsetof(struct gw_frame, check) == 8);
GW_ASSERT(offsetof(struct gw_frame, reserved) == 12);

#endif
