"""A real libvirt for tests: the system's, started if nobody did, or one of a test's own that may be killed.

Where it cannot be, tests skip with the reason; with "libvirt" in GUESTWIRE_TEST_REQUIRE (a comma list) they fail.
"""

import asyncio
import contextlib
import fcntl
import grp
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

_RUN = Path("/run/guestwire-test")
_SOCKET = Path("/run/libvirt/libvirt-sock")
_LOG_SOCKET = Path("/run/libvirt/virtlogd-sock")
_START_S = 60.0


KERNEL_WORDS = "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests"
"""Of each test guest. The last three leave out what takes a sixth of a boot without KVM."""


@dataclass(frozen=True)
class LibvirtHost:
    """Where libvirt is, and the test guest's files, readable by its QEMU."""

    uri: str
    kernel: str
    initrd: str

    def cmdline(self, name: str, *extra: str) -> str:
        return " ".join((KERNEL_WORDS, f"guestwire.name={name}", *extra))


def unavailable(reason: str) -> NoReturn:
    """Skip, or fail where libvirt is required."""
    if "libvirt" in os.environ.get("GUESTWIRE_TEST_REQUIRE", "").split(","):
        pytest.fail(f"libvirt is required: {reason}", pytrace=False)
    pytest.skip(f"no libvirt: {reason}")


@contextlib.contextmanager
def guest_copies(flavour: str = "PLAIN", gwguest: Path | None = None) -> Iterator[tuple[str, str]]:
    """The kernel and initramfs of a test guest, in a directory that any user may read, while the block lasts. `gwguest`: the
    program to put in, linked statically."""
    build = _load_build()
    try:
        built = build.build(flavour=getattr(build, flavour), gwguest=gwguest)
    except build.BuildError as err:
        unavailable(f"the test guest cannot be built: {err}")
    directory = Path(tempfile.mkdtemp(prefix="guestwire-test-guest-", dir="/var/tmp"))
    try:
        directory.chmod(0o755)
        files = [shutil.copyfile(source, directory / source.name) for source in (built.kernel, built.initrd)]
        for file in files:
            file.chmod(0o644)
        yield str(files[0]), str(files[1])
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def guest_files() -> Iterator[tuple[str, str]]:
    """The plain test guest's kernel and initramfs."""
    with guest_copies() as files:
        yield files


@pytest.fixture(scope="session")
def libvirt_host(guest_files: tuple[str, str]) -> Iterator[LibvirtHost]:
    """qemu:///system. Daemons that tests started end with the last test session that uses them."""
    _check_programs()
    _RUN.mkdir(exist_ok=True)
    with (_RUN / "users").open("w") as users:
        with _exclusive():
            fcntl.flock(users, fcntl.LOCK_SH)
            _open_kvm()
            if not _answers(_LOG_SOCKET):
                _daemon("virtlogd", _LOG_SOCKET)
            if not _answers(_SOCKET):
                _daemon("libvirtd", _SOCKET)
        try:
            yield LibvirtHost("qemu:///system", *guest_files)
        finally:
            with _exclusive():
                fcntl.flock(users, fcntl.LOCK_UN)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _end_started()


class PrivateLibvirt:
    """A libvirtd of a test's own, as another user, with everything of it in one directory: it may be killed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._user = pwd.getpwnam("nobody")
        (directory / "c/libvirt").mkdir(parents=True)
        (directory / "c/libvirt/qemu.conf").write_text('stdio_handler = "file"\nsecurity_driver = "none"\n')
        for path in (directory, *directory.rglob("*")):
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    @property
    def uri(self) -> str:
        return f"qemu+unix:///session?socket={self._directory}/run/libvirt/libvirt-sock"

    async def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._directory),
            **{f"XDG_{kind}": str(self._directory / name) for kind, name in _XDG.items()},
        }
        (self._directory / "run").mkdir(mode=0o700, exist_ok=True)
        os.chown(self._directory / "run", self._user.pw_uid, self._user.pw_gid)
        with (self._directory / "libvirtd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("libvirtd")],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user.pw_uid,
                group=self._user.pw_gid,
                extra_groups=[],
                start_new_session=True,
            )
        path = self._directory / "run/libvirt/libvirt-sock"
        async with asyncio.timeout(_START_S):
            while not _answers(path):
                if self._process.poll() is not None:
                    raise RuntimeError((self._directory / "libvirtd.log").read_text()[-500:])
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a crash would; its guests run on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop_answering(self) -> None:
        """Freeze it: connections stay open and nothing comes back."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def answer_again(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


_XDG = {
    "RUNTIME_DIR": "run",
    "CONFIG_HOME": "c",
    "CACHE_HOME": "cache",
    "DATA_HOME": "data",
    "STATE_HOME": "state",
}


@pytest.fixture
def private_libvirt() -> Iterator[PrivateLibvirt]:
    """A session libvirtd that nobody else uses, not started yet. Its guests must be gone when the test ends."""
    _check_programs()
    directory = Path(tempfile.mkdtemp(prefix="gw", dir="/tmp"))  # a socket path has 107 bytes
    private = PrivateLibvirt(directory)
    try:
        yield private
    finally:
        private.kill()
        log = directory / "libvirtd.log"
        if log.exists():  # shown with a test that fails
            print(log.read_text("utf-8", "replace")[-4000:])
        shutil.rmtree(directory, ignore_errors=True)


def _load_build() -> ModuleType:
    path = Path(__file__).parents[1] / "guest/build.py"
    spec = importlib.util.spec_from_file_location("guestwire_test_guest_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or ""


def _check_programs() -> None:
    if importlib.util.find_spec("libvirt") is None:
        unavailable("libvirt-python is not installed (extra `libvirt`)")
    if missing := [name for name in ("libvirtd", "virtlogd", "qemu-system-x86_64") if not _program(name)]:
        unavailable(f"missing: {', '.join(missing)}")
    if os.geteuid() != 0:
        unavailable("starting libvirtd needs root")


@contextlib.contextmanager
def _exclusive() -> Iterator[None]:
    """One test session at a time starts or ends daemons."""
    with (_RUN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_kvm() -> None:
    """Let libvirt's QEMU user open /dev/kvm: where only root may, libvirt probes QEMU anew for a minute at each start."""
    kvm = Path("/dev/kvm")
    if kvm.exists() and not stat.S_IMODE(kvm.stat().st_mode) & stat.S_IRGRP:
        os.chown(kvm, 0, grp.getgrnam("kvm").gr_gid)
        kvm.chmod(0o660)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _daemon(name: str, path: Path) -> None:
    subprocess.run([_program(name), "-d", "--pid-file", str(_RUN / f"{name}.pid")], check=True, timeout=_START_S)
    until = time.monotonic() + _START_S
    while not _answers(path):
        if time.monotonic() > until:
            unavailable(f"{name} does not answer at {path}")
        time.sleep(0.05)


def _end_started() -> None:
    """End the daemons whose pid files we wrote, if the pid is still theirs."""
    for name in ("libvirtd", "virtlogd"):
        file = _RUN / f"{name}.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid = int(file.read_text())
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                os.kill(pid, signal.SIGTERM)
                until = time.monotonic() + 15
                while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
                    time.sleep(0.05)
        file.unlink(missing_ok=True)
