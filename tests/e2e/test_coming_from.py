"""The page for people who come from other systems: every command in it is run, row by row, and no command of theirs is
missing."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from fleet import Fleet
from page_commands import Reader, Row, page, reader, rows, site_of

from guestwire.model.errors import BY_CODE

PAGE = "coming-from.md"
ROWS = rows(page(PAGE))

RUNS = "guestwire boot HOST --all --wait ready"
OTHER_MACHINE = "guestwire project set HOST base_topology=another"

BEFORE: Mapping[str, tuple[str, ...]] = {
    "RTOS Image": ("guestwire template import os.xml HOST", "guestwire template import images.xml HOST"),
    "`hv_sync_example rt-linux`": ("guestwire example open rt-linux HOST",),
    "Sync, Apply": ("guestwire project set HOST guest.GUEST.comments=edited",),
    "What did I change?": ("guestwire project set HOST guest.GUEST.comments=edited",),
    "(no way back)": ("guestwire guest set HOST/GUEST comments=edited",),
    "(changes that cut the connection)": ("guestwire project set HOST guest.GUEST.comments=edited",),
    "Take the medium out": ("guestwire guest media HOST/GUEST ISO",),
    "Remove a device": (
        "guestwire project set HOST guest.GUEST.devices+=0000:02:00.0",
        "guestwire project apply HOST",
    ),
    "More > Update Project Templates": ("guestwire template import os.xml HOST",),
    "Shutdown Guest, `hv_guest_stop`": (RUNS,),
    "Power off": (RUNS,),
    "`hv_guest_restart`": (RUNS,),
    "Stop all Guests": (RUNS,),
    "`kvmrt-shutdown`": (RUNS,),
    "`kvmrt-shutdown VM`": (RUNS,),
    "`kvmrt-shutdown -v`": (RUNS,),
    "`kvmrt-shutdown --force`": (RUNS,),
    "`acrnctl stop VM`": (RUNS,),
    "`acrnctl stop -f VM`": (RUNS,),
    "`acrnctl suspend VM`": (RUNS,),
    "`acrnctl resume VM`": (RUNS, "guestwire guest pause HOST/GUEST"),
    "`acrnctl reset VM`": (RUNS,),
    "Another machine than the project was made for": (OTHER_MACHINE,),
    "More > Sync Hardware Info": (OTHER_MACHINE,),
    "Sync with changed hardware": (OTHER_MACHINE,),
    "`kvmrt-sync-config`": ("guestwire project set HOST guest.GUEST.comments=edited",),
}
"""What a row takes for granted. Rows of "a guest that runs" have it running besides."""

EDITS_A_DRAFT = re.compile(r"guestwire (project (set|add|remove|rename|import)|template import) (?!.*(-f|--help))")

SPARE: Mapping[str, str] = {"Reboot": "h2", "Reboot (Force)": "h2", "Shutdown, Shutdown (Force)": "h3"}
"""Rows that take a host away: another one than all others use."""

AFTER: Mapping[str, tuple[str, str]] = {
    "Settings: message level 0 to 4": ("guestwire host log-level HOST info", "level: info"),
    "Open Project (.hwc)": ("guestwire project show HOST", r"\[hosts\.h1\.guests\.lathe\]"),
    "`hv_open_example rt-linux`": ("guestwire project show HOST", r"\[hosts\.h1\.guests\.rtlinux\]"),
    "`hv_sync_example rt-linux`": ("guestwire guest list HOST", r"^h1/rtlinux .* rt "),
    "os.xml": ("guestwire template list HOST", r"template +RtLinux"),
    "images.xml": ("guestwire template list HOST", r"image +RtLinux .* 192 MiB"),
    "Sync, Apply": ("guestwire guest show HOST/GUEST -o json", '"comments": ?"edited"'),
    "(no way back)": ("guestwire guest show HOST/GUEST -o json", '"comments": ?""'),
    "(changes that cut the connection)": ("guestwire project status HOST", r"h1 +in_sync"),
    "Add Guest: Real-time Linux": ("guestwire guest list HOST", r"^h1/axis +GUEST0003 .* rt "),
    "Add Guest, at once": ("guestwire guest show HOST/axis", "cpuset: +28-29"),
    "Default CPU of a new real-time guest": ("guestwire guest show HOST/axis", "cpuset: +28-29"),
    "Memory, CPU of a guest, at once": ("guestwire guest show HOST/GUEST", "vcpus: +4\nmemory: +2048 MiB"),
    "Disk Size": ("guestwire guest show HOST/GUEST -o json", '"size_mib": ?65536'),
    "Disk Image File": ("guestwire guest show HOST/GUEST", "/var/lib/libvirt/images/data.qcow2"),
    "No Disk Image File given": ("guestwire guest show HOST/GUEST", r"/guest0002-[0-9a-f]{8}/disk2.qcow2"),
    "Installation media file": ("guestwire guest show HOST/GUEST", "installer.iso"),
    "Re-use of an existing VM": ("guestwire project show HOST", r"\[hosts\.h1\.guests\.old\]"),
    "`guest_gateway.config`": ("guestwire guest show HOST/GUEST -o json", '"host_port": ?2222'),
    "Start Guest, `hv_guest_start`": ("guestwire guest list HOST", r"h1/desk .* (running|ready) "),
    "Shutdown Guest, `hv_guest_stop`": ("guestwire guest list HOST", r"h1/desk .* stopped "),
    "Power off": ("guestwire guest list HOST", r"h1/desk .* stopped "),
    "Start all Guests": ("guestwire guest threads HOST/RTGUEST", "fifo"),
    "Stop all Guests": ("guestwire host show HOST", "guests: +2, 0 running"),
    "Move a real-time guest to other CPUs": ("guestwire guest show HOST/RTGUEST", "cpuset: +28-29"),
    "Add a device to a guest": ("guestwire guest show HOST/GUEST -o json", "0000:02:00.0"),
    "Remove a device": ("guestwire guest show HOST/GUEST -o json", r'"devices": ?\[\]'),
    "`HvCoreApp /loadconfig='FILE' /sync`": ("guestwire guest list HOST", r"^h1/lathe "),
    "`/CONFIGUREGUEST=GUEST0001:CpuMask:0x...`": ("guestwire guest show HOST/RTGUEST", "cpuset: +29-30"),
    "`/CONFIGUREGUEST=GUEST0002:Cpu:2`": ("guestwire guest show HOST/GUEST", "vcpus: +2"),
    "`kvmrt-boot --all`": ("guestwire host show HOST", "2 running"),
    "`kvmrt-boot VM`": ("guestwire host show HOST", "1 running"),
    "`kvmrt-shutdown`": ("guestwire hardware tuning HOST", "not tuned"),
    "`/etc/kvmrt.cfg`, `-f FILE`": ("guestwire project show HOST", 'cpuset = "c24-c26"'),
    "What was done to the host for them: shielding, interrupts, siblings": (
        "guestwire hardware tuning HOST",
        "cpu62/online +0 +0 +set",
    ),
    "`acrnctl suspend VM`": ("guestwire guest list HOST", r"h1/desk .* paused "),
    "`acrnctl del VM`": ("guestwire host show HOST", "guests: +1, "),
}
"""What is so after a row: a command, and what it says then."""

THEIRS = (
    "hv_sysmgr status", "hv_sysmgr log", "hv_sysmgr clearlog", "hv_sysmgr start", "hv_sysmgr stop", "hv_sysmgr restart",
    "hv_sysmgr enable", "hv_sysmgr disable", "hv_sysmgr debug=on", "hv_sysmgr debug=off", "/help", "/tcpserver",
    "/mqttserver", "hv_open_example", "hv_sync_example", "hv_guest_start", "hv_guest_start -view", "hv_guest_console",
    "hv_guest_stop", "hv_guest_restart", "hv_vmf_start", "hv_vmf_is_loaded", "hv_vmf_stop", "/loadconfig", "/saveconfig",
    "/CONFIGUREGUEST", "CpuMask", "os.xml", "images.xml", "guest_config.sh", "guest.config", "sysmgr_guest.config",
    "usr_guest_config.sh", "usr.config", "vm_shutdown_hook.sh", "guest_gateway.config", "osImage", "HomeDir", "DllName",
    "hv.config", "HvSystemManager.xml", "RemainingHostMemory", "EnableDynamicCpuConfig",
    "kvmrt-validate-host", "kvmrt-import", "kvmrt-boot", "kvmrt-shutdown", "kvmrt-stat", "kvmrt-edit-config",
    "kvmrt-show-config", "kvmrt-sync-config", "kvmrt-sync-config -r", "kvmrt-validate-config", "kvmrt-gs", "kvmrt.cfg",
    "virt-clone", "virsh edit", "name", "title", "description", "comments", "nr_vcpus", "cpu_topology", "cpuset", "rt",
    "rt_memory", "numatune", "hide_kvm", "autostart", "disabled", "hwtopo", "cpustat", "irq-affinity", "task-affinity",
    "xtrace-run", "xtrace-multi-merge", "xtrace-view", "xtrace-ctl",
    "acrnctl list", "acrnctl add", "acrnctl start", "acrnctl stop", "acrnctl del", "acrnctl reset", "acrnctl suspend",
    "acrnctl resume", "acrnctl blkrescan", "--cpu_affinity", "--ovmf",
)  # fmt: skip
"""The commands, files and attributes of the other systems."""

FILES: Mapping[str, str] = {
    "line7.toml": 'schema = 1\n[hosts.h1.guests.lathe]\nmemory_mib = 512\n[hosts.h1.guests.plc]\nid = "GUEST0001"\n'
    'kind = "rt"\ncpuset = "30-31"\n',
    "os.xml": '<OperatingSystems><OperatingSystem Id="RtLinux" Name="RT Linux" Type="linux" HasRtSupport="1"'
    ' HasVmfAccess="1"/></OperatingSystems>',
    "images.xml": '<Images><Image Id="RtLinux" Name="RT Linux" Type="linux" Path="/simulated/vmlinuz" Arch="64"'
    ' MinSize="192M" DefaultSize="256M" Align="4M" ShmAsOsHeap="multiple"/></Images>',
    "kvmrt.cfg": "[6f2f1f64-3a3b-4c59-9d0c-0d6a5f6a6d01]\nname = robot\ncomments = first line\n    second line\n"
    "nr_vcpus = 2\ncpuset = c24-c26\nrt = true\nrt_memory = auto\nnumatune = auto\nautostart = yes\n",
    "GUEST.xml": "<domain type='kvm'><name>old</name><uuid>6f2f1f64-3a3b-4c59-9d0c-0d6a5f6a6d02</uuid>"
    "<memory unit='MiB'>512</memory><vcpu>2</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>",
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with site_of(tmp_path_factory.mktemp("site"), "h1", "h2", "h3") as made:
        yield made


@pytest.fixture
def at_the_desk(site: Fleet, tmp_path: Path) -> Reader:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    files = {name: str(tmp_path / name) for name in (*FILES, "new.toml", "saved.toml", "domains")}
    return reader(site, tmp_path, **files)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_row_does_what_it_says(at_the_desk: Reader, row: Row) -> None:
    assert row.commands, "there is no command in it"
    if (spare := SPARE.get(row.theirs)) is None:
        await at_the_desk.begin()
    else:
        at_the_desk = at_the_desk.knowing(HOST=spare)
    before = BEFORE.get(row.theirs, ())
    await at_the_desk.good(*(before or ((RUNS,) if "of a guest that runs" in row.remark else ())))
    *first, last = row.commands
    await at_the_desk.good(*first)
    said = await at_the_desk.run(last)
    assert said.code == row.code, (last, said)
    if not row.code and EDITS_A_DRAFT.match(last):
        await at_the_desk.good("guestwire project validate HOST")
    if row.theirs in AFTER:
        command, text = AFTER[row.theirs]
        told = await at_the_desk.run(command)
        assert re.search(text, told.out + told.err, re.MULTILINE), (command, told)
    if row.code:
        codes = re.findall(r"\b[A-Z]+(?:-[A-Z0-9]+)+\b|\bUNSUPPORTED\b", row.remark)
        assert not codes or any(code in said.out + said.err for code in codes), (codes, said)


async def test_what_is_not_there_yet_is_refused(at_the_desk: Reader) -> None:
    for edit in ("add HOST area shared size=64K", "add HOST network lan", "set HOST guest.RTGUEST.heap_mib=32"):
        await at_the_desk.begin()
        await at_the_desk.good(f"guestwire project {edit}")
        said = await at_the_desk.run("guestwire project apply HOST")
        assert said.code != 0
        assert "COMM-UNAVAILABLE" in said.err, (edit, said)


async def test_no_command_of_theirs_is_missing() -> None:
    text = page(PAGE)
    assert not [name for name in THEIRS if name not in text]
    assert len(ROWS) > 150


async def test_set_up_is_for_rows_that_are_there() -> None:
    known = [row.theirs for row in ROWS]
    assert {*BEFORE, *AFTER, *SPARE} <= set(known)
    assert len({row.name for row in ROWS}) == len(ROWS), "rows of a section that cannot be told apart"
    assert "COMM-UNAVAILABLE" in BY_CODE
