"""What only a plan can see: guests that run, images that are to go, mistakes of the way."""

from collections.abc import Callable

import pytest

from guestwire.agent.services.configuration.options import Options
from guestwire.agent.services.configuration.plan_issues import mistaken, plan_issues, renumbered, unclear
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.guest import DirectBoot, Disk, Guest
from guestwire.model.images import Image

A, B = "/disks/a.qcow2", "/disks/b.qcow2"
U1, U2 = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))


def guest(*disks: Disk, name: str = "a", **given: object) -> Guest:
    return Guest(name=name, disks=disks, **({"uuid": U1 if name == "a" else U2} | given))  # type: ignore[arg-type]


def having(*guests: Guest, **given: object) -> Desired:
    return Desired(guests=guests, **given)  # type: ignore[arg-type]


HAD = having(guest(Disk(path=A)), guest(Disk(path=B), name="b"))


def destroyed(target: Desired, *paths: str, current: Desired = HAD, facts: Facts | None = None) -> list[str]:
    found = plan_issues(current, target, facts or Facts(), Options(remove_disks=paths))
    assert all((issue.code, issue.severity) == ("DESTROY-DISK", "E") and issue.hint for issue in found)
    return [f"{issue.path}: {issue.message}" for issue in found]


def test_an_image_that_nobody_has_any_more_may_go() -> None:
    assert destroyed(having(guest(), guest(name="b")), A, B) == []
    assert destroyed(having(), A, "/disks/./b.qcow2") == []


@pytest.mark.parametrize("removed", [A, "/disks//a.qcow2", "/disks/x/../a.qcow2"])
@pytest.mark.parametrize("used", [A, "/disks/./a.qcow2", "//disks/a.qcow2"])
@pytest.mark.parametrize(
    "target",
    [
        lambda path: having(guest(Disk(path=path))),
        lambda path: having(guest(Disk(path=path, read_only=True), name="b", disabled=True)),
        lambda path: having(guest(Disk(path=path, device="cdrom"), name="b")),
        lambda path: having(guest(Disk(path=B, clone_of=path), name="b")),
        lambda path: having(guest(name="b", boot=DirectBoot(kernel="/k", initrd=path))),
        lambda path: having(images=(Image(id="i", os_type="linux", path=path, format="qcow2"),)),
        lambda path: having(images=(Image(id="i", os_type="linux", path="/k", initrd=path),)),
    ],
    ids=["its own", "a disabled guest's", "a medium", "to be copied", "to boot from", "an image", "an image's initrd"],
)
def test_an_image_that_somebody_has_stays(target: Callable[[str], Desired], used: str, removed: str) -> None:
    """However the two write its path: it is the same file."""
    (found,) = destroyed(target(used), removed)
    assert found.startswith(f"disks.{removed}: ")
    assert found.endswith("uses the image")


def test_the_image_of_a_foreign_domain_stays() -> None:
    (found,) = destroyed(having(), "/disks//a.qcow2", facts=Facts(foreign_disks={A: "theirs"}))
    assert "'theirs'" in found


def test_the_image_that_a_guest_runs_with_stays_until_it_is_off() -> None:
    """Whatever the document says of the next start; a guest that is deleted or restarted is off by then."""
    running = Facts(running=frozenset({U1}))
    detached = having(guest(), HAD.guests[1])
    assert destroyed(detached, A, facts=running) == [f"disks.{A}: a runs with the image until it is next started"]
    assert plan_issues(HAD, detached, running, Options(restart=True, remove_disks=(A,))) == []
    assert plan_issues(HAD, having(HAD.guests[1]), running, Options(restart=True, remove_disks=(A,))) == []


def test_only_what_a_guest_had_is_removed_and_once() -> None:
    assert [text.rpartition(": ")[2] for text in destroyed(having(), "/disks/c.qcow2", A, "/disks/./a.qcow2")] == [
        "no guest of this host had the image", "the image is named twice",
    ]  # fmt: skip


