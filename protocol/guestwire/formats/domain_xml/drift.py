"""What changed in a domain since we defined it, put into the guest as it was given.

Items of a list are told apart by what names them (a disk's target, a card's MAC, a share's tag, an address), so that
one edited disk leaves the others as they were given, down to the fields that libvirt has no place for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guestwire.formats.domain_xml.choices import Wiring
from guestwire.formats.domain_xml.extract import Extract

Items = Sequence[Any]
_KEYED: Mapping[str, Callable[[Any], str]] = {
    "devices": str,
    "port_forwards": lambda item: f"{item.get('protocol', 'tcp')}:{item.get('host_port')}",
    "shares": lambda item: str(item.get("tag")),
}


def drifted(
    given: Mapping[str, Any],
    as_defined: Mapping[str, Any],
    now: Extract,
    disk_targets: Sequence[str],
    wiring: Wiring | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """The guest's values (the model's JSON) as the domain has them now, and the targets of its disks.

    `as_defined` is what `extract` found when it was defined, with `wiring`. A field that is not in it was not looked at
    then: it is taken as given.
    """
    values = dict(given)
    changed = {name for name, value in now.items() if name in as_defined and as_defined[name] != value}
    for name in changed - {"disks", "nics", "real_time", "topology", "cpuset", *_KEYED}:
        values[name] = now[name]
    if "real_time" in changed:
        values["kind"] = "rt" if now["real_time"] else "gp"
    if "topology" in changed:
        values["topology"] = _topology(now["topology"])
    if "cpuset" in changed:
        values["cpuset"] = now["cpuset"] or None
    for name, key in _KEYED.items():
        if name in changed:
            old = given.get(name, [])
            values[name] = _items(old, [key(item) for item in old], _by(key, as_defined[name]), _by(key, now[name]))
    if "nics" in changed:
        cards = given.get("nics", [])
        wiring = wiring or Wiring("", {})
        name = str(given.get("name"))
        macs = [wiring.mac(name, n, nic.get("network"), nic.get("mac")) for n, nic in enumerate(cards)]
        was_cards, now_cards = (
            [{**nic, "mac": nic.get("mac")} | _unwired(nic, cards, wiring) for nic in nics]
            for nics in (as_defined["nics"], now["nics"])
        )
        values["nics"] = _nics(cards, macs, was_cards, now_cards)
    return values, _disks(values, as_defined, now, disk_targets)


def _topology(found: Sequence[int] | None) -> Sequence[int] | str:
    """One socket of cores without threads is what `auto` means."""
    return "auto" if found is None or (found[0], found[2]) == (1, 1) else found


def _disks(
    values: dict[str, Any], as_defined: Mapping[str, Any], now: Extract, disk_targets: Sequence[str]
) -> list[str]:
    """libvirt sorts disks by bus and target, so they are compared by target."""

    def key(disk: Any) -> str:
        return str(disk.get("target"))

    was, found = _by(key, as_defined.get("disks", [])), _by(key, now["disks"])
    if was == found or "disks" not in as_defined:
        return list(disk_targets)
    moved = _moved(was, found)
    disk_targets = [moved.get(target, target) for target in disk_targets]
    was = {moved.get(target, target): disk for target, disk in was.items()}
    merged = _items(values.get("disks", []), disk_targets, was, found)
    targets = [target for target in disk_targets if target not in was or target in found]
    targets += [target for target in found if target not in was and target not in disk_targets]
    values["disks"] = merged
    return targets


def _moved(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Where disks are that had another target: one that went onto another bus is the same disk."""
    new = {disk["path"]: target for target, disk in now.items() if target not in was and disk["path"] is not None}
    return {
        target: new.pop(disk["path"])
        for target, disk in was.items()
        if target not in now and isinstance(disk.get("path"), str) and disk["path"] in new
    }


def _unwired(nic: Any, given: Items, wiring: Wiring) -> Extract:
    """The network of a card that is on the bridge of one, if the guest was given a card there."""
    networks = (card.get("network") for card in given)
    found = next((name for name in networks if name and wiring.bridge(name) == nic.get("bridge") is not None), None)
    return {} if found is None else {"network": found, "bridge": None}


def _nics(given: Items, macs: Sequence[str | None], was: Items, now: Items) -> list[Any]:
    """By MAC where each card had one, else by position: then libvirt chose the MAC, which is no edit."""
    if all(nic.get("mac") for nic in was):

        def key(nic: Any) -> str:
            return str(nic.get("mac"))

        return _items(given, [str(mac) for mac in macs], _by(key, was), _by(key, now))
    free = [
        {**nic, "mac": None} if number < len(was) and was[number].get("mac") is None else nic
        for number, nic in enumerate(now)
    ]
    numbered = [{str(number): nic for number, nic in enumerate(nics)} for nics in (was, free)]
    return _items(given, [str(number) for number in range(len(given))], *numbered)


def _by(key: Callable[[Any], str], items: Items) -> dict[str, Any]:
    return {key(item): item for item in items}


def _items(given: Items, keys: Sequence[str], was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Any]:
    """The given items without those that went, with what changed in the others, and then what came."""
    merged = [
        _item(item, was.get(key), now.get(key, item))
        for key, item in zip(keys, given, strict=True)
        if key not in was or key in now
    ]
    return merged + [item for key, item in now.items() if key not in was and key not in keys]


def _item(given: Any, was: Any, now: Any) -> Any:
    if was == now or not isinstance(given, dict) or not isinstance(now, dict):
        return given
    if not isinstance(was, dict):
        return {**given, **now}
    return given | {name: value for name, value in now.items() if name in was and was[name] != value}
