"""`guestwire area`: what areas there are, their bytes, and their configuration in one go."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.cli.area import AT_ONCE
from guestwire.model.areas import MemoryArea, system_area
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol.comm_models import DUMP_MAX, AreaAccess, AreaView

LINUX1, LINUX2 = (Guest(name=f"linux{n}", kind="gp_comm", memory_mib=256) for n in (1, 2))
VIEW = AreaView(
    name="shm1", kind="user", size=6 << 20, data_size=6140 << 10, backing_size=8 << 20, index=3, generation=1,
    default_access="RW--", access=(
        AreaAccess(name="linux1", access="RW--", attached=True), AreaAccess(name="linux2", access="R---"),
        AreaAccess(name="HOST", access="RW--"),
    ),
    queues=("orders",), locks=("door",),
)  # fmt: skip


@pytest.fixture
def comm(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's services, with an area."""
    comm = fleet.hosts["h1"].comm
    comm.areas = [VIEW]
    comm.data = {"shm1": bytearray(b"ready\0" + bytes(100_000))}
    return comm


@pytest.fixture
def config(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's configuration, with two guests and an area."""
    area = MemoryArea(name="shm1", size=1_044_480, default_access="RW--", overrides={"linux2": "R---"})
    fleet.hosts["h1"].config.add(Desired(guests=(LINUX1, LINUX2), areas=(area,)))
    return fleet.hosts["h1"].config


def test_as_much_at_once_as_the_protocol_takes() -> None:
    assert AT_ONCE == DUMP_MAX


def test_list(run, comm) -> None:  # type: ignore[no-untyped-def]
    said = run("area", "list")
    assert said.exit_code == 0, said.stderr
    row = said.stdout.splitlines()[1].split()
    assert row == ["h1/shm1", "user", "6", "MiB", "1", "1", "RW--", "linux2=R---"]
    assert max(map(len, said.stdout.splitlines())) <= 80
    (one,) = json.loads(run("area", "list", "h1", "-o", "json").stdout)
    assert (one["host"], one["verified"], one["data_size"], one["access"][1]["access"]) == (
        "h1",
        True,
        6140 << 10,
        "R---",
    )
    assert run("area", "list", "-o", "name").stdout == "h1/shm1\n"
    assert "no memory areas" in run("area", "list", "h2").stderr


def test_hosts_without_the_services(run, fleet: FakeFleet, comm) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h2"].fail["area-list"] = GuestwireError("COMM-NOT-STARTED")
    said = run("area", "list")
    assert said.exit_code == 4
    assert "h1/shm1" in said.stdout
    assert "h2: " in said.stderr
    assert "comm start" in said.stderr


def test_show(run, comm, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("area", "show", "h1/shm1").stdout
    assert "6140 KiB, in front of queues and locks" in said
    assert [line.split() for line in said.splitlines()[-3:]] == [
        ["linux1", "RW--", "yes"], ["linux2", "R---", "no"], ["HOST", "RW--", "no"]
    ]  # fmt: skip
    over_socket = run("--socket", str(fleet.socket("h1")), "area", "show", "shm1", "-o", "json")
    assert json.loads(over_socket.stdout)["queues"] == ["orders"]
    assert run("area", "show", "h1/nothing").exit_code == 3
    for wrong in ("shm1", "h1/", "h1/" + "x" * 65, "NO/shm1"):
        assert run("area", "show", wrong).exit_code == 2


def test_dump(run, comm) -> None:  # type: ignore[no-untyped-def]
    lines = run("area", "dump", "h1/shm1").stdout.splitlines()
    assert lines[0].startswith("00000000  72 65 61 64 79 00")
    assert lines[0].endswith("|ready...........|")
    assert lines[2:] == ["*", "00000100"]
    part = run("area", "dump", "h1/shm1", "--offset", "1", "--length", "3", "-o", "json")
    assert json.loads(part.stdout)["data"] == b"ead".hex()
    assert run("area", "dump", "h1/nothing").exit_code == 3


def test_a_long_dump_takes_several_requests(run, comm) -> None:  # type: ignore[no-untyped-def]
    comm.data["shm1"][:] = bytes(range(256)) * 300
    comm.requests.clear()
    said = run("area", "dump", "h1/shm1", "--length", "1M", "--raw")
    assert said.stdout_bytes == bytes(comm.data["shm1"])
    assert [(one.offset, one.length) for one in comm.requests] == [(0, 32768), (32768, 32768), (65536, 32768)]
    lines = run("area", "dump", "h1/shm1", "--length", "1M").stdout.splitlines()
    assert (len(lines), lines[-1]) == (300 * 16 + 1, f"{300 * 256:08x}")
    assert run("area", "dump", "h1/shm1", "--raw", "-o", "json").exit_code == 2
    assert run("area", "dump", "h1/shm1", "--length", "plenty").exit_code == 2


def test_watch(run, comm) -> None:  # type: ignore[no-untyped-def]
    steps = iter([None, (0, b"READY"), None, (0, b"ready"), (0x20, bytes(range(10)))])

    def step(name: str) -> None:
        change = next(steps, None)
        if change is not None:
            at, data = change
            comm.data[name][at : at + len(data)] = data

    comm.looked = step
    said = run("area", "watch", "h1/shm1", "--interval", "0.05", "--count", "3", "--timeout", "20")
    assert said.exit_code == 0, said.stderr
    assert [line.split("  ", 1)[1] for line in said.stdout.splitlines()] == [
        "00000000  72 65 61 64 79 -> 52 45 41 44 59",
        "00000000  52 45 41 44 59 -> 72 65 61 64 79",
        "00000021  00 00 00 00 00 00 00 00 -> 01 02 03 04 05 06 07 08",
        "00000029  00 -> 09",
    ]
    assert "watching h1/shm1" in said.stderr
    assert comm.requests[-1].digest
    assert comm.requests[-1].wait_s > 1


def test_watch_for_programs_and_for_a_time(run, comm) -> None:  # type: ignore[no-untyped-def]
    steps = iter([None, b"R"])

    def step(name: str) -> None:
        comm.data[name][:1] = next(steps, None) or comm.data[name][:1]

    comm.looked = step
    said = run("area", "watch", "h1/shm1", "--interval", "0.05", "--timeout", "1", "-o", "json")
    assert said.exit_code == 7
    (line,) = said.stdout.splitlines()
    assert json.loads(line)["changes"] == [{"offset": 0, "before": "72", "after": "52"}]


def _area(config, name: str = "shm1") -> MemoryArea:  # type: ignore[no-untyped-def]
    return next(area for area in config.active.areas if area.name == name)


def test_create(run, config) -> None:  # type: ignore[no-untyped-def]
    words = ("area", "create", "h1/shm2", "--size", "64K", "--access", "RW--", "--access", "GUEST0002=R---")
    assert run(*words).exit_code == 2
    seen = run(*words, "--dry-run")
    assert seen.exit_code == 0, seen.stderr
    assert "areas.shm2" in seen.stdout
    assert len(config.active.areas) == 1
    said = run(*words, "--yes", "--comment", "for the camera")
    assert said.exit_code == 0, said.stderr
    made = _area(config, "shm2")
    assert (made.size, made.default_access, made.overrides) == (65536, "RW--", {"linux2": "R---"})
    assert (made.kind, config.revision.comment) == ("user", "for the camera")
    assert [
        item["object"]
        for item in json.loads(run(*words[:2], "h1/shm3", *words[3:], "--dry-run", "-o", "json").stdout)["items"]
    ] == ["areas.shm3"]
    assert run(*words, "--yes").exit_code == 4
    assert run("area", "create", "h1/sys", "--size", "1M", "--kind", "system", "--yes").exit_code == 0
    assert _area(config, "sys").kind == "system"


def test_set(run, config) -> None:  # type: ignore[no-untyped-def]
    said = run("area", "set", "h1/shm1", "--access", "linux1=R-C-", "--access", "linux2=", "--default", "R---", "--yes")
    assert said.exit_code == 0, said.stderr
    assert (_area(config).overrides, _area(config).default_access) == ({"linux1": "R-C-"}, "R---")
    assert run("area", "set", "h1/shm1", "--access", "HOST=RW--", "--size", "2MiB", "--yes").exit_code == 0
    assert _area(config).overrides == {"linux1": "R-C-", "HOST": "RW--"}
    assert _area(config).size == 2 << 20
    assert len(config.active.guests) == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set", "h1/shm1"), 2),
        (("set", "h1/shm1", "--access", ""), 2),
        (("set", "h1/shm1", "--access", "linux1=R---", "--access", "linux1=RW--"), 2),
        (("set", "h1/shm1", "--access", "RW--", "--default", "R---"), 2),
        (("set", "h1/shm1", "--access", "linux1=RWX-"), 9),
        (("set", "h1/shm1", "--access", "nobody=RW--"), 9),
        (("set", "h1/shm9", "--size", "1M"), 9),
        (("set", "h1/shm1", "--size", "1G"), 9),
        (("set", "h1/shm1", "--size", "1G", "--dry-run"), 9),
        (("create", "h1/a-b", "--size", "1M"), 9),
        (("create", "h1/ab"), 2),
        (("delete", "h1/shm9"), 3),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], code: int, run, config, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("area", *words, "--yes")
    assert said.exit_code == code, said.output
    assert "config-apply" not in fleet.hosts["h1"].calls


def test_delete(run, config) -> None:  # type: ignore[no-untyped-def]
    assert run("area", "delete", "h1/shm1").exit_code == 2
    assert run("area", "delete", "h1/shm1", "--yes").exit_code == 0
    assert config.active.areas == ()


def test_a_system_area_is_not_deleted_while_guests_could_use_it(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    config = fleet.hosts["h1"].config
    config.add(Desired(guests=(LINUX1,), areas=(system_area(),)))
    said = run("area", "delete", "h1/RtosLibMsgQueue", "--yes")
    assert said.exit_code == 9
    assert "AREA-SYSTEM-PROTECTED" in said.stderr
    assert "it stays while a guest has communication" in said.stderr
    assert "config-apply" not in fleet.hosts["h1"].calls
    config.add(Desired(areas=(system_area(),)))
    assert run("area", "delete", "h1/RtosLibMsgQueue", "--yes").exit_code == 0
