"""Attacks on what is believed: trust documents that are old, altered, another's, or made by who may not; given to a host, and
shown to a client."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fleet import unix_ms
from hostile_cast import RESET, STRANGER
from hostile_replays import Play, Scenario
from hostile_stage import Between, Stage, code_of
from packets import Publish

from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import body_hash, decode, encode
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.trust import Enroller, Member, Members, TrustDocument
from guestwire.protocol.trust_file import seal, seal_members, succession

OTHER = SigningKey(bytes([7] * 32))

Make = Callable[[Stage], bytes]


def document(stage: Stage, **changes: Any) -> TrustDocument:
    """The one in force, a revision later."""
    in_force = stage.wire.hosts["h1"].agent.executor.trust.document
    return in_force.model_copy(update={"rev": in_force.rev + 1, "issued_at": unix_ms(), **changes})


def for_everybody(stage: Stage, **changes: Any) -> TrustDocument:
    """A stranger's wish: his key as an operator's."""
    (admin, *others) = document(stage).signers
    return document(
        stage, signers=(admin.model_copy(update={"public_key": STRANGER.public.raw.hex()}), *others), **changes
    )


def old(stage: Stage) -> bytes:
    """Genuine, and of before somebody was revoked."""
    return seal(document(stage, rev=1, revoked=()), stage.cast.root)


def of_another_root(stage: Stage) -> bytes:
    return seal(for_everybody(stage), STRANGER)


def altered(stage: Stage) -> bytes:
    return seal(document(stage), stage.cast.root).replace(b'"risk": 0', b'"risk": 3')


def of_another_site(stage: Stage) -> bytes:
    return seal(document(stage, site="other"), stage.cast.root)


def by_an_operator(stage: Stage) -> bytes:
    return seal(for_everybody(stage), stage.cast["operator:admin"])


def with_a_root_of_its_own(stage: Stage) -> bytes:
    """A line that makes a stranger the successor, which the old root did not sign."""
    old_root, new_root = stage.cast.root.public, STRANGER.public
    by_new = STRANGER.sign(Domain.ROOT, old_root.raw + new_root.raw)
    return seal(for_everybody(stage), STRANGER, successions=succession(old_root, new_root, by_new, by_new))


def members_of_nobody(stage: Stage) -> bytes:
    """Members by a key that the root names no enroller."""
    return seal(document(stage), stage.cast.root, members=_members(OTHER))


def members_altered(stage: Stage) -> bytes:
    enroller = Enroller(name="mine", public_key=OTHER.public.raw.hex())
    members = _members(OTHER).replace(
        STRANGER.public.raw.hex().encode(), stage.cast["host:h2"].public.raw.hex().encode()
    )
    return seal(document(stage, enrollers=(enroller,)), stage.cast.root, members=members)


def without_this_host(stage: Stage) -> bytes:
    """Genuine, of this site, and without the host it is given to: nobody could believe that host any more."""
    others = tuple(one for one in document(stage).signers if one.principal != "host:h1")
    return seal(document(stage, signers=others), stage.cast.root)


def rubbish(_: Stage) -> bytes:
    return b"guestwire-trust 1 0 0\n{}"


def _members(key: SigningKey) -> bytes:
    made = Members(
        site="plant", rev=1, issued_at=unix_ms(), hosts=(Member(host="h9", public_key=STRANGER.public.raw.hex()),)
    )
    return seal_members(made, key)


DOCUMENTS: tuple[tuple[str, Make], ...] = (
    ("trust-old", old),
    ("trust-of-another-root", of_another_root),
    ("trust-altered", altered),
    ("trust-of-another-site", of_another_site),
    ("trust-by-an-operator", by_an_operator),
    ("trust-with-a-root-of-its-own", with_a_root_of_its_own),
    ("trust-members-of-nobody", members_of_nobody),
    ("trust-members-altered", members_altered),
    ("trust-without-this-host", without_this_host),
    ("trust-rubbish", rubbish),
)


def given(make: Make) -> Play:
    """To the host, by a controller, whose right it is: the document must prove itself."""

    async def play(stage: Stage, client: str) -> None:
        executor = stage.wire.hosts["h1"].agent.executor
        before = executor.trust
        async with stage.client(client, "controller:main") as carrier:
            request = m.TrustFileGiven(file=make(stage))
            assert await code_of(carrier.host("h1").trust_update(request)) == "TRUST-INVALID"
        assert executor.trust is before
        stage.book("TRUST-INVALID", client)
        async with stage.refusing("KEY-UNKNOWN", client):
            await stage.deliver(replace(stage.writer(client), keys=[STRANGER]).letter())

    return play


def shown(make: Make) -> Play:
    """To a client, by a host that was taken over or whoever else it asks: it does not go back."""

    async def play(stage: Stage, client: str) -> None:
        async with stage.client(client) as asking:
            before = asking.trust
            assert before is not None
            assert await code_of(asking.take_up(make(stage))) == "TRUST-INVALID"
            assert asking.trust is not None
            assert asking.trust.revision == before.revision
            assert (await asking.host("h1").guest_reset(RESET)).verified

    return play


async def shown_on_the_way(stage: Stage, client: str) -> None:
    """The broker answers itself, as the host, with a document of before: that is asked unsigned, for the document proves itself."""
    file = old(stage)

    def change(found: Publish) -> Publish:
        envelope = decode(found.payload)
        if envelope.header.operation != "trust-show":
            return found
        body = to_bytes(m.TrustShown(revision=(99, 0), file=file))
        return found.with_payload(encode(envelope.header._replace(body_hash=body_hash(body)), body))

    async with stage.client(client) as asking:
        before = asking.trust
        between = Between(stage.wire.level, lambda way, it: way == "down" and f"/{client}/response" in it.topic, change)
        stage.wire.near.rewrite = between
        assert await code_of(asking.refresh_trust("h1", 2.0)) == "TRUST-INVALID"
        assert asking.trust is before


def _takes(name: str) -> str:
    return name.replace("trust-", "shown-trust-", 1)


TRUST: tuple[Scenario, ...] = (
    *(Scenario(name, given(make), "TRUST-INVALID") for name, make in DOCUMENTS),
    *(
        Scenario(_takes(name), shown(make), "TRUST-INVALID")
        for name, make in DOCUMENTS
        if make is not without_this_host
    ),
    Scenario("shown-trust-by-the-broker", shown_on_the_way, "TRUST-INVALID"),
)
