"""Where the files of a site are, below one directory.

root/root.key, root/ca.key     keep these offline: who has them decides whom the site believes
root.pub, trust, tls/ca.crt    give these to every host and client
hosts/ID.key                   goes to that host alone
keys/operator-NAME.key, keys/controller-NAME.key
tls/NAME.key, tls/NAME.crt     the MQTT client certificate of a host, operator or controller; broker.* the server's
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
    def directories(self) -> tuple[Path, ...]:
        return tuple(self.base / name for name in ("root", "hosts", "keys", "tls"))

    def key(self, principal: str) -> Path:
        """The private key of a principal such as `host:h1` or `operator:admin`."""
        kind, _, name = principal.partition(":")
        return self.base / "hosts" / f"{name}.key" if kind == "host" else self.base / "keys" / f"{kind}-{name}.key"

    def certificate(self, name: str) -> Path:
        return self.base / "tls" / f"{name}.crt"

    def certificate_key(self, name: str) -> Path:
        return self.base / "tls" / f"{name}.key"
