"""The newest trust of a context: kept, never gone back from, and what a client that is open believes by."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fake_host import FakeHost

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.options import BrokerOptions
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey
from guestwire.protocol.trust import Enroller, Member, Members, Trust, TrustDocument
from guestwire.protocol.trust_file import seal, seal_members, succession, unseal
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.trust_looking import TrustLooking
from guestwire.sdk.trust_store import TrustStore, kept_path
from guestwire.site import drafts, signers
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout
from guestwire.site.publishing import sign, site_open

NOW = 1_760_000_000_000
ROOT, SECOND, THIRD, ENROLLER, JOINED = (SigningKey(bytes([n] * 32)) for n in range(1, 6))


def document(rev: int, **more: object) -> TrustDocument:
    enrollers = (Enroller(name="serve", public_key=ENROLLER.public.raw.hex()),)
    fields = {"site": "plant", "rev": rev, "issued_at": rev, "signers": (), "enrollers": enrollers} | more
    return TrustDocument.model_validate(fields)


def line(old: SigningKey, new: SigningKey) -> bytes:
    raw = old.public.raw + new.public.raw
    return succession(old.public, new.public, old.sign(Domain.ROOT, raw), new.sign(Domain.ROOT, raw))


def file(rev: int, *roots: SigningKey, members: int = 0, **more: object) -> bytes:
    lines = b"".join(line(old, new) for old, new in zip(roots, roots[1:], strict=False))  # noqa: RUF007 - none for one root
    joined = (Member(host="h9", public_key=JOINED.public.raw.hex()),)
    part = seal_members(Members(site="plant", rev=members, issued_at=1, hosts=joined), ENROLLER) if members else b""
    return seal(document(rev, **more), (roots or (ROOT,))[-1], successions=lines, members=part)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    path = tmp_path / "trust"
    path.write_bytes(file(2))
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "state/guestwire/trust/id"


def opened(named: Path, kept: Path, root: SigningKey = ROOT) -> TrustStore:
    return TrustStore(named, kept, root.public)


def test_what_is_newer_is_kept_in_the_contexts_file(named: Path, kept: Path) -> None:
    named.chmod(0o644)
    store = opened(named, kept)
    assert store.take_up(file(3, members=1))
    assert store.trust.revision == (3, 1)
    assert opened(named, kept).trust.revision == (3, 1)
    assert named.stat().st_mode & 0o777 == 0o644
    assert not kept.exists()


def test_a_link_stays_a_link(named: Path, kept: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(named)
    opened(link, kept).take_up(file(3))
    assert link.is_symlink()
    assert named.read_bytes() == file(3)


def test_where_the_file_may_not_be_written_it_is_kept_beside(named: Path, kept: Path) -> None:
    elsewhere = Path("/proc/self/nothing") / named.name  # nobody can write there, not even root
    kept.parent.mkdir(parents=True)
    kept.write_bytes(file(2))
    assert opened(elsewhere, kept).take_up(file(3))
    assert kept.read_bytes() == file(3)
    assert opened(elsewhere, kept).trust.rev == 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (file(1), "was in force"),
        (file(3, SECOND), "root key that is pinned"),
        (file(3, members=0), "was in force"),
        (file(3, members=1)[:-9], "not signed by their enroller"),
        (file(4, members=1, site="other"), "another site"),
        (file(4, members=0, site="other"), "was in force"),
        (b"", "not a trust document"),
    ],
)
def test_what_is_not_taken_up(named: Path, kept: Path, data: bytes, why: str) -> None:
    named.write_bytes(before := file(2, members=1))
    store = opened(named, kept)
    with pytest.raises(GuestwireError, match=why) as refused:
        store.take_up(data)
    assert refused.value.code == "TRUST-INVALID"
    assert store.trust.revision == (2, 1)
    assert named.read_bytes() == before


def test_another_site_of_the_same_root(named: Path, kept: Path) -> None:
    with pytest.raises(GuestwireError, match="is for site other"):
        opened(named, kept).take_up(file(3, site="other"))


def test_the_one_in_force_is_no_news(named: Path, kept: Path) -> None:
    before = named.stat().st_ino
    assert not opened(named, kept).take_up(file(2))
    assert named.stat().st_ino == before


def test_the_root_goes_as_its_own_lines_lead(named: Path, kept: Path) -> None:
    store = opened(named, kept)
    assert store.take_up(file(3, ROOT, SECOND))
    with pytest.raises(GuestwireError, match="root key that is pinned"):
        store.take_up(file(9))  # the root before, which somebody has stolen
    with pytest.raises(GuestwireError, match="root key that is pinned"):
        store.take_up(file(9, ROOT, THIRD))
    assert store.take_up(file(4, ROOT, SECOND, THIRD))
    assert opened(named, kept).trust.roots == tuple(key.public.raw for key in (ROOT, SECOND, THIRD))


def test_a_later_root_counts_more_than_a_higher_revision(named: Path, kept: Path) -> None:
    """Whoever has the old root's key writes any revision; he may even have written the context's file."""
    kept.parent.mkdir(parents=True)
    kept.write_bytes(file(3, ROOT, SECOND))
    named.write_bytes(file(99))
    assert opened(named, kept).trust.rev == 3


@pytest.mark.parametrize("damaged", [b"", b"guestwire-trust 1 00 00\n{}"])
def test_one_good_file_of_the_two_is_enough(named: Path, kept: Path, damaged: bytes) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_bytes(file(5))
    named.write_bytes(damaged)
    assert opened(named, kept).trust.rev == 5
    kept.write_bytes(damaged)
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        opened(named, kept)


def test_another_process_that_was_quicker_is_not_written_over(named: Path, kept: Path) -> None:
    slow, quick = opened(named, kept), opened(named, kept)
    quick.take_up(file(7))
    slow.take_up(file(6))
    assert opened(named, kept).trust.rev == 7


def test_members_that_another_process_kept_are_not_written_over_by_older_ones(named: Path, kept: Path) -> None:
    """A broker may put the newest document and members of some time ago into one file: each is signed by itself."""
    store = opened(named, kept)
    assert opened(named, kept).take_up(file(5, members=9))
    store.take_up(file(6, members=2))
    assert opened(named, kept).trust.revision == (5, 9)


def test_what_another_process_kept_is_taken_up(named: Path, kept: Path) -> None:
    one, other = opened(named, kept), opened(named, kept)
    other.take_up(file(7))
    one.reread()
    assert one.trust.rev == 7
    named.write_bytes(file(3))
    one.reread()
    assert one.trust.rev == 7


def test_who_follows_hears_of_it(named: Path, kept: Path) -> None:
    class Judge:
        trust: Trust | None = None

    store, judge = opened(named, kept), Judge()
    store.follow(judge)
    assert judge.trust is store.trust
    store.take_up(file(3))
    assert judge.trust is store.trust
    assert store.trust.rev == 3


def test_when_somebody_was_asked(named: Path, kept: Path) -> None:
    store = opened(named, kept)
    assert store.age_s() < 20  # it was put here just now
    os.utime(named, (time.time() - 500,) * 2)
    assert 400 < store.age_s() < 600
    store.looked()
    assert opened(named, kept).age_s() < 20
    os.utime(kept.with_name(f"{kept.name}.looked"), (time.time() + 500,) * 2)
    assert store.age_s() > 1e9


def test_each_context_and_root_has_a_place_of_its_own(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    places = {
        kept_path(path, root.public, environment)
        for path in (tmp_path / "a", tmp_path / "b")
        for root in (ROOT, SECOND)
    }
    assert len(places) == 4
    assert {place.parent for place in places} == {tmp_path / "guestwire/trust"}
    assert kept_path(tmp_path, ROOT.public, {"HOME": "/h"}).is_relative_to("/h/.local/state")
    assert kept_path(tmp_path, ROOT.public, {"HOME": "/h", "XDG_STATE_HOME": "relative"}).is_relative_to(
        "/h/.local/state"
    )


# -- looking


class Asked:
    """Whom a `TrustLooking` asked, and what came of it."""

    def __init__(self, hosts: tuple[str, ...] = ("h1", "h2", "h3", "h4"), age_s: float = 100.0) -> None:
        self.hosts: list[str] = []
        self.services = 0
        self.looks = 0
        self.error: GuestwireError | None = None
        self.silent: set[str] = set()
        self._names = hosts
        self._age_s = age_s

    async def ask(self, host: str) -> bool:
        self.hosts.append(host)
        if host in self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return True

    async def service(self) -> bool:
        self.services += 1
        if self.error is not None:
            raise self.error
        return True

    def looked(self) -> None:
        self.looks += 1

    def looking(self, *, authority: bool = False, every_s: float = 30.0) -> TrustLooking:
        return TrustLooking(
            lambda: self._age_s,
            self.looked,
            lambda: self._names,
            self.ask,
            self.service if authority else None,
            every_s=every_s,
        )


async def test_nobody_is_asked_before_it_is_due() -> None:
    asked = Asked(age_s=29)
    await asked.looking().if_due()
    assert (asked.hosts, asked.looks) == ([], 0)
    asked = Asked(age_s=31)
    await asked.looking().if_due()
    assert len(asked.hosts) == 3
    assert asked.looks == 1


async def test_other_hosts_each_time() -> None:
    asked = Asked()
    looking = asked.looking()
    await looking.look()
    await looking.look()
    assert set(asked.hosts) == {"h1", "h2", "h3", "h4"}


async def test_a_host_that_is_silent_costs_little_and_one_that_refuses_nothing() -> None:
    asked = Asked(("h1", "h2", "h3"))
    asked.silent = {"h1"}
    asked.error = GuestwireError("OUT-OF-SCOPE")
    async with asyncio.timeout(10):
        await asked.looking().look()
    assert set(asked.hosts) == {"h1", "h2", "h3"}


async def test_the_service_is_asked_first_and_hosts_where_it_does_not_answer() -> None:
    asked = Asked()
    await asked.looking(authority=True).look()
    assert (asked.services, asked.hosts) == (1, [])
    asked.error = GuestwireError("ENROLMENT-UNREACHABLE")
    await asked.looking(authority=True).look()
    assert asked.services == 2
    assert len(asked.hosts) == 3


async def test_a_site_without_hosts() -> None:
    asked = Asked(())
    await asked.looking().look()
    assert asked.looks == 1


# -- a client that is open


@asynccontextmanager
async def plant(tmp_path: Path, every_s: float) -> AsyncIterator[tuple[Layout, dict[str, FakeHost], Client]]:
    """Hosts h1 and h2, and a client with files of its own."""
    layout = create(tmp_path / "site", SitePlan("plant", hosts=("h1", "h2")), time.time_ns() // 1_000_000)
    mine = tmp_path / "mine"
    mine.write_bytes(layout.trust.read_bytes())
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(embedded(BrokerOptions()))
        hosts = {name: FakeHost(layout, name) for name in ("h1", "h2")}
        for host in hosts.values():
            await host.serve(stack, broker.port, None)
        context = Context(
            site="plant", brokers=(f"mqtt://127.0.0.1:{broker.port}",), trust=str(mine), root=str(layout.root_public),
            key=str(layout.key("operator:admin")),
        )  # fmt: skip
        yield layout, hosts, await stack.enter_async_context(open_client(context, look_every_s=every_s))


def revoke(layout: Layout, which: str) -> Trust:
    with site_open(layout):
        trust = drafts.in_force(layout)
        drafts.change(layout, lambda before: signers.without(before, which, trust), NOW)
        signed = sign(layout, NOW)
    assert signed is not None
    return signed


def believe(host: FakeHost, trust: Trust) -> None:
    host.executor.trust = unseal(trust.data, VerifyingKey(trust.roots[0]))


async def answer_of(client: Client, host: str) -> str | None:
    """The code with which a host's answer is refused."""
    try:
        await client.host(host).host_ping(m.Ping(), CallOptions(timeout_s=0.5))
    except GuestwireError as err:
        return err.code
    return None


