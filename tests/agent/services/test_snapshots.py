"""Snapshots of all disks of a guest: all or nothing, over the simulated host and images in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import Images, ImageSnapshot
from guestwire.agent.services.running import Running
from guestwire.agent.services.snapshots import Snapshots
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.model.machines import MACHINES
from guestwire.protocol.config_models import SnapshotList, SnapshotRef
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operation_models import GuestRef
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

A, B = "/simulated/a.qcow2", "/simulated/b.qcow2"
UUID = "00000000-0000-4000-8000-000000000001"
ACCEPTED_MS = 1_000_000


@dataclass
class MemoryImages:
    """The snapshots of images, by path. `fails` is asked before each change and may raise; each later snapshot is a
    millisecond younger."""

    kept: dict[str, dict[str, int]] = field(default_factory=lambda: {A: {}, B: {}})
    fails: Callable[[str, str], None] = lambda _action, _path: None
    done: list[tuple[str, str]] = field(default_factory=list)
    at: int = ACCEPTED_MS + 5000

    async def snapshots(self, path: str) -> list[ImageSnapshot]:
        return [ImageSnapshot(name, at) for name, at in self.kept[path].items()]

    async def snapshot(self, path: str, name: str) -> None:
        self._does("snapshot", path)
        self.at += 1
        self.kept[path][name] = self.at

    async def revert(self, path: str, name: str) -> None:
        self._does("revert", path)

    async def delete_snapshot(self, path: str, name: str) -> None:
        self._does("delete", path)
        del self.kept[path][name]

    def _does(self, action: str, path: str) -> None:
        self.fails(action, path)
        self.done.append((action, path))


def failing(*steps: tuple[str, str]) -> Callable[[str, str], None]:
    def fails(action: str, path: str) -> None:
        if (action, path) in steps:
            raise GuestwireError("RESOURCE-EXHAUSTED", "the disk is full")

    return fails


@dataclass
class Bench:
    host: SimulatedHost
    guests: GuestService
    images: MemoryImages
    snapshots: Snapshots

    def call(self, operation: str, name: str) -> Call:
        header = Header(
            VERSION,
            "request",
            ("s", "h"),
            operation,
            request_id(now().wall_ms),
            "a",
            0,
            1 << 50,
            0,
            body_hash(b""),
            "c",
        )
        inbound = Inbound(b"", "c", operation)
        made = Call(BY_NAME[operation], header, inbound, "operator:a", signed=True, wall_ms=ACCEPTED_MS)
        made.request = GuestRef(guest="a") if operation == "snapshot-list" else SnapshotRef(guest="a", name=name)
        return made

    def running(self, what: str, name: str = "s1", *, again: bool = False) -> Running:
        return Running(self.call(f"snapshot-{what}", name), again=again)

    async def do(self, what: str, name: str = "s1", *, again: bool = False) -> SnapshotList:
        found: SnapshotList = await getattr(self.snapshots, what)(self.running(what, name, again=again))
        return found

    async def listed(self) -> list[tuple[str, int]]:
        found = await self.snapshots.list_all(self.call("snapshot-list", ""))
        return [(snapshot.name, snapshot.disks) for snapshot in found.snapshots]


TWO_DISKS = (
    Disk(path=A),
    Disk(path="/simulated/install.iso", format="raw", device="cdrom"),
    Disk(path="/simulated/base.qcow2", read_only=True),
    Disk(device="cdrom", format="raw"),
    Disk(path=B),
)


@asynccontextmanager
async def opened(disks: tuple[Disk, ...] = TWO_DISKS) -> AsyncIterator[Bench]:
    images = MemoryImages()
    port: Images = images  # type: ignore[assignment]
    async with SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms) as host:
        await host.define(Guest(name="a", id="GUEST0001", uuid=UUID, disks=disks))
        vital = Vital(lambda name, error: None)
        async with GuestService(host, lambda: now().wall_ms, lambda _: None, vital) as guests:
            await guests.connected_within(5)
            yield Bench(host, guests, images, Snapshots(guests, port))


async def test_a_snapshot_is_of_every_disk_that_the_guest_writes_to() -> None:
    async with opened() as bench:
        found = await bench.do("create", "s1")
        assert [(s.name, s.disks, s.at) for s in found.snapshots] == [("s1", 2, ACCEPTED_MS + 5001)]
        assert bench.images.done == [("snapshot", A), ("snapshot", B)]
        await bench.do("create", "s0")
        assert await bench.listed() == [("s1", 2), ("s0", 2)], "oldest first"


async def test_the_list_says_how_many_disks_have_it() -> None:
    async with opened() as bench:
        bench.images.kept = {A: {"s1": 5, "s2": 9}, B: {"s1": 4}}
        assert await bench.listed() == [("s1", 2), ("s2", 1)]


async def test_the_list_is_there_while_the_guest_runs_and_leaves_raw_disks_out() -> None:
    async with opened((Disk(path=A), Disk(path="/simulated/raw", format="raw"))) as bench:
        bench.images.kept[A]["s1"] = 5
        await bench.host.start(UUID)
        assert await bench.listed() == [("s1", 1)]


@pytest.mark.parametrize("what", ["create", "revert", "delete"])
async def test_the_guest_must_be_off(what: str) -> None:
    async with opened() as bench:
        bench.images.kept = {A: {"s1": 5}, B: {"s1": 5}}
        await bench.host.start(UUID)
        await bench.guests._reach(UUID, ("running",), 5)
        with pytest.raises(GuestwireError) as caught:
            await bench.do(what)
        assert (caught.value.code, caught.value.detail["state"]) == ("WRONG-STATE", "running")
        assert bench.images.done == []


@pytest.mark.parametrize("what", ["create", "revert", "delete"])
@pytest.mark.parametrize(
    ("disks", "named"),
    [
        ((Disk(path=A), Disk(path="/simulated/raw", format="raw")), ["/simulated/raw"]),
        ((Disk(path="/simulated/i.iso", format="raw", device="cdrom"),), []),
        ((), []),
    ],
)
async def test_a_raw_disk_has_none_and_is_named(what: str, disks: tuple[Disk, ...], named: list[str]) -> None:
    async with opened(disks) as bench:
        with pytest.raises(GuestwireError) as caught:
            await bench.do(what)
        assert (caught.value.code, caught.value.detail["disks"]) == ("UNSUPPORTED", named)
        assert bench.images.done == []


async def test_a_name_that_one_disk_has_already_is_not_taken_again() -> None:
    async with opened() as bench:
        bench.images.kept[B]["s1"] = 5
        with pytest.raises(GuestwireError) as caught:
            await bench.do("create")
        assert (caught.value.code, caught.value.detail["disk"], bench.images.done) == ("EXISTS", B, [])


async def test_when_a_disk_fails_none_has_the_snapshot() -> None:
    async with opened() as bench:
        bench.images.fails = failing(("snapshot", B))
        with pytest.raises(GuestwireError, match="the disk is full"):
            await bench.do("create")
        assert bench.images.done == [("snapshot", A), ("delete", A)]
        assert await bench.listed() == []


async def test_when_that_cannot_be_undone_the_error_says_what_is_left() -> None:
    async with opened() as bench:
        bench.images.fails = failing(("snapshot", B), ("delete", A))
        with pytest.raises(GuestwireError) as caught:
            await bench.do("create")
        assert (caught.value.code, caught.value.detail["left"]) == ("ROLLBACK-INCOMPLETE", [A])
        assert caught.value.cause == ("RESOURCE-EXHAUSTED",)


async def test_a_cancelled_snapshot_leaves_nothing() -> None:
    async with opened() as bench:
        running = bench.running("create")

        def cancel(action: str, _path: str) -> None:
            running.cancel_requested = True
            assert running.outstanding == 1, f"{action} is not to be cancelled in the middle"

        bench.images.fails = cancel
        with pytest.raises(GuestwireError, match="CANCELED"):
            await bench.snapshots.create(running)
        assert bench.images.done == [("snapshot", A), ("delete", A)]


async def test_what_a_crash_interrupted_goes_on() -> None:
    """A snapshot made since the request came is its own; an older one is somebody else's."""
    async with opened() as bench:
        bench.images.kept[A]["s1"] = ACCEPTED_MS // 1000 * 1000
        assert [s.disks for s in (await bench.do("create", again=True)).snapshots] == [2]
        assert bench.images.done == [("snapshot", B)]
        bench.images.kept = {A: {"s1": ACCEPTED_MS - 60_000}, B: {}}
        with pytest.raises(GuestwireError, match="EXISTS"):
            await bench.do("create", again=True)


