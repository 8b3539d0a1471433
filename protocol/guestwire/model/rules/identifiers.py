"""Who is who: identifiers and names of guests, and the limits on how many there may be (SM 4.2, 4.6)."""

import re
from collections.abc import Iterable, Iterator

from guestwire.model.allocation import guest_order
from guestwire.model.events import HOST, REMOTE
from guestwire.model.guest import Guest
from guestwire.model.rules.repeats import repeats
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")

RTOS_IDS = 5
GPOS_IDS = 9
"""How many identifiers there are; more where the host's policy allows more guests."""


def guest_first_not_rt(view: View) -> Iterator[Finding]:
    if not view.comm:
        return
    ahead = {id(guest) for guest in view.guests}
    first = next(guest for guest in guest_order(view.desired.guests) if id(guest) in ahead)
    if first.kind != "rt":
        yield Finding(
            place(first, "kind"),
            f"{first.name} is the first guest and no rt guest",
            related=tuple(place(guest) for guest in view.comm if guest is not first),
        )


def guest_id_dup(view: View) -> Iterator[Finding]:
    for again in repeats((guest.id, place(guest, "id")) for guest in view.everyone if guest.id is not None):
        yield Finding(again.path, f"two guests are {again.key}", (again.first,))


def uuid_dup(view: View) -> Iterator[Finding]:
    for again in repeats((guest.uuid, place(guest, "uuid")) for guest in view.everyone if guest.uuid is not None):
        yield Finding(again.path, f"two guests have the uuid {again.key}", (again.first,))


def uuid_foreign(view: View) -> Iterator[Finding]:
    assert view.facts.foreign is not None
    for guest in view.everyone:
        if guest.uuid is not None and (name := view.facts.foreign.get(guest.uuid)) is not None:
            message = f"the uuid is that of the domain {name!r} of the host, which is not the project's"
            yield Finding(place(guest, "uuid"), message, (guest.uuid,))


def name_dup(view: View) -> Iterator[Finding]:
    for again in repeats((guest.name, place(guest, "name")) for guest in view.everyone if guest.name):
        yield Finding(again.path, f"two guests are named {again.key!r}")
    foreign = view.facts.foreign or {}
    uuids: dict[str, list[str]] = {}
    for uuid, name in foreign.items():
        uuids.setdefault(name, []).append(uuid)
    for guest in view.everyone:
        if other := next((uuid for uuid in uuids.get(guest.name, ()) if uuid != guest.uuid), None):
            yield Finding(
                place(guest, "name"),
                f"a domain of the host that is not the project's is named {guest.name!r}",
                (other,),
            )


