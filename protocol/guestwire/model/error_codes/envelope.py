"""What a host refuses of a message, in the order of its checks."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

ENVELOPE: tuple[Code, ...] = (
    Code("FRAME-TOO-LARGE", _K.INVALID, _R.NO, _W.HOST, "Keep a body within 1 MiB, and a frame within 64 KiB."),
    Code(
        "UNSUPPORTED-VERSION", _K.UNSUPPORTED, _R.NO, _W.HOST, "Use a client that speaks one of the majors in `detail`."
    ),
    Code(
        "MALFORMED", _K.INVALID, _R.NO, _W.HOST, "The message is not a Guestwire envelope: update or repair the sender."
    ),
    Code(
        "MISADDRESSED",
        _K.INVALID,
        _R.NO,
        _W.HOST,
        "The signed addressee is not this host, or the topic and the envelope disagree.",
    ),
    Code(
        "RETAINED-REQUEST",
        _K.INVALID,
        _R.NO,
        _W.HOST,
        "Requests are never retained: clear the retained message at the broker.",
    ),
    Code(
        "EXPIRED",
        _K.TIMEOUT,
        _R.NEW_REQUEST,
        _W.HOST,
        "The request came after its `expires`: check both clocks, then ask again.",
    ),
    Code(
        "CLOCK-UNSYNCHRONISED",
        _K.PRECONDITION,
        _R.AFTER,
        _W.HOST,
        "Synchronise the host's clock (chrony, NTP); reads still work.",
    ),
    Code(
        "KEY-UNKNOWN",
        _K.AUTH,
        _R.NO,
        _W.HOST,
        "The signing key is not in the site's trust document, is not valid now, or was revoked.",
    ),
    Code(
        "OUT-OF-SCOPE",
        _K.DENIED,
        _R.NO,
        _W.HOST,
        "The key's scope does not cover this operation, host or risk: ask the site's owner.",
    ),
    Code("THROTTLED", _K.BUSY, _R.AFTER, _W.HOST, "Too many refused messages from this client: wait `after_ms`."),
    Code(
        "UNSIGNED",
        _K.AUTH,
        _R.NO,
        _W.HOST,
        "An operation with an effect must be signed: give the client a key of the site.",
    ),
    Code(
        "BAD-SIGNATURE",
        _K.AUTH,
        _R.NO,
        _W.HOST,
        "The signature does not fit the header: the message was altered or signed with another key.",
    ),
    Code("BODY-MISMATCH", _K.AUTH, _R.NO, _W.HOST, "The body is not the one that was signed."),
    Code(
        "UNKNOWN-CRITICAL",
        _K.UNSUPPORTED,
        _R.NO,
        _W.HOST,
        "The sender demands an extension this host does not know: update the host.",
    ),
    Code(
        "UNIMPLEMENTED", _K.UNSUPPORTED, _R.NO, _W.HOST, "This host does not know the operation: see its capabilities."
    ),
    Code(
        "INVALID-BODY",
        _K.INVALID,
        _R.NO,
        _W.HOST,
        "The request does not fit the operation's model; `field` names the place.",
    ),
    Code(
        "IDEMPOTENCY-MISMATCH",
        _K.CONFLICT,
        _R.NEW_REQUEST,
        _W.HOST,
        "This request id was used for another request: use a new id.",
    ),
    Code(
        "PARTS-TIMEOUT",
        _K.TIMEOUT,
        _R.SAME_REQUEST,
        _W.HOST,
        "Not all parts of the request came within 10 s: send it again.",
    ),
    Code("MANDATE-INVALID", _K.AUTH, _R.NO, _W.HOST, "Have the mandate issued anew, by keys of the trust document."),
    Code("MANDATE-REVOKED", _K.AUTH, _R.NO, _W.HOST, "The mandate was revoked: ask who signed it."),
    Code(
        "MANDATE-EXPIRED",
        _K.TIMEOUT,
        _R.NO,
        _W.HOST,
        "The mandate does not hold at this time by the host's clock: wait for its window, or have one issued for now.",
    ),
    Code(
        "MANDATE-SCOPE",
        _K.DENIED,
        _R.NO,
        _W.HOST,
        "The mandate is for something else: have one issued for this operation, host, plan and class of risk.",
    ),
    Code(
        "MANDATE-USED-UP",
        _K.DENIED,
        _R.NO,
        _W.HOST,
        "The mandate was used as often as it may be at this host: have another one issued.",
    ),
)
