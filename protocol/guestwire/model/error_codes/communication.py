"""What the communication services answer: guestwire-comm, its regions, events, queues, locks and networks."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

COMMUNICATION: tuple[Code, ...] = (
    Code(
        "COMM-NOT-STARTED", _K.PRECONDITION, _R.NEW_REQUEST, _W.HOST,
        "The communication services do not run, and this needs them: `comm start` (or start the unit guestwire-comm).",
    ),
    Code(
        "COMM-LOST", _K.TIMEOUT, _R.SAME_REQUEST, _W.HOST,
        "guestwire-comm did not answer the agent: look at the unit guestwire-comm, then ask again.",
    ),
    Code(
        "COMM-GUESTS-ATTACHED", _K.PRECONDITION, _R.NEW_REQUEST, _W.HOST,
        "Guests are attached to the communication services (`comm status`): shut them down first, or use --force.",
    ),
    Code(
        "COMM-DENIED", _K.DENIED, _R.NO, _W.RESOURCE,
        "The project gives no right to that: name HOST, REMOTE or the guest in the access list of the event or area.",
    ),
    Code(
        "COMM-THROTTLED", _K.BUSY, _R.AFTER, _W.RESOURCE,
        "A guest asks or rings faster than it may, and is made to wait: look at what runs in it.",
    ),
    Code(
        "REGION-FULL", _K.RESOURCE, _R.NO, _W.HOST,
        "There is no room for the memory area, or in it for a queue or lock: enlarge the area or free memory.",
    ),
    Code(
        "REGION-LOST", _K.INDETERMINATE, _R.NO, _W.HOST,
        "The content of a memory area is gone: its region was made anew, empty. Restart the guests that have it.",
    ),
    Code(
        "PEERS-EXHAUSTED", _K.RESOURCE, _R.NO, _W.HOST,
        "No ivshmem peer id is left that no running guest has seen: restart guests that run for long, one after the other.",
    ),
    Code(
        "EVENTS-EXHAUSTED", _K.RESOURCE, _R.NO, _W.RESOURCE,
        "There are as many events, handles or waits as there may be: close what is not needed.",
    ),
    Code(
        "LOCK-HELD", _K.CONFLICT, _R.NEW_REQUEST, _W.RESOURCE,
        "The holder of the lock lives: breaking it lets two write at once. Stop the holder first, or use --force.",
    ),
    Code(
        "NET-UNSUPPORTED", _K.UNSUPPORTED, _R.NO, _W.HOST,
        "The host's kernel or programs lack what the network needs; `detail` says what: install or load it.",
    ),
    Code(
        "NET-BUSY", _K.CONFLICT, _R.NO, _W.HOST,
        "An interface of that name is there and is not ours: choose another bridge name, or remove it.",
    ),
    Code(
        "AREA-NOT-PLUGGED", _K.PRECONDITION, _R.NEW_REQUEST, _W.RESOURCE,
        "The memory area's device could not be plugged into the running guest: restart the guest.",
    ),
)  # fmt: skip
