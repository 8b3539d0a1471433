"""KVM-RT's configuration file, /etc/kvmrt.cfg (KVM-RT 3): INI, one section for each guest, named by its libvirt UUID.

    name                                 mandatory, unique
    title, description, comments         text; long ones go on in indented lines
    nr_vcpus, cpu_topology               1; auto or sockets,cores,threads
    cpuset                               the CPUSET grammar; nothing: not bound
    rt, rt_memory                        real time; lock its memory: true, false, auto (as rt)
    numatune                             auto, or an ID set such as 0,2-3; present and empty: none
    hide_kvm, autostart, disabled        true/false, on/off, yes/no, 1/0

What is missing has its default. `disabled` is in KVM-RT's example and tools, not in its list of attributes.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from guestwire.formats import ini_text
from guestwire.formats.edit_values import BOOLEANS
from guestwire.formats.strict import Mistake, did_you_mean, invalid, read
from guestwire.model.cpuset import from_libvirt, parse
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_INT = re.compile(r"[0-9]{1,9}", re.ASCII)
_TOPOLOGY = re.compile(r"[0-9]{1,6}\s*,\s*[0-9]{1,6}\s*,\s*[0-9]{1,6}", re.ASCII)

FIELDS: Mapping[str, str] = {
    "name": "name", "title": "title", "description": "description", "comments": "comments", "nr_vcpus": "vcpus",
    "cpu_topology": "topology", "cpuset": "cpuset", "rt": "kind", "rt_memory": "lock_memory", "numatune": "numatune",
    "hide_kvm": "hide_kvm", "autostart": "autostart", "disabled": "disabled",
}  # fmt: skip
"""The attributes, and the fields of a guest that they mean."""
_ATTRIBUTES: Mapping[str, str] = {field: attribute for attribute, field in FIELDS.items()}


def load(text: str, base: Desired | None = None) -> Desired:
    """The configuration that a file means. Guests that `base` has by uuid keep what the file does not say (memory, disks,
    ...) and the rest of `base` stays as it is. Raises DOCUMENT-INVALID with every mistake, by section.attribute."""
    base = base or Desired()
    ini = ini_text.read(text)
    mistakes = list(ini.mistakes)
    known = {guest.uuid: guest for guest in base.guests}
    made: dict[str, Guest] = {}
    names: dict[str, str] = {}
    for section, options in ini.sections.items():
        uuid = section.strip().lower()
        if not _UUID.fullmatch(uuid):
            mistakes.append(Mistake(section, "a section is named by the UUID of a libvirt domain"))
        elif uuid in made:
            mistakes.append(Mistake(section, "the section stands there twice"))
        guest = _guest(section, uuid, options, known.get(uuid), mistakes)
        name = options.get("name", "")
        if name and names.setdefault(name, section) != section:
            mistakes.append(Mistake(f"{section}.name", f"{name!r} is the name of {names[name]} too"))
        if guest is not None:
            made[uuid] = guest
    if mistakes:
        raise invalid(mistakes)
    kept = tuple(made.pop(guest.uuid or "", guest) for guest in base.guests)
    return base.model_copy(update={"guests": (*kept, *made.values())})


def dump(desired: Desired) -> str:
    """The file of a configuration's guests: `load(dump(d))` has all that the format carries (`not_carried`). Raises
    DOCUMENT-INVALID for guests without a uuid, which a host gives them, and for names that are not unique."""
    mistakes = []
    sections: dict[str, Mapping[str, str]] = {}
    names: set[str] = set()
    for guest in desired.guests:
        path = f"guests.{guest.name}"
        if guest.uuid is None:
            mistakes.append(Mistake(f"{path}.uuid", "is not given yet: apply the project and pull it first"))
        elif guest.uuid in sections:
            mistakes.append(Mistake(f"{path}.uuid", "is not unique"))
        name = ini_text.carried(guest.name)
        if not name or name in names:
            mistakes.append(Mistake(f"{path}.name", "is empty or not unique"))
        names.add(name)
        sections[guest.uuid or ""] = _options(guest)
    if mistakes:
        raise invalid(mistakes)
    return ini_text.write(sections)


def not_carried(desired: Desired) -> tuple[str, ...]:
    """Places in the document that a file of this format loses or changes ("guests.rtlinux.memory_mib")."""
    lost = [name for name in sorted(desired.model_dump(exclude_defaults=True)) if name != "guests"]
    for guest in desired.guests:
        set_here = guest.model_dump(exclude_defaults=True, exclude={"uuid"})
        plain = _plain(guest)
        lost += [f"guests.{guest.name}.{field}" for field in set_here if field not in _ATTRIBUTES]
        lost += [f"guests.{guest.name}.{field}" for field in plain if plain[field] != getattr(guest, field)]
    return tuple(lost)


def _plain(guest: Guest) -> dict[str, Any]:
    """The fields of a guest as the format carries them."""
    return {
        **{field: ini_text.carried(getattr(guest, field)) for field in ("name", "title", "description", "comments")},
        "kind": "rt" if guest.kind == "rt" else "gp",
        "autostart": "off" if guest.autostart == "off" else "headless",
        "cpuset": _compact(guest.cpuset or "") or None,
        "numatune": _compact(guest.numatune),
    }


def _options(guest: Guest) -> dict[str, str]:
    """All attributes; texts only where there are any."""
    texts = {name: text for name in ("title", "description", "comments") if (text := getattr(guest, name))}
    topology = guest.topology if guest.topology == "auto" else ",".join(str(number) for number in guest.topology)
    return {
        "name": guest.name,
        **texts,
        "nr_vcpus": str(guest.vcpus),
        "cpu_topology": topology,
        "cpuset": guest.cpuset or "",
        "rt": _word(guest.kind == "rt"),
        "rt_memory": guest.lock_memory if guest.lock_memory == "auto" else _word(guest.lock_memory),
        "numatune": guest.numatune,
        "hide_kvm": _word(guest.hide_kvm),
        "autostart": _word(guest.autostart != "off"),
        "disabled": _word(guest.disabled),
    }


def _word(value: bool) -> str:
    return "true" if value else "false"


def _compact(text: str) -> str:
    return "".join(text.split())


def _guest(
    section: str, uuid: str, options: Mapping[str, str], before: Guest | None, mistakes: list[Mistake]
) -> Guest | None:
    """The guest of a section, or None where it has a mistake."""
    fields: dict[str, Any] = {}
    wrong = []
    for attribute, text in options.items():
        if attribute not in FIELDS:
            wrong.append(
                Mistake(f"{section}.{attribute}", f"there is no such attribute{did_you_mean(attribute, FIELDS)}")
            )
            continue
        try:
            fields[FIELDS[attribute]] = _READERS.get(attribute, str)(text)
        except ValueError as err:
            wrong.append(Mistake(f"{section}.{attribute}", str(err)))
        except GuestwireError as err:
            wrong.append(Mistake(f"{section}.{attribute}", err.message))
    if not options.get("name"):
        wrong.append(Mistake(f"{section}.name", "is missing"))
        fields["name"] = "missing"
    guest, found = read(Guest, {**_base(before), **_settled(fields, before)})
    for path, message in found:
        field, _, rest = path.partition(".")
        attribute = _ATTRIBUTES.get(field, field)
        wrong.append(Mistake(f"{section}.{attribute}{'.' if rest else ''}{rest}", message))
    mistakes += wrong
    return None if wrong or guest is None else guest.model_copy(update={"uuid": uuid})


def _base(before: Guest | None) -> dict[str, Any]:
    """What a guest that is known keeps: all that has no attribute."""
    if before is None:
        return {}
    return before.model_dump(exclude_defaults=True, exclude=set(_ATTRIBUTES))


def _settled(fields: dict[str, Any], before: Guest | None) -> dict[str, Any]:
    """The fields, with kind and autostart mode where the file knows only yes and no."""
    made = {field: value for field, value in fields.items() if field not in ("kind", "autostart")}
    kind, autostart = "gp", "headless"
    if before is not None and before.kind != "rt":
        kind = before.kind
    if before is not None and before.autostart != "off":
        autostart = before.autostart
    return {
        **made,
        "kind": "rt" if fields.get("kind") else kind,
        "autostart": autostart if fields.get("autostart") else "off",
    }


def _bool(text: str) -> bool:
    value = BOOLEANS.get(text.lower()) if text else False
    if value is None:
        raise ValueError(f"must be true, false, on, off, yes, no, 1 or 0, not {text[:40]!r}")
    return value


def _auto_or_bool(text: str) -> Any:
    if text.lower() in ("auto", ""):
        return "auto"
    if text.lower() not in BOOLEANS:
        raise ValueError(f"must be auto, true or false, not {text[:40]!r}")
    return BOOLEANS[text.lower()]


def _vcpus(text: str) -> int:
    if text and not _INT.fullmatch(text):
        raise ValueError(f"must be a whole number, not {text[:40]!r}")
    return int(text or 1)


def _topology(text: str) -> Any:
    if text.lower() in ("auto", ""):
        return "auto"
    if not _TOPOLOGY.fullmatch(text):
        raise ValueError(f"must be auto or sockets,cores,threads, not {text[:40]!r}")
    return [int(number) for number in text.split(",")]


def _cpuset(text: str) -> str | None:
    if compact := _compact(text):
        parse(compact)
    return compact or None


def _numatune(text: str) -> str:
    compact = _compact(text)
    if compact.lower() == "auto":
        return "auto"
    if "^" in compact or ",," in compact:
        raise ValueError(f"must be auto or an ID set such as 0,2-3, not {text[:40]!r}")
    from_libvirt(compact)
    return compact


_READERS: Mapping[str, Callable[[str], Any]] = {
    "nr_vcpus": _vcpus,
    "cpu_topology": _topology,
    "cpuset": _cpuset,
    "rt": _bool,
    "rt_memory": _auto_or_bool,
    "numatune": _numatune,
    "hide_kvm": _bool,
    "autostart": _bool,
    "disabled": _bool,
}
"""How each attribute is read; the others are text."""
