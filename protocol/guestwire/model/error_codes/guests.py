"""Guests, CPU sets, and what a hypervisor refuses."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

GUESTS: tuple[Code, ...] = (
    Code(
        "WRONG-STATE",
        _K.PRECONDITION,
        _R.NO,
        _W.RESOURCE,
        "The guest is not in a state that allows it; `detail` has the state.",
    ),
    Code("NAME-DUP", _K.CONFLICT, _R.NO, _W.RESOURCE, "A guest of that name exists: choose another name."),
    Code(
        "GUEST-ID-DUP",
        _K.CONFLICT,
        _R.NO,
        _W.RESOURCE,
        "A guest with that identifier exists: leave the identifier out to get a free one.",
    ),
    Code("NAME-INVALID", _K.INVALID, _R.NO, _W.RESOURCE, "A guest's name has 1 to 63 characters of A-Z a-z 0-9 _ . -"),
    Code(
        "SHUTDOWN-TIMEOUT",
        _K.TIMEOUT,
        _R.NEW_REQUEST,
        _W.RESOURCE,
        "The guest did not shut down in time: try again, or `guest destroy`.",
    ),
    Code(
        "READY-TIMEOUT",
        _K.TIMEOUT,
        _R.NEW_REQUEST,
        _W.RESOURCE,
        "The guest runs but did not become ready in time: look at its console.",
    ),
    Code(
        "DRIVER-ERROR",
        _K.INTERNAL,
        _R.NEW_REQUEST,
        _W.RESOURCE,
        "The hypervisor refused; `detail` has its own code and words.",
    ),
    Code(
        "DRIVER-LOST",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.RESOURCE,
        "The connection to the hypervisor is down: is libvirtd running?",
    ),
    Code(
        "RESOURCE-EXHAUSTED",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.RESOURCE,
        "The host has not enough of a resource (disk, memory); `detail` names it.",
    ),
    Code(
        "CPUSET-SYNTAX",
        _K.INVALID,
        _R.NO,
        _W.RESOURCE,
        "A CPU set is items such as 2, 4-7, n0, c1-c3, d0, p1, with commas; a leading ~ inverts it.",
    ),
    Code(
        "CPUSET-UNKNOWN",
        _K.INVALID,
        _R.NO,
        _W.RESOURCE,
        "The CPU set names a CPU, core, die, node or package that the host does not have.",
    ),
)
