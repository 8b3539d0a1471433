"""Doctor: Python, the configuration file, the context and the files it names."""

import datetime
import os
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from guestwire.cli.findings import Finding
from guestwire.cli.validity import validity
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import is_private
from guestwire.protocol.signing import key_id
from guestwire.protocol.trust import FOREVER
from guestwire.sdk import credentials
from guestwire.sdk.contexts import Context
from guestwire.sdk.hosts import listed_hosts

PACKAGES = ("aiomqtt", "click", "cryptography", "msgpack", "mqtt5", "pydantic")
PRIVATE = ("key", "certificate_key", "password_file", "token_file")
LOG_IN = "Log in: `guestwire login --name USER`."
SIGNER_SOON = datetime.timedelta(days=30)


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
    """The files of a context: there, readable, private ones closed to others and where nobody else can replace them."""
    findings = []
    for field in ("trust", "root", "ca", "certificate", "key", "certificate_key", "password_file", "token_file"):
        path: str | None = getattr(context, field)
        if path is not None:
            what = f"{field.removesuffix('_file').replace('_', ' ')} file"
            remedy = LOG_IN if field == "token_file" else "Put the file there, or correct the context."
            findings.append(_file(what, Path(path), remedy, private=field in PRIVATE))
    return findings


def _file(what: str, path: Path, remedy: str, *, private: bool) -> Finding:
    try:
        status, folder = path.stat(), path.parent.stat()
        readable = os.access(path, os.R_OK)
    except OSError as err:
        return Finding(what, "fail", f"{path}: {err.strerror}", remedy)
    if not readable:
        return Finding(what, "fail", f"{path} is not readable for you", "Change its owner or mode.")
    if private and not is_private(status.st_mode):
        return Finding(what, "fail", f"{path} is open to other users", f"chmod 600 {path}")
    if not private and status.st_mode & 0o022:
        return Finding(what, "warn", f"{path} can be written by others", f"chmod 644 {path}")
    if os.geteuid() and status.st_uid not in (0, os.geteuid()):
        return Finding(what, "warn", f"{path} is another user's (uid {status.st_uid})", f"chown {os.geteuid()} {path}")
    if folder.st_mode & 0o002 and not folder.st_mode & stat.S_ISVTX:
        return Finding(what, "warn", f"anybody can replace {path}: its directory is open", f"chmod o-w {path.parent}")
    return Finding(what, "ok", str(path))


def identity(context: Context) -> tuple[list[Finding], credentials.Credentials | None]:
    """The trust document and the key: whom this client believes, and who it is; None where that cannot be told."""
    at = now().wall_ms
    try:
        who = credentials.read(context, at)
    except GuestwireError as err:
        return [Finding("identity", "fail", f"{err.code}: {_why(context, err, at)}", err.remedy)], None
    findings = [*_trust(context, who)]
    if context.via == "socket":
        findings.append(Finding("identity", "ok", f"{who.issuer}: the host's kernel vouches for it"))
    elif who.key is None:
        text = f"{who.issuer}, without a key: only reads can be asked"
        findings.append(Finding("identity", "warn", text, "Set key in the context."))
    else:
        known = who.trust.key(who.key.id, at) if who.trust else None
        risk = f", up to R{known.signer.scope.risk}" if known else ""
        findings.append(Finding("identity", "ok", f"{who.issuer}, key {who.key.id.hex()}{risk}"))
        if known is not None and known.signer.not_after < FOREVER:
            level, text = validity(known.signer.not_before, known.signer.not_after, at, SIGNER_SOON)
            remedy = (
                "`guestwire site signer rotate`, then `guestwire site trust publish`, where the site's root key is."
            )
            findings.append(Finding("key validity", level, text, remedy))
    return findings, who


def _trust(context: Context, who: credentials.Credentials) -> Iterator[Finding]:
    if who.trust is None:
        if context.via != "socket":
            text = "no trust document: nothing a host says can be verified"
            yield Finding("trust", "warn", text, "Set trust and root.")
        return
    hosts = listed_hosts(who.trust)
    revision, members = who.trust.revision
    text = f"revision {revision} of site {who.trust.site}, {len(hosts)} hosts"
    if members:
        text = f"revision {revision}, members {members}, of site {who.trust.site}, {len(hosts)} hosts"
    yield Finding("trust", "ok" if hosts else "warn", text, "" if hosts else "guestwire site add-host DIRECTORY ID")


def _why(context: Context, err: GuestwireError, at: int) -> str:
    """Which of the reasons it is that a key does not count."""
    key = str((err.detail or {}).get("key", ""))
    if err.code != "KEY-UNKNOWN" or not (context.trust and context.root):
        return err.message
    trust = credentials.read_store(Path(context.trust), Path(context.root)).trust
    mine = [signer for signer in trust.document.signers if key_id(bytes.fromhex(signer.public_key)).hex() == key]
    if not mine:
        return f"revision {trust.rev} of the trust document names no key {key} ({context.key})"
    if key in trust.document.revoked:
        return f"the key {key} of {mine[0].principal} was revoked"
    return f"the key {key} of {mine[0].principal} {validity(mine[0].not_before, mine[0].not_after, at, SIGNER_SOON)[1]}"
