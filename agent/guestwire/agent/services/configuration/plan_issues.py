"""Issues that only a plan can see: what runs, which images are to go, what the host cannot make true yet. And the options
that a plan is made under."""

from dataclasses import dataclass

from guestwire.model.desired import Desired
from guestwire.model.effects import COMMUNICATION
from guestwire.model.facts import Facts
from guestwire.model.issues import Issue
from guestwire.model.planning import must_stop


@dataclass(frozen=True, slots=True)
class Options:
    """How a document is to be applied. `remove_disks`: images that are to go with it."""

    restart: bool = False
    include_disabled: bool = False
    remove_disks: tuple[str, ...] = ()


def plan_issues(current: Desired, target: Desired, facts: Facts, options: Options) -> list[Issue]:
    """Issues that only a plan can see."""
    issues = []
    if not options.restart:
        for guest, place in must_stop(current, target, facts.running or ()):
            issues.append(
                Issue(
                    code="GUESTS-RUNNING", severity="E", path=place, related=(guest.name,),
                    message=f"{guest.name} runs, and this cannot be done while it does",
                    hint="Shut it down first, or let the apply restart it.",
                )
            )  # fmt: skip
    used = {disk.path: guest.name for guest in target.guests for disk in guest.disks}
    had = {disk.path for guest in current.guests for disk in guest.disks}
    for path in options.remove_disks:
        if path in used:
            issues.append(
                Issue(
                    code="DESTROY-DISK", severity="E", path=f"disks.{path}", related=(used[path],),
                    message=f"{used[path]} uses the image", hint="Take the disk out of the guest first.",
                )
            )  # fmt: skip
        elif path not in had:
            issues.append(
                Issue(
                    code="DESTROY-DISK", severity="E", path=f"disks.{path}", message="no guest of this host had the image",
                    hint="Only images that the change takes from a guest can be removed with it.",
                )
            )  # fmt: skip
    return issues


def communication(current: Desired, target: Desired) -> tuple[str, ...]:
    """Places of a document that only the communication services can make true, as far as they change."""
    changed = [name for name in sorted(COMMUNICATION) if getattr(current, name) != getattr(target, name)]
    heaps = {guest.uuid: guest.heap_mib for guest in current.guests}
    changed += [f"guests.{g.name}.heap_mib" for g in target.guests if g.heap_mib != heaps.get(g.uuid, 0)]
    return tuple(changed)
