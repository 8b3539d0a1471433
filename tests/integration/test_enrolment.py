"""A site's service and hosts that enrol, over real TLS: what is let in, and everything that is not."""

import asyncio
import datetime
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.admission import Applicant, certificate_request
from guestwire.agent.config import Settings, load
from guestwire.agent.enrolling import enrol
from guestwire.agent.identity import host_key
from guestwire.agent.renewing import renew
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.enrolment import (
    EnrolmentCode,
    EnrolRequest,
    RenewRequest,
    enrol_to_be_signed,
    renew_to_be_signed,
    secret_hash,
)
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.site import drafts, publishing
from guestwire.site.authority import Authority, read_trust
from guestwire.site.certificates import describe, key_pem, new_key
from guestwire.site.codes import read_codes, used, write_codes
from guestwire.site.enrolment import SitePlan, add, create
from guestwire.site.invitations import invite
from guestwire.site.layout import Layout
from guestwire.site.service import FAILURE_BURST, ServiceParts, application
from guestwire.site.service_log import ServiceLog
from guestwire.site.service_place import ServicePlace, settle
from guestwire.site.serving import MAX_OF_ONE_ADDRESS, serving

PATIENCE_S = 20.0


@dataclass
class Plant:
    """A site with its service, and a clock of its own that a test can set."""

    layout: Layout
    base: Path
    port: int = 0
    ahead_ms: int = 0
    said: list[str] = field(default_factory=list)

    def clock_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def code(self, host: str = "h1", *, replaces: bool = False, valid_min: int = 60) -> EnrolmentCode:
        return invite(
            self.layout, host, address=None, brokers=("mqtts://b.example",), valid_ms=valid_min * 60_000, replace=replaces,
            now_ms=self.clock_ms(),
        )  # fmt: skip

    async def enrol(self, code: EnrolmentCode, machine: str = "m1", **more: bool) -> list[str]:
        """As `guestwire-agent enrol` does on a machine; what it said."""
        said: list[str] = []
        home = self.base / machine
        await asyncio.to_thread(enrol, code, home / "identity", home / "agent.toml", said.append, **more)
        return said

    def settings(self, machine: str = "m1") -> Settings:
        return load(self.base / machine / "agent.toml")

    async def renew(self, machine: str = "m1", clock: ClockQuality = "synchronised") -> None:
        await asyncio.to_thread(renew, self.settings(machine), lambda _floor: clock)

    async def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """A request that is made by hand."""
        status, _, answer = await self.ask(
            f"POST {path} HTTP/1.1\r\nHost: s\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        return status, json.loads(answer)

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        context = ssl.create_default_context(cafile=self.layout.ca_certificate)
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
            try:
                writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                await writer.drain()
                head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return int(head.split(b" ")[1]), head, answer

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.layout.service_log.read_text().splitlines()]

    def publish(self, **change: Any) -> None:
        """The root signs another document."""
        with publishing.site_open(self.layout):
            drafts.change(self.layout, lambda document: document.model_copy(update=change), self.clock_ms())
            assert publishing.sign(self.layout, self.clock_ms()) is not None


