"""Whether a libvirt host can be run here, without importing libvirt: that is its driver's alone."""

import importlib.util
import socket
from pathlib import Path

SOCKETS = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))
CONNECT_S = 2.0


def missing_package() -> str:
    """Why the agent cannot speak to libvirt at all; empty when it can."""
    if importlib.util.find_spec("libvirt") is None:
        return "the Python package libvirt-python is not installed (pip install 'guestwire[libvirt]')"
    return ""


def why_not() -> str:
    """Why no libvirt can be reached; empty when one can."""
    path, problem = reach()
    if path is None:
        return "libvirtd does not run here"
    return problem


def answers(path: Path) -> bool:
    """Whether somebody listens on a socket."""
    return not _problem(path)


def reach() -> tuple[Path | None, str]:
    """The socket that libvirt listens on, and what keeps us from it; no socket at all is (None, "")."""
    path = next((path for path in SOCKETS if path.exists()), None)
    if path is None:
        return None, ""
    return path, _problem(path)


def _problem(path: Path) -> str:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(CONNECT_S)
            probe.connect(str(path))
    except OSError as err:
        return f"{path}: {err.strerror or err}"
    return ""
