"""The doctor on hosts and on this machine: listeners over TLS, trust that is behind, the clock, open files, its own time."""

import json
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_host import FakeFleet
from made_certificates import SERVER, Authority
from own_listener import Listening, Pki, listening

from guestwire.cli import checks_hosts, checks_listener, checks_machine, checks_sockets
from guestwire.cli.findings import Finding
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials

DAY = timedelta(days=1)
WHO = Credentials("operator:cli-1", "cli-1")


def _remedied(findings: list[Finding]) -> dict[str, Finding]:
    assert all(finding.remedy for finding in findings if finding.level in ("warn", "fail")), findings
    return {finding.what: finding for finding in findings}


# -- over TCP


@asynccontextmanager
async def _listener(pki: Pki, revoked: Path | None = None) -> AsyncIterator[Listening]:
    async with listening(pki, lambda *_: None, revoked) as made:
        yield made


def _context(made: Listening, **changes: Any) -> Context:
    files = {"ca": made.pki.ca.certificate, "certificate": made.pki.client.certificate}
    values = {name: str(path) for name, path in files.items()} | {"certificate_key": str(made.pki.client.key)}
    address = f"127.0.0.1:{made.port}"
    fixed = {"site": "plant", "via": "tcp", "address": address, "host": "h1"}
    return Context.model_validate(fixed | values | changes)


async def test_a_listener_that_is_well(tmp_path: Path) -> None:
    async with _listener(Pki(tmp_path)) as made:
        findings, trip = await checks_listener.check(_context(made), WHO)
    assert [(finding.what, finding.level) for finding in findings] == [
        ("tcp", "ok"), ("tls", "ok"), ("listener", "ok"), ("tcp options", "ok"), ("round trip", "ok"),
    ]  # fmt: skip
    assert trip is not None


@pytest.mark.parametrize(
    ("issue", "alert"),
    [
        ({"begins": -2 * DAY, "ends": -DAY}, "certificate expired"),
        ({"begins": DAY, "ends": 2 * DAY}, "bad certificate"),
        ({"purposes": (SERVER,)}, "unsupported certificate"),
        ({"other": True}, "unknown ca"),
        ({"revoked": True}, "certificate revoked"),
    ],
)
async def test_the_alert_of_a_listener(issue: dict[str, Any], alert: str, tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    asked = {name: value for name, value in issue.items() if name not in ("other", "revoked")}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mine = (Authority(elsewhere, "other") if "other" in issue else pki.ca).issue("cli-1", file="mine", **asked)
    revoked = pki.ca.revoke(*([mine] if "revoked" in issue else []))
    async with _listener(pki, revoked) as made:
        context = _context(made, certificate=str(mine.certificate), certificate_key=str(mine.key))
        findings, trip = await checks_listener.check(context, WHO)
    found = _remedied(findings)
    assert trip is None
    assert list(found) == ["tcp", "tls"]
    assert f"alert `{alert}`" in found["tls"].text


async def test_a_client_that_the_host_does_not_know(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    mine = pki.ca.issue("mallory")
    async with _listener(pki) as made:
        context = _context(made, certificate=str(mine.certificate), certificate_key=str(mine.key))
        findings, trip = await checks_listener.check(context, WHO)
    assert trip is None
    assert "CLIENT-UNKNOWN" in _remedied(findings)["listener"].text


async def test_another_host_than_it_must_be(tmp_path: Path) -> None:
    async with _listener(Pki(tmp_path)) as made:
        findings, trip = await checks_listener.check(_context(made, host="h2"), WHO)
    assert trip is None
    assert "the peer's certificate" in _remedied(findings)["tls"].text


# -- what hosts say


@pytest.mark.parametrize(
    ("ours", "theirs", "level", "text"),
    [
        ((3, 0), (3, 0), "ok", "revision 3, as here"),
        ((3, 2), (3, 2), "ok", "revision 3.2, as here"),
        ((4, 0), (3, 0), "warn", "it is behind"),
        ((4, 2), (4, 1), "warn", "it is behind"),
        ((3, 0), (4, 0), "warn", "this context is behind"),
        ((3, 1), (3, 4), "warn", "this context is behind"),
    ],
)
def test_trust_that_is_behind(ours: tuple[int, int], theirs: tuple[int, int], level: str, text: str) -> None:
    finding = checks_hosts.trust_of("h1", ours, theirs)
    assert (finding.what, finding.level) == ("trust h1", level)
    assert text in finding.text
    assert bool(finding.remedy) is (level != "ok")


# -- this machine


@pytest.mark.parametrize(("synchronised", "level"), [(True, "ok"), (False, "warn"), (None, "skip")])
def test_the_clock(synchronised: bool | None, level: str) -> None:
    finding = checks_machine.clock(synchronised)
    assert finding.level == level
    assert bool(finding.remedy) is (level == "warn")


def test_the_kernel_says_how_its_clock_is() -> None:
    assert checks_machine.clock_state() in (True, False, None)


@contextmanager
def _soft_limit(limit: int) -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_open_files() -> None:
    with _soft_limit(512):
        assert checks_sockets.open_files(64).level == "ok"
        finding = checks_sockets.open_files(65)
    assert (finding.level, finding.remedy) == ("warn", "ulimit -n 516")
    assert "512" in finding.text


def test_more_than_this_user_may_have() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard):
        assert checks_sockets.open_files(10).level == "ok"
    else:
        assert "LimitNOFILE" in checks_sockets.open_files(hard).remedy


# -- the whole of it


def test_every_row_has_its_form_and_its_remedy(run: Callable[..., Any], fleet: FakeFleet) -> None:
    result = run("doctor", "-o", "json")
    rows = {row["check"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 0, result.stdout
    assert {rows[what]["result"] for what in ("tcp", "mqtt", "tcp options", "host h1", "host h2")} == {"ok"}
    assert all(set(row) == {"check", "result", "text", "remedy"} for row in rows.values())
    assert all(row["remedy"] for row in rows.values() if row["result"] in ("warn", "fail"))
