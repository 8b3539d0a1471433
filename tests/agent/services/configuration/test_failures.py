"""A change that fails, at every call it makes and at every record it writes, before and after: the host is as it was."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.errors import GuestwireError
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig
from .rich_change import MACHINE, Seen, furnish, look, request


class Nth(dict[str, str]):
    """Faults by the number of the call instead of its name: the first that comes after `skip` others. `seen`: all calls."""

    def __init__(self, skip: int | None = None) -> None:
        super().__init__({"": ""})  # a fault mapping that is empty is not asked
        self.skip = skip
        self.seen: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        if ":" not in key:
            return None  # the same call, asked once more without its subject
        self.seen.append(key)
        return "injected" if self.skip is not None and len(self.seen) == self.skip + 1 else None


@dataclass
class Furnished:
    rig: Rig
    hosts: Hosts
    before: Seen
    trace: list[str] = field(default_factory=list)

    async def apply(self, made: c.ConfigApply) -> GuestwireError | None:
        try:
            await self.rig.configured.configuration.apply(self.rig.running("config-apply", made))
        except GuestwireError as err:
            return err
        return None

    async def is_as_before(self) -> None:
        assert await look(self.rig, self.hosts.folder) == self.before
        assert self.rig.journal.config.under_way is None
        assert self.rig.journal.config.newest is not None
        assert self.rig.journal.config.newest.number == 1

    async def is_changed(self) -> None:
        assert self.rig.journal.config.newest is not None
        assert self.rig.journal.config.newest.number == 2
        shown = await self.rig.show()
        assert (shown.state, shown.drift) == ("in_sync", ())


@pytest.fixture
def rich(hosts: Hosts) -> Hosts:
    hosts.machine = MACHINE
    return hosts


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_every_call_fails_once(rich: Hosts, after: bool) -> None:
    async with rich.open() as rig:
        it = Furnished(rig, rich, await furnish(rig, rich))
        number = 0
        while True:
            made = await request(rig)
            calls = Nth(number)
            rig.host.set_faults(Faults(fail_after=calls) if after else Faults(fail_calls=calls))
            failed = await it.apply(made)
            rig.host.set_faults(Faults())
            if failed is None:
                assert len(calls.seen) <= number or calls.seen[number].startswith("images."), calls.seen[number:]
                print(calls.seen)
                break
            where = calls.seen[number]
            print(number, where, failed.code, failed.detail)
            assert failed.code in ("ROLLED-BACK", "DRIVER-ERROR"), where
            await it.is_as_before()
            number += 1
        assert number > 40
        await it.is_changed()
