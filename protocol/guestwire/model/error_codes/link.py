"""Connections: brokers, sockets, hosts that do not answer."""

from guestwire.model.error_codes.row import Code, Kind, Retry, Where

_K, _R, _W = Kind, Retry, Where

LINK: tuple[Code, ...] = (
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
)
