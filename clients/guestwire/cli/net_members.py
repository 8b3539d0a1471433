"""Who is on a network of a configuration: found, isolated, added and taken off."""

from collections.abc import Sequence
from typing import Any

from guestwire.cli.named import NameAddress
from guestwire.cli.one_change import edited
from guestwire.formats import toml_text
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.networks import VirtualNet


def isolated(desired: Desired, target: NameAddress, guests: Sequence[str], *, on: bool) -> Desired:
    """Guests of the network isolated from each other, or not any more. A guest with a card on it that is not listed yet is
    listed for it. Raises NOT-FOUND for who is not on it."""
    for reference in guests:
        net, guest = _network(desired, target), _guest(desired, target, reference)
        number = _number(net, guest)
        if number is not None:
            place = f"{_path(net)}.members.{number}.isolated"
            desired = edited(desired, target.host, [f"{place}=true" if on else f"{place}-"])
        elif any(nic.network == net.name for nic in guest.nics):
            desired = _added(desired, target, {"guest": guest.name, "isolated": True}) if on else desired
        else:
            raise GuestwireError("NOT-FOUND", f"{guest.name} is not on the network {target}.", field="guest")
    return desired


def with_member(desired: Desired, target: NameAddress, reference: str, **fields: Any) -> Desired:
    """One guest more on the network; `fields` of a Member, those that are None left out. Raises EXISTS, NOT-FOUND."""
    net, guest = _network(desired, target), _guest(desired, target, reference)
    if _number(net, guest) is not None:
        raise GuestwireError("EXISTS", f"{guest.name} is a member of the network {target} already.", field="guest")
    given = {key: value for key, value in fields.items() if value not in (None, False)}
    return _added(desired, target, {"guest": guest.name, **given})


def without_member(desired: Desired, target: NameAddress, reference: str) -> Desired:
    """One guest less. Raises NOT-FOUND for who is no member."""
    net = _network(desired, target)
    guest = desired.guest(reference)
    name = reference if guest is None else guest.name
    number = next((number for number, member in enumerate(net.members) if member.guest == name), None)
    if number is None:
        raise GuestwireError("NOT-FOUND", f"{name} is no member of the network {target}.", field="guest")
    return edited(desired, target.host, [f"{_path(net)}.members.{number}-"])


def airgapped(desired: Desired, target: NameAddress, *, on: bool) -> Desired:
    """The network with its air-gap closed, or released."""
    path = _path(_network(desired, target))
    return edited(desired, target.host, [f"{path}.airgap=true" if on else f"{path}.airgap-"])


def _added(desired: Desired, target: NameAddress, member: dict[str, Any]) -> Desired:
    path = _path(_network(desired, target))
    return edited(desired, target.host, [f"{path}.members+={toml_text.value(member)}"])


def _network(desired: Desired, target: NameAddress) -> VirtualNet:
    found = next((net for net in desired.networks if net.name == target.name), None)
    if found is None:
        raise GuestwireError("NOT-FOUND", f"{target.host} has no network {target.name} in its configuration.")
    return found


def _guest(desired: Desired, target: NameAddress, reference: str) -> Guest:
    found = desired.guest(reference)
    if found is None:
        raise GuestwireError(
            "NOT-FOUND", f"{target.host} has no guest {reference} in its configuration.", field="guest"
        )
    return found


def _number(net: VirtualNet, guest: Guest) -> int | None:
    return next((number for number, member in enumerate(net.members) if member.guest == guest.name), None)


def _path(net: VirtualNet) -> str:
    return f'network."{net.name}"'
