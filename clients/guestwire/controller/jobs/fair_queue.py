"""Whose turn it is: work that waits, in the order in which it came for each host, the hosts taking turns. Pure."""

from collections import OrderedDict
from collections.abc import Callable

from guestwire.controller.host_ref import HostRef


class FairQueue:
    """Ids of work by host. A host with a thousand of them holds up nobody else's one."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[HostRef, OrderedDict[str, None]] = OrderedDict()
        self._where: dict[str, HostRef] = {}

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, work: object) -> bool:
        return work in self._where

    def put(self, host: HostRef, work: str) -> None:
        """Put work at the end of its host's; what waits already stays where it is."""
        if work in self._where:
            return
        self._where[work] = host
        self._hosts.setdefault(host, OrderedDict())[work] = None

    def remove(self, work: str) -> None:
        """Take work out, if it is in."""
        host = self._where.pop(work, None)
        if host is None:
            return
        waiting = self._hosts[host]
        del waiting[work]
        if not waiting:
            del self._hosts[host]

    def next(self, may: Callable[[HostRef], bool]) -> str | None:
        """The first work of the host whose turn it is, among those that may; the host goes to the end. None: nobody may."""
        for host in self._hosts:
            if may(host):
                work = next(iter(self._hosts[host]))
                self._hosts.move_to_end(host)
                self.remove(work)
                return work
        return None
