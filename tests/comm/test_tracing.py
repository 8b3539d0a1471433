"""The host's trace: with the kernel's tracefs, and with folders that look like one where something is missing."""

import asyncio
import os
import re
import stat
import subprocess
import sys
import time

import pytest

from guestwire.broker_test.fixtures import require
from guestwire.comm.tracing import (
    RAW_HEAD,
    RAW_ID,
    RAW_PART,
    TEXT_MAX,
    Bounds,
    HostTrace,
    TraceRefused,
    cpus_of_process,
    current_cpu,
    mounted_at,
)

HEX = re.compile(r"# ([0-9a-f]+) buf: ((?:[0-9a-f]{2} )*[0-9a-f]{2})")
NAME = f"guestwire-test-{os.getpid()}"
SMALL = Bounds(buffer_kib=64, file_bytes=16 << 10, files_of_guest=3, files=5)


@pytest.fixture
async def trace(tmp_path):
    """An instance of our own in the kernel's trace."""
    made = HostTrace(tmp_path / "traces", instance=NAME, bounds=SMALL)
    refused = await made.open()
    try:
        require("mount", not refused, f"may not mount a small file system: {refused}")
        yield made
    finally:
        await made.close()


async def taken(trace: HostTrace, cpus: set[int] | None = None) -> str:
    return (await trace.snapshot("alpha", cpus)).path.read_text()


async def test_marks_are_in_a_snapshot_with_the_monotonic_clock(trace):
    before = time.monotonic()
    assert trace.mark("guestwire ping guest=alpha cookie=0x7") == ""
    after = time.monotonic()
    text = await taken(trace)
    line = next(line for line in text.splitlines() if "cookie=0x7" in line)
    stamp = float(re.search(r"(\d+\.\d+): tracing_mark_write", line)[1])
    assert before - 1e-6 <= stamp <= after + 1e-6


async def test_binary_marks_carry_their_number_and_all_bytes(trace):
    data = bytes(range(256)) * 16
    assert trace.mark_bytes("guestwire data guest=alpha", data) == ""
    text = await taken(trace)
    assert "guest=alpha mark=1 parts=2" in text
    raw = [bytes.fromhex(found[2]) for found in HEX.finditer(text)]
    # the kernel prints the id apart, and pads what follows it
    heads = [RAW_HEAD.unpack(RAW_ID.to_bytes(4, "little") + mark[: RAW_HEAD.size - 4]) for mark in raw]
    assert heads == [(RAW_ID, 1, 0, 2), (RAW_ID, 1, 1, 2)]
    assert b"".join(mark[RAW_HEAD.size - 4 :][:RAW_PART] for mark in raw) == data
    assert {int(found[1], 16) for found in HEX.finditer(text)} == {RAW_ID}


async def test_a_snapshot_of_a_cpu_has_what_happened_there_and_nothing_else(trace):
    here = os.sched_getaffinity(0)
    cpu = min(here)
    os.sched_setaffinity(0, {cpu})
    try:
        assert current_cpu() == cpu
        trace.mark("on this one")
    finally:
        os.sched_setaffinity(0, here)
    assert "on this one" in await taken(trace, {cpu})
    others = set(range(os.cpu_count() or 1)) - {cpu}
    if others:
        assert "on this one" not in await taken(trace, others)
    with pytest.raises(TraceRefused, match="no CPU 9999"):
        await trace.snapshot("alpha", {9999})


async def test_a_long_trace_is_cut_at_its_beginning_and_a_long_line_at_its_end(trace):
    trace.mark("the first one")
    for n in range(100):
        trace.mark(f"line {n} " + "x" * 2 * TEXT_MAX)
    kept = await trace.snapshot("alpha", None)
    text = kept.path.read_text()
    assert kept.cut
    assert 0 < kept.size == kept.path.stat().st_size <= SMALL.file_bytes
    assert "line 99 xxx" in text
    assert "the first one" not in text
    assert all(re.match(r"\s*\S+-\d+\s", line) for line in text.splitlines())


async def test_files_are_private_and_only_the_last_ones_are_kept(trace, tmp_path):
    """A guest that asks for many does not push out those of the others."""
    other = (await trace.snapshot("../omega [1]", None)).path
    paths = [(await trace.snapshot("alpha", None)).path for _ in range(5)]
    assert set((tmp_path / "traces").iterdir()) == {other, *paths[2:]}
    assert other.name.startswith(".._omega__1_@")
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    assert stat.S_IMODE(other.parent.stat().st_mode) == 0o700
    paths.extend([(await trace.snapshot(guest, None)).path for guest in ("b", "c", "d")])
    assert set((tmp_path / "traces").iterdir()) == set(paths[3:])


async def test_a_snapshot_that_cannot_be_written_is_refused(trace, tmp_path):
    (tmp_path / "traces").write_text("a file")
    with pytest.raises(TraceRefused, match="traces"):
        await trace.snapshot("alpha", None)


