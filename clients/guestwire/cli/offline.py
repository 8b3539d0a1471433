"""What can be said of a draft without asking a host: its rules against a machine from a file, and its changes against the
host as it was last fetched."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from guestwire.formats.domain_xml.fitting import misfit
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.issues import Issue, Verdict, in_order
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import pinning
from guestwire.model.plan import Plan
from guestwire.model.planning import Circumstances, diff
from guestwire.model.resolving import resolve
from guestwire.model.rules.table import validate
from guestwire.model.settling import settle
from guestwire.model.topology import Topology
from guestwire.sdk.draft_state import UNPLACED, substantial
from guestwire.sdk.project_store import Base, read


def facts_of(topology: str | None, base: Base | None) -> Facts:
    """What is known of a machine: the one that --topology names, else the one that was there at the last fetch.
    Raises FILE-MISSING, DOCUMENT-INVALID."""
    active = base.desired if base is not None else None
    if topology is not None and (known := MACHINES.get(topology)) is not None:
        return Facts(
            topology=known.topology, capabilities=known.capabilities, machine=known.machine, memory_mib=known.memory_mib,
            simulated=True, active=active,
        )  # fmt: skip
    machine = base.topology if topology is None and base is not None else None
    if topology is not None:
        machine = _read(Path(topology))
    if machine is None:
        return Facts(active=active)
    memory = sum(node.memory_mib for node in machine.nodes)
    return Facts(topology=machine, memory_mib=memory or None, active=active)


def verdict(draft: Desired, facts: Facts, host: str, *, include_disabled: bool = False) -> Verdict:
    """The rules' verdict on a draft as its host would settle it."""
    settled = settle(draft, facts.active or Desired(), host=host, disk_root=None)
    found = validate(settled, facts, include_disabled=include_disabled)
    return found.model_copy(update={"issues": in_order((*found.issues, *_misfits(settled, facts)))})


def _misfits(settled: Desired, facts: Facts) -> Iterator[Issue]:
    """Overrides that do not fit. Those of guests with pins need the machine, which says where the threads go."""
    for guest in settled.guests:
        bound = guest.cpuset is not None or guest.numatune not in {"", "auto"}
        if not guest.overrides or (bound and facts.topology is None):
            continue
        try:
            pins = None if facts.topology is None else pinning(guest, facts.topology, settled.policy.profile)
        except GuestwireError:  # a rule says so
            continue
        if (issue := misfit(guest, resolve(guest, settled.images), pins)) is not None:
            yield issue


def plan(draft: Desired, base: Base | None, facts: Facts, host: str, *, restart: bool) -> Plan:
    """What an apply would change on the host as it was last fetched; on an empty one where it never was. Not to be applied:
    it has no plan id."""
    active = base.desired if base is not None else Desired()
    settled = settle(draft, active, host=host, disk_root=UNPLACED)
    items = substantial(diff(active, settled, Circumstances(restart=restart)))
    found = verdict(draft, facts, host)
    return Plan(
        host=host,
        base_revision=base.revision if base is not None else 0,
        target_hash=content_hash(settled),
        plan_id="",
        items=items,
        issues=found.issues,
        more_issues=found.more,
        not_checked=found.not_checked,
        requires_reboot=any(item.effect == "host_reboot" for item in items),
        risk=max((item.risk for item in items), default=0),
    )


def _read(path: Path) -> Topology:
    try:
        text = read(path)
    except GuestwireError as err:
        if err.code != "FILE-MISSING":
            raise
        raise GuestwireError(
            "FILE-MISSING", f"There is no file {path}; known machines: {', '.join(MACHINES)}."
        ) from err
    try:
        return Topology.model_validate_json(text)
    except ValidationError as err:
        issues = [
            {"path": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
            for item in err.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise GuestwireError("DOCUMENT-INVALID", f"{path} is no machine.", detail={"issues": issues}) from err
