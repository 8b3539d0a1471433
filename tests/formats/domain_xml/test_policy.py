"""Which hypervisor a guest gets. What follows from it is seen in the documents (test_writer)."""

import pytest

from guestwire.formats.domain_xml.policy import hypervisor


@pytest.mark.parametrize(
    ("setting", "offered", "proven", "kind"),
    [
        ("auto", True, True, "kvm"),
        ("auto", True, False, "qemu"),
        ("auto", False, True, "qemu"),
        ("qemu", True, True, "qemu"),
        ("kvm", False, False, "kvm"),
    ],
)
def test_kvm_only_where_it_is_offered_and_proven(setting: str, offered: bool, proven: bool, kind: str) -> None:
    assert hypervisor(setting, kvm_offered=offered, kvm_proven=proven) == kind  # type: ignore[arg-type]
