"""Named events between guests (RTS events; the reset kinds are Win32's, which the System Manager's API copies)."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from guestwire.model.base import Model

HOST = "HOST"
"""In an access list: the processes on the host."""
REMOTE = "REMOTE"
"""In an access list: the cloud."""


class Event(Model):
    """`reset` auto: one waiter is let go and the event is unset again; manual: it stays set until it is reset. `signal`
    and `wait` name guests, HOST or REMOTE. `delivery` direct: guest to guest in the kernel, for exactly one signaller and
    one waiter; arbitrated: by guestwire-comm, which counts."""

    name: Annotated[str, StringConstraints(max_length=255)]
    reset: Literal["auto", "manual"] = "auto"
    initial: bool = False
    signal: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    delivery: Literal["arbitrated", "direct"] = "arbitrated"