@asynccontextmanager
async def plant(base: Path, *, service_ahead_ms: int = 0) -> AsyncIterator[Plant]:
    """`service_ahead_ms`: by how much the clock is ahead by which the service's own certificate is made."""
    made = Plant(create(base / "plant", SitePlan("plant", tls=True), time.time_ns() // 1_000_000), base)
    parts = ServiceParts(
        Authority(made.layout, made.clock_ms),
        ServiceLog(made.layout.service_log),
        made.clock_ms,
        time.monotonic,
        made.said.append,
    )
    names = ("127.0.0.1",)
    async with serving(
        application(parts), made.layout, names, ("127.0.0.1", 0), lambda: made.clock_ms() + service_ahead_ms
    ) as (_, made.port):
        settle(made.layout, ServicePlace(names=names, address=f"127.0.0.1:{made.port}"))
        yield made


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Plant]:
    async with plant(tmp_path) as made:
        yield made


def _identity(site: Plant, machine: str = "m1") -> dict[str, bytes]:
    folder = site.base / machine / "identity"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def _key(site: Plant, machine: str = "m1") -> SigningKey:
    return host_key(site.base / machine / "identity" / "host.key")


async def test_a_host_is_let_in_and_has_all_it_needs(site: Plant) -> None:
    said = await site.enrol(site.code())
    settings = site.settings()
    assert (settings.host.id, settings.host.site) == ("h1", "plant")
    assert settings.broker.urls == ("mqtts://b.example",)
    assert settings.broker.ca is not None
    context = ssl.create_default_context(cafile=settings.broker.ca)
    assert settings.broker.cert is not None
    context.load_cert_chain(settings.broker.cert, settings.broker.key)
    for path in (site.base / "m1" / "identity").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert any("enrolled" in line for line in said)
    trust = read_trust(site.layout)
    assert trust.speaks_for_host(_key(site).id, "h1", None) is not None
    assert trust.revision == (1, 1)


async def test_a_lost_answer_is_given_again_to_the_same_keys(site: Plant) -> None:
    """The machine lost everything but the unfinished folder: as if the power had gone before the answer came."""
    code = site.code()
    await site.enrol(code)
    key = _key(site)
    folder = site.base / "m1" / "identity"
    unfinished = folder.with_name(".identity.new")
    folder.rename(unfinished)
    for name in ("tls.pem", "trust", "ca.crt", "root.pub"):
        (unfinished / name).unlink()
    await site.enrol(code)
    assert _key(site).id == key.id
    assert read_trust(site.layout).revision == (1, 1), "nothing changed the second time"
    await site.enrol(code)  # and after it went well
    assert _key(site).id == key.id


async def test_a_service_that_died_in_the_middle_goes_on_with_the_same_key(site: Plant) -> None:
    """The code is used up on disk, and the host is no member yet. The host's keys are from an attempt that reached nobody."""
    code = site.code()
    with pytest.raises(GuestwireError, match="ENROLMENT-UNREACHABLE"):
        await site.enrol(replace(code, address="127.0.0.1:1"))
    key = host_key(site.base / "m1" / ".identity.new" / "host.key")
    after, _ = used(read_codes(site.layout), code.secret, "h1", key.public.raw.hex(), site.clock_ms())
    write_codes(site.layout, after)
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-USED"):
        await site.enrol(code, "thief")
    await site.enrol(code)
    assert _key(site).id == key.id


async def test_settings_that_are_there_are_left_and_what_they_lack_is_said(site: Plant) -> None:
    config = site.base / "m1" / "agent.toml"
    config.parent.mkdir()
    config.write_text('[host]\nid = "h1"\nsite = "other"\n')
    said = await site.enrol(site.code())
    assert config.read_text() == '[host]\nid = "h1"\nsite = "other"\n'
    assert 'site = "plant"' in "".join(said)
    assert 'id = "h1"' not in "".join(said)


async def test_a_code_is_for_one_key(site: Plant) -> None:
    code = site.code()
    await site.enrol(code)
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-USED"):
        await site.enrol(code, "thief")
    assert _identity(site, "thief") == {}
    assert site.rows()[-1]["outcome"] == "ENROLMENT-CODE-USED"


@pytest.mark.parametrize("before", [False, True])
async def test_a_code_ends(site: Plant, before: bool) -> None:
    code = site.code(valid_min=10)
    if before:
        await site.enrol(code)
    site.ahead_ms = 10 * 60_000
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-EXPIRED"):
        await site.enrol(code)


async def test_an_altered_code_is_refused(site: Plant) -> None:
    code = site.code()
    for altered, refused in (
        (replace(code, secret=bytes(16)), "ENROLMENT-CODE-UNKNOWN"),
        (replace(code, host="h2"), "ENROLMENT-CODE-UNKNOWN"),
        (replace(code, site="other"), "ENROLMENT-REFUSED"),
        (replace(code, fingerprint=bytes(16)), "ENROLMENT-PEER-FALSE"),
        (replace(code, address="127.0.0.1:1"), "ENROLMENT-UNREACHABLE"),
    ):
        with pytest.raises(GuestwireError) as wrong:
            await site.enrol(altered)
        assert wrong.value.code == refused
    assert _identity(site) == {}
    assert read_trust(site.layout).members is None


async def test_who_is_in_between_hears_nothing(site: Plant) -> None:
    """A server at the service's address that has a certificate of the site's own CA, and not the service's key."""
    heard = bytearray()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.layout.certificate("broker"), site.layout.certificate_key("broker"))

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1 << 16))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(GuestwireError, match="ENROLMENT-PEER-FALSE"):
            await site.enrol(replace(site.code(), address=f"127.0.0.1:{port}"))
    assert not heard


