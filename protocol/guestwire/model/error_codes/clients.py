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
    Code(
        "CERTIFICATE-INVALID",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "A certificate, or the request for one, is damaged, expired, of another CA, or not for this purpose.",
    ),
    Code(
        "ENROLMENT-CODE-INVALID",
        _K.INVALID,
        _R.NO,
        _W.LOCAL,
        "It is no enrolment code, or it was mistyped: copy it whole, or have another made (`guestwire host enrol`).",
    ),
    Code(
        "ENROLMENT-CODE-UNKNOWN",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "The site knows no such enrolment code, or a later one took its place: have another made (`guestwire host enrol`).",
    ),
    Code(
        "ENROLMENT-CODE-USED",
        _K.CONFLICT,
        _R.NO,
        _W.LOCAL,
        "Another key has used the enrolment code. If it was not yours, revoke it; have another code made.",
    ),
    Code(
        "ENROLMENT-CODE-EXPIRED",
        _K.TIMEOUT,
        _R.NO,
        _W.LOCAL,
        "The enrolment code has run out: have another made (`guestwire host enrol`).",
    ),
    Code(
        "ENROLMENT-REFUSED",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "The request does not prove what it says, or came before: begin anew with a code that is made for this host.",
    ),
    Code(
        "ENROLMENT-UNREACHABLE",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.LOCAL,
        "No answer from the site's service: check its address, the network, and that `guestwire site serve` runs.",
    ),
    Code(
        "ENROLMENT-PEER-FALSE",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "Who answers is not the site's service: the address is wrong, or somebody is in between. Nothing was told to it.",
    ),
    Code(
        "AUDIT-BROKEN",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "The audit log is not what the host signed: keep it as it is, and find out who could change it.",
    ),
)
