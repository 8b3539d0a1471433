"""Hosts as rows of a database, with all that a selection can ask for: for tests of selections and for benches of lists."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guestwire.controller.fleet.naming import called, value_row
from guestwire.controller.fleet.natural import natural
from guestwire.controller.fleet.people import label_rows
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import host_inventory, hosts
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_tables import (
    Attendance,
    Condition,
    GuestRow,
    HostRow,
    Machine,
    PeoplesWords,
    ValueRow,
)


@dataclass(frozen=True, slots=True)
class MadeHost:
    """`guests`: their GUESTnnnn and names. `text`: what its words are searched in."""

    row: HostRow
    labels: Mapping[str, str]
    features: tuple[str, ...]
    guests: tuple[tuple[str, str], ...]
    text: str


def made_host(ref: HostRef, now_ms: int, **said: Any) -> MadeHost:
    """A host at that moment; what is not said of it is as with most."""
    labels: dict[str, str] = said.get("labels", {})
    words = PeoplesWords(
        given_label=said.get("label", ""), labels=json.dumps(labels), approval=said.get("approval", "approved")
    )
    agent, kernel, hostname = said.get("agent", "0.1.0"), said.get("kernel", "6.1.0-18"), said.get("hostname", "m1")
    machine = Machine(
        driver=said.get("driver", "libvirt"), hostname=hostname, hostname_low=hostname.casefold(), kernel=kernel,
        kernel_key=natural(kernel), machine="x86_64", clock=said.get("clock", "synchronised"), cpus=said.get("cpus", 4),
        memory_mib=said.get("memory", 8192),
    )  # fmt: skip
    guests = tuple(said.get("guests", ()))
    row = HostRow(
        ref, 1, said.get("listed", True), words, called(words, machine),
        Attendance(said.get("state", "online"), 1, now_ms - said.get("silent_ms", 0), 0, None, 1, agent, natural(agent)),
        machine,
        Condition(len(guests), said.get("running", 0), said.get("sync", "in_sync"), said.get("revision", 1), 0, said.get("reboot", False)),
    )  # fmt: skip
    return MadeHost(row, labels, tuple(said.get("features", ())), guests, said.get("text", "").casefold())


async def put(tx: Tx, fleet: Sequence[MadeHost]) -> None:
    """Into a database that knows none of them."""
    await hosts.add(tx, [one.row for one in fleet])
    values = [(one.row.ref, value) for one in fleet for value in (*label_rows(dict(one.labels)), *_features(one))]
    await host_inventory.put_values(tx, values)
    await hosts.put_guests(tx, [(one.row.ref, guest) for one in fleet for guest in _guests(one)])
    await host_inventory.put_texts(tx, {one.row.ref: one.text for one in fleet})


def _features(one: MadeHost) -> list[ValueRow]:
    return [value_row("feature", name) for name in dict.fromkeys(one.features)]


def _guests(one: MadeHost) -> list[GuestRow]:
    return [
        GuestRow(f"u{n}", guest_id, name, name.casefold(), "rt", "running", 1, "poll")
        for n, (guest_id, name) in enumerate(one.guests)
    ]