RUNS = Facts(running=frozenset({U1}))


def running(current: Guest, target: Guest, *, restart: bool, active: Guest | None = None) -> list[tuple[str, str]]:
    facts = Facts(running=RUNS.running, active=having(active or current))
    found = plan_issues(having(current), having(target), facts, Options(restart=restart))
    return [(issue.code, issue.path) for issue in found]


@pytest.mark.parametrize(
    ("changes", "restart", "places"),
    [
        ({"name": "b"}, False, ["guests.a.name"]),
        ({"name": "b"}, True, []),
        ({"memory_mib": 1024}, False, []),
        ({"memory_mib": 1024}, True, []),
    ],
)
def test_what_cannot_be_done_to_a_running_guest(changes: dict[str, object], restart: bool, places: list[str]) -> None:
    before = guest()
    found = running(before, before.model_copy(update=changes), restart=restart)
    assert found == [("GUESTS-RUNNING", place) for place in places]


@pytest.mark.parametrize(
    ("changes", "restart", "refused"),
    [
        ({"memory_mib": 1024}, True, True),
        ({"memory_mib": 1024, "disabled": False}, True, True),
        ({"memory_mib": 1024}, False, False),
        ({"disabled": False}, True, False),
        ({"title": "x"}, True, False),
    ],
)
def test_a_guest_that_runs_though_it_is_disabled_is_not_restarted(
    changes: dict[str, object], restart: bool, refused: bool
) -> None:
    """It could not be started again, neither for the change nor when that is undone."""
    before = guest(disabled=True)
    found = running(before, before.model_copy(update=changes), restart=restart)
    assert found == ([("GUESTS-RUNNING", "guests.a")] if refused else [])


def test_nor_for_another_kernel_of_its_image() -> None:
    ours = guest(disabled=True, image="i")
    images = [(Image(id="i", os_type="linux", path=path),) for path in ("/k", "/k2")]
    facts = Facts(running=RUNS.running, active=having(ours, images=images[0]))
    before, after = (having(ours, images=each) for each in images)
    assert [issue.path for issue in plan_issues(before, after, facts, Options(restart=True))] == ["guests.a"]
    assert plan_issues(before, before, facts, Options(restart=True)) == []


# -- mistakes that only the way from one document to the next has

ONE = Guest(name="a", id="GUEST0001", uuid=U1, disks=(Disk(path=A, size_mib=10), Disk(path=B, size_mib=10)))
TWO = Guest(name="b", id="GUEST0002", uuid=U2)


def test_every_mistake_of_a_folder_is_told_within_reason() -> None:
    issues = [{"path": f"f: override[{n}]", "message": "wrong"} for n in range(10)]
    text = mistaken(ONE, GuestwireError("DOCUMENT-INVALID", detail={"issues": issues})).message
    assert text.startswith("f: override[0]: wrong; f: override[1]: wrong")
    assert text.endswith("f: override[7]: wrong (and 2 more)")
    assert mistaken(ONE, GuestwireError("DOCUMENT-INVALID", "too many")).message == "too many"


def test_only_another_identifier_of_the_same_guest_is_a_new_number() -> None:
    other = ONE.model_copy(update={"id": "GUEST0007"})
    assert [issue.path for issue in renumbered(Desired(guests=(ONE, TWO)), Desired(guests=(other, TWO)))] == [
        "guests.a.id"
    ]
    assert not list(renumbered(Desired(guests=(TWO,)), Desired(guests=(ONE, TWO))))


def test_disks_that_nobody_can_tell_apart_are_named() -> None:
    open_disk = ONE.model_copy(update={"disks": (Disk(device="cdrom"), Disk(size_mib=10))})
    found = list(unclear(Desired(guests=(ONE,)), Desired(guests=(open_disk,))))
    assert [(issue.code, issue.path) for issue in found] == [("DISK-UNCLEAR", "guests.a.disks.1")]
