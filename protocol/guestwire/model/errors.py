"""The error model: one table of stable codes, one exception, one wire form.

Kinds say what the caller can do about it; codes are frozen once released and are what programs match on; texts are for
people and are never matched. Foreign codes (libvirt, MQTT, errno) are translated where they arise and kept in `detail`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What a caller can do: one kind per different remedy."""

    INVALID = "INVALID"
    AUTH = "AUTH"
    DENIED = "DENIED"
    NOT_FOUND = "NOT-FOUND"
    CONFLICT = "CONFLICT"
    PRECONDITION = "PRECONDITION"
    BUSY = "BUSY"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"
    UNSUPPORTED = "UNSUPPORTED"
    RESOURCE = "RESOURCE"
    INTERNAL = "INTERNAL"
    INDETERMINATE = "INDETERMINATE"


class Retry(StrEnum):
    """Whether sending again can help: the same bytes, a new request id, or only after `after_ms`."""

    NO = "no"
    SAME_REQUEST = "same-request"
    NEW_REQUEST = "new-request"
    AFTER = "after"


class Where(StrEnum):
    """Who says it."""

    LOCAL = "local"
    BROKER = "broker"
    HOST = "host"
    RESOURCE = "resource"


class Code(NamedTuple):
    """A row of the table: the code, its kind, whether to retry, where it arises, and what to do about it."""

    code: str
    kind: Kind
    retry: Retry
    where: Where
    remedy: str


_K, _R, _W = Kind, Retry, Where

CODES: tuple[Code, ...] = (
    # -- the envelope, in the order of the host's checks
    Code("FRAME-TOO-LARGE", _K.INVALID, _R.NO, _W.HOST, "Keep a frame within 64 KiB; send a larger body in parts."),
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
    # -- running
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
        "There is no such object: check the name (`guest list`, `job list`).",
    ),
    Code(
        "JOURNAL-FULL",
        _K.RESOURCE,
        _R.SAME_REQUEST,
        _W.HOST,
        "The host's disk took no journal entry, so nothing was done: free space in its state directory.",
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
    # -- guests and drivers
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
    # -- the link
    Code(
        "BROKER-UNREACHABLE",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.LOCAL,
        "No connection to the broker: check its address, the network and its certificate (`guestwire doctor`).",
    ),
    Code(
        "BROKER-REFUSED",
        _K.AUTH,
        _R.NO,
        _W.BROKER,
        "The broker refused the connection; `detail` has its reason: check user, password, client id.",
    ),
    Code(
        "BROKER-NO-V5",
        _K.UNSUPPORTED,
        _R.NEW_REQUEST,
        _W.BROKER,
        "The broker speaks MQTT 3.1.1 only: Guestwire falls back by itself.",
    ),
    Code(
        "LINK-LOST",
        _K.RESOURCE,
        _R.SAME_REQUEST,
        _W.LOCAL,
        "The connection was lost: the same request can be sent again.",
    ),
    Code(
        "LINK-BUSY",
        _K.BUSY,
        _R.SAME_REQUEST,
        _W.LOCAL,
        "More is queued for the broker than fits: wait for answers before asking for more.",
    ),
    Code("SESSION-TAKEN-OVER", _K.CONFLICT, _R.NO, _W.BROKER, "Another client connected with the same client id."),
    Code(
        "PUBLISH-REFUSED",
        _K.DENIED,
        _R.NO,
        _W.BROKER,
        "The broker did not take the message: its access list forbids the topic, or a quota is full.",
    ),
    Code("PUBLISH-TIMEOUT", _K.TIMEOUT, _R.SAME_REQUEST, _W.BROKER, "The broker did not confirm the message in time."),
    Code(
        "SUBSCRIBE-REFUSED",
        _K.DENIED,
        _R.NO,
        _W.BROKER,
        "The broker does not allow this client to read the topic: check its access list.",
    ),
    Code("PACKET-TOO-LARGE", _K.INVALID, _R.NO, _W.LOCAL, "The broker takes no packet of that size."),
    Code(
        "PEER-MALFORMED",
        _K.INTERNAL,
        _R.SAME_REQUEST,
        _W.BROKER,
        "The peer sent bytes that its protocol forbids: the connection was closed.",
    ),
    Code(
        "HOST-UNREACHABLE",
        _K.TIMEOUT,
        _R.SAME_REQUEST,
        _W.LOCAL,
        "The host did not answer: is its agent running and connected (`guestwire host list`)?",
    ),
    Code(
        "NO-ANSWER",
        _K.TIMEOUT,
        _R.SAME_REQUEST,
        _W.LOCAL,
        "The host accepted the request but no result came in time: ask `guestwire job show`.",
    ),
    Code(
        "UNSIGNED-RESPONSE",
        _K.AUTH,
        _R.NO,
        _W.LOCAL,
        "A result came without a valid signature of the host: it was not believed.",
    ),
    Code(
        "HOST-ID-CONFLICT",
        _K.CONFLICT,
        _R.NO,
        _W.BROKER,
        "Two agents use the same host id: give one of them its own (`site init --host`).",
    ),
    Code("STATE-DIR-IN-USE", _K.CONFLICT, _R.NO, _W.LOCAL, "Another agent runs on this state directory."),
    Code(
        "SOCKET-UNREACHABLE",
        _K.RESOURCE,
        _R.NEW_REQUEST,
        _W.LOCAL,
        "No agent listens on that socket: is guestwire-agent running, and may you open its socket?",
    ),
    # -- clients, configuration, trust
    Code("CONFIG-INVALID", _K.INVALID, _R.NO, _W.LOCAL, "A setting is unknown or has a wrong value; `field` names it."),
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
)

BY_CODE: Mapping[str, Code] = {row.code: row for row in CODES}


class GuestwireError(Exception):
    """An error with a stable code. Raised anywhere, carried on the wire by `protocol.error_body`.

    `field` is the path into the input that is wrong; `detail` holds plain values (str, int, float, bool, None, lists
    and dicts of them); `cause` the codes beneath, outermost first.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        field: str | None = None,
        after_ms: int | None = None,
        detail: Mapping[str, Any] | None = None,
        cause: Sequence[str] = (),
    ) -> None:
        self.code = code
        self.row = BY_CODE[code]
        self.message = message or self.row.remedy
        self.field = field
        self.after_ms = after_ms
        self.detail: Mapping[str, Any] = detail or {}
        self.cause = tuple(cause)
        super().__init__(f"{code}: {self.message}")

    @property
    def kind(self) -> Kind:
        return self.row.kind

    @property
    def retry(self) -> Retry:
        return self.row.retry

    @property
    def remedy(self) -> str:
        return self.row.remedy
