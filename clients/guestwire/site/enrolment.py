"""Makes a site and adds hosts and operators to it (PROTOCOL, envelope and signatures).

What is added is drafted, and signed at once where the root's key is in the directory. A site whose root is in an HSM is born
with a draft: it counts when the root has signed it (`publishing`).
"""

import datetime
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import format_private, format_public
from guestwire.protocol.roles import ROLES
from guestwire.protocol.signing import SigningKey, VerifyingKey, key_id
from guestwire.protocol.trust import LocalScope, RoleName, Signer, TrustDocument
from guestwire.protocol.trust_file import document_text
from guestwire.site import drafts, enroller
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Issued
from guestwire.site.files import DIRECTORY, PRIVATE, PUBLIC, replace, write_new
from guestwire.site.layout import Layout
from guestwire.site.leaves import issue_client, issue_host, issue_server
from guestwire.site.publishing import root_key, sign, site_open
from guestwire.site.register import register
from guestwire.site.signers import as_signer, check_name, check_new, made_key, with_signer


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What a new site is to have. `local_uids`: users of the hosts who may do everything over the Unix socket. `roles`: of
    operators by name; the others are admins. `broker_names`: DNS names and addresses in the broker's certificate, with `tls`
    only. `root`: a root whose private key is elsewhere; None: it is made."""

    site: str
    hosts: Sequence[str] = ()
    operators: Sequence[str] = ("admin",)
    controllers: Sequence[str] = ("main",)
    local_uids: Sequence[int] = field(default_factory=lambda: (0, os.getuid()))
    tls: bool = False
    broker_names: Sequence[str] = ("localhost", "127.0.0.1", "::1")
    roles: Mapping[str, RoleName] = field(default_factory=dict)
    root: VerifyingKey | None = None

    def principals(self) -> tuple[str, ...]:
        """Every principal, checked: slugs, and no name twice, for each is a user name at the broker as well.
        Raises CONFIG-INVALID."""
        check_name(self.site, "site")
        named = {"operator": self.operators, "controller": self.controllers, "host": self.hosts}
        seen: set[str] = set()
        for kind, names in named.items():
            for name in names:
                check_name(name, kind)
                if name in seen:
                    raise GuestwireError("CONFIG-INVALID", f"{name!r} is used twice.", field=kind)
                seen.add(name)
        return tuple(f"{kind}:{name}" for kind, names in named.items() for name in names)

    def role(self, principal: str) -> RoleName | None:
        """The role of a principal; None: that of its kind."""
        kind, _, name = principal.partition(":")
        return self.roles.get(name, "admin") if kind == "operator" else None


def create(directory: Path, plan: SitePlan, now_ms: int) -> Layout:
    """Make a site in `directory`, which must not exist or be empty: all of it, or nothing. Without the root's private key
    there is a draft and no trust document yet.

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


def add(directory: Path, principals: Sequence[str], now_ms: int, role: RoleName | None = None) -> TrustDocument:
    """Make keys for more principals (`host:h2`, `operator:eve`), put them into the next revision of the trust document, which
    it returns, and sign that where the root's key is here. Certificates too, where the site has an issuing CA. `role`: None
    is admin for operators, for others that of their kind.

    A key that an interrupted run left behind is taken up. Raises EXISTS, CONFIG-INVALID, KEY-FILE-INVALID, TRUST-INVALID.
    """
    layout = Layout(directory)
    with site_open(layout):
        root_key(layout)  # one that cannot be read is said before anything is made
        check_new(drafts.current(layout), principals, drafts.in_force(layout))
        for principal in principals:
            key = made_key(layout, principal)
            of_kind: RoleName | None = "admin" if principal.startswith("operator:") else None
            add_signer(layout, as_signer(principal, key.public, now_ms, role=role or of_kind), now_ms)
        document = drafts.current(layout)
        sign(layout, now_ms)
    return document


def add_signer(layout: Layout, signer: Signer, now_ms: int) -> None:
    """Draft a key more, with a certificate beside it where the site has an issuing CA. With the site open. Raises as
    `signers.with_signer`, KEY-FILE-INVALID."""
    drafts.change(layout, lambda document: with_signer(document, signer), now_ms)
    if layout.issuing_key.exists():
        ca = Issued(layout.issuing_certificate.read_bytes(), layout.issuing_key.read_bytes())
        write_certificate(layout, ca, signer, now_ms)


def _build(layout: Layout, plan: SitePlan, principals: Sequence[str], now_ms: int) -> None:
    layout.base.chmod(DIRECTORY)
    for path in layout.directories:
        path.mkdir(mode=DIRECTORY)
    root = plan.root or _make_root(layout, plan.site)
    write_new(layout.root_public, format_public(root, f"root of site {plan.site}").encode(), PUBLIC)
    root_ca = make_root_ca(plan.site, _date(now_ms)) if plan.tls else None
    document = TrustDocument(
        site=plan.site,
        rev=1,
        issued_at=now_ms,
        signers=tuple(
            as_signer(principal, made_key(layout, principal).public, now_ms, role=plan.role(principal))
            for principal in principals
        ),
        local=tuple(LocalScope(uid=uid, scope=ROLES["admin"]) for uid in dict.fromkeys(plan.local_uids)),
        enrollers=(enroller.entry(enroller.make(layout)),),
        authorities=(root_ca.certificate.decode(),) if root_ca else (),
    )
    write_new(layout.draft, document_text(document), PUBLIC)
    if root_ca is not None:
        _build_tls(layout, plan, root_ca, document.signers, now_ms)
    sign(layout, now_ms)


def _make_root(layout: Layout, site: str) -> VerifyingKey:
    root = SigningKey.generate()
    write_new(layout.root_key, format_private(root, f"root of site {site}: keep it offline").encode(), PRIVATE)
    return root.public


def _build_tls(layout: Layout, plan: SitePlan, root_ca: Issued, signers: Sequence[Signer], now_ms: int) -> None:
    write_new(layout.ca_key, root_ca.key, PRIVATE)
    write_new(layout.ca_certificate, root_ca.certificate, PUBLIC)
    ca = make_issuing_ca(root_ca, plan.site, _date(now_ms))
    write_new(layout.issuing_key, ca.key, PRIVATE)
    write_new(layout.issuing_certificate, ca.certificate, PUBLIC)
    broker = issue_server(ca, plan.broker_names, _date(now_ms))
    register(layout.issued, broker.certificate)
    write_new(layout.certificate_key("broker"), broker.key, PRIVATE)
    write_new(layout.certificate("broker"), broker.certificate, PUBLIC)
    for signer in signers:
        write_certificate(layout, ca, signer, now_ms)


def write_certificate(layout: Layout, ca: Issued, signer: Signer, now_ms: int) -> None:
    """Issue the certificate beside a principal's key, in place of the one before. Raises KEY-FILE-INVALID."""
    kind, _, name = signer.principal.partition(":")
    issued = (issue_host if kind == "host" else issue_client)(ca, name, _date(now_ms))
    register(layout.issued, issued.certificate, key_id(bytes.fromhex(signer.public_key)).hex())
    replace(layout.certificate_key(name), issued.key, PRIVATE)
    replace(layout.certificate(name), issued.certificate, PUBLIC)


def _refuse_used(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise GuestwireError("EXISTS", f"{directory} exists already and is not empty; nothing was overwritten.")


def _date(now_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_ms // 1000, datetime.UTC)
