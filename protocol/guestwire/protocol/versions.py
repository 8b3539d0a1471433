"""Which version a message is written in: the same major, the lower of the two minors."""

from guestwire.protocol.envelope import VERSION


def answer_version(asked: tuple[int, int] | None) -> tuple[int, int]:
    """The version of an answer to a message of version `asked` (None: it was not readable, or another major)."""
    if asked is None or asked[0] != VERSION[0]:
        return VERSION
    return (VERSION[0], min(VERSION[1], asked[1]))


def request_version(host_minor: int | None) -> tuple[int, int]:
    """The version of a request to a host whose capabilities say `host_minor`; unknown: our own."""
    return (VERSION[0], VERSION[1] if host_minor is None else min(VERSION[1], host_minor))
