"""`guestwire guest set|media|export`: one guest's configuration, in one go."""

from pathlib import Path

import pytest
from fake_host import FakeFleet

from guestwire.cli.guest_config import with_medium
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.sdk.addresses import GuestAddress

RT = Guest(name="rt", kind="rt", cpuset="2,3", memory_mib=256)
GP = Guest(
    name="gp", disks=(Disk(path="/d/gp.qcow2"), Disk(device="cdrom", format="raw"), Disk(device="cdrom", format="raw"))
)


@pytest.fixture
def config(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's configuration, with rt and gp."""
    fleet.hosts["h1"].config.add(Desired(guests=(RT, GP)))
    return fleet.hosts["h1"].config


def _set(run, config, *words: str) -> Guest:  # type: ignore[no-untyped-def]
    said = run("guest", *words, "--yes")
    assert said.exit_code == 0, said.stderr
    found: Guest = config.active.guest(words[1].partition("/")[2])
    return found


def test_set_in_one_go(run, config) -> None:  # type: ignore[no-untyped-def]
    refused = run("guest", "set", "h1/rt", "memory_mib=512")
    assert refused.exit_code == 2
    assert config.active.guest("rt").memory_mib == 256
    changed = _set(run, config, "set", "h1/rt", "memory_mib=512", "comments=measured twice")
    assert (changed.memory_mib, changed.comments) == (512, "measured twice")
    assert _set(run, config, "set", "h1/GUEST0001", "memory=1G", "cpumask=0xC").memory_mib == 1024
    assert config.requests[-1].base_revision == config.revision.number - 1


def test_set_leaves_the_draft(run, config) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "pull", "h1").exit_code == 0
    before = run("project", "show", "h1").stdout
    _set(run, config, "set", "h1/rt", "memory_mib=512")
    assert run("project", "show", "h1").stdout == before
    assert "behind" in run("project", "status", "h1").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set", "h1/rt", "memory_mib=lots"), 9),
        (("set", "h1/rt", "memroy=1"), 9),
        (("set", "h1/nobody", "vcpus=1"), 9),
        (("set", "h1/*", "vcpus=1"), 2),
        (("set", "h1/rt", "cpuset=9"), 9),
        (("media", "h1/rt"), 2),
        (("media", "h1/rt", "/iso/a.iso", "--eject"), 2),
        (("media", "h1/rt", "--eject"), 3),
        (("media", "h1/nobody", "--eject"), 3),
        (("media", "h1/gp", "/iso/a.iso", "--disk", "0"), 4),
        (("media", "h1/gp", "relative.iso"), 9),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], code: int, run, config, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("guest", *words, "--yes")
    assert said.exit_code == code, said.stderr
    assert "config-apply" not in fleet.hosts["h1"].calls


def test_media(run, config) -> None:  # type: ignore[no-untyped-def]
    def drives(*words: str) -> list[str | None]:
        return [disk.path for disk in _set(run, config, "media", *words).disks if disk.device == "cdrom"]

    assert drives("h1/gp", "/iso/a.iso") == ["/iso/a.iso", None]
    assert drives("h1/gp", "/iso/b c.iso", "--disk", "2") == ["/iso/a.iso", "/iso/b c.iso"]
    assert drives("h1/gp", "--eject") == [None, "/iso/b c.iso"]
    assert drives("h1/rt", '/iso/"odd".iso') == ['/iso/"odd".iso']


def test_a_medium_by_identifier() -> None:
    desired = Desired(guests=(GP.model_copy(update={"id": "GUEST0004", "name": "a.b"}),))
    changed = with_medium(desired, GuestAddress("h1", "GUEST0004"), "/iso/a.iso", None)
    assert changed.guests[0].disks[1].path == "/iso/a.iso"
    with pytest.raises(GuestwireError, match="WRONG-STATE"):
        with_medium(desired, GuestAddress("h1", "a.b"), "/iso/a.iso", 9)


def test_export(run, config, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("guest", "export", "h1/rt", "--libvirt-xml").stdout == "<domain><name>rt</name></domain>\n"
    file = tmp_path / "rt.xml"
    assert run("guest", "export", "h1/rt", "--libvirt-xml", str(file)).exit_code == 0
    assert file.read_text().startswith("<domain>")
    assert run("guest", "export", "h1/rt", "--libvirt-xml", str(file)).exit_code == 4
    assert run("guest", "export", "h1/rt").exit_code == 2
