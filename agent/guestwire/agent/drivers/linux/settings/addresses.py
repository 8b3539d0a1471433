"""The addresses and routes of the host's adapters as iproute2 shows them, captured and put back."""

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.settings.setting import Place

_FOREVER = 0xFFFFFFFF
_FAMILIES = {"inet": "-4", "inet6": "-6"}


async def uplinks(place: Place) -> tuple[str, ...]:
    """The physical adapters and what stands on them (bridges, bonds, VLANs): all by which the host reaches a network."""

    def find() -> tuple[str, ...]:
        base = place.file("/sys/class/net")
        left = [entry.name for entry in base.iterdir() if (entry / "device").exists()] if base.is_dir() else []
        found: set[str] = set()
        while left:
            found.add(name := left.pop())
            left += [upper for upper in _uppers(base / name) if upper not in found]
        return tuple(sorted(found))

    return await asyncio.to_thread(find)


def masters(place: Place, names: Collection[str]) -> frozenset[str]:
    """Those of the adapters that belong to a bridge or a bond: what they carry is not the host's own."""
    return frozenset(name for name in names if place.file(f"/sys/class/net/{name}/master").exists())


def _uppers(directory: Path) -> list[str]:
    return [entry.name.removeprefix("upper_") for entry in directory.iterdir() if entry.name.startswith("upper_")]


async def capture(place: Place, names: Collection[str]) -> list[Mapping[str, Any]]:
    """Each adapter that there is: whether it is up, its addresses, its routes in the main table. Plain values."""
    routes = [
        {**route, "family": family}
        for family, flag in _FAMILIES.items()
        for route in await _show(place, flag, "route", "show")
        if route.get("protocol") != "kernel" and "dst" in route
    ]
    return [
        {
            "name": link["ifname"],
            "up": "UP" in link["flags"],
            "addresses": [_lasting(a) for a in link["addr_info"] if "local" in a and not a.get("temporary")],
            "routes": [route for route in routes if route.get("dev") == link["ifname"]],
        }
        for link in await _show(place, "address", "show")
        if link.get("ifname") in names
    ]


async def put_back(place: Place, captured: Sequence[Mapping[str, Any]]) -> None:
    """Make the adapters what they were. One that is gone is left out."""
    now = {link["name"]: link for link in await capture(place, {link["name"] for link in captured})}
    for link in captured:
        if (current := now.get(link["name"])) is not None:
            await _put_back(place, link, current)


async def flush(place: Place, name: str) -> None:
    """Take every address away; routes go with them."""
    await run_checked(place.run, "ip", "address", "flush", "dev", name)


async def replace(place: Place, name: str, addresses: Iterable[str], gateway: str | None) -> None:
    """Give an adapter these addresses (with prefix length) and no other global ones, and a default route."""
    wanted = list(addresses)
    await run_checked(place.run, "ip", "link", "set", "dev", name, "up")
    for address in wanted:
        await run_checked(place.run, "ip", "address", "replace", address, "dev", name)
    for link in await capture(place, {name}):
        for address in link["addresses"]:
            if address.get("scope") == "global" and _text(address) not in wanted:
                await run_checked(place.run, "ip", "address", "del", _text(address), "dev", name)
    if gateway is not None:
        flag = "-6" if ":" in gateway else "-4"
        await run_checked(place.run, "ip", flag, "route", "replace", "default", "via", gateway, "dev", name)


async def _put_back(place: Place, link: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    name = link["name"]
    if link["up"] and not current["up"]:
        await run_checked(place.run, "ip", "link", "set", "dev", name, "up")
    there, wanted = {_text(a) for a in current["addresses"]}, {_text(a) for a in link["addresses"]}
    own = {_text(a) for a in current["addresses"] if _is_link_local(a)}  # the kernel's: it comes when the link does
    for text in sorted(there - wanted - own):
        await run_checked(place.run, "ip", "address", "del", text, "dev", name)
    for address in link["addresses"]:
        if _text(address) not in there:
            await run_checked(place.run, "ip", "address", "add", *_address_arguments(address), "dev", name)
    kept = {tuple(_route_arguments(route)) for route in link["routes"]}
    # an address that went or came took its routes with it, or made some
    routes = [route for found in await capture(place, {name}) for route in found["routes"]]
    for route in routes:
        if tuple(_route_arguments(route)) not in kept:
            await run_checked(place.run, "ip", _FAMILIES[route["family"]], "route", "del", *_route_arguments(route))
    for route in sorted(link["routes"], key=lambda route: "gateway" in route):
        await run_checked(place.run, "ip", _FAMILIES[route["family"]], "route", "replace", *_route_arguments(route))
    if not link["up"] and current["up"]:
        await run_checked(place.run, "ip", "link", "set", "dev", name, "down")


def _lasting(address: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what is only so at this moment: the kernel still asks whether another has the address (RFC 4862, 5.4)."""
    return {key: value for key, value in address.items() if key != "tentative"}


def _is_link_local(address: Mapping[str, Any]) -> bool:
    return address.get("family") == "inet6" and address.get("scope") == "link"


def _text(address: Mapping[str, Any]) -> str:
    return f"{address['local']}/{address['prefixlen']}"


def _address_arguments(address: Mapping[str, Any]) -> list[str]:
    arguments = [_text(address)]
    if "broadcast" in address:
        arguments += ["broadcast", str(address["broadcast"])]
    arguments += ["scope", str(address.get("scope", "global"))]
    for key, word in (("valid_life_time", "valid_lft"), ("preferred_life_time", "preferred_lft")):
        if (seconds := address.get(key, _FOREVER)) != _FOREVER:
            arguments += [word, str(seconds)]
    return arguments + (["noprefixroute"] if address.get("noprefixroute") else [])


def _route_arguments(route: Mapping[str, Any]) -> list[str]:
    arguments = [str(route["dst"])]
    if "gateway" in route:
        arguments += ["via", str(route["gateway"])]
    arguments += ["dev", str(route["dev"])]
    for key, word in (("protocol", "proto"), ("metric", "metric"), ("prefsrc", "src"), ("scope", "scope")):
        if key in route:
            arguments += [word, str(route[key])]
    return arguments + (["onlink"] if "onlink" in route.get("flags", ()) else [])


async def _show(place: Place, *arguments: str) -> list[dict[str, Any]]:
    out = await run_checked(place.run, "ip", "-json", *arguments)
    return [entry for entry in json.loads(out or "[]") if entry]
