"""Whether each host is there, as Prometheus scrapes it. Series of a host end when the host is gone; this one goes on. Pure."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, Protocol

from guestwire.controller.host_ref import HostRef
from guestwire.controller.text_format import AT_ONCE, OWN_PREFIX, Which, head, of_host

NAME: Final = f"{OWN_PREFIX}host_state"
SUMMARY: Final = "Always 1, for the state that a host is in; of hosts that somebody let in."


class Standing(Protocol):
    """A host as the registry knows it."""

    @property
    def ref(self) -> HostRef: ...

    @property
    def state(self) -> str: ...

    @property
    def approval(self) -> str: ...


def pieces(hosts: Iterable[Standing], which: Which) -> Iterator[str]:
    """The text in pieces, so that others get a turn in between."""
    yield head(NAME, "gauge", SUMMARY)
    some = iter(hosts)
    while chosen := list(islice(some, AT_ONCE)):
        yield "".join(
            f'{NAME}{{{of_host(one.ref)},state="{one.state}"}} 1\n'
            for one in chosen
            if one.approval == "approved" and which.has(one.ref)
        )
