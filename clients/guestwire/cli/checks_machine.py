"""Doctor: this machine: its clock, its limits, and what it can do as a host: libvirt, KVM, a mosquitto that runs here."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from guestwire.cli.checks_sockets import open_files
from guestwire.cli.findings import Finding
from guestwire.cli.libvirt_probe import reach

KVM = Path("/dev/kvm")
VIRSH_S = 5
_TIME_ERROR = 5
ENOUGH_FILES = 4096


def check(hosts: int) -> list[Finding]:
    """Everything; what is not there is skipped, for not every machine is a host. `hosts`: of the site."""
    return [clock(clock_state()), open_files(hosts), _libvirt(), _kvm(), _mosquitto()]


def clock_state() -> bool | None:
    """Whether the kernel holds the wall clock to be synchronised: adjtimex(2), read only. None where it cannot be asked."""
    try:
        # modes = 0: nothing is set, and the answer is the clock's state
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def clock(synchronised: bool | None) -> Finding:
    """What `clock_state` says, as a finding."""
    if synchronised is None:
        return Finding("clock", "skip", "the kernel does not say whether this machine's clock is synchronised")
    if synchronised:
        return Finding("clock", "ok", "this machine's is synchronised")
    remedy = "Run chrony or systemd-timesyncd (`timedatectl`): requests expire by the hosts' clocks."
    return Finding("clock", "warn", "this machine's is not synchronised, says the kernel", remedy)


def _libvirt() -> Finding:
    path, problem = reach()
    if path is None:
        return Finding("libvirt", "skip", "libvirtd does not run here: simulated hosts only")
    if problem:
        return Finding("libvirt", "warn", problem, "Start libvirtd; add yourself to the group libvirt.")
    if shutil.which("virsh") is None:
        return Finding("libvirt", "ok", f"{path} answers")
    try:
        done = subprocess.run(
            ["virsh", "-q", "-c", "qemu:///system", "version"],
            capture_output=True, text=True, timeout=VIRSH_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Finding("libvirt", "warn", f"virsh gave no answer in {VIRSH_S} s", "Look at libvirtd's log.")
    if done.returncode:
        return Finding("libvirt", "warn", (done.stderr.strip().splitlines() or ["virsh failed"])[0], "Look at its log.")
    hypervisor = next((line.partition(":")[2].strip() for line in done.stdout.splitlines() if "hypervisor" in line), "")
    return Finding("libvirt", "ok", hypervisor or "answers")


def _kvm() -> Finding:
    if not KVM.exists():
        return Finding(
            "kvm", "skip", "no /dev/kvm: guests are emulated (TCG)", "Enable virtualisation in the firmware."
        )
    mode = KVM.stat().st_mode & 0o777
    if not mode & 0o060:
        return Finding(
            "kvm", "warn", f"/dev/kvm has mode {mode:04o}: libvirt probes it anew for every guest, a minute each",
            "chgrp kvm /dev/kvm && chmod 660 /dev/kvm",
        )  # fmt: skip
    if not os.access(KVM, os.R_OK | os.W_OK):
        return Finding("kvm", "ok", "there, for libvirt; not for you", "")
    return Finding("kvm", "ok", "there; whether it works only a test boot tells")


def _mosquitto() -> Finding:
    limits = [limit for pid in _pids("mosquitto") if (limit := _open_files(pid)) is not None]
    if not limits:
        return Finding("mosquitto", "skip", "none runs here")
    if min(limits) < ENOUGH_FILES:
        return Finding(
            "mosquitto", "warn",
            f"may open {min(limits)} files: it takes about that many clients, and closes the rest without a word",
            "A drop-in for its unit: [Service] LimitNOFILE=65536",
        )  # fmt: skip
    return Finding("mosquitto", "ok", f"may open {min(limits)} files")


def _pids(name: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/comm"):
        try:
            if entry.read_text().strip() == name:
                found.append(int(entry.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def _open_files(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except OSError:
        return None
    soft = next((line.split()[3] for line in lines if line.startswith("Max open files")), "unlimited")
    return int(soft) if soft.isdigit() else None
