"""Memory areas, who may do what with them, and the queues and locks in them (SM 9)."""

import re
from collections.abc import Callable, Iterator

from guestwire.model.access import Access, Wrong, effective_access, read_access
from guestwire.model.area_contents import contents_room, lock_block, queue_need
from guestwire.model.areas import DATA_OFFSET, LARGEST_AREA, SYSTEM_AREA, MemoryArea, system_area
from guestwire.model.rules.members import OTHERS, members, stranger
from guestwire.model.rules.names import named_once, well_named
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View

_AREA_NAME = re.compile(r"\w{1,27}", re.ASCII)


def area_size(view: View) -> Iterator[Finding]:
    for area in view.desired.areas:
        if not _has_size(area):
            yield Finding(f"areas.{area.name}.size", f"{area.size} bytes is no size for a memory area")


def area_system_protected(view: View) -> Iterator[Finding]:
    assert view.facts.active is not None
    wanted = {area.name: area for area in reversed(view.desired.areas)}
    guests = any(guest.has_comm for guest in view.desired.guests)
    for area in view.facts.active.areas:
        path = f"areas.{area.name}"
        now = wanted.get(area.name)
        if not area.is_system or (now is None and not guests):
            continue
        if now is None:
            yield Finding(path, f"{area.name} is a system area and would be deleted")
        elif now.size < area.size:
            yield Finding(
                f"{path}.size", f"{area.name} is a system area and would shrink from {area.size} to {now.size} bytes"
            )
        elif area.kind == "system" and now.kind != "system":
            yield Finding(f"{path}.kind", f"{area.name} is a system area and would become a {now.kind} area")


def area_rounded(view: View) -> Iterator[Finding]:
    for area in view.desired.areas:
        if area.name != SYSTEM_AREA and _has_size(area) and area.backing_size != DATA_OFFSET + area.size:
            yield Finding(
                f"areas.{area.name}.size",
                f"{area.size} bytes, behind {DATA_OFFSET} of the region's header, take a region of {area.backing_size} bytes"
                f" ({area.backing_size >> 20} MiB)",
            )


def area_no_writer(view: View) -> Iterator[Finding]:
    guests = [guest.name for guest in view.desired.guests if guest.has_comm]
    for area in view.desired.areas:
        texts = {effective_access(area, guest) for guest in guests} or {area.default_access}
        texts |= {text for name, text in area.overrides.items() if name in OTHERS}
        modes = [_mode(text) for text in texts]
        if all(mode is not None and not mode.write for mode in modes):
            yield Finding(f"areas.{area.name}", f"no guest may write to {area.name}")


def access_not_comm(view: View) -> Iterator[Finding]:
    known = members(view)
    for area in view.desired.areas:
        for name in area.overrides:
            if name not in known:
                yield Finding(f"areas.{area.name}.overrides.{name}", stranger(name, view))


def access_mode(code: str) -> Callable[[View], Iterator[Finding]]:
    """The rule for one of the codes that `read_access` finds."""

    def check(view: View) -> Iterator[Finding]:
        for area in view.desired.areas:
            path = f"areas.{area.name}"
            modes = [(f"{path}.default_access", area.default_access)]
            modes += [(f"{path}.overrides.{name}", mode) for name, mode in area.overrides.items()]
            for where, mode in modes:
                found = read_access(mode)
                if isinstance(found, Wrong) and found.code == code:
                    yield Finding(where, found.message)

    return check


def queue_area(view: View) -> Iterator[Finding]:
    areas = _areas(view)
    used: dict[str, int] = {}

    def taken(path: str, what: str, area: MemoryArea, need: int) -> Iterator[Finding]:
        used[area.name] = used.get(area.name, 0) + need
        if need and used[area.name] > contents_room(area.size):
            yield Finding(
                path,
                f"with this {what} the queues and locks in {area.name} take {used[area.name]} bytes; it has {area.size}",
                related=(f"areas.{area.name}.size",),
            )

    for queue in view.desired.queues:
        path = f"queues.{queue.name}.area"
        if (area := areas.get(queue.area)) is None:
            yield Finding(path, f"there is no memory area {queue.area!r}")
        else:
            yield from taken(path, "queue", area, queue_need(queue))
    for lock in view.desired.locks:
        if (area := areas.get(lock.area)) is not None:
            yield from taken(f"locks.{lock.name}.area", "lock", area, lock_block())


def queue_access(view: View) -> Iterator[Finding]:
    areas = _areas(view)
    known = members(view)
    for queue in view.desired.queues:
        ends = [(f"queues.{queue.name}.writers", name) for name in queue.writers]
        ends += [(f"queues.{queue.name}.reader", queue.reader)] if queue.reader else []
        for path, name in ends:
            if name not in known:
                yield Finding(path, stranger(name, view))
                continue
            area = areas.get(queue.area)
            mode = _mode(effective_access(area, name)) if area else None
            if area and mode and not mode.write:  # the reader too: it stores how far it has read
                yield Finding(
                    path, f"{name} may not write in the memory area {area.name}", related=(f"areas.{area.name}",)
                )


