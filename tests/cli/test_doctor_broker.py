"""The doctor's way to a broker: what each fault is called, over real TLS."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import made_certificates
import pytest

from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.broker_test.running import RunningBroker
from guestwire.cli import checks_access, checks_broker
from guestwire.link import brokers
from guestwire.link.clock import now
from guestwire.protocol.access_lists import Grant, access_list, users_of
from guestwire.sdk import credentials
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import read_trust
from guestwire.sdk.links import broker_options
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

Start = Callable[[BrokerOptions], Awaitable[RunningBroker]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "site", SitePlan("plant", hosts=("h1",), tls=True), time.time_ns() // 1_000_000)


def _access_list(layout: Layout, folder: Path) -> Path:
    """The site's own."""
    users = users_of(read_trust(layout.trust, layout.root_public), now().wall_ms) | {"looker": Grant("observer")}
    path = folder / "acl"
    path.write_text(access_list(users, "plant"))
    return path


async def _broker(start: Start, layout: Layout, acl: Path | None = None) -> str:
    tls = Tls(
        layout.certificate("broker"), layout.certificate_key("broker"), layout.ca_certificate,
        require_client_certificate=True,
    )  # fmt: skip
    broker = await start(BrokerOptions(listeners=(Listener(tls=tls, acl=acl),)))
    return f"mqtts://localhost:{broker.tls_port}"


def _context(layout: Layout, url: str, **changes: str) -> Context:
    files = {
        "trust": str(layout.trust), "root": str(layout.root_public), "key": str(layout.key("operator:admin")),
        "ca": str(layout.ca_certificate),
    }  # fmt: skip
    return Context(site="plant", brokers=(url,), **{**files, **changes})  # type: ignore[arg-type]


async def _levels(context: Context) -> dict[str, str]:
    who = credentials.read(context, now().wall_ms)
    (result,) = await checks_broker.check(context, who)
    return {finding.what: f"{finding.level} {finding.text}" for finding in result.findings}


async def test_all_is_well(broker_factory: Start, layout: Layout, tmp_path: Path) -> None:
    url = await _broker(broker_factory, layout, _access_list(layout, tmp_path))
    certificate, key = str(layout.certificate("admin")), str(layout.certificate_key("admin"))
    found = await _levels(_context(layout, url, certificate=certificate, certificate_key=key))
    assert list(found) == ["tcp", "tls", "mqtt", "round trip", "tcp options", "access list"]
    assert [text.partition(" ")[0] for text in found.values()] == ["ok"] * 6, found


async def test_no_client_certificate_shows_the_alert(broker_factory: Start, layout: Layout) -> None:
    found = await _levels(_context(layout, await _broker(broker_factory, layout)))
    assert found["tls"].startswith("fail ")
    # mosquitto sends the alert; our embedded broker's loop just closes
    assert "alert `certificate required`" in found["tls"] or "closed after the handshake" in found["tls"], found["tls"]
    assert "mqtt" not in found


CLIENT, SERVER = made_certificates.CLIENT, made_certificates.SERVER
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Refused:
    """A certificate that a broker refuses: how it was made, and the alert."""

    alert: str
    issue: dict[str, Any] = field(default_factory=dict)
    revoked: bool = False
    by_another_ca: bool = False
    remedy: str = ""


