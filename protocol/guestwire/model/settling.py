"""What a document leaves open and the host gives: identifiers, MACs, places of disks, system areas. Once given they stay.

Pure and repeatable: settling a settled document changes nothing, and the same document settles in the same way each
time. Identifiers: GUESTnnnn, lowest free, never renumbered; RTOS ids from 0, GPOS ids from 1 (SM 4.6).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from guestwire.model.areas import SYSTEM_AREA, MemoryArea, system_area
from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest, Nic, derived_uuid, lowest_free_id


def settle(desired: Desired, active: Desired, *, host: str, disk_root: str | None, revision: int = 0) -> Desired:
    """The document with nothing left open. A guest is the one of `active` with its uuid, else its identifier, else its
    name. `disk_root`: where disks without a path go; None leaves them open (DISK-NO-SIZE and DISK-PATH-POLICY tell), and
    those of `unclear_disks` stay open. `revision`: the active one's number; a guest that is made anew under an old name is
    another guest, with other disks."""
    old = list(match(desired, active))
    taken = {guest.id for guest in (*desired.guests, *active.guests) if guest.id is not None}
    guests: list[Guest] = []
    for guest, known in zip(desired.guests, old, strict=True):
        identifier = guest.id or (known.id if known is not None else None) or lowest_free_id(frozenset(taken))
        if identifier is not None:
            taken.add(identifier)
        guests.append(_identified(guest, known, identifier, f"{host}/{revision}"))
    if desired.policy.profile == "system-manager":
        guests = _numbered(guests)
    return desired.model_copy(
        update={
            "guests": tuple(_placed(guest, known, host, disk_root) for guest, known in zip(guests, old, strict=True)),
            "areas": _with_system_area(desired, active),
        }
    )


def _with_system_area(desired: Desired, active: Desired) -> tuple[MemoryArea, ...]:
    """With the system areas that there are, while guests with communication are: an older revision, or a document of somebody
    who never heard of them, does not take them away. And with the first queue or lock that is to be in the system's own."""
    named = {area.name for area in desired.areas}
    kept = [area for area in active.areas if area.is_system and area.name not in named]
    if not any(guest.has_comm for guest in desired.guests):
        kept = []
    wanted = {*(queue.area for queue in desired.queues), *(lock.area for lock in desired.locks)}
    if SYSTEM_AREA in wanted and SYSTEM_AREA not in named and SYSTEM_AREA not in {area.name for area in kept}:
        kept.append(next((area for area in active.areas if area.name == SYSTEM_AREA), system_area()))
    return (*desired.areas, *kept)


def match(desired: Desired, active: Desired) -> Iterator[Guest | None]:
    """For each guest of a document the one of `active` that it is, or None. One that names a uuid or an identifier is
    never taken for another by its name."""
    by_uuid = {guest.uuid: guest for guest in active.guests}
    by_id = {guest.id: guest for guest in active.guests}
    by_name = {guest.name: guest for guest in active.guests}
    named = {guest.uuid for guest in desired.guests} | {guest.id for guest in desired.guests}
    for guest in desired.guests:
        if guest.uuid is not None:
            yield by_uuid.get(guest.uuid)
        elif guest.id is not None:
            yield by_id.get(guest.id)
        else:
            found = by_name.get(guest.name)
            yield None if found is not None and (found.uuid in named or found.id in named) else found


def _identified(guest: Guest, known: Guest | None, identifier: str | None, place: str) -> Guest:
    given: dict[str, object] = {"id": identifier}
    if guest.uuid is None:
        seed = f"guestwire-guest\0{place}\0{identifier}\0{guest.name}"
        given["uuid"] = known.uuid if known is not None else derived_uuid(seed.encode())
    if known is not None and known.kind == guest.kind:
        if guest.kind == "rt" and guest.cpuset is None:
            given["cpuset"] = known.cpuset  # what it was allocated stays
        for field in ("rtos_id", "gpos_id"):
            if getattr(guest, field) is None:
                given[field] = getattr(known, field)
    return guest.model_copy(update=given)


def _numbered(guests: list[Guest]) -> list[Guest]:
    """RTOS and GPOS identifiers for those that have none, lowest free first."""
    rtos = {guest.rtos_id for guest in guests}
    gpos = {guest.gpos_id for guest in guests}
    numbered = []
    for guest in guests:
        given: dict[str, int] = {}
        if guest.rtos_id is None and guest.kind != "gp":
            given["rtos_id"] = _lowest(rtos, 0)
        if guest.gpos_id is None and guest.kind != "rt":
            given["gpos_id"] = _lowest(gpos, 1)
        numbered.append(guest.model_copy(update=given) if given else guest)
    return numbered


