"""Images and templates of guests."""

from typing import Any

import pytest
from profile_cases import Row, check_row, gp, having, rt
from rule_cases import KNOWN, known

from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.images import Image, Template
from guestwire.model.rules.table import validate
from guestwire.model.rules.templates import RULES

LINUX = Image(id="rtlinux", os_type="rtlinux", path="/i/rtlinux", min_memory_mib=64, align_mib=4)
VXWORKS = Image(id="vx", os_type="vxworks", path="/i/vx", arch="i686")
TEMPLATES = (
    Template(id="rtlinux", os_type="rtlinux", image_type="rtlinux"),
    Template(id="rtos32", os_type="rtos-32", image_type="rtos32-image"),
)


def made(guest: Guest, templates: tuple[Template, ...] = TEMPLATES) -> Desired:
    return having(guest, images=(LINUX, VXWORKS), templates=templates)


def supporting(**flags: bool) -> Template:
    return Template(id="t", os_type="rtlinux", image_type="rtlinux", **flags)


NO_RT, NO_COMM, EVERYTHING = supporting(has_rt=False), supporting(has_comm=False), supporting()
SECOND = EVERYTHING.model_copy(update={"id": "second"})


def kind(kind: str, *templates: Template, image: str | None = "rtlinux", **given: Any) -> Desired:
    if kind == "rt":
        return made(of(image, **given), templates)
    return made(gp("a", kind=kind, image=image, **{"os_type": "rtlinux", **given}), templates)


def of(image: str | None, os_type: str = "rtlinux", **given: Any) -> Guest:
    return rt("a", image=image, os_type=os_type, **given)


CASES = (
    Row("TEMPLATE-TYPE-MISMATCH", "its template's image", made(of("rtlinux"))),
    Row("TEMPLATE-TYPE-MISMATCH", "no image", made(of(None, "windows"))),
    Row("TEMPLATE-TYPE-MISMATCH", "no templates", made(of("vx"), templates=())),
    Row("TEMPLATE-TYPE-MISMATCH", "no template of either", made(of("vx", "linux"))),
    Row("TEMPLATE-TYPE-MISMATCH", "another template's image", made(of("rtlinux", "rtos-32")), ("E guests.a.image",)),
    Row("TEMPLATE-TYPE-MISMATCH", "an image of no template", made(of("vx")), ("E guests.a.image",)),
    Row("TEMPLATE-TYPE-MISMATCH", "a guest of no template", made(of("rtlinux", "linux")), ("E guests.a.image",)),
    Row("TEMPLATE-TYPE-MISMATCH", "no such image", made(of("gone"), templates=()), ("E guests.a.image",)),
    Row("TEMPLATE-TYPE-MISMATCH", "rt without support", kind("rt", NO_RT), ("E guests.a.kind",)),
    Row("TEMPLATE-TYPE-MISMATCH", "rt of no image", kind("rt", NO_RT, image=None), ("E guests.a.kind",)),
    Row("TEMPLATE-TYPE-MISMATCH", "gp_comm of a template without rt", kind("gp_comm", NO_RT)),
    Row("TEMPLATE-TYPE-MISMATCH", "gp of a template without rt", kind("gp", NO_RT)),
    Row("TEMPLATE-TYPE-MISMATCH", "another template has support", kind("rt", NO_RT, SECOND)),
    Row("TEMPLATE-TYPE-MISMATCH", "a template of other guests", kind("rt", NO_RT, image=None, os_type="linux")),
    Row("TEMPLATE-TYPE-MISMATCH", "comm without support", kind("gp_comm", NO_COMM), ("E guests.a.kind",)),
    Row("TEMPLATE-TYPE-MISMATCH", "comm that is off", kind("gp_comm", NO_COMM, comm_enabled=False)),
    Row("TEMPLATE-TYPE-MISMATCH", "another template has comm", kind("gp_comm", NO_COMM, SECOND)),
    Row("TEMPLATE-TYPE-MISMATCH", "gp without comm", kind("gp", NO_COMM)),
    Row("TEMPLATE-TYPE-MISMATCH", "rt of a template without comm", kind("rt", NO_COMM)),
    Row("IMAGE-MIN-MEM", "as much as it needs", made(of("rtlinux", memory_mib=64))),
    Row("IMAGE-MIN-MEM", "less", made(of("rtlinux", memory_mib=60)), ("E guests.a.memory_mib",)),
    Row("IMAGE-MIN-MEM", "no such image", made(of("gone", memory_mib=16))),
    Row("MEM-ALIGN", "a multiple", made(of("rtlinux", memory_mib=68))),
    Row("MEM-ALIGN", "none", made(of("rtlinux", memory_mib=66)), ("E guests.a.memory_mib",)),
    Row("ARCH-MISMATCH", "the image's", made(of("rtlinux"))),
    Row("ARCH-MISMATCH", "neither says", having(gp())),
    Row("ARCH-MISMATCH", "another name for it", having(gp(arch="amd64"))),
    Row("ARCH-MISMATCH", "the guest's", having(gp(arch="aarch64")), ("E guests.gp.arch",)),
    Row("ARCH-MISMATCH", "the image's is another", made(of("vx")), ("E guests.a.image",)),
    Row("ARCH-MISMATCH", "on another host", having(gp(arch="arm64")), facts=known(machine="aarch64")),
)


@pytest.mark.parametrize("row", CASES, ids=str)
def test_a_rule_finds_what_it_must(row: Row) -> None:
    check_row(row)


def test_each_rule_has_cases() -> None:
    codes = {rule.code for rule in RULES}
    assert {row.code for row in CASES if row.kvm_rt} == {row.code for row in CASES if not row.kvm_rt} == codes


def test_without_the_host_s_architecture_nothing_is_said_of_it() -> None:
    verdict = validate(having(gp(arch="aarch64")), known(machine=None))
    assert "ARCH-MISMATCH" in verdict.not_checked
    assert "ARCH-MISMATCH" not in validate(having(gp(arch="aarch64")), KNOWN).not_checked
