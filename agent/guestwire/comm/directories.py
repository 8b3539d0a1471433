"""The directories of all parties, kept up to date with what holds."""

from collections.abc import Callable, Collection, Iterable

from guestwire.comm.directory import Directory, directory_rows, set_alive
from guestwire.comm.holdings import Holdings
from guestwire.comm.region import RegionKind
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST


class Directories:
    """`lost` names the guests that are attached to an instance that is gone: their directories say so. `broken` hears of a
    directory that could not be written: the one before stays."""

    def __init__(
        self,
        holdings: Holdings,
        host: str,
        lost: Callable[[], Collection[str]],
        broken: Callable[[GuestwireError], None],
    ) -> None:
        self._holdings = holdings
        self._host = host
        self._lost = lost
        self._broken = broken
        self._directories: dict[str, Directory] = {}

    def write(self, parties: Iterable[str] | None = None) -> None:
        """Bring those of these parties up to date, or all."""
        known = self._holdings.held.parties
        for party in known if parties is None else set(parties) & set(known):
            self._write(party)
        for gone in self._directories.keys() - set(known):
            set_alive(self._directories.pop(gone).region, False)

    def write_of(self, guest: str) -> None:
        """What changes when a guest's QEMU came under another ivshmem id, or went: its own, and who signals it directly."""
        signallers = {
            place.signal for place in self._holdings.held.directs.values() if guest == place.wait and place.vector
        }
        self.write({guest, *signallers})

    def end(self) -> None:
        """Nobody is served any more, and each reader finds that."""
        for directory in self._directories.values():
            directory.set_alive(False)
        self._directories.clear()

    def _write(self, party: str) -> None:
        holdings, held = self._holdings, self._holdings.held
        region = holdings.find(RegionKind.DIRECTORY, party)
        if region is None:
            return
        directory = self._directories.get(party)
        if directory is None or directory.region is not region:
            name = "" if party == HOST else party
            directory = Directory(region, instance=holdings.instance, peer=0, host=self._host, party=name)
            self._directories[party] = directory
        rows = directory_rows(
            party, held.document, held.placements, held.area_regions, holdings.direct_regions(party),
            holdings.direct_rows(party),
        )  # fmt: skip
        try:
            directory.write(rows)
        except GuestwireError as err:
            self._broken(err)
        directory.set_alive(party not in self._lost())
