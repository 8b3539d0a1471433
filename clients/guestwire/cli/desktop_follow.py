"""What `guestwire desktop` does until it is ended: follows the configuration of a host, and has the viewers open that it says.

The notices of the host only tell when to look: what is shown is what `config-show` answers. A host that cannot be reached
changes nothing on the screen, for its agent may be restarting while its guests run.
"""

import asyncio
import shutil
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guestwire.cli.desktop_viewers import Viewer, Viewers
from guestwire.cli.failures import remark
from guestwire.cli.run import connected, options
from guestwire.cli.settings import Settings
from guestwire.cli.targets import one_host
from guestwire.link.invoke import Watching
from guestwire.link.transport import Subscription
from guestwire.model.desired import Desired
from guestwire.model.error_codes.row import Retry
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.config_models import ConfigRef
from guestwire.sdk.client import Client

LOOK_AGAIN_S = 30.0
"""A notice may be lost, with its connection."""
RETRY_S = 1.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

DEFAULT = ("virt-viewer", "--connect", "qemu:///system", "--attach", "--wait", "--reconnect")
"""A guest's screen has no port: libvirt hands the viewer a socket (--attach)."""
KIOSK = ("--full-screen", "--kiosk", "--kiosk-quit=on-disconnect")
"""virt-viewer(1): nothing but the guest's screen, and no way out of it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for. `host` None: the only one there is. `command`: their own viewer; None: virt-viewer. `once`:
    open what is to be seen now, and end when that was closed."""

    host: str | None
    command: tuple[str, ...] | None
    once: bool


def viewers_of(desired: Desired, command: Sequence[str] | None) -> tuple[Viewer, ...]:
    """The viewers that a configuration asks for (SM 6.1), in the order of its guests: in standalone mode virt-viewer as a
    kiosk (SM 6.2). A command of the user's own is taken as it is, with {uuid} and {name} filled in."""
    return tuple(
        Viewer(guest.uuid, guest.name, _argv(command, guest.uuid, guest.name, standalone=desired.autostart.standalone))
        for guest in desired.guests
        if guest.autostart == "console" and not guest.disabled and guest.uuid is not None
    )


def _argv(command: Sequence[str] | None, uuid: str, name: str, *, standalone: bool) -> tuple[str, ...]:
    if command is None:
        return (*DEFAULT, *(KIOSK if standalone else ()), "--uuid", uuid)
    return tuple(word.replace("{uuid}", uuid).replace("{name}", name) for word in command)


async def run_desktop(settings: Settings, wish: Wish) -> None:
    """Until SIGINT, SIGTERM or SIGHUP, which close every viewer; with `once` until they were closed. Raises UNSUPPORTED,
    VIEWER-MISSING, and what the first look at the host says, unless trying again can help."""
    following = asyncio.create_task(_Desktop(settings, wish).follow(), name="desktop")
    asked = False

    def end() -> None:
        nonlocal asked
        if not asked:  # a second Ctrl-C must not cut short what the first one began
            asked = True
            following.cancel()

    if threading.current_thread() is threading.main_thread():  # no other thread may hear signals
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await following
    except asyncio.CancelledError:
        if not asked:
            raise


class _Desktop:
    def __init__(self, settings: Settings, wish: Wish) -> None:
        self._settings = settings
        self._wish = wish
        self._viewers = Viewers(self._tell, reopen=not wish.once)
        self._shown: tuple[Viewer, ...] | None = None
        self._trouble = ""

    async def follow(self) -> None:
        async with self._viewers:
            if self._wish.once:
                await connected(self._settings, self._look)
                await self._viewers.ended()
                return
            while True:
                try:
                    await connected(self._settings, self._watch)
                except GuestwireError as err:
                    self._bear(err)
                await asyncio.sleep(RETRY_S)

    async def _watch(self, client: Client) -> None:
        """Look at the host, and again whenever its configuration changed."""
        host = one_host(client, self._wish.host)
        changes = topics.topic_filter("notice", site=client.site, host=host, **{"class": "config"})
        async with client.watch(Subscription(changes, 1)) as watching:
            while True:
                try:
                    await self._look(client)
                    wait_s = LOOK_AGAIN_S
                except GuestwireError as err:
                    self._bear(err)
                    wait_s = RETRY_S
                await _heard(watching, wait_s)

    async def _look(self, client: Client) -> None:
        """Have open what the host's active configuration asks for."""
        host = one_host(client, self._wish.host)
        api, said = client.host(host), options(self._settings)
        if self._shown is None:
            if self._wish.command is None:
                shown = (await api.host_show(said)).reply.host
                check_screens(host, shown.driver, shown.facts.boot_id)
            check_program((self._wish.command or DEFAULT)[0], own=self._wish.command is not None)
        desired = (await api.config_show(ConfigRef(), said)).reply.desired
        wanted = viewers_of(desired, self._wish.command)
        if not wanted and self._shown != ():
            self._tell(f"no guest of {host} has the console (autostart)")
        self._shown, self._trouble = wanted, ""
        await self._viewers.show(wanted)

    def _bear(self, err: GuestwireError) -> None:
        """Tell of trouble, once. Raises it while nothing was shown yet and trying again cannot help."""
        if self._shown is None and err.retry is Retry.NO:
            raise err
        if err.code != self._trouble:
            self._trouble = err.code
            self._tell(f"{err.code}: {err.message} Trying again.")

    def _tell(self, text: str) -> None:
        remark(self._settings, text)


def check_screens(host: str, driver: str, boot_id: str) -> None:
    """That virt-viewer can show the screens of a host's guests on this one. Raises UNSUPPORTED."""
    if driver != "libvirt":
        why = f"The guests of {host} are {driver}: they have no screen that virt-viewer could show."
    elif boot_id != _boot_id():
        why = f"{host} is another machine, and virt-viewer is asked for guests of this one."
    else:
        return
    raise GuestwireError("UNSUPPORTED", f"{why} Name a program that shows them with --viewer.")


def check_program(program: str, *, own: bool) -> None:
    """That a viewer is installed. Raises VIEWER-MISSING."""
    if shutil.which(program) is None:
        raise GuestwireError(
            "VIEWER-MISSING", f"{program} is not there, or cannot be run." if own else None, detail={"program": program}
        )


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


async def _heard(watching: Watching, wait_s: float) -> None:
    """Until something is heard, for so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await watching.next()
