"""How a device of our document is found: in another document, and by an override."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from guestwire.formats.domain_xml.differences import equals
from guestwire.formats.domain_xml.extract import read_device, read_disk, read_nic, read_share
from guestwire.formats.domain_xml.names import AGENT_CHANNEL, COMM_CHANNEL, DOORBELL, HANDLE


def selector(element: Element, ours: Sequence[Element]) -> str:
    """A path to one of our devices: by its handle, else by its place."""
    alike = [other for other in ours if other.tag == element.tag]
    handle = element.get(HANDLE)
    if handle is not None and sum(other.get(HANDLE) == handle for other in alike) == 1:
        held = equals(HANDLE, handle)
        if held:
            return f"devices/{element.tag}{held}"
    if len(alike) == 1:
        return f"devices/{element.tag}"
    return f"devices/{element.tag}[{1 + next(n for n, other in enumerate(alike) if other is element)}]"


def device_key(element: Element) -> object:
    """What a device is known by. An element that is none of our kinds is like no other."""
    tag, kind = element.tag, element.get("type")
    if (address := read_device(element)) is not None:
        return "hostdev", address
    if tag == "disk" and (disk := read_disk(element)) is not None:
        return tag, disk["device"], disk["path"], disk["format"] in {"qcow2", "raw"}
    if tag == "interface" and (nic := read_nic(element)) is not None:
        return tag, nic["mac"] or (nic["network"], nic["bridge"])
    if tag == "filesystem" and (share := read_share(element)) is not None:
        return tag, share["tag"], share["path"]
    target = element.find("target")
    name = None if target is None else target.get("name")
    port = "0" if target is None else target.get("port", "0")
    if tag == "controller" and kind == "usb":
        return tag, kind, element.get("index", "0")
    if tag in {"serial", "console"} and port == "0":
        return (tag,)
    if tag == "channel" and name in {AGENT_CHANNEL, COMM_CHANNEL}:
        return tag, name
    if tag == "shmem" and element.get("name") == DOORBELL:
        return tag, DOORBELL
    if tag == "panic":
        return tag, element.get("model")
    return (tag,) if tag == "memballoon" else id(element)
