"""The doctor on what is on disk: certificates, keys, the trust document, file modes, dates."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import made_certificates
import pytest
from made_certificates import SERVER, Authority, Files

from guestwire.cli import checks_certificates, checks_local
from guestwire.cli.findings import Finding
from guestwire.cli.validity import validity
from guestwire.protocol.key_files import format_private, format_public
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Scope, Signer, TrustDocument
from guestwire.protocol.trust_file import seal
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

DAY_MS = 86_400_000
DAY = timedelta(days=1)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def found(findings: list[Finding]) -> dict[str, Finding]:
    assert len({finding.what for finding in findings}) == len(findings), findings
    assert all(finding.remedy for finding in findings if finding.level in ("warn", "fail")), findings
    return {finding.what: finding for finding in findings}


# -- dates


@pytest.mark.parametrize(
    ("begins", "ends", "level", "text"),
    [
        (-10, 80, "ok", "80 days left"),
        (-61, 29, "warn", "29 days left"),
        (-700, 100, "ok", "100 days left"),  # two years: a third is too early
        (-5, 2, "warn", "2 days left"),  # a week: a third of its life
        (-4, 3, "ok", "3 days left"),
        (-6, 1, "warn", "1 day left"),
        (-89.5, 0.5, "warn", "less than a day left"),
        (-90, 0, "fail", "is over since"),
        (-90, -1, "fail", "is over since"),
        (1, 90, "fail", "counts only from"),
        (-90, 1 << 53, "ok", "until the end of time"),
    ],
)
def test_validity(begins: float, ends: float, level: str, text: str) -> None:
    now = now_ms()
    judged = validity(now + int(begins * DAY_MS), now + int(ends * DAY_MS), now, timedelta(days=30))
    assert judged[0] == level, judged
    assert text in judged[1]


# -- certificates


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return create(tmp_path_factory.mktemp("site") / "site", SitePlan("plant", hosts=("h1",), tls=True), now_ms())


def test_certificates_of_a_site_are_well(site: Layout) -> None:
    context = Context(
        site="plant", brokers=("mqtts://b",), ca=str(site.ca_certificate),
        certificate=str(site.certificate("admin")), certificate_key=str(site.certificate_key("admin")),
    )  # fmt: skip
    findings = found(checks_certificates.check(context, "admin", now_ms()))
    assert {what: finding.level for what, finding in findings.items()} == {
        "certificate": "ok", "certificate key": "ok", "certificate purpose": "ok", "certificate chain": "ok",
        "certificate dates": "ok", "ca dates": "ok",
    }  # fmt: skip
    assert findings["certificate chain"].text.count(" <- ") == 2


def test_dates_of_cas_are_looked_at_too(site: Layout) -> None:
    """The issuing CA ends first: it is named, with the site's own remedy."""
    context = Context(
        site="plant", brokers=("mqtts://b",), ca=str(site.ca_certificate),
        certificate=str(site.certificate("admin")), certificate_key=str(site.certificate_key("admin")),
    )  # fmt: skip
    late = now_ms() + (5 * 365 - 20) * DAY_MS
    findings = found(checks_certificates.check(context, "admin", late))
    assert findings["certificate dates"].level == "fail"
    assert findings["ca dates"].level == "warn"
    assert "issuing CA" in findings["ca dates"].text


Change = Callable[[Authority, Path], Files]


