"""The thread reader, on /proc trees that these tests write themselves and on this process.

Real QEMU processes are in the contract suite of the Guests port.
"""

import os
import threading
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.threads import find_process, read_threads, threads_of
from guestwire.model.guest import GuestThread

UUID = "0f7b5a8e-1111-4222-8333-444455556666"


def process(root: Path, pid: int, arguments: list[str], threads: dict[int, tuple[str, str, int, int]]) -> None:
    """`threads`: by id, the name, the CPU list, the kernel's number of the policy, and the priority."""
    base = root / "proc" / str(pid)
    (base / "task").mkdir(parents=True)
    (base / "cmdline").write_bytes(b"\0".join(argument.encode() for argument in arguments) + b"\0")
    for tid, (name, cpus, policy, priority) in threads.items():
        task = base / "task" / str(tid)
        task.mkdir()
        fields = ["S", "1", *["0"] * 9, "30", "12", *["0"] * 24, str(priority), str(policy), "0"]
        (task / "stat").write_text(f"{tid} ({name}) {' '.join(fields)}\n")
        (task / "status").write_text(f"Name:\t{name}\nCpus_allowed:\tff\nCpus_allowed_list:\t{cpus}\n")


def qemu(root: Path) -> None:
    process(root, 7, ["qemu-system-x86_64", "-name", f"guest={UUID}"], {7: ("other", "0-3", 0, 0)})
    process(
        root,
        4711,
        ["qemu-system-x86_64", "-name", "guest=a,debug-threads=on", "-uuid", UUID],
        {
            4711: ("qemu-system-x86", "3", 0, 0),
            4712: ("CPU 0/KVM", "1", 1, 1),
            4713: ("CPU 1/KVM", "2", 2, 5),
            4714: ("IO mon_iothread", "3", 0, 0),
            4715: ("vhost-4711", "3", 0, 0),
            4716: ("worker) (odd", "0-3", 3, 0),
        },
    )


def test_roles_policies_and_places(tmp_path: Path) -> None:
    qemu(tmp_path)
    assert find_process(UUID, tmp_path) == 4711
    threads = read_threads(4711, tmp_path, ticks_per_s=100)
    assert [(t.role, t.vcpu, t.cpus, t.policy, t.priority) for t in threads] == [
        ("emulator", None, "3", "other", 0),
        ("vcpu", 0, "1", "fifo", 1),
        ("vcpu", 1, "2", "rr", 5),
        ("iothread", None, "3", "other", 0),
        ("vhost", None, "3", "other", 0),
        ("worker", None, "0-3", "batch", 0),
    ]
    assert threads[5] == GuestThread(
        tid=4716, name="worker) (odd", role="worker", cpus="0-3", policy="batch", cpu_ms=420
    )
    assert threads_of(UUID, tmp_path)


def test_thread_ids_that_qemu_told_decide_over_names(tmp_path: Path) -> None:
    qemu(tmp_path)
    threads = read_threads(4711, tmp_path, vcpus={4716: 0})
    assert {thread.tid: thread.vcpu for thread in threads if thread.role == "vcpu"} == {4716: 0}


@pytest.mark.parametrize("uuid", ["", "0f7b5a8e-1111-4222-8333-444455556667"])
def test_no_process_no_threads(tmp_path: Path, uuid: str) -> None:
    qemu(tmp_path)
    assert find_process(uuid, tmp_path) is None
    assert threads_of(uuid, tmp_path) == ()
    assert read_threads(99, tmp_path) == ()


def test_this_process() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        threads = read_threads(os.getpid())
        assert {other.native_id, os.getpid()} <= {thread.tid for thread in threads}
        main = next(thread for thread in threads if thread.tid == os.getpid())
        assert (main.role, main.policy) == ("emulator", "other")
        assert main.cpu_ms > 0
        assert main.cpus
    finally:
        stop.set()
        other.join()
