"""A host as people see it over the API: models, and how they are made from what is stored."""

import json
from collections.abc import Mapping
from typing import Any

from guestwire.controller.fleet.standing import State
from guestwire.controller.store.host_tables import GuestRow, HostRow
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.packing import unpack
from guestwire.protocol.presence import PresenceBody

NOT_THERE: frozenset[str] = frozenset({"offline", "unknown"})
"""States of a host in which nobody knows how its guests are."""


class HostSummary(Model):
    """A host in a list. Times in Unix ms, 0 where there is none. `label`: what people call it, else what its own settings say.
    `state_at`: since when it is in its state; `heard_at`: its last sign of life, which is written now and then only."""

    site: str
    host: str
    label: str
    labels: dict[str, str]
    approval: str
    listed: bool
    state: State
    state_at: int
    heard_at: int
    epoch: int
    agent_version: str
    driver: str
    hostname: str
    kernel: str
    machine: str
    clock: str
    cpus: int
    memory_mib: int
    guests: int
    guests_running: int
    sync: str
    active_revision: int
    drift: int
    reboot: bool
    revision: int


class GuestSeen(Model):
    """A guest as its host last told of it. `state` is unknown while the host is not there."""

    id: str
    uuid: str
    name: str
    kind: str
    state: str
    as_of: int
    source: str
    reason: str


class HostDetail(HostSummary):
    """A host. `given_label`: that which people gave it; `why`: the reason of its last word; `since_at`: since when it is connected in this epoch; `back_by_at`: when it
    means to be back from what it said goodbye for. `held_back`: telemetry and notices that nobody kept, because the host is
    not approved."""

    given_label: str
    notes: str
    first_seen_at: int
    approved_by: str
    approved_at: int
    boot_id: str
    why: str
    since_at: int
    back_by_at: int
    held_back: int
    guest_list: tuple[GuestSeen, ...]


def summary(row: HostRow) -> HostSummary:
    """A host in a list."""
    return HostSummary.model_construct(**_summary(row))


def _summary(row: HostRow) -> dict[str, Any]:
    words, there, machine, condition = row.words, row.attendance, row.machine, row.condition
    return {
        "site": row.ref.site, "host": row.ref.host, "label": row.called.label, "labels": json.loads(words.labels),
        "approval": words.approval, "listed": row.listed, "state": there.state, "state_at": there.state_at,
        "heard_at": there.heard_at, "epoch": there.epoch, "agent_version": there.agent_version,
        "driver": machine.driver, "hostname": machine.hostname, "kernel": machine.kernel, "machine": machine.machine,
        "clock": machine.clock, "cpus": machine.cpus, "memory_mib": machine.memory_mib, "guests": condition.guests,
        "guests_running": condition.guests_running, "sync": condition.sync, "active_revision": condition.active_revision,
        "drift": condition.drift, "reboot": condition.reboot, "revision": words.revision,
    }  # fmt: skip


def detail(row: HostRow, guests: list[GuestRow], held_back: int) -> HostDetail:
    """A host with all that is stored of it."""
    body = presence_of(row)
    gone = row.attendance.state in NOT_THERE
    return HostDetail.model_construct(
        **_summary(row), given_label=row.words.given_label, notes=row.words.notes, first_seen_at=row.first_seen_at, approved_by=row.words.approved_by,
        approved_at=row.words.approved_at, boot_id=body.boot_id if body else "", why=body.why if body else "",
        since_at=body.since if body else 0, back_by_at=(body.back_by or 0) if body else 0, held_back=held_back,
        guest_list=tuple(_guest(guest, gone=gone) for guest in guests),
    )  # fmt: skip


def _guest(row: GuestRow, *, gone: bool) -> GuestSeen:
    state = "unknown" if gone else row.state
    return GuestSeen(
        id=row.guest_id, uuid=row.uuid, name=row.name, kind=row.kind, state=state, as_of=row.as_of, source=row.source,
        reason=row.reason,
    )  # fmt: skip


def presence_of(row: HostRow) -> PresenceBody | None:
    """The last word that a host said of itself, as it was stored."""
    packed = row.attendance.presence
    if packed is None:
        return None
    try:
        return PresenceBody.model_validate(unpack(packed))
    except ValueError as err:
        raise GuestwireError("DATABASE-DAMAGED", f"The presence of {row.ref} cannot be read.") from err


def plain_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a model as JSON has them: bytes in hexadecimal, tuples as lists."""
    return {str(key): _plain(value) for key, value in document.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return plain_document(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
