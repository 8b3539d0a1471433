"""Doctor: Python, the configuration file, the context and the files it names."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from guestwire.cli.findings import Finding
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import is_private
from guestwire.sdk import credentials
from guestwire.sdk.contexts import Context
from guestwire.sdk.hosts import listed_hosts

PACKAGES = ("aiomqtt", "click", "cryptography", "msgpack", "mqtt5", "pydantic")


def python() -> list[Finding]:
    """The interpreter, and the packages Guestwire stands on."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    findings = [
        Finding("python", "ok", f"{found} at {sys.executable}")
        if sys.version_info >= (3, 11)
        else Finding("python", "fail", f"{found} is too old", "Install Python 3.11 or newer.")
    ]
    missing, there = [], []
    for package in PACKAGES:
        try:
            there.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        return [
            *findings,
            Finding("packages", "fail", f"missing: {', '.join(missing)}", "pip install 'guestwire[cli]'"),
        ]
    return [*findings, Finding("packages", "ok", ", ".join(there))]


def files(context: Context) -> list[Finding]:
    """The files of a context: there, readable, private ones closed to others."""
    findings = []
    for field in ("trust", "root", "ca", "certificate", "key", "certificate_key", "password_file"):
        path: str | None = getattr(context, field)
        if path is not None:
            findings.append(
                _file(
                    f"{field.replace('_', ' ')} file",
                    Path(path),
                    private=field in ("key", "certificate_key", "password_file"),
                )
            )
    return findings


def _file(what: str, path: Path, *, private: bool) -> Finding:
    try:
        mode = path.stat().st_mode
        readable = os.access(path, os.R_OK)
    except OSError as err:
        return Finding(what, "fail", f"{path}: {err.strerror}", "Put the file there, or correct the context.")
    if not readable:
        return Finding(what, "fail", f"{path} is not readable for you", "Change its owner or mode.")
    if private and not is_private(mode):
        return Finding(what, "fail", f"{path} is open to other users", f"chmod 600 {path}")
    if not private and mode & 0o022:
        return Finding(what, "warn", f"{path} can be written by others", f"chmod 644 {path}")
    return Finding(what, "ok", str(path))


def trust(context: Context) -> list[Finding]:
    """The trust document and the key: who this client is, and whom it believes."""
    try:
        who = credentials.read(context, now().wall_ms)
    except GuestwireError as err:
        return [Finding("identity", "fail", f"{err.code}: {err.message}", err.remedy)]
    findings = []
    if who.trust is None and context.via == "mqtt":
        findings.append(
            Finding("trust", "warn", "no trust document: nothing a host says can be verified", "Set trust and root.")
        )
    elif who.trust is not None:
        hosts = listed_hosts(who.trust)
        text = f"revision {who.trust.rev} of site {who.trust.site}, {len(hosts)} hosts"
        findings.append(
            Finding("trust", "ok", text)
            if hosts
            else Finding("trust", "warn", text, "guestwire site add-host DIRECTORY ID")
        )
    if context.via == "socket":
        findings.append(Finding("identity", "ok", f"{who.issuer}: the host's kernel vouches for it"))
    elif who.key is None:
        findings.append(
            Finding(
                "identity", "warn", f"{who.issuer}, without a key: only reads can be asked", "Set key in the context."
            )
        )
    else:
        known = who.trust.key(who.key.id, now().wall_ms) if who.trust else None
        risk = f", up to R{known.signer.scope.risk}" if known else ""
        findings.append(Finding("identity", "ok", f"{who.issuer}, key {who.key.id.hex()}{risk}"))
    return findings
