"""What can happen to a request that was let in: its time, its job, the host's journal."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

RUNNING: tuple[Code, ...] = (
    Code(
        "BUSY",
        _K.BUSY,
        _R.SAME_REQUEST,
        _W.HOST,
        "The host has as much work as it takes: send the same request again after `after_ms`.",
    ),
    Code(
        "DEADLINE",
        _K.TIMEOUT,
        _R.NEW_REQUEST,
        _W.HOST,
        "The request did not start in time: ask again with a longer time.",
    ),
    Code(
        "TIMED-OUT",
        _K.TIMEOUT,
        _R.NEW_REQUEST,
        _W.HOST,
        "The operation ran longer than its limit; look at the guest's state before asking again.",
    ),
    Code("CANCELED", _K.CANCELED, _R.NEW_REQUEST, _W.HOST, "Somebody cancelled the job."),
    Code(
        "INDETERMINATE",
        _K.INDETERMINATE,
        _R.NO,
        _W.HOST,
        "The host cannot tell whether the effect happened: look at the state before asking again.",
    ),
    Code(
        "NOT-FOUND",
        _K.NOT_FOUND,
        _R.NO,
        _W.RESOURCE,
        "There is no such object: check the name; the command `list` of its kind (`guest list`, ...) shows what there is.",
    ),
    Code(
        "JOURNAL-FULL",
        _K.RESOURCE,
        _R.SAME_REQUEST,
        _W.HOST,
        "The host's disk took no journal entry, so nothing was done: free space in its state directory.",
    ),
    Code(
        "LOG-NOT-CLEARED",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.HOST,
        "The host's disk did not let go of the log files: look at its state directory.",
    ),
    Code(
        "JOURNAL-NEWER",
        _K.UNSUPPORTED,
        _R.NO,
        _W.LOCAL,
        "The journal was written by a newer agent: run that version, or move the file away.",
    ),
    Code(
        "JOURNAL-LOST",
        _K.PRECONDITION,
        _R.NEW_REQUEST,
        _W.HOST,
        "The host's journal is younger than this request: ask again with a new request id.",
    ),
    Code(
        "INTERNAL",
        _K.INTERNAL,
        _R.NO,
        _W.HOST,
        "A defect in the host's agent: its log has the details (`guestwire log`).",
    ),
    Code(
        "UNSUPPORTED",
        _K.UNSUPPORTED,
        _R.NO,
        _W.HOST,
        "This host's driver cannot do that; its capabilities say what it can.",
    ),
    Code("DENIED", _K.DENIED, _R.NO, _W.HOST, "The host's policy does not allow it."),
)
