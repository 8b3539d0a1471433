"""A host's audit log, by its operations: what was asked over the broker and the socket, proven, acknowledged, kept."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from site_files import SiteFiles, site_files
from test_host_agent import ask, by_broker, by_socket, serving

from guestwire.link.clock import now
from guestwire.link.invoke import Caller
from guestwire.link.memory import MemoryBroker
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.audit import AuditAck, AuditList, AuditQuery
from guestwire.protocol.audit_chain import Chain, Origin, signed_head
from guestwire.protocol.envelope import Header, body_hash, encode
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Inbound
from guestwire.protocol.trust import Trust


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid())


def said(reply: object) -> list[dict[str, Any]]:
    assert isinstance(reply, AuditList)
    return [unpack(row) for row, _ in reply.rows]


async def whole(via: Caller, site: SiteFiles) -> list[dict[str, Any]]:
    """Every row, the chain and the host's signature checked."""
    reply = await ask(via, "audit-list", AuditQuery(after=0, limit=1000))
    assert isinstance(reply, AuditList)
    chain = Chain(Origin("plant", "h1", reply.log, reply.oldest, reply.previous))
    rows = [dict(chain.follow(*row)) for row in reply.rows]
    chain.end(signed_head(reply.head, Trust(site.document), "plant", "h1"))
    return rows


async def test_every_request_with_an_effect_is_in_it_with_who_how_and_what_came(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker), by_socket(site) as local, by_broker(site, broker) as remote:
        await ask(local, "guest-start", m.GuestStart(guest="rtlinux"))
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            await ask(remote, "guest-start", m.GuestStart(guest="nobody"))
        await ask(remote, "log-level", m.LogLevel(level="debug"))
        rows = await whole(remote, site)
    brief = [tuple(row.get(key) for key in ("what", "way", "principal", "operation", "target", "code")) for row in rows]
    me = f"local:{os.getuid()}"
    assert brief == [
        ("accepted", "socket", me, "guest-start", "rtlinux", None),
        ("ended", "socket", me, "guest-start", None, None),
        ("refused", "mqtt", "operator:anna", "guest-start", "nobody", "NOT-FOUND"),
        ("accepted", "mqtt", "operator:anna", "log-level", None, None),
        ("ended", "mqtt", "operator:anna", "log-level", None, None),
    ]
    assert ("keys" in rows[0], rows[2]["keys"]) == (False, (site.operator.id.hex(),))
    assert [row["client"] for row in rows] == ["cli-1", "cli-1", "cli-2", "cli-2", "cli-2"]
    assert rows[0]["request"] == rows[1]["request"]


async def test_reads_are_counted_and_kept_over_a_restart(site: SiteFiles) -> None:
    async with serving(site), by_socket(site) as local:
        for _ in range(3):
            await ask(local, "host-ping", m.Ping())
        with pytest.raises(GuestwireError):
            await ask(local, "guest-show", m.GuestRef(guest="nobody"))
    async with serving(site), by_socket(site) as local:
        rows = await whole(local, site)
    counted = {(row["operation"], row["code"]): row["count"] for row in rows if row["what"] == "reads"}
    assert counted == {("host-ping", "ok"): 3, ("guest-show", "NOT-FOUND"): 1}
    assert {(row["principal"], row["way"]) for row in rows} == {(f"local:{os.getuid()}", "socket")}


async def test_what_is_refused_has_its_row_with_what_it_claims(site: SiteFiles) -> None:
    stranger = SigningKey.generate()
    async with serving(site) as host, by_socket(site) as local:
        at = now().wall_ms
        body = pack({"guest": "rtlinux"})
        header = Header(
            (1, 0), "request", ("plant", "h1"), "guest-start", ids.request_id(at), "operator:anna", at, at + 60_000, 60_000,
            body_hash(body), "mallory",
        )  # fmt: skip
        for inbound in (
            Inbound(encode(header, body, (stranger,)), "mallory", "guest-start", path=Deaf()),
            Inbound(encode(header, body, (site.operator,)), "mallory", "guest-destroy", path=Deaf()),
            Inbound(b"noise", "mallory", "guest-start", path=Deaf()),
        ):
            host.server.receive(inbound, lambda: None)
        rows: list[dict[str, Any]] = []
        async with asyncio.timeout(10):
            while len(rows) < 3:
                rows = [row for row in await whole(local, site) if row["what"] == "refused"]
    assert [row["code"] for row in rows] == ["KEY-UNKNOWN", "MISADDRESSED", "MALFORMED"]
    assert (rows[0]["claims"], rows[0]["keys"], rows[0]["target"]) == (
        "operator:anna", (stranger.id.hex(),), "rtlinux",
    )  # fmt: skip
    assert {row["client"] for row in rows} == {"mallory"}
    assert not any("principal" in row for row in rows)


class Deaf:
    """A path on which nobody listens."""

    def answer(self, send: object) -> None: ...


async def test_acknowledging_is_for_this_log_and_for_rows_that_are_there(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker), by_broker(site, broker) as remote:
        await ask(remote, "log-level", m.LogLevel(level="debug"))
        reply = await ask(remote, "audit-list", AuditQuery())
        assert isinstance(reply, AuditList)
        assert [row["seq"] for row in said(reply)] == [1, 2]
        assert await ask(remote, "audit-ack", AuditAck(log=reply.log, upto=2)) == AuditAck(log=reply.log, upto=2)
        for wrong, words in (
            (AuditAck(log=bytes(16), upto=2), "not 0000"),
            (AuditAck(log=reply.log, upto=99), "no row 99"),
        ):
            with pytest.raises(GuestwireError, match="NOT-FOUND") as caught:
                await ask(remote, "audit-ack", wrong)
            assert words in caught.value.message
        after = await ask(remote, "audit-list", AuditQuery(code="NOT-FOUND"))
        assert isinstance(after, AuditList)
        assert (after.acknowledged, [row["operation"] for row in said(after)]) == (2, ["audit-ack"] * 2)


async def test_a_small_log_drops_its_oldest_and_is_still_whole(site: SiteFiles) -> None:
    """The setting reaches the log: a MiB is some four thousand rows."""
    async with serving(site, limits__audit_mib="1") as host, by_socket(site) as local:
        await host.journal.audit.extend([(1, {"what": "reads", "code": "x" * 200})] * 5000)
        reply = await ask(local, "audit-list", AuditQuery(limit=1))
        assert isinstance(reply, AuditList)
        assert reply.oldest > 1
        assert said(reply)[0]["seq"] > 5000
