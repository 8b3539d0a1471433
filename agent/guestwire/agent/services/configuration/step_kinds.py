"""The kinds of steps an apply is made of: for each how to see what it will change, how to do it, how to undo it.

Each of the three is idempotent: after a crash the step that was under way is done, or undone, once more. `capture` looks at
the host before the step and returns what `undo` needs; it is in the journal before `do` runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from guestwire.agent.services.communication import Communication
from guestwire.agent.services.configuration.ports import Folders, Power
from guestwire.agent.services.ports import Guests, HostControl, Images
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import unpack_pins
from guestwire.model.settings import HostSettings

Args = Mapping[str, Any]

STOP_WITHIN_S = 90.0
UNDO_STOP_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What steps work with."""

    guests: Guests
    images: Images
    control: HostControl
    folders: Folders
    power: Power
    comm: Communication | None = None
    """None: this host has no communication services."""
    giving: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever gives them a document has it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table. `again`: how to do it once more after a crash, where that is another thing than `do`."""

    capture: Callable[[Tools, Args], Awaitable[dict[str, Any]]]
    do: Callable[[Tools, Args, Args], Awaitable[None]]
    undo: Callable[[Tools, Args, Args], Awaitable[None]]
    again: Callable[[Tools, Args, Args], Awaitable[None]] | None = None


async def _nothing(_tools: Tools, _args: Args) -> dict[str, Any]:
    return {}


async def _no_effect(_tools: Tools, _args: Args, _undo: Args) -> None:
    """This half of the step changes nothing."""


# -- guests


async def _power_now(tools: Tools, args: Args) -> dict[str, Any]:
    return {"ran": args["uuid"] in tools.power.running()}


async def _stop(tools: Tools, args: Args, undo: Args) -> None:
    if undo["ran"]:
        await tools.power.off(args["uuid"], STOP_WITHIN_S)


async def _start_again(tools: Tools, args: Args, undo: Args) -> None:
    uuid = args["uuid"]
    if not undo["ran"]:
        return
    if uuid not in tools.power.known():
        raise GuestwireError("NOT-FOUND", "The guest ran, and is not defined any more: it cannot be started.")
    if uuid in tools.power.running():  # perhaps it was asked to shut down, and would do that later
        try:
            await tools.power.off(uuid, UNDO_STOP_WITHIN_S)
        except GuestwireError as err:
            if err.code not in ("SHUTDOWN-TIMEOUT", "WRONG-STATE"):
                raise
            return  # it does not hear, and runs on
    await tools.power.on(uuid)


async def _start(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.power.on(args["uuid"])


async def _stop_again(tools: Tools, args: Args, undo: Args) -> None:
    if not undo["ran"]:
        await tools.power.off(args["uuid"], UNDO_STOP_WITHIN_S, force=True)


async def _definition(tools: Tools, args: Args) -> dict[str, Any]:
    return {"definition": await tools.guests.definition(args["uuid"])}


async def _define(tools: Tools, args: Args, _undo: Args) -> None:
    guest = Guest.model_validate_json(args["guest"])
    await tools.guests.define(guest, unpack_pins(args["pins"]), args.get("bridges"))
    await tools.power.settled(args["uuid"])


async def _undefine(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.guests.undefine(args["uuid"])
    await tools.power.settled(args["uuid"])


async def _restore(tools: Tools, args: Args, undo: Args) -> None:
    await tools.guests.restore(args["uuid"], undo["definition"])
    await tools.power.settled(args["uuid"])


async def _define_back(tools: Tools, args: Args, undo: Args) -> None:
    uuid = args["uuid"]
    if undo["definition"] is None and uuid in tools.power.running():  # somebody started the new guest meanwhile
        await tools.power.off(uuid, 0.0, force=True)
    await _restore(tools, args, undo)


async def _label(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.guests.adopt(Guest.model_validate_json(args["guest"]))
    await tools.power.settled(args["uuid"])


async def _retune(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.guests.retune(args["uuid"])


async def _medium(tools: Tools, args: Args) -> dict[str, Any]:
    return {"path": args["before"]}


async def _change_medium(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.guests.change_media(args["uuid"], args["disk"], args["path"])


async def _medium_back(tools: Tools, args: Args, undo: Args) -> None:
    await tools.guests.change_media(args["uuid"], args["disk"], undo["path"])


async def _folder(tools: Tools, args: Args) -> dict[str, Any]:
    return {"state": await tools.folders.capture(args["id"])}


async def _write_folder(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.folders.write(Guest.model_validate_json(args["guest"]), args["template_files"])


async def _remove_folder(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.folders.remove(args["id"])


async def _folder_back(tools: Tools, args: Args, undo: Args) -> None:
    await tools.folders.restore(args["id"], undo["state"])


# -- disks


async def _image(tools: Tools, args: Args) -> dict[str, Any]:
    fact = (await tools.images.probe([args["path"]]))[args["path"]]
    return {"existed": fact.exists, "virtual_mib": fact.virtual_mib}


async def _create_disk(tools: Tools, args: Args, undo: Args) -> None:
    if undo["existed"]:
        return
    if args["clone_of"] is not None:
        await tools.images.clone(args["clone_of"], args["path"], args["format"])
    else:
        await tools.images.create(args["path"], args["format"], args["size_mib"])


async def _create_disk_again(tools: Tools, args: Args, undo: Args) -> None:
    try:
        await _create_disk(tools, args, undo)
    except GuestwireError as err:
        if err.code != "EXISTS":  # we made it before the crash
            raise


async def _remove_disk(tools: Tools, args: Args, undo: Args) -> None:
    if not undo["existed"]:
        await tools.images.remove(args["path"])


async def _grow(tools: Tools, args: Args, undo: Args) -> None:
    now = (await tools.images.probe([args["path"]]))[args["path"]].virtual_mib
    if now is None or now >= args["size_mib"]:
        return
    if args["uuid"] in tools.power.running():
        await tools.guests.grow_disk(args["uuid"], args["disk"], args["size_mib"])
    else:
        await tools.images.resize(args["path"], args["size_mib"])


async def _shrink_back(tools: Tools, args: Args, undo: Args) -> None:
    before = undo["virtual_mib"]
    if args["made"]:
        return  # it goes as a whole
    now = (await tools.images.probe([args["path"]]))[args["path"]].virtual_mib
    if before is None or now is None or now <= before:
        return
    if args["uuid"] in tools.power.running():
        raise GuestwireError("IMAGE-IN-USE", "The guest runs and has seen the larger disk: it stays as large as it is.")
    await tools.images.resize(args["path"], before, shrink=True)


async def _set_aside(tools: Tools, args: Args, undo: Args) -> None:
    if undo["existed"]:
        await tools.images.set_aside(args["path"])


async def _put_back(tools: Tools, args: Args, undo: Args) -> None:
    path = args["path"]
    if undo["existed"] and not (await tools.images.probe([path]))[path].exists:
        await tools.images.put_back(await tools.images.set_aside(path), path)


# -- the host


async def _setting(tools: Tools, args: Args) -> dict[str, Any]:
    return {"state": await tools.control.capture(args["name"])}


async def _set(tools: Tools, args: Args, _undo: Args) -> None:
    await tools.control.set(args["name"], HostSettings.model_validate_json(args["settings"]))


async def _set_back(tools: Tools, args: Args, undo: Args) -> None:
    await tools.control.restore(args["name"], undo["state"])


# -- communication


def _comm(tools: Tools) -> Communication:
    if tools.comm is None:
        raise GuestwireError("COMM-UNAVAILABLE")
    return tools.comm


async def _held(tools: Tools, _args: Args) -> dict[str, Any]:
    held = await _comm(tools).held() or CommDocument()
    return {"document": held.model_dump_json(exclude_defaults=True)}


async def _communicate(tools: Tools, args: Args, _undo: Args) -> None:
    async with tools.giving:
        await _comm(tools).apply(CommDocument.model_validate_json(args["document"]))


async def _communicate_back(tools: Tools, _args: Args, undo: Args) -> None:
    async with tools.giving:
        await _comm(tools).apply(CommDocument.model_validate_json(undo["document"]))


async def _plug(tools: Tools, args: Args, _undo: Args) -> None:
    if args["uuid"] in tools.power.running():
        await tools.guests.plug(args["uuid"])


StepKind = Literal[
    "stop-guest", "undefine-guest", "remove-folder", "set-aside-disk", "create-disk", "grow-disk", "plug-when-undone",
    "communicate", "retune-when-undone", "define-guest", "label-guest", "write-folder", "change-medium", "retune-guest",
    "plug-guest", "set-host", "start-guest",
]  # fmt: skip

KINDS: Mapping[str, Kind] = {
    "stop-guest": Kind(_power_now, _stop, _start_again),
    "undefine-guest": Kind(_definition, _undefine, _restore),
    "remove-folder": Kind(_folder, _remove_folder, _folder_back),
    "set-aside-disk": Kind(_image, _set_aside, _put_back),
    "create-disk": Kind(_image, _create_disk, _remove_disk, _create_disk_again),
    "grow-disk": Kind(_image, _grow, _shrink_back),
    # undone in reverse order it comes after the document before holds again
    "plug-when-undone": Kind(_nothing, _no_effect, _plug),
    "communicate": Kind(_held, _communicate, _communicate_back),
    # undone in reverse order it comes after the definition is back, and takes the threads with it
    "retune-when-undone": Kind(_nothing, _no_effect, _retune),
    "define-guest": Kind(_definition, _define, _define_back),
    "label-guest": Kind(_definition, _label, _restore),
    "write-folder": Kind(_folder, _write_folder, _folder_back),
    "change-medium": Kind(_medium, _change_medium, _medium_back),
    "retune-guest": Kind(_nothing, _retune, _no_effect),
    "plug-guest": Kind(_nothing, _plug, _no_effect),
    "set-host": Kind(_setting, _set, _set_back),
    "start-guest": Kind(_power_now, _start, _stop_again),
}
