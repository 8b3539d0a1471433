"""What can be said of a draft without asking a host: its rules against a machine from a file, and its changes against the
host as it was last fetched."""

from pathlib import Path

from pydantic import ValidationError

from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.machines import MACHINES
from guestwire.model.plan import Plan
from guestwire.model.planning import Circumstances, diff
from guestwire.model.settling import settle
from guestwire.model.topology import Topology
from guestwire.sdk.draft_rules import verdict
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
