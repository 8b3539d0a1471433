"""Where the parts of a host name each other: what a rename changes and a removal leaves behind. On the plain tables of a
document that was checked."""

from collections.abc import Callable, Iterator
from typing import Any

_Tables = dict[str, Any]


def follow(host: _Tables, part: str, old: str, new: str) -> None:
    """Write `new` wherever `old`, an entry of `part`, is referred to."""
    for table, key in _single(host, part):
        if table.get(key) == old:
            table[key] = new
    if part == "guests":
        for table, key in _lists(host):
            table[key] = [new if name == old else name for name in table[key]]
        for area in _entries(host, "areas"):
            if old in area.get("overrides", {}):
                area["overrides"] = {new if name == old else name: mode for name, mode in area["overrides"].items()}


def forget(host: _Tables, part: str, name: str) -> None:
    """Take a guest out of where it is one of many."""
    if part != "guests":
        return
    for table, key in _lists(host):
        _keep(table, key, lambda entry: entry != name)
    for network in _entries(host, "networks"):
        if "members" in network:
            _keep(network, "members", lambda member: member["guest"] != name)
    for area in _entries(host, "areas"):
        if name in area.get("overrides", {}):
            del area["overrides"][name]
            if not area["overrides"]:
                del area["overrides"]


def _keep(table: _Tables, key: str, wanted: Callable[[Any], bool]) -> None:
    kept = [entry for entry in table[key] if wanted(entry)]
    if len(kept) == len(table[key]):
        return
    if kept:
        table[key] = kept
    else:
        del table[key]


def _single(host: _Tables, part: str) -> Iterator[tuple[_Tables, str]]:
    """Tables and the key in them that names one entry of the part."""
    if part == "areas":
        yield from ((table, "area") for kind in ("queues", "locks") for table in _entries(host, kind))
    elif part == "images":
        yield from ((guest, "image") for guest in _entries(host, "guests"))
    elif part == "networks":
        yield from ((nic, "network") for guest in _entries(host, "guests") for nic in guest.get("nics", ()))
    elif part == "guests":
        yield from ((queue, "reader") for queue in _entries(host, "queues"))
        for network in _entries(host, "networks"):
            yield from ((member, "guest") for member in network.get("members", ()))
            yield from ((rule, side) for rule in network.get("acl", ()) for side in ("src", "dst"))


def _lists(host: _Tables) -> Iterator[tuple[_Tables, str]]:
    """Tables and the key in them that lists guests."""
    for kind, keys in (("events", ("signal", "wait")), ("queues", ("writers",))):
        yield from [(table, key) for table in _entries(host, kind) for key in keys if key in table]


def _entries(host: _Tables, part: str) -> Iterator[_Tables]:
    yield from host.get(part, {}).values()