async def test_a_failure_after_a_crash_undoes_what_was_made_before_it() -> None:
    async with opened() as bench:
        bench.images.kept[A]["s1"] = ACCEPTED_MS + 10
        bench.images.fails = failing(("snapshot", B))
        with pytest.raises(GuestwireError, match="the disk is full"):
            await bench.do("create", again=True)
        assert await bench.listed() == []


async def test_every_disk_is_put_back_or_none_is_touched() -> None:
    async with opened() as bench:
        bench.images.kept = {A: {"s1": 5}, B: {}}
        with pytest.raises(GuestwireError) as caught:
            await bench.do("revert")
        assert (caught.value.code, caught.value.detail["disks"]) == ("NOT-FOUND", [B])
        bench.images.kept[B]["s1"] = 6
        await bench.do("revert")
        assert bench.images.done == [("revert", A), ("revert", B)]


async def test_a_revert_that_stops_half_way_says_how_far_it_came() -> None:
    async with opened() as bench:
        bench.images.kept = {A: {"s1": 5}, B: {"s1": 5}}
        bench.images.fails = failing(("revert", B))
        with pytest.raises(GuestwireError) as caught:
            await bench.do("revert")
        detail: Any = caught.value.detail
        assert (caught.value.code, detail["reverted"], detail["left"]) == ("RESOURCE-EXHAUSTED", [A], [B])
        bench.images.fails = failing()
        await bench.do("revert")


async def test_a_snapshot_is_forgotten_where_it_is() -> None:
    async with opened() as bench:
        bench.images.kept = {A: {"s1": 5, "s2": 6}, B: {"s2": 6}}
        assert [(s.name, s.disks) for s in (await bench.do("delete")).snapshots] == [("s2", 2)]
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            await bench.do("delete")
        assert [s.name for s in (await bench.do("delete", again=True)).snapshots] == ["s2"]
