"""The layouts: what guestwire-comm, the guest library and `guestwire.h` agree on. The only place that has an offset.

Who may believe what: a guest believes the directory (its own, read-only for it) and nothing else. The host believes nothing
that a guest can write: headers, indices and lock words are read with bounds, and never used to find memory.

Memory order: x86's (total store order) and C11's release and acquire. Every wait that looks at a word and then sleeps
writes its flag, makes a full barrier, and looks again.
"""

from guestwire.shm.layout import Constant, Field, Struct

VERSION = 1
PAGE = 4096
NAME_BYTES = 72
"""Bytes of a name with its zero byte: 64 characters (an event's), and a prefix of ours."""

CONSTANTS: tuple[Constant, ...] = (
    Constant("GW_LAYOUT_VERSION", VERSION, "raised when an old library could not read a new layout"),
    Constant("GW_MAGIC", int.from_bytes(b"GUESTWIR", "little"), "the first eight bytes of every region"),
    Constant("GW_DATA_OFFSET", PAGE, "where an area's own bytes begin in its region"),
    Constant("GW_DIRECTORY_INDEX", 1, "the acpi-index of the directory's device; areas follow from 2 on"),
    Constant("GW_NAME_BYTES", NAME_BYTES, "bytes of a name with its zero byte"),
    # kinds of regions
    Constant("GW_KIND_DIRECTORY", 1, "what there is for this peer: read-only"),
    Constant("GW_KIND_AREA", 2, "a memory area of the project"),
    Constant("GW_KIND_CONTROL", 3, "requests and replies between a guest and guestwire-comm"),
    Constant("GW_KIND_DIRECT", 4, "the words of direct events between two guests"),
    # access
    Constant("GW_READ", 1, "may be read"),
    Constant("GW_WRITE", 2, "may be written"),
    Constant("GW_CACHED", 4, "advisory on x86"),
    # roles at a queue and an event
    Constant("GW_READER", 1, "takes messages, waits"),
    Constant("GW_WRITER", 2, "puts messages, signals"),
    # lock words
    Constant("GW_LOCK_WAITERS", 0x80000000, "somebody waits: wake one on release"),
    Constant("GW_LOCK_SHARED", 1, "owner word: between guests and the host; guestwire-comm reaps"),
    Constant("GW_LOCK_ROBUST", 2, "a robust pthread mutex: between processes of the host"),
    # the control region
    Constant("GW_REQUESTS_OFFSET", PAGE, "the first request slot"),
    Constant("GW_REQUESTS", 256, "request slots"),
    Constant("GW_REPLIES_OFFSET", PAGE + 256 * 128, "the first reply slot"),
    Constant("GW_REPLIES", 256, "reply slots"),
    Constant("GW_CONTROL_BYTES", 65536, "the control region"),
    Constant("GW_SERVER_PEER", 1, "guestwire-comm's ivshmem peer id, towards every guest"),
    Constant("GW_VECTORS", 16, "vectors of a guest's doorbell: 0 for replies, the others for direct events"),
    # requests
    Constant("GW_OP_HELLO", 1, "first of all; value: the library's layout version. Reply value: this peer's number"),
    Constant("GW_OP_OPEN", 2, "open or (flag CREATE) make an event; text: its name. Reply: handle, flags, value = rights"),
    Constant("GW_OP_CLOSE", 3, "close `handle`"),
    Constant("GW_OP_SET", 4, "set `handle`; no reply"),
    Constant("GW_OP_RESET", 5, "unset `handle`; no reply"),
    Constant("GW_OP_WAIT", 6, "wait for any of `handles`; the reply comes when one is set: value = which (its place)"),
    Constant("GW_SET_FIRST", 1, "flag of GW_OP_WAIT: set the event `value`, as GW_OP_SET does, and then wait"),
    Constant("GW_OP_CANCEL", 7, "take back the wait whose seq is `value`. Reply: OK, or NOT_FOUND: it was answered before"),
    Constant("GW_OP_QUERY", 8, "reply value: 1 when `handle` is set"),
    Constant("GW_OP_READY", 9, "the guest is up and at work (ready_when = heartbeat)"),
    Constant("GW_OP_AREA", 10, "the area `text`, flags: the access wanted. Reply: flags and, over a socket, the fd; elsewhere UNSUPPORTED to who may"),
    Constant("GW_OP_DIRECTORY", 11, "host processes: the fd of the directory, read-only"),
    Constant("GW_OP_AVAILABLE", 16, "value: a service's number, 0 for any. Reply value: 1 when this guest has it"),
    Constant("GW_OP_PING", 17, "value: a cookie, which the reply's value repeats; at_ns of the reply: the host's clock"),
    Constant("GW_OP_LOG", 18, "payload: a text for the host's log; flags: its level, 0 debug to 4 critical; value of the reply: 1, it was cut"),
    Constant("GW_OP_FLUSH", 19, "value: the scope of the trace snapshot: 0 current CPU, 1 the guest's, 2 all of the host"),
    Constant("GW_OP_DATA", 20, "payload: a binary mark for the host's trace"),
    Constant("GW_OP_PLUG", 64, "the agent's: the fd of the region `value` (acpi-index) for the guest `text`, flags: access"),
    # flags of GW_OP_OPEN and its reply
    Constant("GW_CREATE", 1, "make it when there is none"),
    Constant("GW_MANUAL", 2, "manual reset"),
    Constant("GW_INITIAL", 4, "set from the start"),
    Constant("GW_NATIVE", 8, "reply: the event is an eventfd, which came with the reply"),
    Constant("GW_DIRECT", 16, "reply: the event is a word in a direct region; the directory says where"),
    Constant("GW_EXISTED", 32, "reply: it was there already"),
    Constant("GW_MAY_SIGNAL", 1, "rights"),
    Constant("GW_MAY_WAIT", 2, "rights"),
    # answers
    Constant("GW_OK", 0),
    Constant("GW_DENIED", -1, "the project gives no right to it"),
    Constant("GW_NOT_FOUND", -2, "there is nothing of that name"),
    Constant("GW_TIMEOUT", -3, "the time passed"),
    Constant("GW_INVALID", -4, "an argument is wrong"),
    Constant("GW_NOT_STARTED", -5, "guestwire-comm does not serve this peer: COMM-NOT-STARTED"),
    Constant("GW_BUSY", -6, "too many requests, or somebody else has it"),
    Constant("GW_FULL", -7, "the queue has no free slot, a table no free row"),
    Constant("GW_EMPTY", -8, "the queue has no message"),
    Constant("GW_TOO_LARGE", -9, "longer than a slot or a name"),
    Constant("GW_CORRUPT", -10, "what lies in shared memory makes no sense: somebody wrote over it"),
    Constant("GW_NOT_OWNER", -11, "the lock is not held by the caller"),
    Constant("GW_OWNER_DIED", -12, "got the lock, from a holder that died: what it guards may be half written"),
    Constant("GW_UNSUPPORTED", -13, "this kernel, device or build cannot do that"),
    Constant("GW_SYSTEM", -14, "a system call failed: errno says why"),
    Constant("GW_CLOSED", -15, "the other end is gone"),
    Constant("GW_EXISTS", -16, "there is one of that name, of another kind"),
    # services' numbers
    Constant("GW_SERVICE_PING", 1),
    Constant("GW_SERVICE_LOG", 2),
    Constant("GW_SERVICE_FLUSH", 3),
    Constant("GW_SERVICE_DATA", 4),
    # the serial channel
    Constant("GW_FRAME_MAGIC", 0x5747, "the first two bytes of every frame"),
    Constant("GW_FRAME_REQUEST", 1),
    Constant("GW_FRAME_REPLY", 2),
    Constant("GW_PAYLOAD_MAX", 32768, "bytes after a request in its frame"),
)  # fmt: skip

