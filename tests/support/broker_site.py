"""A site as its broker sees it: CAs, a register, certificates and a trust document, without the commands that make one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from guestwire.protocol.signing import SigningKey, key_id
from guestwire.protocol.trust import Member, Members, RoleName, Scope, Signer, Trust, TrustDocument
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Issued
from guestwire.site.layout import Layout
from guestwire.site.leaves import issue_client, issue_host, issue_server
from guestwire.site.register import register

SITE = "plant"


@dataclass
class BrokerSite:
    """`keys`: the public key of everybody in the trust document, by name."""

    layout: Layout
    now: datetime
    root: Issued
    issuing: Issued
    keys: dict[str, str] = field(default_factory=dict)
    signers: list[Signer] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    @property
    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def trust(self) -> Trust:
        """What the root and the enroller would have signed."""
        document = TrustDocument(
            site=SITE, rev=1, issued_at=self.now_ms, signers=tuple(self.signers), revoked=tuple(self.revoked)
        )
        return Trust(document, Members(site=SITE, rev=1, issued_at=self.now_ms, hosts=tuple(self.members)))

    def add(self, principal: str, role: RoleName | None = None, hosts: tuple[str, ...] = ("*",)) -> None:
        """Somebody with a key in the trust document, and a certificate; `member:h2` is a host that enrolled."""
        kind, _, name = principal.partition(":")
        key = SigningKey.generate().public.raw.hex()
        self.keys[name] = key
        if kind == "member":
            self.members.append(Member(host=name, public_key=key))
        else:
            self.signers.append(Signer(principal=principal, public_key=key, scope=Scope(hosts=hosts), role=role))
        make = issue_host if kind in ("host", "member") else issue_client
        self.put(name, make(self.issuing, name, self.now), self.key_id(name))

    def revoke(self, name: str) -> None:
        """The trust document takes the key back."""
        self.revoked.append(self.key_id(name))

    def key_id(self, name: str) -> str:
        return key_id(bytes.fromhex(self.keys[name])).hex()

    def put(self, name: str, issued: Issued, key: str = "-") -> None:
        """Register a certificate and keep it where the site's layout has it."""
        register(self.layout.issued, issued.certificate, key)
        self.layout.certificate(name).write_bytes(issued.certificate)
        self.layout.certificate_key(name).write_bytes(issued.key)


def broker_site(base: Path, now: datetime | None = None) -> BrokerSite:
    """A site with a broker and nobody else."""
    layout, now = Layout(base), now or datetime.now(UTC)
    base.mkdir()
    for folder in layout.directories:
        folder.mkdir()
    root = make_root_ca(SITE, now)
    issuing = make_issuing_ca(root, SITE, now)
    layout.ca_certificate.write_bytes(root.certificate)
    layout.issuing_certificate.write_bytes(issuing.certificate)
    layout.issuing_key.write_bytes(issuing.key)
    site = BrokerSite(layout, now, root, issuing)
    site.put("broker", issue_server(issuing, ["localhost", "127.0.0.1"], now))
    return site
