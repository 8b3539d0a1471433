"""The regions of the instance before: from the service manager's store, or from a QEMU that has them. What nobody has is lost,
and told; it is made anew, empty, under another index and generation, when the services start."""

import os
from collections.abc import Mapping
from typing import Any

from guestwire.comm.fd_store import FdStore
from guestwire.comm.region import RegionKind, RegionRow, is_region
from guestwire.comm.region_recovery import find_regions, qemu_processes
from guestwire.comm.regions import RegionStore, lost_error
from guestwire.comm.state_file import State
from guestwire.comm.telling import Telling


def adopted_regions(
    state: State, kept: Mapping[str, int], *, notify: str | None, group: int | None, telling: Telling, log: Any
) -> RegionStore:
    """`kept`: files that the service manager handed over, by name, which are ours then; `notify`: where it listens; `group`:
    QEMU's."""
    keeper = FdStore(notify)
    store = RegionStore(keeper=keeper, group=group)
    fds = dict(kept)
    missing = [row for row in state.regions.rows if row.word not in fds or not is_region(row, fds[row.word])]
    for word, fd in find_regions(missing, qemu_processes()).items() if missing else ():
        if word in fds:
            os.close(fds[word])
        fds[word] = fd
    ours = {row.word: fds.pop(row.word) for row in state.regions.rows if row.word in fds}
    for row in store.adopt(state.regions, ours):
        _tell_lost(row, telling, log)
    for word, fd in fds.items():  # memory that no row is for any more
        if word:
            keeper.drop(word)
        os.close(fd)
    return store


def _tell_lost(row: RegionRow, telling: Telling, log: Any) -> None:
    """A directory is written anew in any case, and what was set aside nobody had."""
    if row.aside or row.kind == RegionKind.DIRECTORY:
        return
    error = lost_error(row)
    log.error(error.message, code=error.code, area=row.name)
    telling.happened("state", name=row.name, code=error.code, text=error.message, level="error")
