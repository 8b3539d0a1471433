"""The doctor's way to a broker: what each fault is called, over real TLS."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.broker_test.running import RunningBroker
from guestwire.cli import checks_broker
from guestwire.link.clock import now
from guestwire.sdk import credentials
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

Start = Callable[[BrokerOptions], Awaitable[RunningBroker]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "site", SitePlan("plant", hosts=("h1",), tls=True), time.time_ns() // 1_000_000)


async def _broker(start: Start, layout: Layout) -> str:
    tls = Tls(
        layout.certificate("broker"), layout.certificate_key("broker"), layout.ca_certificate,
        require_client_certificate=True,
    )  # fmt: skip
    broker = await start(BrokerOptions(listeners=(Listener(tls=tls),)))
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


async def test_all_is_well(broker_factory: Start, layout: Layout) -> None:
    url = await _broker(broker_factory, layout)
    certificate, key = str(layout.certificate("admin")), str(layout.certificate_key("admin"))
    found = await _levels(_context(layout, url, certificate=certificate, certificate_key=key))
    assert [text.partition(" ")[0] for text in found.values()] == ["ok"] * 4, found
    assert list(found) == ["tcp", "tls", "mqtt", "round trip"]


async def test_no_client_certificate_shows_the_alert(broker_factory: Start, layout: Layout) -> None:
    found = await _levels(_context(layout, await _broker(broker_factory, layout)))
    assert found["tls"].startswith("fail ")
    # mosquitto sends the alert; our embedded broker's loop just closes
    assert "CERTIFICATE_REQUIRED" in found["tls"] or "closed after the handshake" in found["tls"], found["tls"]
    assert "mqtt" not in found


async def test_another_ca(broker_factory: Start, layout: Layout, tmp_path: Path) -> None:
    url = await _broker(broker_factory, layout)
    other = create(tmp_path / "other", SitePlan("other", tls=True), time.time_ns() // 1_000_000)
    found = await _levels(_context(layout, url, ca=str(other.ca_certificate)))
    assert found["tls"].startswith("fail ")
    assert "the broker's certificate" in found["tls"]


async def test_nobody_listens(layout: Layout) -> None:
    found = await _levels(_context(layout, "mqtt://127.0.0.1:1"))
    assert list(found) == ["tcp"]
    assert "refused" in found["tcp"]