async def test_the_instance_goes_with_the_end_and_is_taken_over_from_a_dead_process(tmp_path):
    first = HostTrace(tmp_path, instance=NAME)
    refused = await first.open()
    require("mount", not refused, f"may not mount a small file system: {refused}")
    instance = mounted_at() / "instances" / NAME
    assert await first.open() == ""
    second = HostTrace(tmp_path, instance=NAME)
    assert await second.open() == ""
    await second.close()
    assert instance.is_dir(), "somebody uses it"
    assert first.mark("it still works") == ""
    await first.close()
    assert not instance.exists()
    assert first.mark("too late") == first.missing == "the host's trace was closed"
    with pytest.raises(TraceRefused, match="closed"):
        await first.snapshot("alpha", None)


async def test_tracing_that_is_switched_off_is_said(trace):
    (mounted_at() / "instances" / NAME / "tracing_on").write_text("0")
    assert trace.mark("no") == "tracing is switched off"
    assert trace.mark_bytes("no", b"data") == "tracing is switched off"


# -- where something is missing


def fake(tmp_path, *present: str):
    root = tmp_path / "tracing fs"
    (root / "instances" / "guestwire").mkdir(parents=True)
    for name in present:
        (root / "instances" / "guestwire" / name).touch()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"proc /proc proc rw 0 0\nnodev {str(root).replace(' ', chr(92) + '040')} tracefs rw 0 0\n")
    return mounts, root


def test_tracefs_is_found_by_the_table_of_mounts(tmp_path):
    mounts, root = fake(tmp_path)
    assert mounted_at(mounts) == root
    mounts.write_text("proc /proc proc rw 0 0\n")
    assert mounted_at(mounts) is None


@pytest.mark.parametrize("missing", ["trace_marker", "trace_marker_raw"])
async def test_what_a_kernel_lacks_is_said(tmp_path, missing):
    mounts, _ = fake(tmp_path, *({"trace_marker", "trace_marker_raw"} - {missing}))
    trace = HostTrace(tmp_path, mounts=mounts)
    assert trace.mark("early") == "the host's trace was not opened"
    said = await trace.open()
    assert said == trace.missing == trace.mark("a line") == trace.mark_bytes("a line", b"data")
    assert said.startswith("tracefs: No such file or directory: ")
    assert said.endswith(f"/{missing}")
    with pytest.raises(TraceRefused, match=missing):
        await trace.snapshot("alpha", None)
    await trace.close()


async def test_tracefs_that_cannot_be_mounted_is_said(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.touch()
    trace = HostTrace(tmp_path, mounts=mounts, mount_point=tmp_path / "none")
    said = await trace.open()
    assert re.fullmatch(
        "tracefs: it (is not mounted, and mounting it takes root|cannot be mounted: No such file).*", said
    )
    await trace.close()


OWN_MOUNT = """
import asyncio, os, sys
from pathlib import Path
from guestwire.comm.tracing import HostTrace

async def main(folder, name):
    point, nothing, table = folder / "ours", folder / "mounts", folder / "table"
    point.mkdir()
    nothing.touch()
    trace = HostTrace(folder, instance=f"{name}-ours", mounts=nothing, mount_point=point)
    assert await trace.open() == "", trace.missing
    assert os.path.ismount(point)
    table.write_text(f"nodev {point} tracefs rw 0 0")
    guest = HostTrace(folder, instance=f"{name}-foreign", mounts=table)
    assert await guest.open() == "", guest.missing
    await guest.close()
    assert os.path.ismount(point), "it was not its own"
    await trace.close()
    assert not os.path.ismount(point)
    assert list(point.iterdir()) == []

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def test_a_mount_of_ours_goes_with_the_end_and_a_foreign_one_stays(tmp_path):
    """Among mounts of its own: nobody else may find this one and use it."""
    apart = ["unshare", "--mount", "--propagation", "private"]
    may = subprocess.run([*apart, "true"], capture_output=True, text=True, check=False)
    require("mount", may.returncode == 0, f"may not mount a small file system: {may.stderr.strip()}")
    done = subprocess.run(
        [*apart, sys.executable, "-c", OWN_MOUNT, str(tmp_path), NAME],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def test_the_loop_runs_on_while_a_snapshot_is_taken(tmp_path):
    """The trace is a pipe here: reading it takes as long as the test says."""
    mounts, root = fake(tmp_path, "trace_marker", "trace_marker_raw")
    pipe = root / "instances" / "guestwire" / "trace"
    os.mkfifo(pipe)
    trace = HostTrace(tmp_path / "traces", mounts=mounts)
    assert await trace.open() == ""
    snapshot = asyncio.create_task(trace.snapshot("alpha", None))
    text = "# tracer: nop\n"
    await asyncio.to_thread(pipe.write_text, text)
    assert (await snapshot).path.read_text() == text
    await trace.close()


def test_the_cpus_of_a_process_are_those_of_its_threads():
    assert cpus_of_process(os.getpid()) == os.sched_getaffinity(0)
    assert cpus_of_process(0x7FFFFFFF) == frozenset()