def lock_area(view: View) -> Iterator[Finding]:
    areas = _areas(view)
    for lock in view.desired.locks:
        if lock.area not in areas:
            yield Finding(f"locks.{lock.name}.area", f"there is no memory area {lock.area!r}")


def _areas(view: View) -> dict[str, MemoryArea]:
    """By name; of two with one name (AREA-DUP) the first. The system's is always there: settling makes it."""
    return {area.name: area for area in (system_area(), *reversed(view.desired.areas))}


def _has_size(area: MemoryArea) -> bool:
    return 1 <= area.size <= LARGEST_AREA


def _mode(text: str) -> Access | None:
    """The mode; None where it is none, which is another rule's finding."""
    found = read_access(text)
    return found if isinstance(found, Access) else None


RULES: tuple[Rule, ...] = (
    Rule(
        "AREA-NAME", "E", "E", "A memory area's name has 1 to 27 characters of A-Z, a-z, 0-9 and _.",
        "Choose a name such as shm_1: a hyphen or a blank cannot be in it.", well_named("areas", "a memory area", _AREA_NAME),
    ),
    Rule(
        "AREA-DUP", "E", "E", "The names of memory areas are unique on a host.",
        "Rename one of the areas, or remove it.", named_once("areas", "memory areas"),
    ),
    Rule(
        "AREA-SIZE", "E", "E", "A memory area has 1 byte to 512 MiB.",
        "Give a size between 1 and 536870912 bytes.", area_size,
    ),
    Rule(
        "AREA-SYSTEM-PROTECTED", "E", "E", "A system area is never made smaller or made an area of another kind, nor deleted while guests with communication are there.",
        "Put the area back with kind system and at least the size it has on the host.", area_system_protected, ("active",),
    ),
    Rule(
        "AREA-ROUNDED", "W", "W", "A memory area and its header take a power of two of bytes, and at least 1 MiB.",
        "Use 4096 bytes less than a power of two from 1 MiB up if memory is short; what is over is not used.", area_rounded,
    ),
    Rule(
        "AREA-NO-WRITER", "W", "W", "Somebody may write to a memory area.",
        "Give one guest RW-- or RWC-, unless the area is meant to stay empty.", area_no_writer,
    ),
    Rule(
        "ACCESS-SYNTAX", "E", "E", "An access mode is four characters, each its letter or a hyphen: R, W, C and one reserved.",
        "Write RWC-, RW--, R-C-, R--- or ----.", access_mode("ACCESS-SYNTAX"),
    ),
    Rule(
        "ACCESS-RESERVED", "E", "E", "The fourth position of an access mode is reserved and must be a hyphen.",
        "Write a hyphen in the fourth position.", access_mode("ACCESS-RESERVED"),
    ),
    Rule(
        "ACCESS-W-NO-R", "E", "E", "An access mode that gives write gives read too: write alone cannot be enforced.",
        "Use RW-- to let the guest write, R--- or ---- to keep it from writing.", access_mode("ACCESS-W-NO-R"),
    ),
    Rule(
        "ACCESS-NOT-COMM", "E", "E", "An area's overrides name guests with communication, HOST or REMOTE.",
        "Remove the override, or switch the guest's communication on.", access_not_comm,
    ),
    Rule(
        "QUEUE-NAME", "E", "E", "A queue's name has 1 to 64 characters of A-Z, a-z, 0-9, _, . and -.",
        "Choose a name of those characters.", well_named("queues", "a queue"),
    ),
    Rule(
        "QUEUE-DUP", "E", "E", "The names of queues are unique on a host.",
        "Rename one of the queues, or remove it.", named_once("queues", "queues"),
    ),
    Rule(
        "QUEUE-AREA", "E", "E", "A queue lies in a memory area of the project that is large enough for all queues and locks in it.",
        "Name an area that exists; enlarge it, or use fewer or smaller slots.", queue_area,
    ),
    Rule(
        "QUEUE-ACCESS", "E", "E", "A queue's writers and its reader, which stores how far it has read, may write in its memory area.",
        "Give the guest that access to the area, or take it off the queue.", queue_access,
    ),
    Rule(
        "LOCK-NAME", "E", "E", "A lock's name has 1 to 64 characters of A-Z, a-z, 0-9, _, . and -.",
        "Choose a name of those characters.", well_named("locks", "a lock"),
    ),
    Rule(
        "LOCK-DUP", "E", "E", "The names of locks are unique on a host.",
        "Rename one of the locks, or remove it.", named_once("locks", "locks"),
    ),
    Rule(
        "LOCK-AREA", "E", "E", "A lock lies in a memory area of the project.",
        "Name an area that exists.", lock_area,
    ),
)  # fmt: skip
