"""A site whose trust document knows a controller of class R1 and people with keys, enrolled at the controller."""

from dataclasses import dataclass, field

from guestwire.controller.store import user_keys, users
from guestwire.controller.store.database import Database
from guestwire.controller.store.user_keys import UserKey
from guestwire.controller.store.users import User
from guestwire.controller.users.person import Person
from guestwire.protocol.mandates import sign_too
from guestwire.protocol.roles import scope_of
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.trust import RoleName, Signer, Trust, TrustDocument

SITE = "plant"


@dataclass
class People:
    """Keys by principal; `needed`: how many signers a class takes."""

    controller: SigningKey = field(default_factory=SigningKey.generate)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    roles: dict[str, RoleName] = field(default_factory=dict)
    needed: dict[str, int] = field(default_factory=dict)
    revoked: tuple[str, ...] = ()
    revoked_mandates: tuple[str, ...] = ()

    def add(self, principal: str, role: RoleName = "admin") -> SigningKey:
        """A key of somebody's; whoever has one already gets another."""
        name = principal if principal not in self.keys else f"{principal}#{len(self.keys)}"
        self.roles[name] = role
        self.keys[name] = SigningKey.generate()
        return self.keys[name]

    def trust(self, site: str = SITE) -> Trust:
        signers = [_signer("controller:main", self.controller, "controller")]
        signers += [_signer(name.partition("#")[0], key, self.roles[name]) for name, key in self.keys.items()]
        return Trust(
            TrustDocument(
                site=site, rev=1, issued_at=0, signers=tuple(signers), signers_needed=dict(self.needed),  # type: ignore[arg-type]
                revoked=self.revoked, revoked_mandates=self.revoked_mandates,
            )
        )  # fmt: skip


def _signer(principal: str, key: SigningKey, role: RoleName) -> Signer:
    return Signer(principal=principal, public_key=key.public.raw.hex(), scope=scope_of(role), role=role)


async def enrol(database: Database, person: Person, *keys: SigningKey) -> None:
    """Keys of a person, as if enrolled."""
    async with database.write() as tx:
        await users.insert(tx, User(person.id, person.name, "", "", False, False, 0))
        for key in keys:
            await user_keys.insert(tx, UserKey(key.id.hex(), person.id, key.public.raw.hex(), "laptop", 0))


def signature(key: SigningKey, text: bytes) -> bytes:
    return key.sign(Domain.MANDATE, text)


def signed_file(data: bytes, key: SigningKey) -> bytes:
    return sign_too(data, key)
