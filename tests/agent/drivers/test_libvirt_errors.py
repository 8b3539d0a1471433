"""libvirt's errors as ours. The errors are built from libvirt's numbers; real ones are in the contract suite."""

import errno
from dataclasses import dataclass

import pytest

from guestwire.agent.drivers.libvirt.errors import is_lost, translate


@dataclass
class Said:
    """What libvirt.libvirtError says of itself."""

    code: int | None
    domain: int | None = 10
    text: str | None = "words"
    int1: int | None = None

    def get_error_code(self) -> int | None:
        return self.code

    def get_error_domain(self) -> int | None:
        return self.domain

    def get_error_message(self) -> str | None:
        return self.text

    def get_int1(self) -> int | None:
        return self.int1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Said(42), "NOT-FOUND"),
        (Said(55), "WRONG-STATE"),
        (Said(86), "WRONG-STATE"),
        (Said(2), "RESOURCE-EXHAUSTED"),
        (Said(38, int1=errno.ENOSPC), "RESOURCE-EXHAUSTED"),
        (Said(38, int1=errno.ENOENT), "DRIVER-ERROR"),
        (Said(67), "DRIVER-ERROR"),
        (Said(5), "DRIVER-LOST"),
        (Said(6), "DRIVER-LOST"),
        (Said(1), "DRIVER-ERROR"),
        (Said(None, None, None), "DRIVER-ERROR"),
    ],
)
def test_each_gets_its_code_and_keeps_its_own_words(said: Said, code: str) -> None:
    error = translate(said, effect=True)
    assert error.code == code
    assert error.detail["code"] == (said.code or 0)
    assert error.detail["text"]
    if said.code == 86:
        assert error.detail["agent"] == "disconnected"


@pytest.mark.parametrize("domain", [7, 13])
def test_a_connection_lost_in_the_middle_is_indeterminate_only_where_something_may_have_happened(domain: int) -> None:
    said = Said(38, domain)
    assert is_lost(said)
    assert translate(said, effect=True).code == "INDETERMINATE"
    assert translate(said, effect=False).code == "DRIVER-LOST"
    assert not is_lost(Said(38))