REGION = Struct(
    "gw_region", "The header of every region, at offset 0. A sanity check where the region can be written.", 128,
    (
        Field("u64", "magic", "GW_MAGIC"),
        Field("u32", "version", "GW_LAYOUT_VERSION"),
        Field("u32", "kind", "GW_KIND_*"),
        Field("u64", "size", "bytes of the area (its logical size); 0 where there is none"),
        Field("u64", "data_offset", "where they begin"),
        Field("u64", "generation", "new for every region that was ever made"),
        Field("u32", "index", "acpi-index of its device"),
        Field("u32", "reserved"),
        Field("char", "name", "the area's name", NAME_BYTES),
        Field("u64", "reserved2"),
    ),
)  # fmt: skip

DIRECTORY = Struct(
    "gw_directory", "The directory of one peer: after the region header, at offset 128.", 256,
    (
        Field("u64", "sequence", "odd while it is being written: read it again", atomic=True),
        Field("u64", "instance", "a guestwire-comm; another one after its restart", atomic=True),
        Field("u32", "peer", "this peer's number: what it writes into lock words"),
        Field("u32", "alive", "1 while guestwire-comm serves this peer, 0 after its restart (GW_NOT_STARTED)", atomic=True),
        Field("u32", "areas", "rows of gw_area_row at areas_at"),
        Field("u32", "areas_at"),
        Field("u32", "rings", "rows of gw_ring_row at rings_at"),
        Field("u32", "rings_at"),
        Field("u32", "locks", "rows of gw_lock_row at locks_at"),
        Field("u32", "locks_at"),
        Field("u32", "directs", "rows of gw_direct_row at directs_at"),
        Field("u32", "directs_at"),
        Field("char", "host", "the host's id", NAME_BYTES),
        Field("char", "guest", "this guest's name; empty for a process of the host", NAME_BYTES),
        Field("u64", "reserved", "", 7),
    ),
)  # fmt: skip

