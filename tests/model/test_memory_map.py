"""The address map of a simulated host."""

from typing import Any

from desired_strategies import desireds
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_cases import gp, having, rt

from guestwire.model.areas import DATA_OFFSET, MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.images import Image
from guestwire.model.memory_map import MIB, Misfit, Row, memory_map

KIB = 1 << 10
RTOS32 = Image(id="rtos32", os_type="rtos32", path="/x", base_address=0x0400_0000)


def flat(rows: tuple[Row, ...]) -> list[Row]:
    return [leaf for row in rows for leaf in (flat(row.rows) if row.rows else [row])]


def where(desired: Desired, memory_mib: int = 4096) -> dict[str, tuple[int, int]]:
    """Start and size in MiB of what is neither available nor reserved, by name or status."""
    leaves = flat(memory_map(desired, memory_mib).rows)
    return {
        row.name or row.status: (row.start, row.size // MIB)
        for row in leaves
        if row.status not in ("Available", "Reserved", "Processor Boot Code")
    }


def areas(*sizes: int) -> Any:
    return tuple(MemoryArea(name=f"area{n}", size=size * MIB - DATA_OFFSET) for n, size in enumerate(sizes))


def test_the_system_manager_s_own_example() -> None:
    """SM 7.1: 4 KB reserved, 632 KB with the boot code, 32 MB shared memory, 256 MB RTOS-32, 8 MB framework."""
    desired = having(rt("RTOS-32", image="rtos32", memory_mib=256), gp("windows"), images=(RTOS32,), areas=areas(32))
    rows = memory_map(desired, 4096).rows
    assert [(row.start, row.size, row.status) for row in rows] == [
        (0, 636 * KIB, "Used"),
        (636 * KIB, 388 * KIB, "Reserved"),
        (MIB, 3071 * MIB, "Used"),
        (3072 * MIB, 1024 * MIB, "Reserved"),
        (4096 * MIB, 1024 * MIB, "Available"),
    ]
    low, _, main, _, _ = rows
    assert [(row.start, row.size, row.status) for row in low.rows] == [
        (0, 4 * KIB, "Reserved"),
        (4 * KIB, 4 * KIB, "Processor Boot Code"),
        (8 * KIB, 628 * KIB, "Available"),
    ]
    assert [(row.start, row.size // MIB, row.status, row.name) for row in main.rows] == [
        (0x0010_0000, 3, "Available", ""),
        (0x0040_0000, 32, "Shared Memory", ""),
        (0x0240_0000, 28, "Available", ""),
        (0x0400_0000, 256, "Guest", "RTOS-32"),
        (0x1400_0000, 8, "Virtual Machine Framework", ""),
        (0x1480_0000, 2744, "Available", ""),
    ]
    assert main.used == (32 + 256 + 8) * MIB
    assert low.used == 8 * KIB


def test_memory_areas_lie_side_by_side_with_the_heaps() -> None:
    desired = having(rt("a", memory_mib=64, heap_mib=16), areas=areas(1, 2))
    found = where(desired)
    assert found["area0"] == (0x0140_0000, 1)
    assert found["area1"] == (0x0150_0000, 2)
    main = memory_map(desired, 4096).rows[2]
    (shared,) = (row for row in main.rows if row.status == "Shared Memory")
    assert [(row.name, row.size // MIB) for row in shared.rows] == [("a", 16), ("area0", 1), ("area1", 2)]
    assert shared.used == shared.size == 19 * MIB


def test_guests_are_placed_around_what_is_fixed_and_aligned() -> None:
    images = (RTOS32, Image(id="coarse", os_type="x", path="/x", align_mib=128))
    desired = having(
        rt("a", memory_mib=100), rt("b", image="coarse", memory_mib=64), rt("c", image="rtos32", memory_mib=32),
        images=images,
    )  # fmt: skip
    found = where(desired)
    assert found["c"] == (0x0400_0000, 32)
    assert found["a"] == (0x0600_0000, 100)
    assert found["b"] == (256 * MIB, 64)


def test_shared_memory_makes_way_for_an_image() -> None:
    image = Image(id="low", os_type="x", path="/x", base_address=0x0040_0000)
    found = where(having(rt("a", image="low", memory_mib=16), images=(image,), areas=areas(1)))
    assert found["a"] == (0x0040_0000, 16)
    assert found["area0"] == (0x0140_0000, 1)


def test_only_enabled_rt_guests_have_a_place() -> None:
    found = where(having(gp("a"), rt("b", disabled=True)))
    assert found == {}


def test_what_has_no_place_is_told() -> None:
    desired = having(
        rt("a", image="rtos32", memory_mib=64), rt("b", image="rtos32", memory_mib=64), rt("c", memory_mib=4096),
        images=(RTOS32,), areas=areas(512, 512),
    )  # fmt: skip
    assert memory_map(desired, 512).misfits == (
        Misfit("b", 64 * MIB, 0x0400_0000, ("a",)),
        Misfit("Shared Memory", 1024 * MIB),
        Misfit("c", 4096 * MIB),
    )


@settings(max_examples=60, deadline=None)
@given(desireds(), st.sampled_from((0, 1, 256, 3072, 4096, 65_536)))
def test_the_rows_cover_the_addresses_without_a_gap(desired: Desired, memory_mib: int) -> None:
    found = memory_map(desired, memory_mib)
    end = 0
    for row in flat(found.rows):
        assert row.start == end
        assert row.size > 0
        end = row.end
    for row in found.rows:
        assert row.used <= row.size
        assert not row.rows or sum(inner.size for inner in row.rows) == row.size
    names = {guest.name for guest in desired.guests if guest.kind == "rt" and not guest.disabled}
    placed = {row.name for block in found.rows for row in block.rows if row.status == "Guest"}
    assert placed <= names
    assert names - placed <= {misfit.name if misfit.name != "Guest" else "" for misfit in found.misfits}