@pytest.mark.parametrize(
    ("make", "what", "level", "text"),
    [
        (lambda ca, _: ca.issue("eve"), "certificate", "fail", "this client is admin"),
        (lambda ca, _: ca.issue("admin", (SERVER,)), "certificate purpose", "fail", "for TLS servers only"),
        (lambda ca, _: ca.issue("admin", ()), "certificate purpose", "warn", "does not say what it is for"),
        (lambda ca, _: ca.issue("admin", begins=-2 * DAY, ends=-DAY), "certificate dates", "fail", "is over since"),
        (lambda ca, _: ca.issue("admin", begins=DAY, ends=2 * DAY), "certificate dates", "fail", "counts only from"),
        (lambda ca, _: ca.issue("admin", begins=-DAY, ends=DAY / 4), "certificate dates", "warn", "less than a day"),
        (lambda _, folder: Authority(folder, "other").issue("admin"), "certificate chain", "warn", "nobody in `ca`"),
        (
            lambda ca, _: Files(ca.issue("admin").certificate, ca.issue("eve").key, 0),
            "certificate key", "fail", "the key of another certificate",
        ),
        (
            lambda ca, folder: Files(ca.issue("admin").certificate, _written(folder / "junk", "no key"), 0),
            "certificate key", "fail", "no private key",
        ),
        (
            lambda ca, folder: Files(_written(folder / "junk", "nothing"), ca.issue("admin").key, 0),
            "certificate", "fail", "no certificate that can be read",
        ),
        (
            lambda ca, folder: Files(folder / "absent", ca.issue("admin").key, 0),
            "certificate", "fail", "No such file",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_certificate(make: Change, what: str, level: str, text: str, tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    files = make(ca, tmp_path)
    context = Context(
        site="plant", brokers=("mqtts://b",), ca=str(ca.certificate),
        certificate=str(files.certificate), certificate_key=str(files.key),
    )  # fmt: skip
    findings = found(checks_certificates.check(context, "admin", now_ms()))
    assert (findings[what].level, text in findings[what].text) == (level, True), findings
    wrong = [finding.what for finding in findings.values() if finding.level == "fail"]
    assert wrong == ([what] if level == "fail" else [])


def test_a_ca_of_its_own_is_no_clients_certificate(tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    key = _written(tmp_path / "k", "x")
    context = Context(
        site="plant", brokers=("mqtts://b",), ca=str(ca.certificate), certificate=str(ca.certificate),
        certificate_key=str(key),
    )  # fmt: skip
    findings = found(checks_certificates.check(context, None, now_ms()))
    assert findings["certificate purpose"].level == "fail"


def test_no_error_quotes_a_key(tmp_path: Path) -> None:
    ca = made_certificates.Authority(tmp_path)
    files = ca.issue("admin")
    damaged = files.key.read_text().replace("M", "N", 1)
    body = "".join(damaged.splitlines()[1:-1])
    _written(files.key, damaged)
    context = Context(
        site="plant", brokers=("mqtts://b",), ca=str(ca.certificate),
        certificate=str(files.certificate), certificate_key=str(files.key),
    )  # fmt: skip
    said = repr(checks_certificates.check(context, "admin", now_ms()))
    assert "no private key that can be read" in said
    assert not any(body[at : at + 12] in said for at in range(len(body) - 12))


# -- who this client is


def _site_with(tmp_path: Path, *, revoked: bool = False, **dates: int) -> Context:
    root, mine = SigningKey.generate(), SigningKey.generate()
    signer = Signer(principal="operator:eve", public_key=mine.public.raw.hex(), scope=Scope(risk=2), **dates)  # type: ignore[arg-type]
    document = TrustDocument(
        site="plant", rev=7, issued_at=1, signers=(signer,), revoked=(mine.id.hex(),) if revoked else ()
    )
    key = _written(tmp_path / "eve.key", format_private(mine))
    trust = tmp_path / "trust"
    trust.write_bytes(seal(document, root))
    public = tmp_path / "root.pub"
    public.write_text(format_public(root.public))
    return Context(site="plant", brokers=("mqtt://b",), trust=str(trust), root=str(public), key=str(key))


@pytest.mark.parametrize(
    ("dates", "revoked", "what", "level", "text"),
    [
        ({}, False, "identity", "ok", "operator:eve"),
        ({"not_before": -90, "not_after": 80}, False, "key validity", "ok", "80 days left"),
        ({"not_before": -90, "not_after": 10}, False, "key validity", "warn", "10 days left"),
        ({"not_before": -90, "not_after": -1}, False, "identity", "fail", "operator:eve is over since"),
        ({"not_before": 1, "not_after": 9}, False, "identity", "fail", "operator:eve counts only from"),
        ({}, True, "identity", "fail", "operator:eve was revoked"),
    ],
)
def test_the_signer_in_the_trust_document(
    dates: dict[str, int], revoked: bool, what: str, level: str, text: str, tmp_path: Path
) -> None:
    at = {name: now_ms() + days * DAY_MS + 1000 for name, days in dates.items()}
    findings = found(checks_local.identity(_site_with(tmp_path, revoked=revoked, **at))[0])
    assert (findings[what].level, text in findings[what].text) == (level, True), findings


def test_a_key_that_nobody_knows(tmp_path: Path) -> None:
    context = _site_with(tmp_path)
    _written(Path(context.key or ""), format_private(SigningKey.generate()))
    (finding,), who = checks_local.identity(context)
    assert who is None
    assert "revision 7 of the trust document names no key" in finding.text


# -- file modes


@pytest.mark.parametrize("field", ["key", "certificate_key", "password_file"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_private_files_are_closed(field: str, mode: int, tmp_path: Path) -> None:
    path = _written(tmp_path / "private", "x")
    others = {"certificate": str(path)} if field == "certificate_key" else {}
    others |= {"trust": str(path), "root": str(path)} if field == "key" else {}
    context = Context(site="plant", brokers=("mqtt://b",), **{**others, field: str(path)})  # type: ignore[arg-type]
    what = f"{field.removesuffix('_file').replace('_', ' ')} file"
    assert found(checks_local.files(context))[what].level == "ok"
    path.chmod(mode)
    finding = found(checks_local.files(context))[what]
    assert (finding.level, finding.remedy) == ("fail", f"chmod 600 {path}")


def test_a_directory_that_anybody_writes_to(tmp_path: Path) -> None:
    path = _written(tmp_path / "open" / "password", "x")
    context = Context(site="plant", brokers=("mqtt://b",), password_file=str(path))
    path.parent.chmod(0o777)
    assert found(checks_local.files(context))["password file"].level == "warn"
    path.parent.chmod(0o1777)  # as /tmp: only the owner replaces his files
    assert found(checks_local.files(context))["password file"].level == "ok"


def test_the_site_of_a_fresh_init_is_private(site: Layout) -> None:
    """Every private file that `site init` makes passes the doctor's own measure."""
    keys = list(site.base.rglob("*.key"))
    assert len(keys) >= 8
    assert all(path.stat().st_mode & 0o077 == 0 for path in keys)
    read_signing_key(site.root_key)


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    return path