AREA_ROW = Struct(
    "gw_area_row", "An area this peer has.", 128,
    (
        Field("char", "name", "", NAME_BYTES),
        Field("u32", "index", "acpi-index of its device, unforgeable by the guest"),
        Field("u32", "access", "GW_READ | GW_WRITE | GW_CACHED"),
        Field("u32", "kind", "GW_KIND_AREA or GW_KIND_DIRECT"),
        Field("u32", "reserved"),
        Field("u64", "backing", "bytes of the region"),
        Field("u64", "data_offset"),
        Field("u64", "size", "bytes of data that are the user's: queues and locks lie behind them"),
        Field("u64", "generation"),
        Field("u64", "reserved2"),
    ),
)  # fmt: skip

RING_ROW = Struct(
    "gw_ring_row", "One ring of a queue: from one writer to its reader.", 256,
    (
        Field("char", "queue", "", NAME_BYTES),
        Field("char", "writer", "a guest's name, or HOST", NAME_BYTES),
        Field("u32", "index", "of the area it lies in"),
        Field("u32", "role", "GW_READER, GW_WRITER or both: what this peer is"),
        Field("u64", "offset", "in the region, of its gw_ring"),
        Field("u32", "slots"),
        Field("u32", "slot_bytes", "bytes of the longest message"),
        Field("u32", "stride", "bytes from one slot to the next"),
        Field("u32", "number", "of the ring, on this host"),
        Field("u64", "generation", "new when the ring was laid out anew"),
        Field("u64", "reserved2", "", 9),
    ),
)  # fmt: skip

LOCK_ROW = Struct(
    "gw_lock_row", "A lock.", 128,
    (
        Field("char", "name", "", NAME_BYTES),
        Field("u32", "index", "of the area it lies in"),
        Field("u32", "kind", "GW_LOCK_SHARED or GW_LOCK_ROBUST"),
        Field("u64", "offset", "in the region, of its gw_lock"),
        Field("u64", "generation"),
        Field("u64", "reserved", "", 4),
    ),
)  # fmt: skip

DIRECT_ROW = Struct(
    "gw_direct_row", "A direct event: guest to guest in the kernel.", 128,
    (
        Field("char", "name", "", NAME_BYTES),
        Field("u32", "index", "of the region with its gw_direct"),
        Field("u32", "role", "GW_WRITER signals, GW_READER waits"),
        Field("u64", "offset", "in the region"),
        Field("u32", "peer", "the waiter's ivshmem peer id; 0: it is not there"),
        Field("u32", "vector", "of the waiter's doorbell"),
        Field("u32", "manual", "1: manual reset"),
        Field("u32", "reserved"),
        Field("u64", "reserved2", "", 3),
    ),
)  # fmt: skip

RING = Struct(
    "gw_ring", "A ring of slots, single producer, single consumer. The slots follow.", 256,
    (
        # each side's word has a line of its own, and so have the flags, which both read at every message
        Field("u64", "head", "messages put, since it was made; the writer's", atomic=True),
        Field("u64", "reserved", "", 7),
        Field("u32", "space_wanted", "the writer waits for a free slot", atomic=True),
        Field("u32", "message_wanted", "the reader waits for a message", atomic=True),
        Field("u64", "reserved2", "", 7),
        Field("u64", "tail", "messages taken; the reader's", atomic=True),
        Field("u64", "reserved3", "", 7),
        Field("u64", "refused", "messages that found it full; the writer's", atomic=True),
        Field("u64", "reserved4", "", 7),
    ),
)  # fmt: skip

SLOT = Struct(
    "gw_slot", "The head of a slot; its bytes follow.", 16,
    (Field("u32", "length", "bytes of the message"), Field("u32", "type", "the writer's word for what it is"), Field("u64", "at", "the writer's clock or 0")),
)  # fmt: skip

