"""The broker of a site, configured from its trust document: who is in it may do what his role may, and nobody else anything.

Run again after every change of the trust document: it writes what changed and says how mosquitto takes it up. Measured with
mosquitto 2.0.11: at SIGHUP it reads certificates, revocation list and access list again. Who is open then and no longer in
the access list can publish nothing from that moment and is sent nothing more that is published; what was queued for him
before still goes out, and his connection stays, of no use. mosquitto has no way to close it but to end.
"""

import grp
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from guestwire.model.errors import GuestwireError
from guestwire.protocol.access_lists import Grant, access_list, users_of
from guestwire.protocol.signing import key_id
from guestwire.protocol.trust import Trust
from guestwire.site import mosquitto_files as named
from guestwire.site.certificates import Issued
from guestwire.site.files import PUBLIC, replace
from guestwire.site.layout import Layout
from guestwire.site.mosquitto_files import MosquittoOptions
from guestwire.site.register import Registered, no_longer_good, registered
from guestwire.site.revocation_list import lists_in, revocation_list, says, serials_in

Action = Literal["nothing", "reload", "restart"]
SECRET = 0o640
"""The broker's group reads it."""
ALONE = 0o600
_RESTART = frozenset({named.CONFIGURATION, named.DROP_IN})


@dataclass(frozen=True, slots=True)
class Written:
    """Which files are new or different, and what mosquitto needs to take them up: nothing, SIGHUP, or to be started anew.
    `group`: whether its group can read them; else only we can."""

    changed: tuple[str, ...]
    action: Action
    group: bool


def write_broker_config(layout: Layout, trust: Trust, out: Path, options: MosquittoOptions, now_ms: int) -> Written:
    """Write the files of mosquitto for a site into `out`, which is made where it is not there. Needs no root key.

    Raises CONFIG-INVALID (two principals of one name), FILE-MISSING (a site without TLS), KEY-FILE-INVALID,
    CERTIFICATE-INVALID, TRUST-INVALID (the register is damaged), and OSError where the file system refuses.
    """
    if not layout.issuing_key.exists():
        raise GuestwireError(
            "FILE-MISSING", f"{layout.issuing_key} is not there: the site needs TLS (`guestwire site init --tls`)."
        )
    at = options.at if options.at is not None else out.absolute()
    named.check(options, at)
    users = users_of(trust, now_ms)
    rows = no_longer_good(registered(layout.issued), _good_keys(trust, now_ms), now_ms)
    group = _group(options.user)
    _make_folder(out, group)
    before = _read(out / named.REVOKED)
    revoked = _revoked(_issuing_cas(layout), {row.serial for row in rows}, before, now_ms)
    files = {
        named.AUTHORITY: layout.ca_certificate.read_bytes(),
        named.CERTIFICATE: layout.certificate("broker").read_bytes(),
        named.KEY: layout.certificate_key("broker").read_bytes(),
        named.REVOKED: revoked,
        named.ACCESS: access_list(users, trust.site).encode(),
        named.CONFIGURATION: named.configuration(options, at).encode(),
        named.DROP_IN: named.drop_in(options, at).encode(),
    }
    changed = tuple(name for name, data in files.items() if _put(out / name, data, name, group))
    return Written(changed, _action(changed, rows, serials_in(before), users), group >= 0)


def _good_keys(trust: Trust, now_ms: int) -> frozenset[str]:
    return frozenset(
        key_id(bytes.fromhex(signer.public_key)).hex() for signer in trust.signers if signer.not_after > now_ms
    )


def _issuing_cas(layout: Layout) -> Iterable[Issued]:
    """The issuing CA, and those before it that are still there: a broker refuses every leaf of a CA that it has no list of."""
    yield Issued(layout.issuing_certificate.read_bytes(), layout.issuing_key.read_bytes())
    for certificate in sorted(layout.issuing_certificate.parent.glob("before-*.crt")):
        key = certificate.with_suffix(".key")
        if key.exists():
            yield Issued(certificate.read_bytes(), key.read_bytes())


def _revoked(issuing: Iterable[Issued], serials: set[int], before: bytes, now_ms: int) -> bytes:
    """A list of each issuing CA, the one of before where it says the same. Each has all serial numbers: they are random, so
    that none is another certificate's of another CA."""
    lists = lists_in(before)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    made = []
    for ca in issuing:
        same = next((one for one in lists if says(one, ca.certificate, serials)), None)
        made.append(revocation_list(ca, serials, now, previous=before) if same is None else same)
    return b"".join(made)


def _action(
    changed: tuple[str, ...], revoked: tuple[Registered, ...], before: frozenset[int], users: Mapping[str, Grant]
) -> Action:
    """A connection that is open keeps the rights of its name: where a certificate is revoked whose name goes on with another
    key, only a new start ends what is open with the old one."""
    same_name = any(row.name in users and row.serial not in before for row in revoked)
    if same_name or not _RESTART.isdisjoint(changed):
        return "restart"
    return "reload" if changed else "nothing"


def _make_folder(path: Path, group: int) -> None:
    """Where it is there already, who may look into it is not ours to say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o750)
    except FileExistsError:
        return
    os.chown(path, -1, group)


def _put(path: Path, data: bytes, name: str, group: int) -> bool:
    """Whether the file was not yet as it is to be."""
    closed = name in (named.KEY, named.ACCESS)
    mode = (SECRET if group >= 0 else ALONE) if closed else PUBLIC
    try:
        status = path.stat()
        as_it_should_be = stat.S_IMODE(status.st_mode) == mode and group in (-1, status.st_gid)
    except FileNotFoundError:
        as_it_should_be = False
    if as_it_should_be and _read(path) == data:
        return False
    replace(path, data, mode, group)
    return True


def _group(name: str) -> int:
    """The id of the broker's group where there is one here and we may give files to it; else -1."""
    try:
        group = grp.getgrnam(name).gr_gid
    except KeyError:
        return -1
    return group if os.geteuid() == 0 or group in os.getgroups() else -1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
