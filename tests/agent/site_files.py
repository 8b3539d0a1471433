"""A site's files for one host, as `guestwire site init` would make them; and settings over them."""

from dataclasses import dataclass
from pathlib import Path

from guestwire.agent.config import Settings, load
from guestwire.protocol.key_files import format_private, format_public
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import LocalScope, Scope, Signer, TrustDocument
from guestwire.protocol.trust_file import seal


@dataclass(frozen=True)
class SiteFiles:
    """Where the files are, and the keys that are not on disk."""

    folder: Path
    root: SigningKey
    operator: SigningKey
    document: TrustDocument
    config: Path

    def seal(self, document: TrustDocument) -> None:
        (self.folder / "trust").write_bytes(seal(document, self.root))

    def settings(self, **flags: str) -> Settings:
        return load(self.config, {name.replace("__", "."): value for name, value in flags.items()})


def site_files(folder: Path, uid: int, hosts: tuple[str, ...] = ("h1",)) -> SiteFiles:
    root, operator = SigningKey.generate(), SigningKey.generate()
    keys = {host: SigningKey.generate() for host in hosts}
    signers = [
        Signer(principal=f"host:{host}", public_key=key.public.raw.hex(), scope=Scope(operations=(), hosts=(host,)))
        for host, key in keys.items()
    ]
    signers.append(Signer(principal="operator:anna", public_key=operator.public.raw.hex(), scope=Scope(risk=3)))
    document = TrustDocument(
        site="plant", rev=1, issued_at=1, signers=tuple(signers), local=(LocalScope(uid=uid, scope=Scope(risk=3)),)
    )
    (folder / "root.pub").write_text(format_public(root.public))
    for host, key in keys.items():
        path = folder / f"{host}.key"
        path.touch(mode=0o600)
        path.write_text(format_private(key))
    config = folder / "agent.toml"
    config.write_text(
        f"""
[host]
id = "{hosts[0]}"
site = "plant"
driver = "simulated"
state_dir = "{folder}/state"
socket = "{folder}/agent.sock"
clock = "trusted"
[broker]
boot_delay_s = 0
[trust]
document = "{folder}/trust"
root_key = "{folder}/root.pub"
host_key = "{folder}/{hosts[0]}.key"
[simulated]
boot_s = 0.02
shutdown_s = 0.01
"""
    )
    made = SiteFiles(folder, root, operator, document, config)
    made.seal(document)
    return made