def _request(host: str, key: SigningKey, code: EnrolmentCode | None = None) -> EnrolRequest | RenewRequest:
    request = certificate_request(Applicant("plant", host, key, new_key()))
    public = key.public.raw.hex()
    if code is None:
        signed = key.sign(Domain.ENROLMENT, renew_to_be_signed("plant", host, request))
        return RenewRequest(site="plant", host=host, public_key=public, request=request, signature=signed.hex())
    signed = key.sign(Domain.ENROLMENT, enrol_to_be_signed("plant", host, secret_hash(code.secret), request))
    return EnrolRequest(
        site="plant", host=host, secret=code.secret.hex(), public_key=public, request=request, signature=signed.hex()
    )


async def test_a_request_is_bound_to_its_key_host_and_kind(site: Plant) -> None:
    """Each part of a good request put into the place of another's."""
    mine, other = SigningKey.generate(), SigningKey.generate()
    good, foreign = _request("h1", mine, site.code()), _request("h2", other, site.code("h2"))
    renewal = _request("h1", mine)
    for change in (
        {"host": "h2"},
        {"site": "other"},
        {"public_key": other.public.raw.hex()},
        {"public_key": "0" * 64},
        {"request": foreign.request},
        {"signature": foreign.signature},
        {"signature": renewal.signature},
    ):
        status, answer = await site.post("/enrol", good.model_copy(update=change).model_dump_json().encode())
        assert (status, answer["code"]) == (403, "ENROLMENT-REFUSED"), change
    status, answer = await site.post("/enrol", good.model_dump_json().encode())
    assert status == 200
    assert answer["host"] == "h1"


async def test_a_renewal_that_is_said_again_is_refused(site: Plant) -> None:
    await site.enrol(site.code())
    body = _request("h1", _key(site)).model_dump_json().encode()
    assert (await site.post("/renew", body))[0] == 200
    status, answer = await site.post("/renew", body)
    assert (status, answer["code"]) == (403, "ENROLMENT-REFUSED")
    assert [row["outcome"] for row in site.rows()] == ["ok", "ok", "ENROLMENT-REFUSED"]


async def test_renewal(site: Plant) -> None:
    await site.enrol(site.code())
    before = _identity(site)
    site.publish(revoked_mandates=("0" * 32,))
    await site.renew()
    after = _identity(site)
    assert {name for name in after if after[name] != before[name]} == {"tls.pem", "trust"}
    assert after["trust"] == site.layout.trust.read_bytes()


async def test_a_clone_is_refused_and_told(site: Plant) -> None:
    """Another machine that has got a code for a host that is known, and one that asks for the next certificate."""
    await site.enrol(site.code())
    for attempt in ("enrol", "renew"):
        with pytest.raises(GuestwireError, match="HOST-ID-CONFLICT"):
            if attempt == "enrol":
                await site.enrol(site.code(), "clone")
            else:
                status, answer = await site.post(
                    "/renew", _request("h1", SigningKey.generate()).model_dump_json().encode()
                )
                assert status == 409
                raise GuestwireError(answer["code"])
    assert sum("HOST-ID-CONFLICT" in line for line in site.said) == 2
    assert [row["outcome"] for row in site.rows()] == ["ok", "HOST-ID-CONFLICT", "HOST-ID-CONFLICT"]
    await site.renew()  # the true one is none the worse


async def test_a_copied_disk_cannot_enrol_as_another_host(site: Plant) -> None:
    await site.enrol(site.code())
    (site.base / "m1").rename(site.base / "copy")
    with pytest.raises(GuestwireError, match="HOST-ID-CONFLICT"):
        await site.enrol(site.code("h2"), "copy")
    await site.enrol(site.code("h2"), "copy", new_key=True)
    assert {member.host for member in read_trust(site.layout).members.hosts} == {"h1", "h2"}  # type: ignore[union-attr]


async def test_a_host_that_the_root_named_enrols_with_the_key_that_is_brought_even_after_it_tried_without(
    site: Plant,
) -> None:
    add(site.layout.base, ["host:h1"], site.clock_ms())
    with pytest.raises(GuestwireError, match=r"host\.key in the identity's folder"):
        await site.enrol(site.code())
    brought = site.base / "m1" / "identity" / "host.key"
    brought.parent.mkdir()
    brought.write_bytes(site.layout.key("host:h1").read_bytes())
    brought.chmod(0o600)
    await site.enrol(site.code())
    assert _key(site).id == host_key(site.layout.key("host:h1")).id