REFUSED = {
    "expired": Refused("certificate expired", {"begins": -2 * DAY, "ends": -DAY}, remedy="certificate dates"),
    "not yet valid": Refused("bad certificate", {"begins": DAY, "ends": 2 * DAY}, remedy="clocks"),
    "for servers": Refused("unsupported certificate", {"purposes": (SERVER,)}, remedy="clientAuth"),
    "of another CA": Refused("unknown ca", by_another_ca=True, remedy="tls/ca.crt"),
    "revoked": Refused("certificate revoked", revoked=True, remedy="withdrawn"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("transport", ["mqtt5", "aiomqtt"])
async def test_the_alert_of_a_real_broker(
    case: str, transport: str, mosquitto_factory: Start, layout: Layout, tmp_path: Path
) -> None:
    """TLS 1.3: the handshake is over for the client when mosquitto judges its certificate."""
    row = REFUSED[case]
    folder, elsewhere = tmp_path / "ca", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    ca = made_certificates.Authority(folder)
    server = ca.issue("localhost", (SERVER,))
    other = made_certificates.Authority(elsewhere, "other")
    mine = (other if row.by_another_ca else ca).issue("admin", **row.issue)
    crl = ca.revoke(*([mine] if row.revoked else []))
    tls = Tls(server.certificate, server.key, ca.certificate, crl=crl, require_client_certificate=True)
    broker = await mosquitto_factory(BrokerOptions(listeners=(Listener(tls=tls),)))
    context = _context(
        layout, f"mqtts://localhost:{broker.tls_port}", transport=transport,
        ca=str(ca.certificate), certificate=str(mine.certificate), certificate_key=str(mine.key),
    )  # fmt: skip
    (result,) = await checks_broker.check(context, credentials.read(context, now().wall_ms))
    assert [finding.what for finding in result.findings] == ["tcp", "tls"]
    tls_finding = result.findings[-1]
    assert tls_finding.level == "fail"
    assert f"alert `{row.alert}`" in tls_finding.text
    assert row.remedy in tls_finding.remedy
    # mosquitto says the same of all of them, so that the alert is what tells
    assert any("certificate verify failed" in line for line in broker.log), list(broker.log)


async def test_another_ca(broker_factory: Start, layout: Layout, tmp_path: Path) -> None:
    url = await _broker(broker_factory, layout)
    other = create(tmp_path / "other", SitePlan("other", tls=True), time.time_ns() // 1_000_000)
    found = await _levels(_context(layout, url, ca=str(other.ca_certificate)))
    assert found["tls"].startswith("fail ")
    assert "the peer's certificate" in found["tls"]


async def test_a_broker_without_tls_at_the_port(mosquitto_factory: Start, layout: Layout) -> None:
    broker = await mosquitto_factory(BrokerOptions())
    found = await _levels(_context(layout, f"mqtts://localhost:{broker.port}"))
    assert list(found) == ["tcp", "tls"]
    assert found["tls"].startswith("fail ")


async def test_nobody_listens(layout: Layout) -> None:
    found = await _levels(_context(layout, "mqtt://127.0.0.1:1"))
    assert list(found) == ["tcp"]
    assert "refused" in found["tcp"]


# -- what the broker lets this client do


@pytest.mark.parametrize("transport", ["mqtt5", "aiomqtt"])
async def test_a_broker_without_an_access_list(broker_factory: Start, layout: Layout, transport: str) -> None:
    broker = await broker_factory(BrokerOptions())
    context = _context(layout, broker.url, transport=transport)
    (result,) = await checks_broker.check(context, credentials.read(context, now().wall_ms))
    found = {finding.what: finding for finding in result.findings}
    access = found["access list"]
    assert access.level == "warn"
    for granted in ("requests as another client", "speak as a host", "answer for a host", "read what is for others"):
        assert granted in access.text
    assert "guestwire site broker-config" in access.remedy
    assert found["tcp options"].level == "ok"


@pytest.mark.parametrize("principal", ["operator:admin", "controller:main", None])
@pytest.mark.parametrize("level", [5, 4])
async def test_the_sites_own_access_list_passes(
    mosquitto_factory: Start, layout: Layout, tmp_path: Path, principal: str | None, level: int
) -> None:
    acl = _access_list(layout, tmp_path)
    broker = await mosquitto_factory(BrokerOptions(listeners=(Listener(acl=acl),)))
    context = _context(layout, broker.url)
    context = context.model_copy(
        update={"key": str(layout.key(principal))} if principal else {"key": None, "client": "looker"}
    )
    who = credentials.read(context, now().wall_ms)
    (options,) = broker_options(context, who, f"{who.client}-doctor")
    heard = checks_access.Heard()
    link = await brokers.connect(replace(options, level=level), heard)  # type: ignore[arg-type]
    try:
        findings = await checks_access.check(link, heard, broker.url, context, who)
    finally:
        await link.close()
    assert [(finding.what, finding.level) for finding in findings] == [("access list", "ok")], findings


@pytest.mark.parametrize("level", [5, 4])
async def test_without_a_list_either_level_shows_it(mosquitto_factory: Start, layout: Layout, level: int) -> None:
    broker = await mosquitto_factory(BrokerOptions())
    context = _context(layout, broker.url)
    who = credentials.read(context, now().wall_ms)
    (options,) = broker_options(context, who, f"{who.client}-doctor")
    heard = checks_access.Heard()
    link = await brokers.connect(replace(options, level=level), heard)  # type: ignore[arg-type]
    try:
        (finding,) = await checks_access.check(link, heard, broker.url, context, who)
    finally:
        await link.close()
    assert finding.level == "warn"
    assert finding.text.endswith(
        "make requests as another client, speak as a host, answer for a host, read what is for others"
    )


@pytest.mark.parametrize(
    ("granted", "said"),
    [
        ("topic write gw/1/plant/host/+/presence", "speak as a host"),
        ("topic write gw/1/plant/host/+/request/#", "requests as another client"),
        ("topic write gw/1/plant/client/#", "answer for a host"),
        ("topic read gw/1/plant/host/+/request/#", "read what is for others"),
    ],
)
async def test_one_right_too_many_is_found(
    broker_factory: Start, layout: Layout, tmp_path: Path, granted: str, said: str
) -> None:
    acl = _access_list(layout, tmp_path)
    acl.write_text(acl.read_text().replace("user admin\n", f"user admin\n{granted}\n"))
    broker = await broker_factory(BrokerOptions(listeners=(Listener(acl=acl),)))
    found = await _levels(_context(layout, broker.url))
    assert found["access list"].startswith("warn ")
    assert said in found["access list"]


async def test_a_list_that_does_not_name_this_client(broker_factory: Start, layout: Layout, tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("user somebody\ntopic readwrite gw/1/plant/#\n")
    broker = await broker_factory(BrokerOptions(listeners=(Listener(acl=acl),)))
    found = await _levels(_context(layout, broker.url))
    # where the broker does not refuse the subscription, the message tells
    assert found.get("own topics", found.get("access", "")).startswith("fail "), found
