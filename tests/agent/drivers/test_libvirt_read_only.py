"""When a QEMU is believed to keep memory from the guest's writes, and how often it is asked."""

from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from guestwire.agent.drivers.libvirt.read_only import NotReadOnly, ReadOnly

LIVE = fromstring("<domain><uuid>u</uuid><devices><emulator>/usr/bin/qemu</emulator></devices></domain>")


class Qemu:
    """A QEMU of a version, which counts how often it is asked for it."""

    def __init__(self, micro: int = 22, package: str = "Debian") -> None:
        self.asked = 0
        self._said = {"qemu": {"major": 7, "minor": 2, "micro": micro}, "package": package}

    def run(self, command: str) -> Any:
        assert command == "query-version"
        self.asked += 1
        return self._said


class Process:
    """How a process has a file mapped: the answers in their order, the last one for ever."""

    def __init__(self, *answers: str | None) -> None:
        self.answers: list[str | None] = list(answers)
        self.looks = 0

    def __call__(self, uuid: str, file: int) -> Any:
        assert uuid == "u"
        self.looks += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def proofs(read_only: ReadOnly, qemu: Qemu, live: Element = LIVE) -> Any:
    return read_only.of(qemu, live)


def test_what_proved_itself_is_not_looked_at_again_and_another_version_is() -> None:
    process, qemu = Process("read-only"), Qemu()
    read_only = ReadOnly(process)
    prove = proofs(read_only, qemu)
    for file in range(64):
        prove(file)
    proofs(read_only, Qemu())(1)
    assert (process.looks, qemu.asked) == (1, 1)
    for number, other in enumerate((Qemu(micro=23), Qemu(package="")), 2):
        proofs(read_only, other)(1)
        assert process.looks == number


def test_who_has_nothing_read_only_is_asked_nothing() -> None:
    qemu = Qemu()
    proofs(ReadOnly(Process("read-only")), qemu)
    assert qemu.asked == 0


def test_a_mapping_that_is_just_going_is_waited_for() -> None:
    process = Process("writable", "writable", "read-only")
    proofs(ReadOnly(process), Qemu())(1)
    assert process.looks == 3


def test_a_failure_is_waited_for_once_in_a_plug_and_kept_by_nobody() -> None:
    process = Process("writable")
    read_only = ReadOnly(process, settled_s=0.1)
    prove = proofs(read_only, Qemu())
    for _ in range(2):
        with pytest.raises(NotReadOnly, match=r"^QEMU 7\.2\.22 \(Debian\) at /usr/bin/qemu maps it writable"):
            prove(1)
        once, process.looks = process.looks, 0
    assert once == 1, "the second time nothing was waited for"
    process.looks, process.answers = 0, ["read-only"]
    proofs(read_only, Qemu())(1)
    assert process.looks == 1


def test_one_that_cannot_be_looked_at_proves_nothing() -> None:
    process = Process(None, "writable")
    read_only = ReadOnly(process, settled_s=0.0)
    proofs(read_only, Qemu())(1)
    with pytest.raises(NotReadOnly):
        proofs(read_only, Qemu())(1)
