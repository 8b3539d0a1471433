"""Documents, plans, applies and what the host must be like for them."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

CONFIGURATION: tuple[Code, ...] = (
    Code(
        "VALIDATION-FAILED",
        _K.INVALID,
        _R.NO,
        _W.HOST,
        "The document breaks rules, and nothing was applied: mend what is listed with its place.",
    ),
    Code(
        "PLAN-STALE",
        _K.CONFLICT,
        _R.NEW_REQUEST,
        _W.HOST,
        "The host is not as it was when the plan was made: plan again and look at it.",
    ),
    Code(
        "BASE-REVISION",
        _K.CONFLICT,
        _R.NEW_REQUEST,
        _W.HOST,
        "The document was edited from another revision than the active one: pull, merge your edits, plan again.",
    ),
    Code(
        "HOST-BUSY",
        _K.BUSY,
        _R.NEW_REQUEST,
        _W.HOST,
        "Another change of this host is not finished (it waits for a confirmation or a reboot): `project status`.",
    ),
    Code(
        "CONFIRM-REQUIRED",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "The change touches the way the host is managed: it is applied with --confirm-within, and then confirmed over the broker "
        "(`project confirm`), which a socket cannot do.",
    ),
    Code(
        "DESTROY-DISK",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "The content of a disk would be lost: name each disk in `detail` to confirm it.",
    ),
    Code(
        "ROLLED-BACK",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "A step failed and every step before it was undone: the host is as it was. `cause` and `detail` say why.",
    ),
    Code(
        "ROLLBACK-INCOMPLETE",
        _K.INDETERMINATE,
        _R.NO,
        _W.HOST,
        "A step failed and not every step could be undone: `detail.left` lists what is left to mend by hand.",
    ),
    Code(
        "REBOOT-REQUIRED",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "The host must be rebooted first; `detail.reasons` says why.",
    ),
    Code(
        "GUESTS-RUNNING",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "Guests run that must be off: shut them down first (`shutdown`). A reboot or power-off of the host goes ahead with --force.",
    ),
    Code(
        "GP-CPU-RUNNING-MAX",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "The general purpose guests that run would have more vCPUs than the host has CPUs: shut one of them down first.",
    ),
    Code(
        "COMM-UNAVAILABLE",
        _K.UNSUPPORTED,
        _R.NO,
        _W.HOST,
        "This host runs no communication services: areas, events, queues, locks and networks cannot be applied here.",
    ),
    Code(
        "TOPO-MISMATCH",
        _K.CONFLICT,
        _R.NEW_REQUEST,
        _W.HOST,
        "The document was made for another machine: `hardware pull` maps it to this one.",
    ),
    Code(
        "IMAGE-IN-USE",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.RESOURCE,
        "A running guest uses the disk image: shut it down first.",
    ),
    Code("ACCESS-SYNTAX", _K.INVALID, _R.NO, _W.RESOURCE, "An access mode is four characters: RWC-, R-C-, R---, ----"),
    Code("ACCESS-RESERVED", _K.INVALID, _R.NO, _W.RESOURCE, "The fourth position of an access mode is reserved: -"),
    Code("ACCESS-W-NO-R", _K.INVALID, _R.NO, _W.RESOURCE, "Write without read cannot be enforced: use RW-- or R---"),
    Code(
        "DOCUMENT-INVALID",
        _K.INVALID,
        _R.NO,
        _W.LOCAL,
        "The file is not what it should be: mend what is named here, and try again.",
    ),
)
