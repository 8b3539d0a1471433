"""The directory of a peer: what it shows to whom, in bytes that a reader takes apart by the layouts alone."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from typing import Any

import pytest

from guestwire.comm.directory import (
    AreaRow,
    Directory,
    DirectoryRows,
    DirectRow,
    LockRow,
    RingRow,
    directory_rows,
    set_alive,
)
from guestwire.comm.placement import Placements, place
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.regions import RegionStore
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.errors import GuestwireError
from guestwire.shm.layout import Struct
from guestwire.shm.layouts import AREA_ROW, DIRECT_ROW, DIRECTORY, LOCK_ROW, NUMBERS, REGION, RING_ROW

TABLES = {"areas": AREA_ROW, "rings": RING_ROW, "locks": LOCK_ROW, "directs": DIRECT_ROW}
READ, WRITE, CACHED = NUMBERS["GW_READ"], NUMBERS["GW_WRITE"], NUMBERS["GW_CACHED"]
READER, WRITER = NUMBERS["GW_READER"], NUMBERS["GW_WRITER"]

DOCUMENT = CommDocument(
    guests=(CommGuest(name="a", uuid="1"), CommGuest(name="b", uuid="2"), CommGuest(name="c", uuid="3")),
    areas=(
        MemoryArea(name="both", size=1 << 16, default_access="RW--", overrides={"c": "----"}),
        MemoryArea(name="of_a", size=1 << 16, default_access="R-C-", overrides={"a": "RWC-", "HOST": "RW--"}),
        MemoryArea(name="host", size=1 << 16, default_access="----", overrides={"HOST": "RW--"}),
    ),
    queues=(
        Queue(name="q", area="both", writers=("a", "HOST"), reader="b"),
        Queue(name="self", area="both", writers=("a",), reader="a"),
    ),
    locks=(Lock(name="l", area="both"), Lock(name="m", area="of_a"), Lock(name="r", area="host")),
)  # fmt: skip


@pytest.fixture
def store() -> Iterator[RegionStore]:
    with closing(RegionStore()) as opened:
        yield opened


@pytest.fixture
def regions(store: RegionStore) -> dict[str, Region]:
    return {area.name: store.make(RegionKind.AREA, area.name, area.size) for area in DOCUMENT.areas}


@pytest.fixture
def placements(regions: dict[str, Region]) -> Placements:
    return place(DOCUMENT, Placements(), {name: region.generation for name, region in regions.items()})


@pytest.fixture
def directory(store: RegionStore) -> Directory:
    return Directory(store.make(RegionKind.DIRECTORY, "a"), instance=77, peer=5, host="host1", party="a")


def shown(region: Region) -> dict[str, Any]:
    """As a guest reads it."""
    found = DIRECTORY.unpack(region.memory, REGION.size)
    assert found["sequence"] % 2 == 0
    for name, layout in TABLES.items():
        at = found[f"{name}_at"]
        found[name] = [layout.unpack(region.memory, at + n * layout.size) for n in range(found[name])]
    return found


def named(rows: tuple[Any, ...], field: str = "name") -> list[str]:
    return [getattr(row, field) for row in rows]


def test_a_party_sees_what_it_may(regions: dict[str, Region], placements: Placements) -> None:
    rows = {party: directory_rows(party, DOCUMENT, placements, regions) for party in ("a", "b", "c", "HOST")}
    assert {party: [(row.name, row.access) for row in of.areas] for party, of in rows.items()} == {
        "a": [("both", READ | WRITE), ("of_a", READ | WRITE | CACHED)],
        "b": [("both", READ | WRITE), ("of_a", READ | CACHED)],
        "c": [("of_a", READ | CACHED)],
        "HOST": [("both", READ | WRITE), ("of_a", READ | WRITE), ("host", READ | WRITE)],
    }
    assert {party: [(row.queue, row.writer, row.role) for row in of.rings] for party, of in rows.items()} == {
        "a": [("q", "a", WRITER), ("self", "a", READER | WRITER)],
        "b": [("q", "a", READER), ("q", "HOST", READER)],
        "c": [],
        "HOST": [("q", "HOST", WRITER)],
    }
    shared, robust = NUMBERS["GW_LOCK_SHARED"], NUMBERS["GW_LOCK_ROBUST"]
    assert {party: [(row.name, row.kind) for row in of.locks] for party, of in rows.items()} == {
        "a": [("l", shared), ("m", shared)],
        "b": [("l", shared)],
        "c": [],
        "HOST": [("l", shared), ("m", shared), ("r", robust)],
    }


def test_rows_say_where_things_are(
    regions: dict[str, Region], placements: Placements, store: RegionStore, directory: Directory
) -> None:
    direct = store.make(RegionKind.DIRECT, "a>b", 128)
    event = DirectRow("e", direct.index, WRITER, 4096, 9, 3, 1)
    assert directory.write(directory_rows("a", DOCUMENT, placements, regions, [direct], [event]))
    found = shown(directory.region)
    assert (found["instance"], found["peer"], found["host"], found["guest"]) == (77, 5, "host1", "a")
    both, _, words = found["areas"]
    assert (both["index"], both["backing"], both["data_offset"]) == (2, 1 << 20, 4096)
    assert both["size"] == min(placed.offset for placed in placements.all if placed.area == "both") - 4096
    assert both["generation"] == regions["both"].generation
    assert (words["kind"], words["size"], words["access"]) == (NUMBERS["GW_KIND_DIRECT"], 128, READ | WRITE)
    ring, first = found["rings"][0], placements.rings[0]
    assert {name: ring[name] for name in ("offset", "slots", "slot_bytes", "stride", "number", "generation")} == {
        "offset": first.offset, "slots": 64, "slot_bytes": 256, "stride": 272, "number": 1, "generation": first.generation,
    }  # fmt: skip
    assert ring["index"] == found["locks"][0]["index"] == both["index"]
    assert found["locks"][0]["offset"] == placements.locks[0].offset
    assert {name: found["directs"][0][name] for name in ("name", "peer", "vector", "manual")} == {
        "name": "e", "peer": 9, "vector": 3, "manual": 1,
    }  # fmt: skip


def test_an_area_whose_region_is_lost_is_not_shown(regions: dict[str, Region], placements: Placements) -> None:
    del regions["both"]
    rows = directory_rows("a", DOCUMENT, placements, regions)
    assert (named(rows.areas), rows.rings, named(rows.locks)) == (["of_a"], (), ["m"])


def test_the_sequence_moves_by_two_and_only_for_something_new(directory: Directory) -> None:
    rows = DirectoryRows(locks=(LockRow("l", 2, 1, 4096, 1),))
    assert directory.write(rows)
    assert shown(directory.region)["sequence"] == 2
    assert not directory.write(rows)
    assert shown(directory.region)["sequence"] == 2
    assert directory.write(DirectoryRows())
    found = shown(directory.region)
    assert (found["sequence"], found["locks"]) == (4, [])
    assert not any(directory.region.memory[REGION.size + DIRECTORY.size :]), "names of before do not stay behind"


def test_a_writer_that_was_killed_at_it_is_written_over(directory: Directory) -> None:
    at = REGION.size + DIRECTORY.offsets["sequence"]
    directory.region.store64(at, 7)
    directory.write(DirectoryRows())
    assert shown(directory.region)["sequence"] == 8
    directory.region.store64(at, 2**64 - 1)
    directory.write(DirectoryRows(locks=(LockRow("l", 2, 1, 4096, 1),)))
    assert shown(directory.region)["sequence"] == 0


def test_alive_is_a_word_of_its_own(directory: Directory) -> None:
    directory.write(DirectoryRows())
    assert shown(directory.region)["alive"] == 0
    directory.set_alive(True)
    directory.write(DirectoryRows(locks=(LockRow("l", 2, 1, 4096, 1),)))
    assert shown(directory.region)["alive"] == 1
    set_alive(directory.region, False)
    assert shown(directory.region)["alive"] == 0


def many(count: int) -> dict[str, tuple[Any, ...]]:
    long = "x" * 64
    return {
        "areas": tuple(AreaRow(long, n + 2, 1, 2, 1 << 20, 4096, 1, n) for n in range(count)),
        "rings": tuple(RingRow(long, long, 2, 1, 4096, 64, 256, 272, n, n) for n in range(count)),
        "locks": tuple(LockRow(long, 2, 1, 4096, n) for n in range(count)),
        "directs": tuple(DirectRow(long, 2, 1, 4096, 1, 1, 0) for n in range(count)),
    }


def test_1024_rows_of_each_kind_fit(directory: Directory) -> None:
    directory.write(DirectoryRows(**many(1024)))
    found = shown(directory.region)
    assert [len(found[name]) for name in TABLES] == [1024] * 4
    assert found["directs"][-1]["name"] == "x" * 64


def test_one_that_does_not_fit_leaves_the_rows_before(directory: Directory) -> None:
    directory.write(DirectoryRows(locks=(LockRow("l", 2, 1, 4096, 1),)))
    full = DirectoryRows(**many(1024) | {"rings": many(3000)["rings"]})
    for _ in range(2):
        with pytest.raises(GuestwireError) as caught:
            directory.write(full)
        assert caught.value.code == "REGION-FULL"
        assert caught.value.detail["directory"] == "a"
        assert caught.value.detail["rings"] == 3000
    assert [row["name"] for row in shown(directory.region)["locks"]] == ["l"]


def test_a_host_s_process_has_no_guest_s_name(store: RegionStore) -> None:
    directory = Directory(store.make(RegionKind.DIRECTORY, "HOST"), instance=1, peer=1, host="h", party="HOST")
    directory.write(DirectoryRows())
    assert shown(directory.region)["guest"] == ""


def test_another_kind_of_region_is_no_directory(store: RegionStore) -> None:
    with pytest.raises(ValueError, match="no directory"):
        Directory(store.make(RegionKind.AREA, "a", 1), instance=1, peer=1, host="h", party="a")


@pytest.mark.parametrize("layout", [AREA_ROW, RING_ROW, LOCK_ROW, DIRECT_ROW], ids=lambda layout: layout.name)
def test_a_row_has_every_field_of_its_layout(layout: Struct) -> None:
    rows = {"gw_area_row": AreaRow, "gw_ring_row": RingRow, "gw_lock_row": LockRow, "gw_direct_row": DirectRow}
    names = {field.name for field in layout.fields if not field.name.startswith("reserved")}
    assert names == {field.name for field in fields(rows[layout.name])}