def _lowest(taken: set[int | None], first: int) -> int:
    number = first
    while number in taken:
        number += 1
    taken.add(number)
    return number


def _placed(guest: Guest, known: Guest | None, host: str, disk_root: str | None) -> Guest:
    """With MACs and places of disks; those it had already, in the same position, stay."""
    old_nics = known.nics if known is not None else ()
    macs = {nic.mac for nic in guest.nics}
    nics = []
    for n, nic in enumerate(guest.nics):
        if nic.mac is None:
            before = old_nics[n].mac if n < len(old_nics) else None
            nic = nic.model_copy(
                update={"mac": before if before and before not in macs else derived_mac(host, guest, n)}
            )
        nics.append(nic)
    disks = _disks(guest, known, disk_root)
    if tuple(nics) == guest.nics and disks == guest.disks:
        return guest
    return guest.model_copy(update={"nics": tuple[Nic, ...](nics), "disks": disks})


def _disks(guest: Guest, known: Guest | None, disk_root: str | None) -> tuple[Disk, ...]:
    """Its disks with their places, but for those that cannot be told apart (`unclear_disks`)."""
    if disk_root is None or guest.id is None:
        return guest.disks
    # numbers are given again, and their disks may still be there
    folder = f"{disk_root}/{guest.id.lower()}-{(guest.uuid or '')[:8]}"
    old = () if known is None else known.disks
    places = _known_places(guest.disks, old)
    taken = {disk.path for disk in (*guest.disks, *old)}
    disks = []
    for number, disk in enumerate(guest.disks):
        if number in places:
            path = places[number]
            if path == "":
                path = _free_place(folder, number, disk.format, taken)
                taken.add(path)
            disk = disk.model_copy(update={"path": path})
        disks.append(disk)
    return tuple(disks)


def _free_place(folder: str, number: int, format: str, taken: set[str | None]) -> str:
    while (path := f"{folder}/disk{number}.{format}") in taken:
        number += 1
    return path


def unclear_disks(guest: Guest, known: Guest | None) -> tuple[int, ...]:
    """The disks without a path of which nobody can say which of the guest's images they are, by number. They are left
    open: a guess would take another disk's content."""
    places = _known_places(guest.disks, () if known is None else known.disks)
    return tuple(number for number, path in places.items() if path is None)


def _known_places(disks: Sequence[Disk], old: Sequence[Disk]) -> dict[int, str | None]:
    """For each disk without a path, by number, the path of the old disk that it is; "": it is new; None: it is unclear.

    Old disks that are not named are still there in a new one that says the same of them. Where some say otherwise they are
    the same in order, unless there are fewer now: then which one went cannot be told.
    """
    named = {disk.path for disk in disks}
    open_now = [(n, disk) for n, disk in enumerate(disks) if disk.device == "disk" and disk.path is None]
    left = [disk for disk in old if disk.device == "disk" and disk.path is not None and disk.path not in named]
    before, now = Counter(map(_says, left)), Counter(_says(disk) for _, disk in open_now)
    if before <= now:
        return _alike(open_now, left)
    if len(left) <= len(open_now):
        pairs = zip_longest(open_now, left)
        return {n: was.path if was is not None and was.format == disk.format else "" for (n, disk), was in pairs}
    told = {what for what in now if before[what] == now[what]}
    alike = _alike([one for one in open_now if _says(one[1]) in told], left)
    return {n: alike.get(n) for n, _ in open_now}


def _alike(disks: Iterable[tuple[int, Disk]], old: Iterable[Disk]) -> dict[int, str | None]:
    """Those that say the same, in order; "" for what is left over."""
    paths: dict[object, list[str]] = {}
    for disk in old:
        paths.setdefault(_says(disk), []).append(disk.path or "")
    return {n: found.pop(0) if (found := paths.get(_says(disk))) else "" for n, disk in disks}


def _says(disk: Disk) -> tuple[object, ...]:
    return disk.format, disk.size_mib, disk.clone_of


def derived_mac(host: str, guest: Guest, number: int) -> str:
    """02:xx:xx:xx:GG:NN, locally administered: a hash of the host, the guest's number, the card's number."""
    ordinal = int((guest.id or "GUEST0000")[5:])
    digest = hashlib.sha256(f"guestwire-mac\0{host}\0{ordinal >> 8}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (2, *digest[:3], ordinal & 0xFF, number))
