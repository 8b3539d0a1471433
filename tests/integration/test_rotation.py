"""Every key of a site is rotated while three agents run, none of which is lost: one is away while a root follows another, and
another one while that happens again. What the old keys sign is refused afterwards."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from fleet import PATIENCE_S, Cli, agent_settings, toml, unix_ms
from in_process import Inside, inside
from wire import PLENTY, RTLINUX

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.cli.main import cli
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Members
from guestwire.protocol.trust_file import seal, seal_members, split
from guestwire.sdk import context_file, links
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials, read_store
from guestwire.sdk.ways import LinkWay
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

HOSTS = ("h1", "h2", "h3")
KEYS = ("operator:admin", "controller:main", *(f"host:{host}" for host in HOSTS))


@dataclass
class Site:
    """The agents, each with files of its own as on a machine of its own; and a person who has the site's directory."""

    base: Path
    layout: Layout
    context: Context
    command: Cli
    broker: Mosquitto
    running: dict[str, AsyncExitStack] = field(default_factory=dict)
    inside: dict[str, Inside] = field(default_factory=dict)

    async def start(self, host: str) -> None:
        stack = self.running[host] = AsyncExitStack()
        it = self.inside[host] = await stack.enter_async_context(inside(self.base / host / "agent.toml"))
        link = it.agent.link
        assert link is not None
        await link.session.connected(PATIENCE_S)

    async def stop(self, host: str) -> None:
        await self.running.pop(host).aclose()

    def work(self, *arguments: str) -> None:
        """A command on the site's directory."""
        result = CliRunner().invoke(cli, ["site", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr

    async def publish(self, away: str | None = None) -> None:
        """What is drafted is signed and given to every host; all but one take it up."""
        said = await self.command("site", "trust", "publish", str(self.layout.base), "-o", "json")
        outcomes = {row["host"]: row["outcome"] for row in said.document}
        assert {host for host, outcome in outcomes.items() if outcome == "away"} == ({away} if away else set()), said
        assert set(outcomes.values()) <= {"taken up", "had it", "away"}, said
        assert said.code == (6 if away else 0), said


@asynccontextmanager
async def three_agents(base: Path, *, tls: bool = False) -> AsyncIterator[Site]:
    require_mosquitto()
    layout = create(base / "site", SitePlan("plant", hosts=HOSTS, tls=tls), unix_ms())
    listener = Listener()
    if tls:
        files = (layout.certificate("broker"), layout.certificate_key("broker"), layout.ca_certificate)
        listener = Listener(tls=Tls(*files, require_client_certificate=True))
    async with mosquitto(BrokerOptions((listener,))) as broker:
        mine = Layout(base / "mine")
        for place in (mine, *(Layout(base / host) for host in HOSTS)):
            place.base.mkdir()
            shutil.copy(layout.trust, place.trust)
            shutil.copy(layout.root_public, place.root_public)  # nobody's is changed: lines lead from it to later ones
        for host in HOSTS:
            home = Layout(base / host)
            sections = {
                "limits": PLENTY, "log": {"level": "error"},
                "trust": {"document": str(home.trust), "root_key": str(home.root_public), "host_key": str(home.base / "key")},
            }  # fmt: skip
            shutil.copy(layout.key(f"host:{host}"), home.base / "key")
            if tls:
                sections["broker"] = {name: str(home.base / name) for name in ("ca", "cert", "tls-key")}
                sections["broker"]["key"] = sections["broker"].pop("tls-key")
                copy_certificates(layout, home.base, host)
            settings = agent_settings(layout, home.base, host, [url(broker)], sections)
            (home.base / "agent.toml").write_text(toml(settings))
        context = Context(
            site="plant", brokers=(url(broker),), trust=str(mine.trust), root=str(mine.root_public),
            key=str(layout.key("operator:admin")), ca=str(layout.ca_certificate) if tls else None,
            certificate=str(layout.certificate("admin")) if tls else None,
            certificate_key=str(layout.certificate_key("admin")) if tls else None,
        )  # fmt: skip
        context_file.put(base / "client.toml", "plant", context, make_current=True)
        site = Site(base, layout, context, Cli(base / "client.toml"), broker)
        try:
            for host in HOSTS:
                await site.start(host)
            yield site
        finally:
            for host in list(site.running):
                await site.stop(host)


def url(broker: Mosquitto) -> str:
    return f"mqtts://localhost:{broker.tls_port}" if broker.tls_port else broker.url


def copy_certificates(layout: Layout, home: Path, host: str) -> None:
    """Give a host its certificate, and the CAs that it is to trust."""
    for source, name in (
        (layout.ca_certificate, "ca"), (layout.certificate(host), "cert"), (layout.certificate_key(host), "tls-key")
    ):  # fmt: skip
        shutil.copy(source, home / f"{name}.new")
        (home / f"{name}.new").replace(home / name)


async def refused(work: Callable[[], object]) -> str:
    with pytest.raises(GuestwireError) as raised:
        await work()  # type: ignore[misc]
    return raised.value.code


async def test_every_key_is_rotated_and_no_host_is_lost(tmp_path: Path) -> None:
    async with three_agents(tmp_path) as site, open_client(site.context, look_every_s=0.2) as watching:
        layout = site.layout
        old = {name: read_signing_key(layout.key(name)) for name in KEYS}
        old_enroller, roots = read_signing_key(layout.enroller_key), [read_signing_key(layout.root_key)]

        for away in ("h3", "h1"):
            await site.stop(away)
            site.work("root", "rotate", str(layout.base))
            await site.publish(away=away)
            roots.append(read_signing_key(layout.root_key))
            await site.start(away)
            await site.publish()
        assert len({root.id for root in roots}) == 3

        site.work("enroller", "rotate", str(layout.base))
        for principal in KEYS:
            site.work("signer", "rotate", str(layout.base), principal)
        await site.publish()
        for host in HOSTS:
            shutil.copy(layout.base / "hosts" / f"{host}.next.key", site.base / host / "key")
            await site.stop(host)
            await site.start(host)
        for principal in KEYS:
            site.work("signer", "revoke", str(layout.base), old[principal].id.hex())
        await site.publish()

        await _all_answer(site, watching)
        await _old_keys_are_refused(site, old, old_enroller, roots)


async def _all_answer(site: Site, watching: Client) -> None:
    """Signed, to a client that begins now; and one that was there all the time, though its own key was revoked meanwhile, goes on
    to believe them."""
    async with open_client(site.context) as client:
        assert client.trust is not None
        assert len(client.trust.roots) == 3
        for host in HOSTS:
            answer = await client.host(host).guest_start(m.GuestStart(guest=RTLINUX))
            assert answer.verified
            shown = await client.host(host).trust_show(m.TrustKnown(revision=client.trust.revision))
            assert (shown.reply.revision, shown.verified) == (client.trust.revision, True)
        async with asyncio.timeout(10):  # its key is refused by the hosts now; the file is the same person's
            while watching.trust is None or watching.trust.revision != client.trust.revision:
                await asyncio.sleep(0.05)
        assert [seen.verified for seen in await watching.hosts()] == [True, True, True]


async def _old_keys_are_refused(
    site: Site, old: dict[str, SigningKey], enroller: SigningKey, roots: list[SigningKey]
) -> None:
    assert site.context.trust is not None
    assert site.context.root is not None
    trust = read_store(Path(site.context.trust), Path(site.context.root)).trust
    for principal in ("operator:admin", "controller:main"):
        who = Credentials(principal, principal.partition(":")[2], old[principal], trust)
        async with links.mqtt_link(site.context, who, 5.0) as caller:
            api = Client(LinkWay(caller), trust).host("h1")
            assert await refused(lambda api=api: api.trust_update(m.TrustFileGiven(file=trust.data))) == "KEY-UNKNOWN"

    lines, document, _ = split(trust.data)
    later = trust.document.model_copy(update={"rev": 99})
    members = Members(site="plant", rev=99, issued_at=unix_ms())
    forged = {
        "the first root": seal(later, roots[0], successions=lines),
        "the second root": seal(later, roots[1], successions=lines),
        "the enroller": lines + document + seal_members(members, enroller),
    }
    async with open_client(site.context) as client:
        for host in HOSTS:
            api = client.host(host)
            for name, file in forged.items():
                give = m.TrustFileGiven(file=file)
                assert await refused(lambda api=api, give=give: api.trust_update(give)) == "TRUST-INVALID", name

    await site.stop("h2")
    (site.base / "h2/key").write_text(f"guestwire-key 1 private\ned25519 {old['host:h2'].raw.hex()}\n")
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        await site.start("h2")
    site.running.pop("h2")


async def test_every_ca_is_rotated_and_no_host_is_lost(tmp_path: Path) -> None:
    """The broker is started anew at each step, so that everybody shakes hands by what he has then."""
    async with three_agents(tmp_path, tls=True) as site:
        layout, old = site.layout, tmp_path / "old"
        old.mkdir()
        copy_certificates(layout, old, "admin")
        for steps in (("rotate",), ("switch", "issuing"), ("drop",)):
            for step in steps:
                site.work("ca", step, str(layout.base))
            await site.publish()
            for host in HOSTS:
                copy_certificates(layout, site.base / host, host)
            await site.broker.restart()
            async with open_client(site.context, connect_timeout_s=PATIENCE_S) as client:
                for host in HOSTS:
                    assert (await client.host(host).host_ping(m.Ping(), CallOptions(timeout_s=PATIENCE_S))).verified, (
                        steps
                    )
            trust = site.inside["h1"].agent.executor.trust
            assert len(trust.document.authorities) == (1 if "drop" in steps else 2)

        files = {
            "ca": str(layout.ca_certificate),
            "certificate": str(old / "cert"),
            "certificate_key": str(old / "tls-key"),
        }
        stale = site.context.model_copy(update=files)
        with pytest.raises(GuestwireError):
            async with open_client(stale, connect_timeout_s=PATIENCE_S):
                pass
        with pytest.raises(GuestwireError):  # who knows the old CA alone does not believe the broker
            async with open_client(
                site.context.model_copy(update={"ca": str(old / "ca")}), connect_timeout_s=PATIENCE_S
            ):
                pass