async def test_a_host_that_was_set_up_anew_replaces_its_key(site: Plant) -> None:
    await site.enrol(site.code())
    await site.enrol(site.code(replaces=True), "anew")
    trust = read_trust(site.layout)
    assert trust.speaks_for_host(_key(site, "anew").id, "h1", None) is not None
    assert trust.speaks_for_host(_key(site).id, "h1", None) is None
    before = _identity(site)
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        await site.renew()
    assert _identity(site) == before, "nothing is lost"
    await site.renew("anew")


async def test_a_host_takes_a_new_key_on_the_same_machine(site: Plant) -> None:
    await site.enrol(site.code())
    before = _key(site)
    await site.enrol(site.code(replaces=True), new_key=True)
    assert _key(site).id != before.id
    await site.renew()


async def test_a_revoked_host_is_refused_and_loses_nothing(site: Plant) -> None:
    await site.enrol(site.code())
    site.publish(revoked=(_key(site).id.hex(),))
    before = _identity(site)
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        await site.renew()
    assert _identity(site) == before
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        await site.enrol(site.code())


async def test_a_machine_whose_clock_is_behind(tmp_path: Path) -> None:
    """The service's certificate begins in 300 days, by this machine's clock. A code names a key, and dates do not matter;
    a renewal believes them only where the clock is to be believed."""
    async with plant(tmp_path, service_ahead_ms=300 * 86_400_000) as site:
        await site.enrol(site.code())
        with pytest.raises(GuestwireError, match="ENROLMENT-PEER-FALSE"):
            await site.renew(clock="synchronised")
        await site.renew(clock="unsynchronised")


async def test_the_roots_documents_and_hosts_come_at_the_same_moment(site: Plant) -> None:
    codes = [site.code(f"h{n}") for n in range(5)]

    async def publish() -> None:
        for n in range(5):
            await asyncio.to_thread(site.publish, revoked_mandates=(f"{n:032x}",))

    async with asyncio.TaskGroup() as group:
        group.create_task(publish())
        for code in codes:
            group.create_task(site.enrol(code, code.host))
    trust = read_trust(site.layout)
    assert trust.members is not None
    assert {member.host for member in trust.members.hosts} == {code.host for code in codes}
    assert trust.revision == (6, 5)


async def test_new_authorities_come_with_the_renewal(site: Plant) -> None:
    """The root names two CAs; the host's file follows, and not what the service alone says."""
    await site.enrol(site.code())
    present = site.layout.ca_certificate.read_text()
    other = (
        await asyncio.to_thread(create, site.base / "other", SitePlan("plant", tls=True), site.clock_ms())
    ).ca_certificate.read_text()
    site.publish(authorities=(present, other))
    await site.renew()
    assert _identity(site)["ca.crt"].decode() == present + other


async def test_the_certificates_that_were_issued_are_on_record(site: Plant) -> None:
    await site.enrol(site.code())
    await site.renew()
    serial = describe(_identity(site)["tls.pem"])[0].serial
    rows = [line.split() for line in site.layout.issued.read_text().splitlines()]
    mine = [row for row in rows if row[2:] == [_key(site).id.hex(), "h1"]]
    assert len(mine) == 2
    assert mine[-1][0] == serial


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"site": 1}', b"x" * 70_000, b'{"a":' * 20_000],
)
async def test_what_is_no_request(site: Plant, body: bytes) -> None:
    for path in ("/enrol", "/renew"):
        status, answer = await site.post(path, body)
        assert (status, answer["code"]) == (403, "ENROLMENT-REFUSED")
        assert len(answer["message"]) < 200


async def test_who_is_refused_too_often_is_not_looked_at(site: Plant) -> None:
    statuses = [(await site.post("/enrol", b"{}"))[0] for _ in range(int(FAILURE_BURST) + 5)]
    assert statuses == [403] * int(FAILURE_BURST) + [429] * 5
    assert len(site.rows()) == FAILURE_BURST, "what is not looked at fills no log"
    with pytest.raises(GuestwireError, match="THROTTLED"):
        await site.enrol(site.code())