async def test_a_client_that_is_open_refuses_a_host_soon_after_it_was_revoked(tmp_path: Path) -> None:
    """h2 was stolen: it goes on by what it has. h1 has heard, and the client asks it by itself."""
    async with plant(tmp_path, every_s=0.1) as (layout, hosts, client):
        assert (await client.host("h2").host_ping(m.Ping())).verified
        believe(hosts["h1"], revoke(layout, "host:h2"))
        async with asyncio.timeout(20):
            while (code := await answer_of(client, "h2")) is None:
                await asyncio.sleep(0.05)
        assert code == "UNSIGNED-RESPONSE"
        assert (await client.host("h1").host_ping(m.Ping())).verified
        assert [one.host for one in await client.hosts(0.05) if one.verified] == ["h1"]
        assert client.trust is not None
        assert client.trust.rev == 2


async def test_it_asks_a_host_when_told(tmp_path: Path) -> None:
    async with plant(tmp_path, every_s=3600) as (layout, hosts, client):
        assert not await client.refresh_trust("h1")
        believe(hosts["h1"], revoke(layout, "controller:main"))
        assert await client.refresh_trust("h1")
        assert not await client.refresh_trust("h2")  # it has an older one: no error, and nothing is taken
        assert unseal((tmp_path / "mine").read_bytes(), VerifyingKey(client.trust.roots[0])).rev == 2  # type: ignore[union-attr]


async def test_a_host_that_shows_a_forged_document(tmp_path: Path) -> None:
    async with plant(tmp_path, every_s=3600) as (_, hosts, client):
        forged = seal(document(9), SigningKey.generate())
        hosts["h1"].executor.trust = Trust(hosts["h1"].trust.document.model_copy(update={"rev": 9}), data=forged)
        with pytest.raises(GuestwireError, match="root key that is pinned"):
            await client.refresh_trust("h1")
        assert client.trust is not None
        assert client.trust.rev == 1
