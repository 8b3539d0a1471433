"""The KernelValues port of a simulated host."""

from collections.abc import Mapping, Sequence

from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.kernel_state import KernelState


class SimulatedKernelValues:
    """Reads and writes what `kernel_state` keeps."""

    __slots__ = ("_injection", "_kernel")

    def __init__(self, kernel: KernelState, injection: Injection) -> None:
        self._kernel = kernel
        self._injection = injection

    async def read(self, paths: Sequence[str]) -> Mapping[str, str | None]:
        with self._injection.call("values.read"):
            return {path: self._kernel.read(path) for path in paths}

    async def write(self, path: str, value: str) -> str:
        with self._injection.call("values.write", path):
            return self._kernel.write(path, value)
