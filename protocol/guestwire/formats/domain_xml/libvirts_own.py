"""What libvirt adds to a domain by itself whenever another part asks for it, and what every definition takes over from the
domain that is there (`carried`): neither is an edit, whoever wrote it.

All else that libvirt adds is told from an edit by what it answered when we defined the domain (`settled`); this table is
for what comes later: with a display come a mouse, a keyboard and a video card, with a device its controller.
"""

import re
from xml.etree.ElementTree import Element

_KNOWN_BY = ("name", "uuid", "title", "description", "metadata")
"""The model's, or kept as they are."""
_FAMILIES = {"pc-q35": "q35", "pc-i440fx": "pc"}
_VIDEO = {"vga", "cirrus"}
_VIDEO_DEFAULTS = {"vram": {"16384"}, "heads": {"1"}, "primary": {"yes"}}


def leave_out(domain: Element) -> None:
    """Take it out, in place; devices stay, see `adds_device`."""
    for tag in _KNOWN_BY:
        for element in domain.findall(tag):
            domain.remove(element)
    for label in domain.findall("seclabel[@type='dynamic']"):
        if not len(label):
            domain.remove(label)
    for device in domain.findall("devices/*"):
        _device(device)
    for topology in domain.findall("cpu/topology"):
        for name in ("dies", "clusters"):
            if topology.get(name) == "1":
                del topology.attrib[name]
    for kind in domain.findall("os/type"):
        family = re.sub(r"-[0-9].*$", "", kind.get("machine", ""))
        if family in _FAMILIES:
            kind.set("machine", _FAMILIES[family])
    _firmware(domain)


def _device(device: Element) -> None:
    for address in device.findall("address"):
        device.remove(address)
    for alias in device.findall("alias"):
        if not alias.get("name", "").startswith("ua-"):
            device.remove(alias)
    for name in ("passwd", "passwdValidTo", "connected"):
        device.attrib.pop(name, None)


def _firmware(domain: Element) -> None:
    """Where the variables are, and the image that libvirt found for `firmware`."""
    for os in domain.findall("os"):
        for variables in os.findall("nvram"):
            os.remove(variables)
        for loader in os.findall("loader") if os.get("firmware") is not None else ():
            if (loader.text or "").strip():
                os.remove(loader)


def adds_device(device: Element, domain: Element) -> bool:
    """Whether this is a device that libvirt adds to such a domain and would add again."""
    kind = device.get("type")
    if device.tag == "input":
        return kind in {"mouse", "keyboard"} and device.get("bus") == "ps2"
    if device.tag == "audio":
        return kind == "none"
    if device.tag == "watchdog":
        return device.get("model") == "itco" and device.get("action", "reset") == "reset"
    if device.tag == "video":
        return _default_video(device)
    return device.tag == "controller" and _needed(device, domain)


def _default_video(video: Element) -> bool:
    children = list(video)
    if [child.tag for child in children] != ["model"] or video.attrib:
        return False
    model = children[0]
    given = {name: value for name, value in model.attrib.items() if name != "type"}
    return (
        model.get("type") in _VIDEO
        and not len(model)
        and all(value in _VIDEO_DEFAULTS.get(name, ()) for name, value in given.items())
    )


def _needed(controller: Element, domain: Element) -> bool:
    """A bus of PCI, and a controller that a disk or a channel is on: `addresses` carries them."""
    used = {target.get("bus") for target in domain.findall("devices/disk/target")} | {"pci"}
    others = (*domain.findall("devices/channel/target"), *domain.findall("devices/console/target"))
    used |= {"virtio-serial" for target in others if target.get("type") == "virtio"}
    return controller.get("type") in used
