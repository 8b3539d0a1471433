"""What a client finds on its own machine: its settings, keys, files and child processes."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

CLIENTS: tuple[Code, ...] = (
    Code(
        "CONFIG-INVALID", _K.INVALID, _R.NO, _W.LOCAL, "A setting is unknown or has a wrong value: mend what is named."
    ),
    Code(
        "CONTEXT-UNKNOWN",
        _K.NOT_FOUND,
        _R.NO,
        _W.LOCAL,
        "No such context in the client's configuration: `guestwire site init` or `guestwire demo` makes one.",
    ),
    Code(
        "TRUST-INVALID",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "The trust document is not signed by the site's root, or is older than the one in use.",
    ),
    Code("KEY-FILE-INVALID", _K.AUTH, _R.NO, _W.LOCAL, "The key file is missing, unreadable, or open to other users."),
    Code(
        "FILE-MISSING",
        _K.NOT_FOUND,
        _R.NO,
        _W.LOCAL,
        "This machine has no such file or folder: check the path. A folder that is written into must be there.",
    ),
    Code(
        "DRAFT-MISSING",
        _K.NOT_FOUND,
        _R.NO,
        _W.LOCAL,
        "There is no draft: `project pull` makes one of what the host has, `project new` an empty one.",
    ),
    Code(
        "SYSTEM-REFUSED",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.LOCAL,
        "This machine's operating system refused: check the path, that you may use it, and that the disk has room.",
    ),
    Code("EXISTS", _K.CONFLICT, _R.NO, _W.LOCAL, "It exists already; nothing was overwritten."),
    Code(
        "BROKER-BINARY-MISSING",
        _K.PRECONDITION,
        _R.NO,
        _W.LOCAL,
        "Install mosquitto, or use the embedded broker (`--embedded`).",
    ),
    Code(
        "BROKER-START-FAILED",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.LOCAL,
        "The test broker did not start; `detail` has its log.",
    ),
    Code(
        "PROCESS-FAILED",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.LOCAL,
        "A process that this command started did not come up, or ended; `detail` names its log.",
    ),
    Code(
        "VIEWER-MISSING",
        _K.PRECONDITION,
        _R.NO,
        _W.LOCAL,
        "Install the package virt-viewer, or name another program with `--viewer`.",
    ),
)
