"""A host as people see it over the API: models, and how they are made from what is stored.

How a host does is shown while it is there to tell, else it is unknown; what it told last is shown of one host, as that. What a host
is (its CPUs, its kernel, the guests that it has) stays. Selections go by the same: `store.host_queries`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from guestwire.controller.fleet.standing import NOT_THERE, State
from guestwire.controller.store.host_tables import GuestRow, HostRow
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.packing import unpack
from guestwire.protocol.presence import PresenceBody

UNKNOWN: Final = "unknown"


class HostSummary(Model):
    """A host in a list. Times in Unix ms, 0 where there is none. `label`: what people call it, else what its own settings say.
    `state_at`: since when it is in its state; `heard_at`: its last sign of life, which is written now and then only.

    How it does is not known of a host that is offline or unknown, nor of one that has not told: then `guests_running`, `drift` and
    `reboot` are null, `clock` and `sync` are `unknown`."""

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
    guests_running: int | None
    sync: str
    active_revision: int
    drift: int | None
    reboot: bool | None
    revision: int


class LastKnown(Model):
    """How a host did when it last told, whether it is there or not. `as_of`: when that was heard, Unix ms; its clock it tells of
    when it is read as a whole."""

    guests_running: int
    sync: str
    drift: int
    reboot: bool
    as_of: int
    clock: str


class GuestSeen(Model):
    """A guest as its host last told of it, at `as_of`. `state` is unknown while the host is not there; `last_state`: what it was."""

    id: str
    uuid: str
    name: str
    kind: str
    state: str
    as_of: int
    source: str
    reason: str
    last_state: str


class HostDetail(HostSummary):
    """A host. `given_label`: that which people gave it; `why`: the reason of its last word; `since_at`: since when it is connected in this epoch; `back_by_at`: when it
    means to be back from what it said goodbye for. `held_back`: telemetry and notices that nobody kept, because the host is
    not approved. `last_known`: null where it has told nothing yet. `key_id`: that of the key which its site's trust document has for it,
    as `guestwire site show` and, on the host, `guestwire-agent enrol` print it; null where there is none."""

    given_label: str
    notes: str
    first_seen_at: int
    key_id: str | None
    approved_by: str
    approved_at: int
    boot_id: str
    why: str
    since_at: int
    back_by_at: int
    held_back: int
    last_known: LastKnown | None
    guest_list: tuple[GuestSeen, ...]


def summary(row: HostRow) -> HostSummary:
    """A host in a list."""
    return HostSummary.model_construct(**_summary(row))


def _summary(row: HostRow) -> dict[str, Any]:
    words, there, machine, condition = row.words, row.attendance, row.machine, row.condition
    known = there.state not in NOT_THERE and condition.sync != ""
    clock = machine.clock if there.state not in NOT_THERE and machine.clock else UNKNOWN
    return {
        "site": row.ref.site, "host": row.ref.host, "label": row.called.label, "labels": json.loads(words.labels),
        "approval": words.approval, "listed": row.listed, "state": there.state, "state_at": there.state_at,
        "heard_at": there.heard_at, "epoch": there.epoch, "agent_version": there.agent_version,
        "driver": machine.driver, "hostname": machine.hostname, "kernel": machine.kernel, "machine": machine.machine,
        "clock": clock, "cpus": machine.cpus, "memory_mib": machine.memory_mib, "guests": condition.guests,
        "guests_running": condition.guests_running if known else None, "sync": condition.sync if known else UNKNOWN,
        "active_revision": condition.active_revision, "drift": condition.drift if known else None,
        "reboot": condition.reboot if known else None, "revision": words.revision,
    }  # fmt: skip


def detail(
    row: HostRow, guests: list[GuestRow], held_back: int, told_at: int = 0, key_id: str | None = None
) -> HostDetail:
    """A host with all that is stored of it. `told_at`: when it was last heard how it does, 0: never."""
    body = presence_of(row)
    gone = row.attendance.state in NOT_THERE
    return HostDetail.model_construct(
        **_summary(row), given_label=row.words.given_label, notes=row.words.notes, first_seen_at=row.first_seen_at, key_id=key_id, approved_by=row.words.approved_by,
        approved_at=row.words.approved_at, boot_id=body.boot_id if body else "", why=body.why if body else "",
        since_at=body.since if body else 0, back_by_at=(body.back_by or 0) if body else 0, held_back=held_back,
        last_known=_last_known(row, told_at), guest_list=tuple(_guest(guest, gone=gone) for guest in guests),
    )  # fmt: skip


def _last_known(row: HostRow, told_at: int) -> LastKnown | None:
    told = row.condition
    if not told.sync:
        return None
    return LastKnown(
        guests_running=told.guests_running, sync=told.sync, drift=told.drift, reboot=told.reboot, as_of=told_at,
        clock=row.machine.clock or UNKNOWN,
    )  # fmt: skip


def _guest(row: GuestRow, *, gone: bool) -> GuestSeen:
    state = UNKNOWN if gone else row.state
    return GuestSeen(
        id=row.guest_id, uuid=row.uuid, name=row.name, kind=row.kind, state=state, as_of=row.as_of, source=row.source,
        reason=row.reason, last_state=row.state,
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
