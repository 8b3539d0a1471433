"""How memory is written, and `guestwire hardware memory` over it."""

import json

from fake_host import FakeFleet

from guestwire.cli.memory_views import map_rows, reserved
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.policy import Policy

DOCUMENT = Desired(
    policy=Policy(profile="system-manager"),
    guests=(Guest(name="rt", kind="rt", cpuset="3", memory_mib=256), Guest(name="gp", memory_mib=512)),
    areas=(MemoryArea(name="shared", size=1 << 20),),
)


def test_the_address_map_is_a_tree_whose_parents_say_what_is_used() -> None:
    rows = map_rows(DOCUMENT, 1024)
    guest = next(row for row in rows if row.name == "rt")
    assert (guest.size >> 20, guest.depth) == (256, 1)
    assert any(row.depth == 0 and row.status.startswith("Used: ") for row in rows)
    assert any(row.name == "shared" for row in rows)


def test_a_linux_host_says_for_whom_memory_is_set_aside() -> None:
    rows = reserved(DOCUMENT, 4096, MACHINES["4-core"].topology)
    assert {row.name: row.mib for row in rows if row.kind == "guest"} == {"rt": 256, "gp": 512}
    assert sum(row.mib for row in rows if row.kind != "pool") == 4096


def test_memory(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h1"].config.topology = MACHINES["4-core"].topology
    assert "0x00000000-" in run("hardware", "memory", "h1").stdout
    assert json.loads(run("hardware", "memory", "h1", "-o", "json").stdout)[0]["start"] == 0
