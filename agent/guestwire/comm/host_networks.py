"""The networks of a host that may have none: what speaks to the kernel of them takes ten MiB of memory, so it is loaded with
the first network, and what this host lacks for networks is found out by a process of its own until then."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guestwire.model.errors import GuestwireError
from guestwire.model.networks import VirtualNet
from guestwire.protocol.comm_models import NetView

if TYPE_CHECKING:
    from guestwire.comm.networks.networks import Networks
    from guestwire.comm.networks.traffic import PortTraffic

_MODULE = "guestwire.comm.networks.networks"
_LOOK = (
    "import json; from guestwire.comm.networks.capabilities import missing_capabilities;"
    "print(json.dumps(missing_capabilities('nft', 'dnsmasq')))"
)
LOOK_WITHIN_S = 30.0


class HostNetworks:
    """As `Networks`, which it loads. `async with` it: networks that an earlier process left are taken over."""

    def __init__(self, folder: Path, log: Any, mark: str) -> None:
        self._folder = folder
        self._mark = mark
        self._log = log
        self._networks: Networks | None = None
        self._stack = AsyncExitStack()
        self._loading = asyncio.Lock()

    async def __aenter__(self) -> "HostNetworks":
        if (self._folder / "networks.json").exists():
            try:
                await self._loaded()
            except GuestwireError as err:  # said again to whoever wants networks
                self._log.error(err.message, code=err.code)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def apply(self, networks: Sequence[VirtualNet], host: str) -> None:
        """Raises NET-UNSUPPORTED, NET-BUSY."""
        if networks or self._networks is not None:
            await (await self._loaded()).apply(networks, host)

    async def views(self) -> tuple[NetView, ...]:
        return () if self._networks is None else await self._networks.views()

    async def traffic(self) -> Sequence["PortTraffic"]:
        """What went through the members' ports."""
        return () if self._networks is None else await self._networks.traffic()

    async def filtered(self) -> Mapping[str, int]:
        """Packets that the rules of each network kept back."""
        return {} if self._networks is None else await self._networks.filtered()

    async def capabilities(self) -> Mapping[str, str]:
        """What this host lacks -> what to install, load or switch on; empty where that cannot be found out."""
        if self._networks is not None:
            return await self._networks.capabilities()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _LOOK, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                said, _ = await process.communicate()
            found: dict[str, str] = json.loads(said)
        except (TimeoutError, ValueError) as err:
            self._log.warning("what the host lacks for networks is not known", error=str(err))
            return {}
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return found

    async def _loaded(self) -> "Networks":
        async with self._loading:
            if self._networks is None:
                module = await asyncio.to_thread(import_module, _MODULE)
                try:
                    self._networks = await self._stack.enter_async_context(
                        module.Networks(self._folder, self._log, mark=self._mark)
                    )
                except OSError as err:
                    text = f"the kernel's networks cannot be reached: {err.strerror}"
                    raise GuestwireError("NET-UNSUPPORTED", text, detail={"reason": str(err)}) from err
            assert self._networks is not None
            return self._networks
