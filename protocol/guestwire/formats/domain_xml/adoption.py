"""Making a domain of another tool ours, as it is."""

from xml.etree.ElementTree import fromstring

from guestwire.formats.domain_xml.foreign import unkept
from guestwire.formats.domain_xml.metadata import metadata_text
from guestwire.formats.domain_xml.reader import read_extract
from guestwire.formats.domain_xml.settled import settled_text
from guestwire.model.guest import Guest


def adoption(xml: str, guest: Guest, host: str = "") -> str:
    """The text that makes a domain, as it is, be seen as `guest`, of the host with that id. Raises DOCUMENT-INVALID for what is
    no domain.

    A disk of the guest is the one with its path; one that the domain does not have stays the guest's own affair.
    """
    reading, now = read_extract(xml)
    by_path: dict[str | None, list[str]] = {}
    for disk, target in zip(reading.guest.disks, reading.disk_targets, strict=False):
        by_path.setdefault(disk.path, []).append(target)
    targets = [found.pop(0) if (found := by_path.get(disk.path)) else "" for disk in guest.disks]
    ours = metadata_text(guest, now, targets, host=host)
    return settled_text(ours, fromstring(xml))  # noqa: S314 (read_extract parsed it before)


def not_adoptable(xml: str) -> tuple[str, ...]:
    """The parts of a domain of another tool that a later definition of its guest would lose; none for one that we made. Raises
    DOCUMENT-INVALID for what is no domain."""
    reading, _ = read_extract(xml)
    if not reading.foreign:
        return ()
    return unkept(fromstring(xml), reading.guest)  # noqa: S314 (read_extract parsed it before)
