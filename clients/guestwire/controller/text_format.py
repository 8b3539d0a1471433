"""Prometheus' text format 0.0.4, as far as several parts of the controller write it, and which hosts a scrape is about. Pure.

What is told of hosts is the matter of those who know it (`telemetry.exposition`, `fleet.exposed_states`).
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from guestwire.controller.host_ref import HostRef

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OWN_PREFIX: Final = "guestwire_controller_"
"""Of what the controller itself tells; no host has such series."""
AT_ONCE: Final = 2_000
"""Lines of one piece of text."""


class Which(NamedTuple):
    """The hosts that a scrape is about: those of these sites, of these names; empty: of all."""

    sites: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    @property
    def all(self) -> bool:
        return not self.sites and not self.hosts

    def has(self, ref: HostRef) -> bool:
        """Whether it is about that host."""
        return (not self.sites or ref.site in self.sites) and (not self.hosts or ref.host in self.hosts)


Pieces = Callable[[Which], Iterator[str]]
"""The text in pieces, none of which takes long to make; some of them are empty."""


def head(name: str, kind: Literal["gauge", "counter", "histogram"], summary: str) -> str:
    """The two lines before the samples of a metric."""
    text = summary.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def of_host(ref: HostRef) -> str:
    """The labels that say which host is meant. Neither name has anything in it that is to be escaped."""
    return f'site="{ref.site}",host="{ref.host}"'