LOCK = Struct(
    "gw_lock", "A lock's word, its fencing token, and room for a pthread mutex.", 128,
    (
        Field("u32", "owner", "0: free; else the holder's peer number, with GW_LOCK_WAITERS", atomic=True),
        Field("u32", "abi", "robust: who laid the mutex out: 1 glibc, 2 musl; 0: nobody yet", atomic=True),
        Field("u64", "token", "raised by one with every acquisition: a fencing token", atomic=True),
        Field("u32", "died", "the last holder died while it held it", atomic=True),
        Field("u32", "thread", "which of the holder's threads", atomic=True),
        Field("u64", "mutex", "pthread_mutex_t", 8),
        Field("u64", "reserved", "", 5),
    ),
)  # fmt: skip

DIRECT = Struct(
    "gw_direct", "A direct event.", 64,
    (
        Field("u32", "state", "1: set", atomic=True),
        Field("u32", "waiting", "how many wait: ring only then", atomic=True),
        Field("u64", "signals", "how often it was set", atomic=True),
        Field("u64", "rings", "how often the doorbell was rung for it", atomic=True),
        Field("u64", "last_ns", "the signaller's clock at the last of them", atomic=True),
        Field("u64", "reserved", "", 4),
    ),
)  # fmt: skip

CONTROL = Struct(
    "gw_control", "A guest's control region, after the region header, at offset 128.", 512,
    (
        Field("u64", "instance", "of the guestwire-comm that serves it; 0: none does", atomic=True),
        Field("u64", "reserved", "", 15),
        Field("u64", "request_head", "requests put; the guest's", atomic=True),
        Field("u64", "reserved2", "", 7),
        Field("u64", "request_tail", "requests taken; the host's", atomic=True),
        Field("u64", "reserved3", "", 7),
        Field("u64", "reply_head", "replies put; the host's", atomic=True),
        Field("u64", "reserved4", "", 7),
        Field("u64", "reply_tail", "replies taken; the guest's", atomic=True),
        Field("u64", "reserved5", "", 15),
        Field("u64", "vectors", "of the doorbell's, that the guest may wait on"),
        Field("u64", "reserved6", "", 7),
    ),
)  # fmt: skip

WAIT_ANY_MAX = 16

REQUEST = Struct(
    "gw_request", "What a peer asks of guestwire-comm.", 128,
    (
        Field("u32", "seq", "the asker's number for it, which the reply repeats"),
        Field("u16", "op", "GW_OP_*"),
        Field("u16", "flags"),
        Field("u32", "handle", "an event that was opened"),
        Field("u32", "count", "of `handles`"),
        Field("u64", "value"),
        Field("char", "text", "a name", 104),
    ),
)  # fmt: skip
"""For GW_OP_WAIT, `text` holds `count` handles (u32), at most WAIT_ANY_MAX."""

REPLY = Struct(
    "gw_reply", "Its answer.", 64,
    (
        Field("u32", "seq", "the request's"),
        Field("i32", "code", "GW_OK, or what is wrong"),
        Field("u32", "handle"),
        Field("u32", "flags"),
        Field("u64", "value"),
        Field("u64", "at_ns", "the host's monotonic clock when it was decided"),
        Field("u64", "reserved", "", 4),
    ),
)  # fmt: skip

FRAME = Struct(
    "gw_frame", "The head of a frame on the serial channel.", 16,
    (
        Field("u16", "magic", "GW_FRAME_MAGIC"),
        Field("u16", "type", "GW_FRAME_*"),
        Field("u32", "length", "bytes that follow: a gw_request or gw_reply, and its payload"),
        Field("u32", "check", "magic ^ type ^ length: a frame cut off by a reboot is told from a new one"),
        Field("u32", "reserved"),
    ),
)  # fmt: skip

STRUCTS: tuple[Struct, ...] = (
    REGION, DIRECTORY, AREA_ROW, RING_ROW, LOCK_ROW, DIRECT_ROW, RING, SLOT, LOCK, DIRECT, CONTROL, REQUEST, REPLY, FRAME,
)  # fmt: skip

NUMBERS = {constant.name: constant.value for constant in CONSTANTS}

QUEUE_EVENT = "queue:"
"""Prefix of the event that a queue's reader waits on (`queue:NAME`)."""
SPACE_EVENT = "space:"
"""Prefix of the event that a ring's writer waits on for a free slot (`space:NUMBER`, of the ring)."""
LOCK_EVENT = "lock:"
"""Prefix of the event that a lock's waiters wait on (`lock:NAME`)."""
