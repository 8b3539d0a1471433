"""What overrides cost."""

import pytest

from guestwire.model.guest import Override
from guestwire.model.override_risk import override_risk
from guestwire.model.plan import Risk

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def one(sel: str = ".", xml: str = "", op: str = "add") -> tuple[Override, ...]:
    return (Override(op=op, sel=sel, xml=xml),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("overrides", "risk"),
    [
        ((), 0),
        (one("cpu/@mode", "host-model", "replace"), 2),
        (one("cpu/@mode", "a < b", "replace"), 2),
        (one(xml="<memtune><hard_limit>1</hard_limit></memtune>"), 2),
        (one("devices/disk[@device='disk']", "<serial>1</serial>"), 2),
        (one("devices/disk[1]", op="remove"), 2),
        (one(xml='<guestwire:x/>'), 2),
        (one(xml="<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>"), 3),
        (one(xml=f"<q:commandline xmlns:q='{QEMU}'/>"), 3),
        (one(xml=f"<capabilities xmlns='{QEMU}'/>"), 3),
        (one(xml=f"<q:deprecation xmlns:q='{QEMU.replace('qemu', 'q&#101;mu')}' behavior='omit'/>"), 3),
        (one("devices/disk[@device='disk']", f"<q:x xmlns:q='{QEMU.replace('qemu', 'q&#101;mu')}'/>"), 3),
        (one(xml="<devices><emulator>/tmp/mine</emulator></devices>"), 3),
        (one("devices/emulator", "<emulator>/tmp/mine</emulator>", "replace"), 3),
        (one("qemu:commandline", op="remove"), 3),
        (one("qemu:commandline/qemu:arg[1]/@value", "-x", "replace"), 3),
        (one(f"{{{QEMU}}}commandline/{{{QEMU}}}arg[1]/@value", "-x", "replace"), 3),
        (one("*[9]/*[1]/@value", "-x", "replace"), 3),
        (one("devices/../*[9]", "<x/>"), 3),
        (one(xml="<unfinished"), 3),
    ],
)  # fmt: skip
def test_what_an_override_costs(overrides: tuple[Override, ...], risk: Risk) -> None:
    assert override_risk(overrides) == risk


def test_the_highest_counts() -> None:
    mild, bad = one("cpu/@mode", "x", "replace"), one("qemu:commandline", op="remove")
    assert override_risk((*mild, *bad, *mild)) == 3
