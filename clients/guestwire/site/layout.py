"""Where the files of a site are, below one directory.

root/root.key, root/ca.key     keep these offline: who has them decides whom the site believes
root.pub, trust, tls/ca.crt    give these to every host and client; ca.crt is the root CA
issuing/ca.key, issuing/ca.crt the issuing CA, below the root CA
issuing/NAME.key, NAME.crt     issuing CAs that came before, as long as some certificate of theirs is in use
issuing/issued                 which certificates it has issued, to whom (`register`)
issuing/enroller.key           signs the hosts that enrol online; enroller.next.key: a new one that the root has still to name
draft, draft.roots             changes that the root has still to sign, and the line that names the root that follows
issuing/service.*, codes.json, log.jsonl   of `guestwire site serve`
root/next.key, root/next.pub   a root that has still to follow; next.ca.key, next.ca.crt: a root CA
revision                       the highest revision of the trust document that was signed here
hosts/ID.key                   goes to that host alone
keys/operator-NAME.key, keys/controller-NAME.key
tls/NAME.key, tls/NAME.crt     the certificate of a host, operator or controller; broker.* that of the broker
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of the site in `base`."""

    base: Path

    @property
    def root_key(self) -> Path:
        return self.base / "root" / "root.key"

    @property
    def ca_key(self) -> Path:
        return self.base / "root" / "ca.key"

    @property
    def root_public(self) -> Path:
        return self.base / "root.pub"

    @property
    def trust(self) -> Path:
        return self.base / "trust"

    @property
    def ca_certificate(self) -> Path:
        return self.base / "tls" / "ca.crt"

    @property
    def issuing_key(self) -> Path:
        return self.base / "issuing" / "ca.key"

    @property
    def issuing_certificate(self) -> Path:
        return self.base / "issuing" / "ca.crt"

    @property
    def enroller_key(self) -> Path:
        return self.base / "issuing" / "enroller.key"

    @property
    def next_enroller_key(self) -> Path:
        return self.base / "issuing" / "enroller.next.key"

    @property
    def next_issuing_key(self) -> Path:
        return self.base / "issuing" / "next.key"

    @property
    def draft(self) -> Path:
        return self.base / "draft"

    @property
    def draft_roots(self) -> Path:
        return self.base / "draft.roots"

    @property
    def next_root_key(self) -> Path:
        return self.base / "root" / "next.key"

    @property
    def next_root_public(self) -> Path:
        return self.base / "root" / "next.pub"

    @property
    def next_ca_key(self) -> Path:
        return self.base / "root" / "next.ca.key"

    @property
    def next_ca_certificate(self) -> Path:
        return self.base / "root" / "next.ca.crt"

    @property
    def revision(self) -> Path:
        return self.base / "revision"

    @property
    def issued(self) -> Path:
        return self.base / "issuing" / "issued"

    @property
    def directories(self) -> tuple[Path, ...]:
        return tuple(self.base / name for name in ("root", "hosts", "keys", "tls", "issuing"))

    def key(self, principal: str) -> Path:
        """The private key of a principal such as `host:h1` or `operator:admin`."""
        kind, _, name = principal.partition(":")
        return self.base / "hosts" / f"{name}.key" if kind == "host" else self.base / "keys" / f"{kind}-{name}.key"

    def certificate(self, name: str) -> Path:
        return self.base / "tls" / f"{name}.crt"

    def certificate_key(self, name: str) -> Path:
        return self.base / "tls" / f"{name}.key"

    @property
    def service_key(self) -> Path:
        """The key that `site serve` proves itself by."""
        return self.base / "issuing" / "service.key"

    @property
    def service_certificate(self) -> Path:
        return self.base / "issuing" / "service.crt"

    @property
    def service_place(self) -> Path:
        """Where `site serve` is reached."""
        return self.base / "issuing" / "service.json"

    @property
    def codes(self) -> Path:
        """The enrolment codes that were made, by their hashes."""
        return self.base / "issuing" / "codes.json"

    @property
    def service_log(self) -> Path:
        return self.base / "issuing" / "log.jsonl"
