"""How the hosts and groups of a controller are written."""

from collections.abc import Mapping
from typing import Any

from guestwire.cli.output import Column, View
from guestwire.cli.times import ago, clock_time
from guestwire.link.clock import now
from guestwire.protocol.presence import OFFLINE_S
from guestwire.sdk.controller_models import FleetHost, HostGroup

STATES = {"online": "good", "suspect": "warn", "flapping": "warn", "offline": "bad", "unknown": "warn"}
REBOOTS = {True: "needed", False: "-", None: "?"}
"""What is not known is not left out: it would look like good news."""
APPROVALS = {"approved": None, "pending": "warn", "rejected": "bad"}


def fleet_view() -> View[FleetHost]:
    """The columns of hosts."""
    at = now().wall_ms
    return View(
        columns=(
            Column("HOST", lambda h: h.ref),
            Column("LABEL", lambda h: h.label if h.label != h.host else "-"),
            Column("STATE", lambda h: h.state, style=lambda h: STATES.get(h.state)),
            Column("HEARD", lambda h: heard_text(h, at)),
            Column("APPROVAL", lambda h: h.approval, style=lambda h: APPROVALS.get(h.approval)),
            Column(
                "GUESTS", lambda h: f"{'?' if h.guests_running is None else h.guests_running}/{h.guests}", right=True
            ),
            Column("SYNC", lambda h: h.sync, style=lambda h: None if h.sync == "in_sync" else "warn"),
            Column("REBOOT", lambda h: REBOOTS[h.reboot], style=lambda h: "warn" if h.reboot is not False else None),
            Column("AGENT", lambda h: h.agent_version or "-", wide=True),
            Column("DRIVER", lambda h: h.driver or "-", wide=True),
            Column("CPUS", lambda h: str(h.cpus or "-"), wide=True, right=True),
            Column("MEMORY", lambda h: f"{h.memory_mib} MiB" if h.memory_mib else "-", wide=True, right=True),
            Column("KERNEL", lambda h: h.kernel or "-", wide=True),
            Column("LABELS", labels, wide=True),
        ),
        name=lambda h: h.ref,
        document=lambda h: h.document,
        none="no hosts",
    )


def heard_text(host: FleetHost, at_ms: int) -> str:
    """When it was heard last. The controller notes that now and then only: one that is online was heard since."""
    if host.state == "online" and at_ms - host.heard_at > OFFLINE_S * 1000:
        return f"<{OFFLINE_S:.0f}s"
    return ago(host.heard_at or None, at_ms)


def labels(host: FleetHost) -> str:
    """The labels of a host, as `fleet label` takes them."""
    return " ".join(f"{name}={value}" if value else name for name, value in host.labels.items()) or "-"


def fleet_facts(host: FleetHost) -> list[tuple[str, str]]:
    """A host in full."""
    at, more = now().wall_ms, host.document
    facts = [
        ("host", f"{host.ref} ({host.label})" if host.label not in ("", host.host) else host.ref),
        ("state", f"{host.state}, since {clock_time(host.state_at or None)}"),
        ("heard", f"{heard_text(host, at)} ago" if host.heard_at else "never"),
        ("approval", _approval(host)),
        ("listed", "yes" if host.listed else "no: the site's trust document does not know it"),
        ("agent", f"{host.agent_version or '-'}, epoch {host.epoch}"),
        ("driver", host.driver or "-"),
        ("machine", f"{more.get('hostname') or '-'}, {more.get('machine') or '-'}, Linux {host.kernel or '-'}"),
        ("CPUs", str(host.cpus)),
        ("memory", f"{host.memory_mib} MiB"),
        ("clock", _condition(host, "clock")),
        ("guests", f"{host.guests}, running: {_condition(host, 'guests_running')}"),
        ("configuration", f"revision {more.get('active_revision', 0)}, {_condition(host, 'sync')}"),
        ("reboot", _condition(host, "reboot")),
        ("labels", labels(host)),
    ]
    facts += [("notes", host.notes)] if host.notes else []
    facts += [("guest", f"{one['name']} ({one['id']}) {_guest_state(one)}") for one in more.get("guest_list", ())]
    return facts


def _condition(host: FleetHost, name: str) -> str:
    """How a host does, as it is now; where nobody knows, with what it told last."""
    now_known = _word(getattr(host, name))
    last = host.document.get("last_known")
    if now_known != "unknown" or last is None or _word(last[name]) == "unknown":
        return now_known
    return f"unknown (at {clock_time(last['as_of'])}: {_word(last[name])})"


def _word(value: object) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "needed" if value else "not needed"
        case _:
            return str(value)


def _guest_state(guest: Mapping[str, Any]) -> str:
    state, last = guest["state"], guest.get("last_state", "unknown")
    if state != "unknown" or last == "unknown":
        return str(state)
    return f"unknown (at {clock_time(guest['as_of'])}: {last})"


def _approval(host: FleetHost) -> str:
    by = host.document.get("approved_by")
    return f"{host.approval} by {by}" if by else host.approval


def group_view() -> View[HostGroup]:
    """The columns of groups."""
    return View(
        columns=(
            Column("GROUP", lambda g: g.name),
            Column("HOSTS", lambda g: str(g.hosts), right=True),
            Column("SELECTION", lambda g: g.selection),
            Column("CHANGED", lambda g: clock_time(g.changed_at), wide=True),
            Column("BY", lambda g: g.changed_by, wide=True),
            Column("DESCRIPTION", lambda g: g.description or "-", wide=True),
        ),
        name=lambda g: g.name,
        document=lambda g: g.document,
        none="no groups",
    )
