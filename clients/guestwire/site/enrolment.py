"""Makes a site and adds hosts and operators to it (PROTOCOL, envelope and signatures).

Scopes: an operator may do everything (R3); a controller by itself only what is reversible (R1), more takes an
operator's mandate; a host's key speaks for that host and may ask for nothing.
"""

import datetime
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug
from guestwire.protocol.key_files import format_private, format_public
from guestwire.protocol.signing import SigningKey, key_id
from guestwire.protocol.trust import LocalScope, Scope, Signer, TrustDocument, with_signers
from guestwire.protocol.trust_file import seal, unseal
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Issued
from guestwire.site.files import DIRECTORY, PRIVATE, PUBLIC, read_signing_key, replace, write_new
from guestwire.site.layout import Layout
from guestwire.site.leaves import issue_client, issue_host, issue_server
from guestwire.site.register import register

EVERYTHING = Scope(risk=3)
SCOPES: dict[str, Scope] = {
    "operator": EVERYTHING,
    "controller": Scope(risk=1),
    "host": Scope(operations=(), hosts=(), risk=0),
}


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What a new site is to have. `local_uids`: users of the hosts who may do everything over the Unix socket.
    `broker_names`: DNS names and addresses in the broker's certificate, with `tls` only."""

    site: str
    hosts: Sequence[str] = ()
    operators: Sequence[str] = ("admin",)
    controllers: Sequence[str] = ("main",)
    local_uids: Sequence[int] = field(default_factory=lambda: (0, os.getuid()))
    tls: bool = False
    broker_names: Sequence[str] = ("localhost", "127.0.0.1", "::1")

    def principals(self) -> tuple[str, ...]:
        """Every principal, checked: slugs, and no name twice, for each is a user name at the broker as well.
        Raises CONFIG-INVALID."""
        _check_name(self.site, "site")
        named = {"operator": self.operators, "controller": self.controllers, "host": self.hosts}
        seen = {"broker", "ca"}
        for kind, names in named.items():
            for name in names:
                _check_name(name, kind)
                if name in seen:
                    raise GuestwireError("CONFIG-INVALID", f"{name!r} is used twice, or is reserved.", field=kind)
                seen.add(name)
        return tuple(f"{kind}:{name}" for kind, names in named.items() for name in names)


def create(directory: Path, plan: SitePlan, now_ms: int) -> Layout:
    """Make a site in `directory`, which must not exist or be empty: all of it, or nothing.

    Raises EXISTS, CONFIG-INVALID, and OSError where the file system refuses.
    """
    principals = plan.principals()
    directory.parent.mkdir(parents=True, exist_ok=True)
    _refuse_used(directory)
    building = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        _build(Layout(building), plan, principals, now_ms)
        try:
            building.rename(directory)  # takes the place of nothing but an empty directory
        except OSError as err:
            raise GuestwireError("EXISTS", f"{directory} exists already; nothing was overwritten.") from err
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Layout(directory)


def add(directory: Path, principals: Sequence[str], now_ms: int) -> TrustDocument:
    """Make keys for more principals (`host:h2`, `operator:eve`) and put them into the next revision of the trust
    document, which it returns. Certificates too, where the site has a CA.

    A key that an interrupted run left behind is taken up. Raises EXISTS, CONFIG-INVALID, KEY-FILE-INVALID,
    TRUST-INVALID. Needs the offline root key.
    """
    layout = Layout(directory)
    with _locked(layout) as root:
        document = unseal(_read(layout.trust), root.public).document
        known = {signer.principal.partition(":")[2] for signer in document.signers} | {"broker", "ca"}
        for principal in principals:
            name = principal.partition(":")[2]
            _check_name(name, principal.partition(":")[0])
            if name in known:
                raise GuestwireError("EXISTS", f"The site has a {name!r} already; nothing was overwritten.")
            known.add(name)
        signers = [_signer(layout, principal) for principal in principals]
        if layout.issuing_key.exists():
            ca = Issued(_read(layout.issuing_certificate), _read(layout.issuing_key))
            for signer in signers:
                _write_certificate(layout, ca, signer, now_ms)
        document = with_signers(document, signers, now_ms)
        replace(layout.trust, seal(document, root), PUBLIC)
    return document


def _build(layout: Layout, plan: SitePlan, principals: Sequence[str], now_ms: int) -> None:
    layout.base.chmod(DIRECTORY)
    for path in layout.directories:
        path.mkdir(mode=DIRECTORY)
    root = SigningKey.generate()
    write_new(layout.root_key, format_private(root, f"root of site {plan.site}: keep it offline").encode(), PRIVATE)
    write_new(layout.root_public, format_public(root.public, f"root of site {plan.site}").encode(), PUBLIC)
    document = TrustDocument(
        site=plan.site,
        rev=1,
        issued_at=now_ms,
        signers=tuple(_signer(layout, principal) for principal in principals),
        local=tuple(LocalScope(uid=uid, scope=EVERYTHING) for uid in dict.fromkeys(plan.local_uids)),
    )
    write_new(layout.trust, seal(document, root), PUBLIC)
    if plan.tls:
        now = _date(now_ms)
        root_ca = make_root_ca(plan.site, now)
        write_new(layout.ca_key, root_ca.key, PRIVATE)
        write_new(layout.ca_certificate, root_ca.certificate, PUBLIC)
        ca = make_issuing_ca(root_ca, plan.site, now)
        write_new(layout.issuing_key, ca.key, PRIVATE)
        write_new(layout.issuing_certificate, ca.certificate, PUBLIC)
        broker = issue_server(ca, plan.broker_names, now)
        register(layout.issued, broker.certificate)
        write_new(layout.certificate_key("broker"), broker.key, PRIVATE)
        write_new(layout.certificate("broker"), broker.certificate, PUBLIC)
        for signer in document.signers:
            _write_certificate(layout, ca, signer, now_ms)


def _signer(layout: Layout, principal: str) -> Signer:
    """The principal's entry in the trust document, its key made or, left by an interrupted run, taken up."""
    path = layout.key(principal)
    if path.exists():
        key = read_signing_key(path)
    else:
        key = SigningKey.generate()
        write_new(path, format_private(key, principal).encode(), PRIVATE)
    scope = SCOPES[principal.partition(":")[0]]
    return Signer(principal=principal, public_key=key.public.raw.hex(), scope=scope)


def _write_certificate(layout: Layout, ca: Issued, signer: Signer, now_ms: int) -> None:
    kind, _, name = signer.principal.partition(":")
    issued = (issue_host if kind == "host" else issue_client)(ca, name, _date(now_ms))
    register(layout.issued, issued.certificate, key_id(bytes.fromhex(signer.public_key)).hex())
    replace(layout.certificate_key(name), issued.key, PRIVATE)
    replace(layout.certificate(name), issued.certificate, PUBLIC)


@contextmanager
def _locked(layout: Layout) -> Iterator[SigningKey]:
    """The root key, held so that two runs do not make the same revision."""
    root = read_signing_key(layout.root_key)
    with layout.root_key.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuestwireError("EXISTS", "Another `guestwire site` command works on this site.") from None
        yield root


def _refuse_used(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise GuestwireError("EXISTS", f"{directory} exists already and is not empty; nothing was overwritten.")


def _check_name(name: str, kind: str) -> None:
    if not is_slug(name):
        raise GuestwireError("CONFIG-INVALID", f"{name!r} is not 1 to 36 of a-z 0-9 and hyphen.", field=kind)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise GuestwireError("TRUST-INVALID", f"{path}: {err.strerror}. Is this the directory of a site?") from err


def _date(now_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_ms // 1000, datetime.UTC)