async def test_one_address_has_so_many_connections(site: Plant) -> None:
    """Those that are too many end, and the others do not."""
    context = ssl.create_default_context(cafile=site.layout.ca_certificate)
    async with AsyncExitStack() as stack:
        open_ones = set()
        for _ in range(MAX_OF_ONE_ADDRESS):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=context)
            stack.callback(writer.close)
            open_ones.add(asyncio.create_task(_end_of(reader)))
        for _ in range(2):
            with pytest.raises(ConnectionError):  # before TLS, which is what costs
                await asyncio.open_connection("127.0.0.1", site.port, ssl=context)
        assert not [task for task in open_ones if task.done()]
        for task in open_ones:
            task.cancel()
        await asyncio.wait(open_ones)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(ConnectionError):  # until the service has heard of the ends
                status, _, _ = await site.ask(b"GET /healthz HTTP/1.1\r\nHost: s\r\n\r\n")
                break
    assert status == 200


async def _end_of(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read(1)


async def test_the_trust_document_is_given_once(site: Plant) -> None:
    status, head, body = await site.ask(b"GET /trust HTTP/1.1\r\nHost: s\r\n\r\n")
    assert (status, body) == (200, site.layout.trust.read_bytes())
    assert b'etag: "1"' in head.lower()
    status, _, body = await site.ask(b'GET /trust HTTP/1.1\r\nHost: s\r\nIf-None-Match: "1"\r\n\r\n')
    assert (status, body) == (304, b"")
    await site.enrol(site.code())
    status, head, _ = await site.ask(b'GET /trust HTTP/1.1\r\nHost: s\r\nIf-None-Match: "1"\r\n\r\n')
    assert status == 200
    assert b'etag: "1.1"' in head.lower()
    assert (await site.ask(b"GET /enrol HTTP/1.1\r\nHost: s\r\n\r\n"))[0] == 405
    assert (await site.ask(b"GET /issuing/ca.key HTTP/1.1\r\nHost: s\r\n\r\n"))[0] == 404


async def test_what_is_wrong_with_the_sites_files_is_no_hosts_business(site: Plant) -> None:
    site.layout.enroller_key.chmod(0o644)
    with pytest.raises(GuestwireError) as refused:
        await site.enrol(site.code())
    assert refused.value.code == "INTERNAL"
    assert str(site.base) not in refused.value.message
    assert site.rows()[-1]["outcome"] == "KEY-FILE-INVALID"


async def test_no_secret_is_in_what_the_service_keeps_and_says(site: Plant) -> None:
    code = site.code()
    await site.enrol(code)
    kept = [path.read_bytes() for path in (site.layout.base / "issuing").iterdir()] + ["\n".join(site.said).encode()]
    for data in kept:
        assert code.secret not in data
        assert code.secret.hex().encode() not in data
        assert code.text.encode() not in data


def test_who_names_an_address_that_the_certificate_is_not_for(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", tls=True), 1_760_000_000_000)
    settle(layout, ServicePlace(names=("site.example",), address="site.example:8443"))
    asked: dict[str, Any] = {"brokers": (), "valid_ms": 1000, "replace": False, "now_ms": 1_760_000_000_001}
    assert invite(layout, "h1", address="site.example:443", **asked).address == "site.example:443"
    for host, address, code in (
        ("h1", "10.0.0.1:8443", "CONFIG-INVALID"),
        ("h1", "site.example", "CONFIG-INVALID"),
        ("H1", None, "CONFIG-INVALID"),
        ("admin", None, "EXISTS"),
    ):
        with pytest.raises(GuestwireError) as refused:
            invite(layout, host, address=address, **asked)
        assert refused.value.code == code
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        invite(layout, "h9", address=None, **{**asked, "replace": True})


def test_a_code_outlives_the_services_certificate(tmp_path: Path) -> None:
    """The fingerprint is of the key, and the key stays."""
    from guestwire.site.service_place import certify, service_fingerprint

    layout = create(tmp_path / "plant", SitePlan("plant", tls=True), 1_760_000_000_000)
    before = service_fingerprint(layout)
    now = datetime.datetime(2025, 10, 10, tzinfo=datetime.UTC)
    certify(layout, ("a",), now)
    first = layout.service_certificate.read_bytes()
    certify(layout, ("a",), now)
    assert layout.service_certificate.read_bytes() != first
    assert service_fingerprint(layout) == before
    assert key_pem(new_key()) != layout.service_key.read_bytes()