def name_invalid(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if guest.name and not _NAME.fullmatch(guest.name):
            yield Finding(place(guest, "name"), f"{guest.name!r} is not a guest's name")
        elif guest.name in (HOST, REMOTE):
            yield Finding(place(guest, "name"), f"{guest.name} stands for no guest in access lists")


def name_empty(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if not guest.name:
            yield Finding(place(guest, "name"), f"{guest.id or 'a guest'} has no name")


def comm_limit(view: View) -> Iterator[Finding]:
    return _too_many(view.comm, view.policy.comm_guest_limit, "rt and gp_comm guests")


def gp_limit(view: View) -> Iterator[Finding]:
    return _too_many(view.others, view.policy.gp_guest_limit, "gp and gp_comm guests")


def _too_many(guests: tuple[Guest, ...], limit: int | None, what: str) -> Iterator[Finding]:
    if limit is None:
        return
    for number, guest in enumerate(guests[limit:], limit + 1):
        yield Finding(place(guest), f"{guest.name} is number {number} of the {what}: there may be {limit}")


def rtosid_range(view: View) -> Iterator[Finding]:
    last = max(RTOS_IDS, view.policy.comm_guest_limit or 0) - 1
    enabled = {id(guest) for guest in view.guests}
    for guest in view.everyone:
        if guest.rtos_id is None:
            continue
        if guest.kind == "gp":
            yield Finding(place(guest, "rtos_id"), f"{guest.name} is a gp guest: it has no RTOS identifier")
        elif id(guest) in enabled and not 0 <= guest.rtos_id <= last:
            yield Finding(place(guest, "rtos_id"), f"{guest.rtos_id} is no RTOS identifier: 0 to {last}")


def rtosid_dup(view: View) -> Iterator[Finding]:
    given = ((guest.rtos_id, place(guest, "rtos_id")) for guest in view.everyone if guest.kind != "gp")
    return _twice(given, "RTOS")


def gposid_range(view: View) -> Iterator[Finding]:
    last = max(GPOS_IDS, view.policy.gp_guest_limit or 0)
    enabled = {id(guest) for guest in view.guests}
    for guest in view.everyone:
        if guest.gpos_id is None:
            continue
        if guest.kind == "rt":
            yield Finding(place(guest, "gpos_id"), f"{guest.name} is an rt guest: it has no GPOS identifier")
        elif id(guest) in enabled and not 1 <= guest.gpos_id <= last:
            yield Finding(place(guest, "gpos_id"), f"{guest.gpos_id} is no GPOS identifier: 1 to {last}")
    given = ((guest.gpos_id, place(guest, "gpos_id")) for guest in view.everyone if guest.kind != "rt")
    yield from _twice(given, "GPOS")


def _twice(identifiers: Iterable[tuple[int | None, str]], what: str) -> Iterator[Finding]:
    for again in repeats(pair for pair in identifiers if pair[0] is not None):
        yield Finding(again.path, f"two guests have the {what} identifier {again.key}", (again.first,))


RULES: tuple[Rule, ...] = (
    Rule(
        "GUEST-FIRST-NOT-RT", None, "E", "Where there is an rt or gp_comm guest, the lowest GUEST number is an rt guest's.",
        "Give the rt guest the lowest GUEST number.", guest_first_not_rt,
    ),
    Rule(
        "GUEST-ID-DUP", "E", "E", "No two guests have the same GUEST number.",
        "Remove one of the identifiers: the host gives the lowest free.", guest_id_dup,
    ),
    Rule(
        "UUID-DUP", "E", "E", "No two guests have the same uuid.",
        "Remove one of the uuids: the host gives each guest one.", uuid_dup,
    ),
    Rule(
        "UUID-FOREIGN", "E", "E", "No guest has the uuid of a domain of the host that is not the project's.",
        "Remove the uuid to make a new guest, or adopt the domain with `guest import`.", uuid_foreign, ("foreign",),
    ),
    Rule(
        "NAME-DUP", "E", "E", "No two guests of the project, nor a guest and another domain of the host, have the same name.",
        "Choose another name, or adopt the domain with `guest import`.", name_dup,
    ),
    Rule(
        "NAME-INVALID", "E", "E", "A guest's name has 1 to 63 characters of A-Z a-z 0-9 _ . -, and is not HOST or REMOTE.",
        "Choose another name, of those characters.", name_invalid,
    ),
    Rule("NAME-EMPTY", "E", "E", "Every guest has a name.", "Give the guest a name.", name_empty),
    Rule(
        "COMM-LIMIT", "E", "E",
        "There are at most as many rt and gp_comm guests as the policy says: 5 in profile system-manager.",
        "Remove a guest, make it a gp guest, or set policy.max_comm_guests.", comm_limit,
    ),
    Rule(
        "RTOSID-RANGE", "E", "E", "The RTOS identifier of an rt or gp_comm guest is 0 to 4; a gp guest has none.",
        "Remove the identifier: the host gives the lowest free.", rtosid_range,
    ),
    Rule(
        "RTOSID-DUP", "E", "E", "No two guests have the same RTOS identifier.",
        "Remove one of the identifiers: the host gives the lowest free.", rtosid_dup,
    ),
    Rule(
        "GP-LIMIT", "E", "E",
        "There are at most as many gp and gp_comm guests as the policy says: 9 in profile system-manager.",
        "Remove a guest, or set policy.max_gp_guests.", gp_limit,
    ),
    Rule(
        "GPOSID-RANGE", "E", "E",
        "The GPOS identifier of a gp or gp_comm guest is 1 to 9 and no other guest's; an rt guest has none.",
        "Remove the identifier: the host gives the lowest free.", gposid_range,
    ),
)  # fmt: skip
